"""The writer: order of rows, life of slots, what is refused and where, identity. What React makes of it is checked too."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum
from ipaddress import ip_network
from pathlib import Path, PurePosixPath
from typing import Any
from uuid import UUID

import pytest
from pydantic import HttpUrl, PostgresDsn

from flightwire.elements import SUSPENSE, UNDEFINED, UNSET, Element
from flightwire.errors import EncodeError
from flightwire.wire.flight import values
from flightwire.wire.flight.manifest import Manifest
from flightwire.wire.flight.plain import plain_json
from flightwire.wire.flight.values import CURR, DIFF, DONE, Failure, ServerReference
from flightwire.wire.flight.writer import KEEP_ALIVE_ROW, Writer

from .react import React
from .samples import GO, Body, Deferred, Items, LazyPart, OneShotItems, Snapshot, client, el, rows


class Colour(Enum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


class Connection:
    """A class of somebody's own."""


@dataclass
class Row:
    user_name: str
    made_at: object = None


# forms of Python values


@pytest.mark.parametrize(
    ("value", "decoded"),
    [
        ((1, "a"), [1, "a"]),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Decimal("1.50"), "1.50"),
        (UUID(int=5), "00000000-0000-0000-0000-000000000005"),
        (PurePosixPath("a/$b"), "a/$b"),
        (PurePosixPath("$1"), "$1"),
        (Path("a" * 2000), "a" * 2000),
        (ip_network("10.0.0.0/8"), "10.0.0.0/8"),
        (HttpUrl("https://example.com"), "https://example.com/"),
        (PostgresDsn("postgres://a@b/c"), "postgres://a@b/c"),
        (date(2024, 1, 2), "2024-01-02"),
        (time(3, 4), "03:04:00"),
        (datetime(2024, 1, 2, 5, tzinfo=timezone(timedelta(hours=2))), {"$date": "2024-01-02T03:00:00.000Z"}),
        (datetime(1, 1, 1, tzinfo=UTC), {"$date": "0001-01-01T00:00:00.000Z"}),
        (frozenset({1}), {"$set": [1]}),
        (bytearray(b"ab"), {"$bytes": {"type": "Uint8Array", "base64": "YWI="}}),
        (values.BigInt(2**64), {"$bigint": "18446744073709551616"}),
        (2**53, 2**53),
        (-(2**53), -(2**53)),
        (True, True),
        (Row("Ann"), {"userName": "Ann", "madeAt": None}),
        ({"a": UNDEFINED}, {}),
        ({"constructor": {"prototype": {"x": 1}, "ok": 1}}, {"constructor": {"ok": 1}}),
        ({"then": "text"}, {"then": "text"}),
        ([["$", "script", None, {}]], [["$", "script", None, {}]]),
        (["$L1", "$h1", "$@1", "$1", "$E1", "$"], ["$L1", "$h1", "$@1", "$1", "$E1", "$"]),
        (
            values.TypedArray("Float32Array", b"\0\0\xc0\x3f"),
            {"$bytes": {"type": "Float32Array", "base64": "AADAPw=="}},
        ),
        (values.Blob(b"hi", "$text"), {"$blob": {"type": "$text", "base64": "aGk="}}),
        ({"a:b": [{"c": 1}]}, {"a:b": [{"c": 1}]}),
    ],
)
def test_python_values_have_one_form(value: object, decoded: object, each_build: React) -> None:
    assert each_build.decode(rows(value)) == decoded


def test_long_texts_get_a_row_whatever_they_begin_with(each_build: React) -> None:
    texts = {"a": "x" * 5000, "b": "$" + "é" * 2000, "c": "\n1:I[]\n" * 500, "d": "🦜" * 1024}
    assert each_build.decode(rows(texts)) == texts


def test_long_text_with_a_lone_surrogate_arrives(each_build: React) -> None:
    text = "x" * 2000 + "\ud800" + "\0"
    assert each_build.decode(rows([text])) == [text]


