"""stream_text: one log, many readers, three endings, abort."""

from __future__ import annotations

import asyncio
import copy
import gc
import threading
from collections.abc import Callable
from typing import Any

import pytest

from flightwire.core.abort import AbortController
from flightwire.core.log import READ_AHEAD_PARTS
from flightwire.core.reading import SLICE_PARTS
from flightwire.core.stream_text import StreamTextResult, stream_text
from flightwire.errors import (
    AbortError,
    APICallError,
    InvalidArgumentError,
    InvalidPromptError,
    OutputLimitError,
)
from flightwire.events import (
    Abort,
    Error,
    Finish,
    FinishStep,
    Start,
    StartStep,
    TextDelta,
    TextEnd,
    TextStart,
)
from flightwire.messages import SystemMessage, UserMessage
from flightwire.scope import RequestScope
from flightwire.testing.models import ScriptedModel

pytestmark = pytest.mark.anyio


def refused() -> APICallError:
    return APICallError("Too many requests", url="https://example.com/v1", status_code=429)


async def until(condition) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def test_text_stream_yields_every_delta_in_order() -> None:
    result = stream_text(model=ScriptedModel(["Hel", "lo"]), prompt="Hi")
    assert [text async for text in result.text_stream] == ["Hel", "lo"]


async def test_parts_come_in_the_order_of_the_ai_sdk() -> None:
    result = stream_text(model=ScriptedModel(["a", "b"]), prompt="Hi")
    kinds = [type(part) for part in [part async for part in result]]
    assert kinds == [Start, StartStep, TextStart, TextDelta, TextDelta, TextEnd, FinishStep, Finish]


async def test_nothing_is_asked_before_somebody_reads() -> None:
    model = ScriptedModel()
    result = stream_text(model=model, prompt="Hi")
    await asyncio.sleep(0)
    assert model.calls == []
    assert await result.text == "Hello, world!"


async def test_every_reader_sees_everything_also_a_late_one() -> None:
    result = stream_text(model=ScriptedModel(["a", "b", "c"]), prompt="Hi")
    first = [text async for text in result.text_stream]
    late = [text async for text in result.text_stream]
    assert first == late == ["a", "b", "c"]


async def test_two_readers_at_once_see_everything() -> None:
    result = stream_text(model=ScriptedModel([str(n) for n in range(50)]), prompt="Hi")

    async def read() -> list[str]:
        return [text async for text in result.text_stream]

    assert await asyncio.gather(read(), read()) == [[str(n) for n in range(50)]] * 2


async def test_awaited_values_can_be_awaited_again() -> None:
    result = stream_text(model=ScriptedModel(["a"]), prompt="Hi")
    text = result.text
    assert (await text, await text, await result.finish_reason) == ("a", "a", "stop")
    assert (await result.usage).total_tokens == 2


async def test_a_value_that_is_not_awaited_says_so() -> None:
    result = stream_text(model=ScriptedModel(), prompt="Hi")
    with pytest.raises(TypeError, match=r"await result\.text"):
        bool(result.text)
    with pytest.raises(TypeError, match=r"await result\.text"):
        str(result.text)


async def test_a_failure_in_the_middle_is_raised_after_the_text_that_came() -> None:
    result = stream_text(model=ScriptedModel(["a", refused()]), prompt="Hi")
    seen = []
    with pytest.raises(APICallError):
        async for text in result.text_stream:
            seen.append(text)
    assert seen == ["a"]


async def test_a_failure_is_a_part_for_those_who_read_parts() -> None:
    parts = [part async for part in stream_text(model=ScriptedModel([refused()]), prompt="Hi")]
    assert isinstance(parts[-1], Error)


async def test_a_failure_is_raised_by_what_is_awaited() -> None:
    with pytest.raises(APICallError):
        await stream_text(model=ScriptedModel(["a", refused()]), prompt="Hi").text


async def test_abort_before_the_start_never_connects() -> None:
    model = ScriptedModel()
    result = stream_text(model=model, prompt="Hi")
    result.abort("changed my mind")
    assert [text async for text in result.text_stream] == []
    with pytest.raises(AbortError, match="changed my mind"):
        await result.text
    assert model.calls == []


async def test_abort_right_after_the_start_ends_the_readers() -> None:
    model = ScriptedModel(gated=True)
    result = stream_text(model=model, prompt="Hi")
    reader = asyncio.ensure_future(anext(result.text_stream, None))
    await asyncio.sleep(0)
    result.abort()
    assert await reader is None


async def test_abort_in_the_middle_ends_normally_with_an_abort_part() -> None:
    model = ScriptedModel(["a", "b"], gated=True)
    result = stream_text(model=model, prompt="Hi")
    model.release()
    stream = result.text_stream
    assert await anext(stream) == "a"
    result.abort("first")
    result.abort("second")
    assert [text async for text in stream] == []
    assert [part async for part in result][-1] == Abort("first")
    assert (model.left_early, model.open_streams) == (1, 0)


