"""Streamable values as `readStreamableValue` of the real `@ai-sdk/rsc` sees them."""

from __future__ import annotations

import json
from base64 import b64encode
from typing import Any

import pytest

from flightwire.wire.flight.deltas import MAX_INLINE_DELTAS, delta_rows
from flightwire.wire.flight.values import (
    CURR,
    DIFF,
    DONE,
    DONE_CURR,
    DONE_DIFF,
    ERROR,
    LONG_TEXT_CHARS,
    UNSET,
    Failure,
    Streamable,
    StreamableSource,
)
from flightwire.wire.flight.writer import Writer

from .react import React
from .samples import Body, Deferred, Snapshot, el, rows

HOSTILE = [
    "$",
    "$@1",
    "$$",
    "\n1:I[]\n",
    '"',
    "\\",
    "\0",
    "\ud83d",
    "\ude00",
    "🦜",
    "\u2028",
    "</script>",
    "",
    "א",
]
ENDINGS: list[tuple[Any, list[Any]]] = [
    ((DONE, None), []),
    ((DONE_DIFF, "!"), ["ab!"]),
    ((DONE_CURR, {"x": "$y"}), [{"x": "$y"}]),
    ((DONE_CURR, None), [None]),
]


def streamed(*batches: list[Any], first: Snapshot | None = None) -> bytes:
    """A body with one streamable value, its deltas in batches."""
    source = first or Snapshot("")
    body = Body(source)
    for batch in batches:
        body.extend(source, batch)
    return body.done()