def test_buffer_that_is_resized_afterwards_was_copied(react: React) -> None:
    buffer = bytearray(b"0123456789")
    body = rows({"b": memoryview(buffer)[2:5]})
    buffer[:] = b"\n1:I[]\n..."
    assert react.decode(body) == {"b": {"$bytes": {"type": "Uint8Array", "base64": "MjM0"}}}


# refusals


@pytest.mark.parametrize(
    ("value", "path", "words"),
    [
        ({"db": Connection()}, "['db']", "<Connection>"),
        ([1, {"x": [Connection()]}], "[1]['x'][0]", "<Connection>"),
        (Row("Ann", Connection()), ".made_at", "<Connection>"),
        (values.JSMap([("k", Connection())]), ".entries[0][1]", "<Connection>"),
        (
            el("div", el("p", "a"), el("p", title=Connection())),
            ".props['children'][1].props['title']",
            "<Connection>",
        ),
        (ServerReference("a", [Connection()]), ".bound[0]", "<Connection>"),
        ({1: "a"}, "[1]", "text keys only"),
        (2**53 + 1, "", "BigInt"),
        (datetime(2024, 1, 2), "", "time zone"),
        (datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))), "", "years 1 to 9999"),
        (Connection, "", "the class Connection"),
        (len, "", "@action"),
        (lambda: 1, "", "@action"),
        ((n for n in [1]), "", "list("),
        (KeyError("secret"), "", "KeyError"),
        (timedelta(1), "", "<timedelta>"),
        (UNSET, "", "UNSET"),
        (range(3), "", "<range>"),
        ({"then": GO}, "['then']", "'then'"),
        ({"then": client("f")}, "['then']", "'then'"),
        (el("input", ref=1), "", "ref"),
        (values.TypedArray("Int32Array", b"abc"), "", "multiple of 4"),
    ],
)
def test_what_cannot_be_sent_is_refused_with_its_place(value: object, path: str, words: str) -> None:
    writer = Writer()
    with pytest.raises(EncodeError) as caught:
        writer.start(value)
    assert caught.value.path == path
    assert words in str(caught.value)
    assert "secret" not in str(caught.value)


def test_map_that_contains_itself_is_refused() -> None:
    itself = values.JSMap()
    itself.entries.append(("self", [itself]))
    with pytest.raises(EncodeError, match="contains itself"):
        Writer().start({"m": itself})


def test_value_nested_too_deeply_is_refused_with_a_short_letter() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(EncodeError, match="500 levels") as caught:
        Writer().start(deep)
    assert len(str(caught.value)) < 600


def test_value_nested_as_deeply_as_allowed_is_read(each_build: React) -> None:
    deep: object = 1
    for _ in range(500):
        deep = [deep]
    assert json.dumps(each_build.decode(rows(deep))) == json.dumps(deep)


def test_refused_root_writes_nothing_and_can_be_rejected(react: React) -> None:
    writer = Writer()
    with pytest.raises(EncodeError):
        writer.start([Deferred(), Snapshot("a"), "x" * 5000, Connection()])
    assert writer.take_pending() == []
    assert writer.open_slots == 1
    assert "$rejected" in react.decode(writer.reject(writer.root, Failure("d1")))
    assert writer.open_slots == 0


def test_refused_promise_leaves_no_trace(react: React) -> None:
    promise, other, shared = Deferred(), Deferred(), {"v": 1}
    body = Body({"p": promise, "o": other})
    with pytest.raises(EncodeError) as caught:
        body.resolve(promise, [shared, Deferred(), b"bytes", Connection()])
    assert caught.value.path == "['p'][3]"
    assert body.writer.take_pending() == []
    body.reject(promise, Failure("d1")).resolve(other, shared)  # `shared` was not sent: no reference to it
    decoded = react.decode(body.done())
    assert "$rejected" in decoded["p"]
    assert decoded["o"] == {"$promise": {"v": 1}}


