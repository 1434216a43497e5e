"""create_streamable_value and read_streamable_value, as @ai-sdk/rsc 3.0.107 behaves."""

from __future__ import annotations

import asyncio
import gc
import logging
import threading
import tracemalloc
from collections.abc import AsyncIterator
from enum import Enum

import pytest

from flightwire.elements import UNSET
from flightwire.errors import (
    InvalidArgumentError,
    OutputLimitError,
    StreamableAbandonedError,
    StreamableClosedError,
    StreamableFailedError,
)
from flightwire.rsc import streamable
from flightwire.rsc import updates as updates_module
from flightwire.rsc.reading import is_streamable_value, read_streamable_value
from flightwire.rsc.streamable import StreamableValue, create_streamable_value
from flightwire.scope import RequestScope, start_soon
from flightwire.wire.flight.values import CURR, DIFF, DONE, DONE_CURR, DONE_DIFF, ERROR

pytestmark = pytest.mark.anyio


def updates(value: StreamableValue) -> list[tuple]:
    """What a writer would get from the snapshot on."""
    return [(kind, item) for kind, item, *_ in value.follow(lambda: None).take()]


async def read(value: StreamableValue) -> list:
    return [item async for item in read_streamable_value(value)]


async def test_growing_text_is_sent_as_suffixes() -> None:
    stream = create_streamable_value("hello")
    value = stream.value
    stream.update("hello, world").append("!").done()
    assert value.curr == "hello"
    assert updates(value) == [(DIFF, ", world"), (DIFF, "!"), (DONE, UNSET)]


async def test_a_text_that_does_not_grow_is_sent_whole() -> None:
    stream = create_streamable_value("hello")
    value = stream.value
    stream.update("bye").update("").done("x")
    assert updates(value) == [(CURR, "bye"), (CURR, ""), (DONE_DIFF, "x")]


async def test_the_same_text_again_is_an_empty_suffix() -> None:
    stream = create_streamable_value("a")
    value = stream.value
    stream.update("a")
    assert updates(value) == [(DIFF, "")]


async def test_other_values_replace() -> None:
    stream = create_streamable_value()
    value = stream.value
    stream.update({"a": 1}).update([1]).done(None)
    assert value.curr is UNSET
    assert updates(value) == [(CURR, {"a": 1}), (CURR, [1]), (DONE_CURR, None)]


async def test_done_and_done_none_are_different() -> None:
    first, second = create_streamable_value("a"), create_streamable_value("a")
    values = first.value, second.value
    first.done()
    second.done(None)
    assert [updates(value) for value in values] == [[(DONE, UNSET)], [(DONE_CURR, None)]]


async def test_append_starts_a_text_when_there_is_none() -> None:
    stream = create_streamable_value()
    value = stream.value
    stream.append("a").append("b").done()
    assert updates(value) == [(CURR, "a"), (DIFF, "b"), (DONE, UNSET)]
    assert await read(value) == ["a", "ab"]


async def test_append_to_what_is_not_text_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="not text"):
        create_streamable_value(1).append("a")
    with pytest.raises(InvalidArgumentError, match="takes text"):
        create_streamable_value("a").append(1)


async def test_value_is_a_snapshot() -> None:
    stream = create_streamable_value("a")
    stream.update("b").update("c")
    value = stream.value
    stream.update("d").done()
    assert await read(value) == ["c", "d"]


async def test_two_snapshots_are_read_independently() -> None:
    stream = create_streamable_value("a")
    early = stream.value
    stream.update("b")
    late = stream.value
    stream.update("c").done()
    assert await read(early) == ["a", "b", "c"]
    assert await read(late) == ["b", "c"]
    assert await read(early) == ["a", "b", "c"]


async def test_deltas_that_a_page_adds_up_are_never_merged() -> None:
    stream = create_streamable_value()
    value = stream.value
    for word in ("a", "a", "ab", "", "b"):
        stream.update(word)
    stream.done()
    assert await read(value) == ["a", "a", "ab", "", "b"]