async def test_abort_from_another_thread_stops_the_model() -> None:
    model = ScriptedModel(gated=True)
    result = stream_text(model=model, prompt="Hi")
    reader = asyncio.ensure_future(anext(result.text_stream, None))
    await until(lambda: model.open_streams)
    threading.Thread(target=result.abort).start()
    assert await reader is None
    await until(lambda: not model.open_streams)


async def test_after_a_complete_step_abort_changes_nothing() -> None:
    result = stream_text(model=ScriptedModel(["a"]), prompt="Hi")
    assert await result.text == "a"
    result.abort()
    assert await result.text == "a"


async def test_leaving_the_block_closes_the_connection() -> None:
    model = ScriptedModel(gated=True)
    async with stream_text(model=model, prompt="Hi") as result:
        model.release()
        assert await anext(result.text_stream) == "Hello"
    assert (model.left_early, model.open_streams) == (1, 0)


def test_an_answer_that_nobody_holds_may_be_found_while_a_signal_is_written_to() -> None:
    """The garbage collector comes when it likes, also while the lock of all signals is held; it must not wait for itself."""

    class Held:
        def __init__(self) -> None:
            self.controller, self.circle = AbortController(), self

        def __del__(self) -> None:
            self.controller.abort("nobody holds it")

    held = Held()
    fired: list[str] = []
    held.controller.signal.add_listener(lambda: fired.append("held"))
    del held

    class Reason:
        def __eq__(self, other: object) -> bool:  # asked while a listener is taken back
            gc.collect()
            return self is other

        def __call__(self) -> None:
            fired.append("other")

        def __hash__(self) -> int:
            return id(self)

    other = AbortController()
    other.signal.add_listener(Reason())
    remove = other.signal.add_listener(lambda: None)
    taking_back = threading.Thread(target=remove, daemon=True)
    taking_back.start()
    taking_back.join(10)
    assert not taking_back.is_alive()
    assert fired == ["held"]
    other.abort()
    assert fired == ["held", "other"]


async def test_an_answer_that_nobody_holds_is_aborted() -> None:
    model = ScriptedModel(gated=True)
    model.release()
    async for _ in stream_text(model=model, prompt="Hi").text_stream:
        break
    gc.collect()
    await until(lambda: not model.open_streams)
    assert model.left_early == 1


async def test_the_source_pauses_when_its_readers_pause() -> None:
    pulled = 0

    class Endless(ScriptedModel):
        async def stream(self, call):
            nonlocal pulled
            async for batch in super().stream(call):
                pulled += 1
                yield batch

    result = stream_text(model=Endless(["x"] * 10 * READ_AHEAD_PARTS), prompt="Hi")
    stream = result.text_stream
    await anext(stream)
    for _ in range(100):
        await asyncio.sleep(0)
    assert pulled <= READ_AHEAD_PARTS + 10
    assert len([text async for text in stream]) == 10 * READ_AHEAD_PARTS - 1


async def test_an_abandoned_reader_blocks_nobody() -> None:
    result = stream_text(model=ScriptedModel(["x"] * 3 * READ_AHEAD_PARTS), prompt="Hi")
    abandoned = result.text_stream
    await anext(abandoned)
    assert len([text async for text in result.text_stream]) == 3 * READ_AHEAD_PARTS
    del abandoned
    assert len(await result.text) == 3 * READ_AHEAD_PARTS


async def test_awaiting_pulls_everything_without_a_reader() -> None:
    result = stream_text(model=ScriptedModel(["x"] * 3 * READ_AHEAD_PARTS), prompt="Hi")
    assert len(await result.text) == 3 * READ_AHEAD_PARTS


async def test_a_cancelled_reader_leaves_the_others_alone() -> None:
    model = ScriptedModel(["a", "b"], gated=True)
    result = stream_text(model=model, prompt="Hi")
    first = asyncio.ensure_future(anext(result.text_stream))
    await until(lambda: model.open_streams)
    first.cancel()
    model.release(2)
    assert [text async for text in result.text_stream] == ["a", "b"]


async def test_the_scope_of_a_request_closes_what_the_request_opened() -> None:
    model = ScriptedModel(gated=True)
    scope = RequestScope(action="chat")

    async def action() -> None:
        async for _ in stream_text(model=model, prompt="Hi").text_stream:
            pass

    task = scope.run(action(), name="chat")
    scope.own(task)
    await until(lambda: model.open_streams)
    await scope.cancel()
    assert task.cancelled()
    assert (model.open_streams, model.left_early) == (0, 1)


async def test_a_closed_gate_holds_the_text_back() -> None:
    scope = RequestScope()
    seen: list[str] = []
    model = ScriptedModel(["a", "b", "c"], gated=True)

    async def action() -> None:
        async for text in stream_text(model=model, prompt="Hi").text_stream:
            seen.append(text)
            scope.gate.close()

    task = scope.run(action(), name="chat")
    for expected in (["a"], ["a", "b"], ["a", "b", "c"]):
        model.release()
        for _ in range(20):
            await asyncio.sleep(0)
        assert seen == expected
        model.release()
        await asyncio.sleep(0)
        assert seen == expected
        scope.gate.open()
    await task