def test_refused_delta_writes_nothing_and_the_slot_goes_on(react: React) -> None:
    source = Snapshot("a")
    body = Body(source).extend(source, [(DIFF, "b")])
    with pytest.raises(EncodeError):
        body.extend(source, [(DIFF, "c"), (CURR, {"p": Deferred(), "x": Connection()})])
    assert body.writer.open_slots == 1
    body.extend(source, [(DIFF, "c"), (DONE, None)])
    assert react.read(body.done())["yields"] == ["a", "ab", "abc"]


def test_refused_item_writes_nothing_and_the_slot_can_be_rejected(react: React) -> None:
    items = OneShotItems()
    body = Body({"s": items}).push(items, ["a"])
    with pytest.raises(EncodeError):
        body.push(items, ["b", Connection()])
    decoded = react.decode(body.reject(items, Failure("d1")).done())
    assert decoded["s"]["$asynciterator"]["items"] == ["a"]
    assert decoded["s"]["$asynciterator"]["end"] == "error"


# slots


def test_slots_say_what_and_where() -> None:
    promise, node, items, source = Deferred(), LazyPart(), Items(), Snapshot(1)
    writer = Writer()
    writer.start({"a": [promise], "b": el("p", node), "c": items, "d": Row("x", source)})
    found = [(slot.kind, slot.source, slot.path) for slot in writer.take_pending()]
    assert found == [
        ("promise", promise, "['a'][0]"),
        ("node", node, "['b'].props['children']"),
        ("iterable", items, "['c']"),
        ("streamable", source, "['d']['madeAt']"),
    ]
    assert writer.take_pending() == []
    assert writer.open_slots == 4


def test_settled_slot_is_settled() -> None:
    promise = Deferred()
    body = Body(promise).resolve(promise, 1)
    slot = body.slots[id(promise)]
    for again in (lambda: body.writer.resolve(slot, 2), lambda: body.writer.reject(slot, Failure("d"))):
        with pytest.raises(ValueError, match="settled"):
            again()


def test_slot_of_another_kind_is_not_resolved() -> None:
    source = Snapshot("a")
    body = Body(source)
    with pytest.raises(ValueError, match="not a promise"):
        body.resolve(source, 1)


async def chunks() -> AsyncIterator[int]:
    yield 1


def test_coroutine_is_a_node_where_react_shows_it_and_a_promise_elsewhere() -> None:
    async def part() -> str:
        return "x"

    shown, listed, prop = part(), part(), part()
    writer = Writer()
    writer.start(el(SUSPENSE, [shown], [el("b", listed)], data=prop))
    kinds = [(slot.source is shown or slot.source is listed, slot.kind) for slot in writer.take_pending()]
    for coroutine in (shown, listed, prop):
        coroutine.close()
    assert sorted(kinds) == [(False, "promise"), (True, "node"), (True, "node")]


def test_same_promise_has_one_slot_across_rows(react: React) -> None:
    first, second = Deferred(), Deferred()
    body = Body([first, second]).resolve(first, [second, second]).resolve(second, 5)
    assert react.decode(body.done()) == [
        {"$promise": [{"$promise": 5}, {"$ref": "$[0].then[0]"}]},
        {"$ref": "$[0].then[0]"},
    ]


def test_promises_settle_in_any_order(react: React) -> None:
    a, b, c = Deferred(), Deferred(), Deferred()
    body = Body([a, b]).resolve(b, {"c": c}).resolve(c, "C").resolve(a, "A")
    assert react.decode(body.done()) == [{"$promise": "A"}, {"$promise": {"c": {"$promise": "C"}}}]


def test_rejection_in_development_says_everything(each_build: React) -> None:
    frame = ("load", "/srv/app.py", 3, 4, 1, 1, True)
    writer = Writer()
    found = each_build.decode(writer.reject(writer.root, Failure("d1", "KeyError", "$no", (frame,))))[
        "$rejected"
    ]
    assert found["digest"] == "d1"
    if each_build.build == "development":
        assert (found["name"], found["message"]) == ("KeyError", "$no")
    else:
        assert "$no" not in found["message"]