@pytest.mark.parametrize("method", ["update", "append", "done", "error"])
async def test_after_the_end_every_method_says_so(method: str) -> None:
    stream = create_streamable_value("a").done()
    with pytest.raises(StreamableClosedError, match=rf"\.{method}\(\)"):
        getattr(stream, method)("x")


async def test_an_error_is_raised_by_the_reader_after_what_came() -> None:
    stream = create_streamable_value("a")
    value = stream.value
    stream.error(RuntimeError("broken"))
    seen = []
    with pytest.raises(RuntimeError, match="broken"):
        async for item in read_streamable_value(value):
            seen.append(item)
    assert seen == ["a"]


async def test_a_snapshot_taken_after_an_error_still_fails() -> None:
    stream = create_streamable_value("a").error(RuntimeError("broken"))
    with pytest.raises(RuntimeError, match="broken"):
        await read(stream.value)


async def test_an_error_may_be_any_value() -> None:
    stream = create_streamable_value("a")
    value = stream.value
    stream.error({"code": 7})
    assert updates(value) == [(ERROR, {"code": 7})]
    with pytest.raises(StreamableFailedError, match="7"):
        await read(value)


async def test_the_block_ends_the_stream() -> None:
    stream = create_streamable_value("a")
    value = stream.value
    async with stream:
        stream.update("b")
    assert updates(value)[-1] == (DONE, UNSET)


async def test_a_failing_block_ends_the_stream_with_its_error() -> None:
    stream = create_streamable_value("a")
    value = stream.value
    error = RuntimeError("broken")
    with pytest.raises(RuntimeError):
        async with stream:
            raise error
    assert updates(value) == [(ERROR, error)]


async def test_a_block_that_called_done_itself_is_fine() -> None:
    stream = create_streamable_value("a")
    async with stream:
        stream.done("b")
    with create_streamable_value("a") as other:
        other.error("x")


async def test_text_from_an_async_iterable_grows() -> None:
    async def words() -> AsyncIterator[str]:
        for word in ("a", "b", "c"):
            yield word

    stream = create_streamable_value(words())
    assert await read(stream.value) == ["a", "ab", "abc"]


async def test_other_values_from_an_async_iterable_replace() -> None:
    async def objects() -> AsyncIterator[dict]:
        yield {"n": 1}
        yield {"n": 2}

    assert await read(create_streamable_value(objects()).value) == [{"n": 1}, {"n": 2}]


async def test_a_failing_iterable_fails_the_stream() -> None:
    async def words() -> AsyncIterator[str]:
        yield "a"
        raise RuntimeError("broken")

    value = create_streamable_value(words()).value
    with pytest.raises(RuntimeError, match="broken"):
        await read(value)


async def test_a_stream_fed_by_an_iterable_is_locked() -> None:
    async def words() -> AsyncIterator[str]:
        yield "a"

    with pytest.raises(StreamableClosedError, match="fed by"):
        create_streamable_value(words()).update("b")


async def test_an_open_stream_that_nobody_can_finish_ends_with_an_error() -> None:
    value = create_streamable_value("a").value
    gc.collect()
    with pytest.raises(StreamableAbandonedError, match=r"async with stream"):
        await read(value)


async def test_a_task_that_fails_fails_what_it_was_writing_and_nothing_else() -> None:
    scope = RequestScope(action="chat", on_failure=lambda *_: None)
    mine, other = create_streamable_value("a"), create_streamable_value("a")
    value = mine.value

    async def failing() -> None:
        mine.update("b")
        raise RuntimeError("broken")

    async def action() -> None:
        start_soon(failing)

    await scope.run(action(), name="chat")
    await scope.wait()
    await asyncio.sleep(0)
    assert [kind for kind, _ in updates(value)] == [CURR, ERROR]
    assert other.is_open


async def test_another_thread_may_write() -> None:
    stream = create_streamable_value()
    value = stream.value

    def work() -> None:
        for word in ("a", "b"):
            stream.append(word)
        stream.done()

    thread = threading.Thread(target=work)
    thread.start()
    assert await read(value) == ["a", "ab"]
    thread.join()


