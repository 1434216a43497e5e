"""Elements built in Python: what is sent for them, and the letters for what React could not show."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

import flightwire
from flightwire import Fragment, Suspense, action, client_component, html
from flightwire.errors import InvalidArgumentError
from flightwire.tags import Html
from flightwire.wire.flight.writer import Writer

Chart = client_component("components/chart.tsx", "Chart")


def sent(node: Any) -> Any:
    """Row 0 of a response that holds the node."""
    rows = Writer().start(node).decode().splitlines()
    return json.loads(next(row[2:] for row in rows if row.startswith("0:")))


def letter(make: Any) -> str:
    with pytest.raises(InvalidArgumentError) as caught:
        make()
    return str(caught.value)


# --- what is sent ------------------------------------------------------------------------------------------------


def test_an_element_is_its_tag_key_and_props() -> None:
    assert sent(html.div("hi", class_name="box", key=3))[:4] == [
        "$",
        "div",
        "3",
        {"className": "box", "children": "hi"},
    ]


def test_several_children_are_an_array_and_none_is_no_prop() -> None:
    assert sent(html.p("a", 1, None, True))[3] == {"children": ["a", 1, None, True]}
    assert sent(html.br())[3] == {}


def test_generators_are_read_when_the_element_is_made() -> None:
    items = html.ul(html.li(name, key=name) for name in ("a", "b"))
    assert [item[2] for item in sent(items)[3]["children"]] == ["a", "b"]
    assert sent(items) == sent(items)


@pytest.mark.parametrize(
    ("name", "react"),
    [
        ("class_name", "className"),
        ("class_", "className"),
        ("className", "className"),
        ("html_for", "htmlFor"),
        ("for_", "htmlFor"),
        ("tab_index", "tabIndex"),
        ("aria_label", "aria-label"),
        ("aria_described_by", "aria-describedby"),
        ("data_user_id", "data-user-id"),
        ("view_box", "viewBox"),
        ("in_", "in"),
        ("dangerously_set_inner_html", "dangerouslySetInnerHTML"),
        ("item_id", "itemID"),
    ],
)
def test_props_get_reacts_names(name: str, react: str) -> None:
    assert sent(html.label(**{name: "x"}))[3] == {react: "x"}


def test_style_is_a_dict_in_either_spelling() -> None:
    style = {
        "font_size": "1px",
        "line-height": 2,
        "--gap": 3,
        "-webkit-line-clamp": 4,
        "_moz_appearance": "none",
    }
    assert sent(html.p(style=style))[3]["style"] == {
        "fontSize": "1px",
        "lineHeight": 2,
        "--gap": 3,
        "WebkitLineClamp": 4,
        "MozAppearance": "none",
    }


def test_none_leaves_a_prop_out() -> None:
    assert sent(html.p(class_name=None, title=None, hidden=False))[3] == {"hidden": False}


def test_an_action_is_a_prop() -> None:
    @action
    async def save() -> None: ...

    flightwire.app(actions=[save])
    assert sent(html.button("Save", on_click=save))[3]["onClick"].startswith("$h")


def test_every_name_is_a_tag() -> None:
    for name in Html.__annotations__:
        tag = getattr(html, name)
        assert tag is getattr(html, name)
        assert tag().type.replace("-", "").isalnum()
    assert html.linear_gradient().type == html.linearGradient().type == "linearGradient"  # type: ignore[attr-defined]
    assert html.del_().type == html["del"]().type == "del"
    assert html["my-clock"](zone="UTC").type == "my-clock"


def test_a_fragment_is_its_children_or_keyed() -> None:
    assert sent(html.p(Fragment("a", "b")))[3] == {"children": ["a", "b"]}
    assert sent(html.p(Fragment("a", key="k")))[3]["children"][1:4] == [
        "$Sreact.fragment",
        "k",
        {"children": "a"},
    ]


async def _later() -> str:
    return "later"


def test_what_is_awaited_is_a_node_of_its_own() -> None:
    writer, coroutine = Writer(), _later()
    first = writer.start(Suspense(coroutine, fallback=html.p("…"))).decode()
    assert '"$Sreact.suspense"' in first
    assert '"children":"$L1"' in first
    assert [slot.kind for slot in writer.take_pending()] == ["node"]
    coroutine.close()


def test_a_client_component_is_called_like_a_tag() -> None:
    made = Chart("text", data=[1], max_value=3, data_points=4, aria_label="c", empty=None, key="x")
    assert sent(made)[1:4] == [
        "$L1",
        "x",
        {"data": [1], "maxValue": 3, "dataPoints": 4, "aria-label": "c", "empty": None, "children": "text"},
    ]
    assert sent({"as": Chart}) == {"as": "$1"}


def test_a_client_component_says_where_it_was_declared() -> None:
    file, line = Chart.declared_at
    assert file == __file__
    assert line > 1


# --- letters -----------------------------------------------------------------------------------------------------


def test_an_unknown_tag_is_a_letter_with_a_guess() -> None:
    with pytest.raises(AttributeError, match=r"html has no element 'dvi'\. Did you mean html\.div\?"):
        html.dvi  # type: ignore[attr-defined]  # noqa: B018
    assert "no element <dvi>" in letter(lambda: html["dvi"])
    assert not hasattr(html, "__wrapped__")


def plain() -> None: ...


async def stream() -> Any:
    yield "x"


@pytest.mark.parametrize(
    ("child", "expected"),
    [
        ({}, "a dict as a child"),
        ([["a", {}]], "a dict as a child"),
        (html.p, "Call it: html.p(…)"),
        (Chart, "Call it: Chart(…)"),
        (Fragment, "Call it: Fragment(…)"),
        (plain, "Call it: plain(…)"),
        (b"x", "data.decode()"),
        (datetime.now(UTC), "a datetime as a child"),
        (stream(), "an async generator as a child"),
    ],
)
def test_what_react_cannot_show_is_refused_where_it_is_written(child: Any, expected: str) -> None:
    assert letter(lambda: html.div(child)).startswith("html.div was given ")
    assert expected in letter(lambda: html.div("text", child))


def test_elements_without_content_take_no_children() -> None:
    assert "<input> has no content" in letter(lambda: html.input("x"))  # type: ignore[arg-type]


def test_handlers_are_actions() -> None:
    assert "text as on_click" in letter(lambda: html.a(on_click="alert(1)"))
    assert "the function 'plain' as on_click" in letter(lambda: html.a(on_click=plain))


def test_style_is_no_text() -> None:
    assert "style={'color': 'red'}" in letter(lambda: html.a(style="color: red"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("../chart.tsx", "leaves the app folder"),
        ("/etc/chart.tsx", "leaves the app folder"),
        ("@/chart.tsx", "'chart.tsx'"),
        ("components/chart", "'components/chart.tsx'"),
    ],
)
def test_a_component_is_named_by_its_path_in_the_app(path: str, expected: str) -> None:
    assert expected in letter(lambda: client_component(path, "Chart"))