async def test_a_long_backlog_stops_at_a_closed_gate_within_a_slice() -> None:
    scope = RequestScope()
    result = stream_text(model=ScriptedModel(["x"] * 5000), prompt="Hi")
    await result.text
    seen: list[str] = []

    async def action() -> None:
        async for text in result.text_stream:
            seen.append(text)
            scope.gate.close()

    task = scope.run(action(), name="chat")
    await asyncio.sleep(0)
    assert 0 < len(seen) <= SLICE_PARTS
    task.cancel()


async def test_a_model_that_does_not_stop_is_stopped() -> None:
    result = stream_text(model=ScriptedModel(["x" * 100] * 100), prompt="Hi", max_output_bytes=1000)
    with pytest.raises(OutputLimitError, match="max_output_bytes=1000"):
        await result.text


async def test_instructions_come_first_and_system_is_their_older_name() -> None:
    for settings in (
        {"instructions": "Be brief."},
        {"system": "Be brief."},
        {"instructions": SystemMessage("Be brief.")},
        {"instructions": [{"role": "system", "content": "Be brief."}]},
        {"instructions": {"role": "system", "content": "Be brief."}},
    ):
        model = ScriptedModel()
        await stream_text(model=model, messages=[{"role": "user", "content": "Hi"}], **settings).text
        assert model.calls[0].messages == (SystemMessage("Be brief."), UserMessage("Hi"))


@pytest.mark.parametrize(
    ("settings", "letter"),
    [
        ({}, "either prompt"),
        ({"prompt": "a", "messages": []}, "not both"),
        ({"messages": []}, "must not be empty"),
        ({"messages": [{"role": "robot", "content": ""}]}, r"messages\[0\] has role 'robot'"),
        ({"messages": [{"role": "user"}]}, r"messages\[0\] has no 'content'"),
        ({"messages": [{"role": "system", "content": "x"}]}, "allow_system_in_messages"),
        ({"messages": [{"role": "user", "content": [{"type": "txt"}]}]}, r"content\[0\] has type 'txt'"),
        ({"messages": "Hi"}, "must be a list"),
    ],
)
async def test_a_prompt_that_cannot_work_is_refused_at_once(settings, letter) -> None:
    with pytest.raises(InvalidPromptError, match=letter):
        stream_text(model=ScriptedModel(), **settings)


@pytest.mark.parametrize(
    ("settings", "letter"),
    [
        ({"max_output_tokens": 0}, "at least 1"),
        ({"max_retries": 1.5}, "must be an integer"),
        ({"temperature": "hot"}, "must be a number"),
        ({"stop_sequences": "end"}, "list of texts"),
        ({"stop_sequences": [1]}, "list of texts"),
        ({"temperature": float("nan")}, "must be a number"),
        ({"top_p": float("inf")}, "must be a number"),
        ({"reasoning": "huge"}, "provider-default, none, minimal"),
        ({"headers": ["a"]}, "dict of texts"),
        ({"headers": {"x-a": 1}}, "header 'x-a' must be a text"),
        ({"headers": {"x-a": "b\r\nx-c: d"}}, "line break"),
        ({"headers": {"": "b"}}, "is empty"),
        ({"provider_options": {"openai": 1}}, "a dict for each provider"),
        ({"provider_options": "openai"}, "a dict for each provider"),
        ({"on_end": 3}, "on_end is a function"),
        ({"on_chunk": [print, "x"]}, "on_chunk is a function"),
        ({"max_tokens": 5}, "unknown setting 'max_tokens'"),
    ],
)
async def test_a_setting_that_cannot_work_is_refused_at_once(settings, letter) -> None:
    with pytest.raises(InvalidArgumentError, match=letter):
        stream_text(model=ScriptedModel(), prompt="Hi", **settings)


@pytest.mark.parametrize(
    "use",
    [
        lambda text: text.upper(),
        lambda text: text[0],
        len,
        lambda text: text + "!",
        lambda text: "!" + text,
        list,
        lambda text: "a" in text,
        lambda text: f"{text}",
        bool,
    ],
)
async def test_a_value_that_is_not_awaited_says_what_to_write(use: Callable[[Any], object]) -> None:
    result = stream_text(model=ScriptedModel(), prompt="Hi")
    with pytest.raises((TypeError, AttributeError), match=r"Write `await result\.text`"):
        use(result.text)
    assert copy.copy(result.text) is not None


async def test_a_result_is_not_awaitable_by_mistake() -> None:
    result = stream_text(model=ScriptedModel(), prompt="Hi")
    assert isinstance(result, StreamTextResult)
    assert not hasattr(result, "__await__")