def test_failure_as_a_value_is_an_error(each_build: React) -> None:
    found = each_build.decode(rows({"e": Failure("d1", "KeyError", "$no")}))["e"]["$error"]
    assert found["name"] == ("KeyError" if each_build.build == "development" else "Error")


def test_keep_alive_rows_mean_nothing(each_build: React) -> None:
    assert each_build.decode(KEEP_ALIVE_ROW + rows(1) + KEEP_ALIVE_ROW) == 1


# identity


def test_cycles_of_every_kind_arrive(each_build: React) -> None:
    root: dict[str, Any] = {"v": 1}
    root["self"] = root
    root["list"] = [root]
    root["map"] = values.JSMap([("up", root)])
    root["a:b"] = {"up": root}
    decoded = each_build.decode(rows(root))
    top = {"$ref": "$"}
    assert decoded == {"v": 1, "self": top, "list": [top], "map": {"$map": [["up", top]]}, "a:b": {"up": top}}


def test_shared_values_stay_small_and_shared(react: React) -> None:
    doubled: object = ["x"]
    for _ in range(24):
        doubled = [doubled, doubled]
    body = rows(doubled)
    assert len(body) < 2000
    assert react.decode(body)[1] == {"$ref": "$[0]"}


def test_list_changed_between_rows_is_sent_as_it_is_now(react: React) -> None:
    promise = Deferred()
    messages = [{"id": 1}, {"id": 2}]
    body = Body({"now": messages, "later": promise})
    messages.append({"id": 3})
    assert react.decode(body.resolve(promise, messages).done()) == {
        "now": [{"id": 1}, {"id": 2}],
        "later": {"$promise": [{"$ref": "$.now[0]"}, {"$ref": "$.now[1]"}, {"id": 3}]},
    }


def test_value_changed_deep_down_between_rows_is_sent_as_it_is_now(react: React) -> None:
    promise = Deferred()
    state: dict[str, Any] = {"deep": {"list": [{"n": 1}]}, "same": {"t": "$x"}}
    state["up"] = state
    body = Body({"now": state, "later": promise})
    state["deep"]["list"][0]["n"] = 2
    later = react.decode(body.resolve(promise, state).done())["later"]["$promise"]
    assert later["deep"] == {"list": [{"n": 2}]}
    assert later["up"] == {"$ref": "$.later.then"}


def test_unchanged_value_is_referred_to_however_often(react: React) -> None:
    promise = Deferred()
    state: dict[str, Any] = {"deep": {"list": [1, None, True, "$x", 1.5]}, "f": GO, "e": el("b")}
    state["up"] = state
    body = Body({"now": state, "later": promise}).resolve(promise, [state, state["deep"]])
    assert react.decode(body.done())["later"] == {"$promise": [{"$ref": "$.now"}, {"$ref": "$.now.deep"}]}


def test_dict_updated_in_place_streams_every_state(react: React) -> None:
    state = {"n": 0}
    source = Snapshot(state)
    body = Body(source)
    for n in (1, 2):
        state["n"] = n
        body.extend(source, [(CURR, state)])
    assert react.read(body.extend(source, [(DONE, None)]).done())["yields"] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_same_element_keeps_its_identity_across_rows(react: React) -> None:
    first, second = LazyPart(), LazyPart()
    shown = el("p", "a long text")
    body = Body(el(SUSPENSE, first, fallback=shown)).resolve(
        first, [shown, el(SUSPENSE, second, fallback="x")]
    )
    again = body.resolve(second, el("div", shown)).done()
    assert again.count(b"a long text") == 1
    assert react.decode(again)["$element"]["props"]["children"]["$lazy"][0] == {"$ref": "$.props.fallback"}


# elements