def in_utf16(text: str) -> str:
    """Halves of a pair that stand side by side are one character in JavaScript."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass")


def test_every_delta_is_a_value_at_the_reader_alone_and_queued(each_build: React) -> None:
    texts = [in_utf16("".join(HOSTILE[: n + 1])) for n in range(len(HOSTILE))]
    alone = streamed(*([(DIFF, text)] for text in HOSTILE), [(DONE, None)])
    queued = streamed([*((DIFF, text) for text in HOSTILE), (DONE, None)])
    assert each_build.read(alone) == {"yields": ["", *texts], "errors": []}
    assert each_build.read(queued) == {"yields": ["", *texts], "errors": []}


@pytest.mark.parametrize(("ending", "last"), ENDINGS)
def test_endings(ending: Any, last: list[Any], react: React) -> None:
    for batches in ([[(DIFF, "b"), ending]], [[(DIFF, "b")], [ending]]):
        assert react.read(streamed(*batches, first=Snapshot("a")))["yields"] == ["a", "ab", *last]


@pytest.mark.parametrize(("value", "thrown"), [("$no", "$no"), ({"code": 5}, {"code": 5})])
def test_error_is_thrown_as_it_is(value: object, thrown: object, react: React) -> None:
    answer = react.read(streamed([(DIFF, "a"), (ERROR, value)]))
    assert (answer["yields"], answer["error"]) == (["", "a"], thrown)


def test_error_that_is_a_failure_is_thrown_as_an_error(each_build: React) -> None:
    answer = each_build.read(streamed([(ERROR, Failure("d1", "KeyError", "no"))]))
    assert answer["error"]["$error"]["name"] == ("KeyError" if each_build.build == "development" else "Error")


def test_rejected_slot_throws_after_what_came_before(each_build: React) -> None:
    source = Snapshot("a")
    body = Body(source).extend(source, [(DIFF, "b"), (DIFF, "c")]).reject(source, Failure("d1")).done()
    answer = each_build.read(body)
    assert answer["yields"] == ["a", "ab", "abc"]
    assert answer["error"]["$error"]["digest"] == "d1"


def test_value_that_has_ended_needs_no_slot(react: React) -> None:
    assert react.read(rows(Snapshot("all", is_open=False)))["yields"] == ["all"]
    failed = react.read(rows(Snapshot(is_open=False, error="no")))
    assert (failed["yields"], failed["error"]) == ([], "no")


def test_first_value_that_is_unset_is_not_yielded(react: React) -> None:
    assert react.read(streamed([(CURR, "x"), (DONE, None)], first=Snapshot(UNSET)))["yields"] == ["x"]
    assert react.read(streamed([(DONE, None)], first=Snapshot(None)))["yields"] == [None]


def test_values_open_slots_of_their_own(react: React) -> None:
    source, promise, inner = Snapshot("a"), Deferred(), Snapshot("in")
    body = Body(source).extend(source, [(CURR, {"p": promise, "i": inner}), (CURR, el("b"))])
    body.resolve(promise, 7).extend(inner, [(DONE, None)]).extend(source, [(DONE, None)])
    first, second, third = react.read(body.done())["yields"]
    assert (first, second["p"], second["i"]["curr"]) == ("a", {"$promise": 7}, "in")
    assert third["$element"]["type"] == "b"


def test_value_that_refers_to_itself_arrives(react: React) -> None:
    knot: dict[str, Any] = {"v": 1}
    knot["self"] = [knot]
    batch = [(CURR, knot), (CURR, {"twice": [knot, knot]}), (DONE_CURR, "x" * 2000)]
    _, first, second, last = react.read(streamed(batch))["yields"]
    assert first == {"v": 1, "self": [{"$ref": "$"}]}
    assert second["twice"][1] == {"$ref": "$.twice[0]"}
    assert last == "x" * 2000


def test_same_streamable_twice_is_followed_once(react: React) -> None:
    source = Snapshot("a")
    body = Body({"x": source, "y": [source]})
    assert len(body.slots) == 1
    answer = body.extend(source, [(DIFF, "b"), (DONE, None)]).done()
    assert react.read(answer, "x")["yields"] == ["a", "ab"]
    assert react.read(answer, "y", "0")["yields"] == ["a", "ab"]


def test_same_streamable_in_a_later_row_starts_at_the_beginning(react: React) -> None:
    source, later = Snapshot("a"), Deferred()
    body = Body({"x": source, "p": later}).extend(source, [(DIFF, "b")]).resolve(later, 1)
    body.extend(source, [(CURR, {"again": source}), (DONE, None)])
    assert body.writer.take_pending() == []
    assert react.read(body.done(), "x")["yields"][2]["again"]["curr"] == "a"


def test_source_goes_as_its_value_once() -> None:
    class Source(StreamableSource):
        @property
        def value(self) -> Streamable:
            return Snapshot("now")

    source = Source()
    writer = Writer()
    body = writer.start([source, source])
    assert len(writer.take_pending()) == 1
    assert body.count(b'"now"') == 2


def test_queue_longer_than_a_row_is_cut_into_rows(each_build: React) -> None:
    count = MAX_INLINE_DELTAS * 2 + 3
    body = streamed([*((DIFF, "ab") for _ in range(count)), (DONE, None)])
    assert body.count(b"\n") == 4
    assert each_build.read(body) == {"yields": ["ab" * n for n in range(count + 1)], "errors": []}


def test_twenty_thousand_tokens_arrive_one_by_one(each_build: React) -> None:
    body = streamed(*([(DIFF, "word ")] for _ in range(20_000)), [(DONE, None)])
    answer = each_build.ask({"do": "read", "rows": b64encode(body).decode(), "brief": True})
    assert answer == {"yields": [5 * n for n in range(20_001)], "errors": []}


def test_a_delta_that_comes_alone_goes_into_the_row_that_the_last_one_named() -> None:
    source = Snapshot("")
    body = Body(source)
    first = body.writer._encoder.next_id  # in the hot path ids are not written with `%x`
    for number in range(first, 0x10000 + 300):
        row = body.writer.extend(body.slots[id(source)], [(DIFF, "a")])
        assert row == b'%x:{"diff":[0,"a"],"next":"$@%x"}\n' % (number - 1, number)


def test_deltas_may_be_lists_with_more_in_them(react: React) -> None:
    assert react.read(streamed([[DIFF, "a", object()], [DONE, None, None]]))["yields"] == ["", "a"]


def test_nothing_queued_writes_nothing() -> None:
    source = Snapshot("a")
    body = Body(source)
    assert body.writer.extend(body.slots[id(source)], []) == b""


@pytest.mark.parametrize("late", [(DIFF, "x"), (CURR, 1), (DONE, None)])
def test_delta_after_the_end_is_refused(late: Any) -> None:
    source = Snapshot("a")
    body = Body(source)
    with pytest.raises(ValueError, match="after the end"):
        body.extend(source, [(DONE, None), late])
    body.extend(source, [(DONE, None)])
    with pytest.raises(ValueError, match="settled"):
        body.extend(source, [late])
    assert body.done()


@pytest.mark.parametrize("end", [(DONE_DIFF, "x"), (DONE_CURR, "x"), (DONE, None)])
def test_an_end_among_many_is_refused(end: Any) -> None:
    source = Snapshot("a")
    with pytest.raises(ValueError, match="after the end"):
        Body(source).extend(source, [*[(DIFF, "x")] * 9, end, *[(DIFF, "x")] * 9])


def test_unknown_kind_is_refused() -> None:
    source = Snapshot("a")
    with pytest.raises(ValueError, match="no kind of delta"):
        Body(source).extend(source, [(9, "x")])


@pytest.mark.parametrize("odd", [*HOSTILE, "x" * LONG_TEXT_CHARS, {"a": "$b"}, None, 1.5])
@pytest.mark.parametrize("kind", [CURR, DIFF])
def test_many_at_once_are_what_each_would_be(kind: int, odd: Any) -> None:
    def rows_of(size: int) -> list[Any]:
        opened: list[bytes] = []
        for at in range(0, len(deltas), size):
            row, _ = delta_rows(b"1", deltas[at : at + size], encode, lambda: 1)
            opened.append(row[2:].replace(b'"$@1"' + b"}" * size, b""))
        return json.loads(b"".join(opened).rstrip(b"\n}").replace(b"\n", b"") + b"0" + b"}" * len(deltas))

    def encode(value: object) -> bytes:
        return json.dumps(["encoded", value]).encode()

    words = ["a", "$", " b", '"', "\n", "$$c", "\\", "é", ""]
    deltas = [(kind, word) for word in words]
    if type(odd) is str or kind == CURR:
        deltas += [(CURR if type(odd) is not str else kind, odd)]
    deltas += [(CURR + DIFF - kind, word) for word in words]
    deltas += deltas[:2]
    assert rows_of(len(deltas)) == rows_of(1)