async def test_a_reader_is_woken_once_until_it_takes() -> None:
    stream = create_streamable_value("")
    woken: list[int] = []
    follower = stream.value.follow(lambda: woken.append(1))
    stream.append("abc").append("de")
    assert woken == [1]
    follower.take()
    stream.append("f")
    assert woken == [1, 1]


async def test_a_reader_is_told_when_too_much_waits_for_it() -> None:
    stream = create_streamable_value("")
    full: list[int] = []
    follower = stream.value.follow(lambda: None, full=lambda: full.append(1), max_unread_bytes=10)
    stream.append("x" * 5)
    assert full == []
    stream.append("x" * 5).append("x")
    assert full == [1]
    follower.take()
    stream.append("x")
    assert full == [1]


async def test_the_end_wakes_a_reader_that_has_not_taken_yet() -> None:
    stream = create_streamable_value("")
    woken: list[int] = []
    stream.value.follow(lambda: woken.append(1))
    stream.append("abc")
    stream.done()
    assert woken == [1, 1]


async def test_more_than_the_cap_ends_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(updates_module, "MAX_UNREAD_BYTES", 10)
    stream = create_streamable_value("")
    value = stream.value
    follower = value.follow(lambda: None)
    stream.append("x" * 11)
    assert not stream.is_open
    kinds = [link[0] for link in follower.take()]
    assert kinds == [DIFF, ERROR]
    assert isinstance(updates(value)[-1][1], OutputLimitError)


async def test_a_hundred_thousand_appends_cost_no_copies() -> None:
    stream = create_streamable_value("")
    value = stream.value
    for _ in range(100_000):
        stream.append("word ")
    assert len(updates(value)) == 100_000
    assert len(stream.value.curr) == 500_000


async def test_development_warns_when_value_is_read_too_late(caplog: pytest.LogCaptureFixture) -> None:
    async def action() -> None:
        stream = create_streamable_value("a")
        stream.update("b")
        _ = stream.value

    with caplog.at_level(logging.WARNING):
        await RequestScope(action="chat", development=True).run(action(), name="chat")
    assert "'chat' read .value after the first update" in caplog.text


async def test_development_warns_about_silence(monkeypatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr(streamable, "SLOW_UPDATE_WARNING_S", 0.01)

    async def action() -> object:
        return create_streamable_value("a")

    with caplog.at_level(logging.WARNING):
        stream = await RequestScope(action="chat", development=True).run(action(), name="chat")
        async with asyncio.timeout(5):
            while "has not been updated" not in caplog.text:
                await asyncio.sleep(0.005)
    assert stream.is_open


async def test_what_is_a_streamable_value() -> None:
    stream = create_streamable_value("a")
    assert is_streamable_value(stream.value)
    assert not is_streamable_value("a")
    assert not is_streamable_value({"type": "ui.streamable.value"})


async def test_reading_something_else_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match=r"\.value"):
        await read("hello")


async def test_leaving_a_reader_early_stops_its_following() -> None:
    stream = create_streamable_value("a")
    reader = read_streamable_value(stream.value)
    assert await anext(reader) == "a"
    stream.update("b")
    assert await anext(reader) == "b"
    await reader.aclose()
    assert stream._stream.followers == ()


class Colour(str, Enum):  # noqa: UP042 # what people have from before Python 3.11
    RED = "red"


async def test_members_of_an_enum_of_texts_are_appended_as_their_text() -> None:
    stream = create_streamable_value("")
    value = stream.value
    stream.append(Colour.RED).append("dish")
    assert [(kind, type(item), item) for kind, item in updates(value)] == [
        (DIFF, str, "red"),
        (DIFF, str, "dish"),
    ]


async def test_a_text_that_grows_unread_holds_little_more_than_itself() -> None:
    stream = create_streamable_value("")
    value = stream.value
    tracemalloc.start()
    try:
        for length in range(1000):
            stream.update("x" * 100 * length)
        grown_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown_bytes < 8 * 100 * 1000
    assert len(updates(value)) == 1000
