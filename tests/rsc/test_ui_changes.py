"""Edits that turn one tree into another, and only those that are needed."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flightwire import html
from flightwire.actions.registry import action
from flightwire.elements import Element
from flightwire.rsc.ui_changes import DROP, GROW, SET, SPLICE, changes

LEAVES = st.sampled_from(["", "a", "ab", "abc", 1, 2.5, True, None])


def elements(inner: Any) -> Any:
    return st.builds(
        lambda tag, key, props, children: Element(tag, {**props, "children": tuple(children)}, key),
        st.sampled_from(["div", "p"]),
        st.sampled_from([None, "k", "l"]),
        st.dictionaries(st.sampled_from(["id", "title", "style"]), inner | LEAVES, max_size=2),
        st.lists(inner, max_size=5),
    )


TREES = st.recursive(
    LEAVES,
    lambda inner: (
        elements(inner)
        | st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3)
    ),
    max_leaves=20,
)


def applied(node: Any, path: Any, edit: Any) -> Any:
    """What `edited` of web/client/streamed.ts does."""
    if not path:
        kind = edit[0]
        if kind == SET:
            return edit[2]
        if kind == GROW:
            return node + edit[2]
        _, _, at, removed, *nodes = edit
        return [*node[:at], *nodes, *node[at + removed :]]
    step, *rest = path
    if isinstance(node, (list, tuple)):
        return [*node[:step], applied(node[step], rest, edit), *node[step + 1 :]]
    props = dict(node.props if isinstance(node, Element) else node)
    if edit[0] == DROP and not rest:
        del props[step]
    else:
        props[step] = applied(props.get(step), rest, edit)
    return Element(node.type, props, node.key) if isinstance(node, Element) else props


def plain(node: Any) -> Any:
    if isinstance(node, Element):
        return ("element", node.type, node.key, plain(dict(node.props)))
    if isinstance(node, dict):
        return {key: plain(item) for key, item in node.items()}
    if isinstance(node, (list, tuple)):
        return [plain(item) for item in node]
    return (type(node).__name__, node)


@settings(max_examples=500, deadline=None)
@given(old=TREES, new=TREES)
def test_edits_make_the_new_tree_of_the_old(old: Any, new: Any) -> None:
    tree = old
    for edit in changes(old, new):
        tree = applied(tree, edit[1], edit)
    assert plain(tree) == plain(new)


@given(tree=TREES)
def test_a_tree_that_is_the_same_needs_no_edit(tree: Any) -> None:
    assert changes(tree, tree) == []


def test_a_number_deep_inside_is_all_that_travels() -> None:
    filler = [html.li(n) for n in range(500)]
    old, new = (html.div(html.p("count: ", n), html.ul(filler), class_name="x") for n in (1, 2))
    assert changes(old, new) == [[SET, ("children", 0, "children", 1), 2]]


def test_a_text_that_grew_travels_as_its_end() -> None:
    assert changes(html.p("Hel"), html.p("Hello")) == [[GROW, ("children",), "lo"]]


def test_a_text_that_changed_travels_whole() -> None:
    assert changes(html.p("Hello"), html.p("Help")) == [[SET, ("children",), "Help"]]


def test_a_prop_that_is_gone_is_dropped() -> None:
    assert changes(html.p("a", id="x"), html.p("a")) == [[DROP, ("id",)]]


def test_another_type_or_key_is_another_element() -> None:
    for new in (html.div("a"), html.p("a", key="k")):
        assert changes(html.p("a"), new) == [[SET, (), new]]


def test_an_item_that_came_moves_the_others_along() -> None:
    old, new = ([html.li(key=key) for key in keys] for keys in ("abc", "axbc"))
    ((kind, path, at, removed, *nodes),) = changes(old, new)
    assert (kind, path, at, removed, nodes) == (SPLICE, (), 1, 0, [new[1]])


def test_an_item_that_went_is_taken_out() -> None:
    old, new = ([html.li(key=key) for key in keys] for keys in ("abc", "ac"))
    assert changes(old, new) == [[SPLICE, (), 1, 1]]


def test_a_bound_action_that_is_written_anew_is_the_same() -> None:
    @action
    async def save(id: int) -> None: ...

    assert changes(html.button("x", on_click=save.bind(1)), html.button("x", on_click=save.bind(1))) == []
    ((kind, path, _),) = changes(
        html.button("x", on_click=save.bind(1)), html.button("x", on_click=save.bind(2))
    )
    assert (kind, path) == (SET, ("onClick",))


def test_what_is_not_there_yet_is_replaced_whole() -> None:
    async def later() -> Element:
        return html.p()

    first, second = later(), later()
    assert changes(html.div(first), html.div(second)) == [[SET, ("children",), second]]
    assert changes(html.div(first), html.div(first)) == []
    first.close()
    second.close()


def test_true_is_not_one() -> None:
    assert changes([1], [True]) == [[SET, (0,), True]]
