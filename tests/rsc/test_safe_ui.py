"""UI that a model wrote: what is allowed becomes elements, everything else is left out."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flightwire import Element, Node, client_component, html
from flightwire.errors import InvalidArgumentError
from flightwire.rsc.safe_ui import PROPS, TAGS, safe_ui

Chart = client_component("chart.tsx", "Chart")


def shown(node: Any) -> Any:
    if isinstance(node, Element):
        kind = node.type if isinstance(node.type, str) else node.type.name
        return (kind, {name: shown(value) for name, value in node.props.items()})
    return [shown(each) for each in node] if isinstance(node, (list, tuple)) else node


def test_a_tree_becomes_elements() -> None:
    tree = {
        "type": "section",
        "props": {"className": "card"},
        "children": [{"type": "h2", "children": "Rome"}, "sunny"],
    }
    expected = ("section", {"className": "card", "children": [("h2", {"children": "Rome"}), "sunny"]})
    assert shown(safe_ui(tree)) == expected


@pytest.mark.parametrize("leaf", ["text", "$L1", "@", "<script>alert(1)</script>", "\x00"])
def test_text_stays_text(leaf: str) -> None:
    assert safe_ui(leaf) == leaf


@pytest.mark.parametrize(
    "tag",
    "script style iframe object embed base meta link form input button textarea select svg use math template slot video audio "  # noqa: SIM905
    "html head body noscript portal dialog SCRIPT Script x-a is".split(),
)
def test_what_is_not_on_the_list_leaves_its_text(tag: str) -> None:
    assert safe_ui({"type": tag, "children": "inside"}) == "inside"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("dangerouslySetInnerHTML", {"__html": "<img src=x onerror=alert(1)>"}),
        ("onClick", "alert(1)"),
        ("onclick", "alert(1)"),
        ("srcDoc", "<script>"),
        ("formAction", "javascript:alert(1)"),
        ("ping", "https://evil.example"),
        ("is", "x-evil"),
        ("ref", "x"),
        ("style", {"background": "url(https://evil.example)"}),
        ("style", "background:url(https://evil.example)"),
        ("srcSet", "https://evil.example 1x"),
        ("background", "https://evil.example"),
        ("poster", "https://evil.example"),
        ("xlinkHref", "javascript:alert(1)"),
        ("contentEditable", "true"),
        ("autoFocus", "true"),
        ("target", "_top"),
        ("key", "x"),
        ("suppressHydrationWarning", 1),
        ("__proto__", "x"),
        ("href", {"toString": "javascript:alert(1)"}),
        ("title", ["x"]),
    ],
)
def test_a_prop_that_could_do_something_is_left_out(name: str, value: object) -> None:
    made = safe_ui({"type": "a", "props": {name: value}, "children": "x"})
    assert shown(made) == ("a", {"children": "x"})


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        "JavaScript:alert(1)",
        "java\nscript:alert(1)",
        " javascript:alert(1)",
        "\x01javascript:alert(1)",
        "javascript&colon;alert(1):",
        "data:text/html,<script>",
        "vbscript:x",
        "blob:https://x/y",
        "file:///etc/passwd",
        "//evil.example/x",
        "\\\\evil.example",
        "/\\evil.example",
        "http://[::1",
        "intent://x",
    ],
)
def test_an_address_that_runs_code_or_leaves_unseen_is_left_out(address: str) -> None:
    for tag, name in (("a", "href"), ("img", "src"), ("q", "cite")):
        made = safe_ui({"type": tag, "props": {name: address}})
        assert isinstance(made, Element)
        assert name not in made.props


@pytest.mark.parametrize(
    "address",
    [
        "https://example.com/a?b#c",
        "http://example.com",
        "mailto:a@example.com",
        "/path",
        "page",
        "#part",
        "?q=1",
    ],
)
def test_links_may_lead_elsewhere(address: str) -> None:
    made = safe_ui({"type": "a", "props": {"href": address}, "children": "x"})
    assert isinstance(made, Element)
    assert made.props["href"] == address
    assert "noopener" in str(made.props["rel"])


def test_images_come_from_here_or_from_hosts_that_are_named() -> None:
    def source(address: str, **options: Any) -> object:
        made = safe_ui({"type": "img", "props": {"src": address}}, **options)
        assert isinstance(made, Element)
        return made.props.get("src")

    assert source("/cat.png") == "/cat.png"
    assert source("https://evil.example/?stolen") is None
    assert source("https://cdn.example/cat.png", image_hosts=["cdn.example"]) == "https://cdn.example/cat.png"
    assert source("https://cdn.example.evil.example/", image_hosts=["cdn.example"]) is None
    assert source("https://cdn.example@evil.example/", image_hosts=["cdn.example"]) is None


def test_components_are_called_by_their_names_with_plain_props() -> None:
    tree = {"type": "Chart", "props": {"data": [1, 2], "onClick": "x", "ref": "y", "children": "inside"}}
    assert shown(safe_ui(tree, components={"Chart": Chart})) == (
        "Chart",
        {"data": [1, 2], "children": "inside"},
    )


def test_a_component_that_is_not_named_is_not_there() -> None:
    for name in ("Chart", "chart.tsx", "$L1", "constructor", "__class__"):
        assert safe_ui({"type": name, "children": "x"}) == "x"


def test_a_component_that_does_not_take_a_prop_leaves_its_children() -> None:
    def card(child: Node, *, title: str) -> Node:
        return html.div(title, child)

    tree = {"type": "Card", "props": {"titel": "x"}, "children": "inside"}
    assert safe_ui(tree, components={"Card": card}) == "inside"


def test_a_deep_or_wide_tree_is_cut() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = {"type": "b", "children": deep}
    safe_ui(deep)
    assert len(safe_ui(["x"] * 100_000)) <= 10_000  # type: ignore[arg-type] # it is a tuple


def test_a_tree_that_is_still_being_written_will_do() -> None:
    for tree in (
        {},
        {"type": "p"},
        {"type": "ul", "children": [{"type": "li", "children": [{}]}]},
        {"children": "x"},
        {"type": 5},
    ):
        safe_ui(tree)


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(max_size=5)
        | st.sampled_from(sorted(TAGS | PROPS)),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["type", "props", "children", "href", "onClick"]), inner, max_size=4
            )
        ),
        max_leaves=15,
    )
)
def test_whatever_a_model_writes_becomes_elements_of_the_list(tree: Any) -> None:
    def check(node: Any) -> None:
        if isinstance(node, Element):
            assert node.type in TAGS
            for name, value in node.props.items():
                if name == "children":
                    check(value)
                else:
                    assert name in PROPS | {"className", "rel", "referrerPolicy"}
                    assert isinstance(value, (str, int, float))
        elif isinstance(node, (list, tuple)):
            for each in node:
                check(each)
        else:
            assert node is None or isinstance(node, str)

    check(safe_ui(tree))


def test_the_list_can_be_shortened_only() -> None:
    assert safe_ui({"type": "p", "children": "x"}, tags=["b"]) == "x"
    with pytest.raises(InvalidArgumentError, match="allows <iframe>"):
        safe_ui("x", tags=["iframe"])