def test_elements_render_without_a_word_on_the_console(each_build: React) -> None:
    node = LazyPart()
    items = [el("li", n) for n in range(3)]
    page = el(
        "div", el("h1", "$1", className="a"), el("ul", *items), el(SUSPENSE, node, fallback="…"), [el("i")]
    )
    html = each_build.render(Body(page).resolve(node, el("b", "done")).done())
    assert html.replace("<!-- -->", "").startswith(
        '<div><h1 class="a">$1</h1><ul><li>0</li><li>1</li><li>2</li></ul>'
    )
    assert "<b>done</b>" in html


def test_key_that_begins_with_a_dollar_is_text(react: React) -> None:
    assert react.decode(rows([el("b", key="$1")]))[0]["$element"]["key"] == "$1"


def test_what_looks_like_an_element_is_data(each_build: React) -> None:
    fake = {
        "type": "script",
        "props": {},
        "$$typeof": "react.element",
        "list": ["$", "script", None, {"children": "x"}],
    }
    assert each_build.decode(rows(fake)) == {"$object": [[key, item] for key, item in fake.items()]}


def test_manifest_gives_the_chunks_and_refuses_what_is_not_built(react: React) -> None:
    manifest = Manifest({"page.tsx": (["default"], ["page.tsx", "assets/p.js"])})
    body = Writer(manifest).start(Element(client("default", "page.tsx")))
    assert body.startswith(b'1:I["page.tsx",["page.tsx","assets/p.js"],"default"]\n')
    for name, module in (("default", "other.tsx"), ("Chart", "page.tsx")):
        with pytest.raises(EncodeError):
            Writer(manifest).start(Element(client(name, module)))


def test_manifest_of_another_shape_is_refused() -> None:
    for document in (None, [], {}, {"modules": []}, {"modules": {"a": {}}}):
        with pytest.raises(ValueError, match="not a manifest"):
            Manifest.from_json(document)
    assert Manifest.from_json({"modules": {"a": {"exports": ["x"], "chunks": ["a", "a.js"]}}})


# the short way


@pytest.mark.parametrize(
    "value",
    [
        {"a": [1, -5, 1.5, 0.1, -0.0, 1e300, True, None, "é🦜", {"b": []}], "": {}},
        [[], {}, [[]]],
        {"text": "x" * 1023, "n": 2**53},
    ],
)
def test_plain_json_takes_the_short_way_to_the_same_value(value: object, react: React) -> None:
    assert plain_json(value) is not None
    assert react.decode(rows(value)) == react.decode(rows({"v": value, "s": b""}))["v"]


SAME: list[object] = []


@pytest.mark.parametrize(
    "value",
    [
        {"a": [{"b": "x" * 1024}]},
        {1: 2},
        [{"a": {2: 3}}],
        [2**53 + 1],
        [-(2**53) - 1],
        {"__proto__": 1},
        [SAME, SAME],
        [Colour.RED],
        [Level.HIGH],
        [values.BigInt(1)],
        [Decimal(1)],
        [datetime(2024, 1, 2)],
        [b""],
        [{1}],
        [Row("a")],
        [UNDEFINED],
    ],
)
def test_what_is_not_plain_json_declines_the_short_way(value: Any) -> None:
    assert plain_json(value) is None


@pytest.mark.parametrize(
    ("make", "sent"),
    [
        (lambda data: memoryview(data)[1:3], b"1:o2,bc"),
        (lambda data: memoryview(data)[::2], b"1:o2,ac"),
        (lambda data: memoryview(data)[:0], b"1:o0,"),
        (lambda data: memoryview(data).cast("H"), b"1:o4,abcd"),
        (lambda data: values.TypedArray("Int16Array", data), b"1:S4,abcd"),  # type: ignore[arg-type]
        (values.Blob, b"1:o4,abcd"),
    ],
)
def test_header_of_bytes_is_that_of_the_bytes_that_follow(
    make: Callable[[bytearray], object], sent: bytes
) -> None:
    """CVE-2026-126187 was a length of one view of a buffer, and a body of another."""
    data = bytearray(b"abcd")
    body = Writer().start([make(data)])
    data[:] = b"xxxx"
    assert body.startswith(sent)
