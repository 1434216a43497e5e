"""stream_text with transform=: everything that reads an answer sees what the transforms gave, in every ending."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from flightwire.core.output import Output
from flightwire.core.stop import is_step_count
from flightwire.core.stream_text import StreamTextResult, stream_text
from flightwire.core.tools import tool
from flightwire.core.transforms import TransformContext, smooth_stream
from flightwire.errors import APICallError, InvalidArgumentError, NoOutputGeneratedError
from flightwire.events import (
    Abort,
    Error,
    Finish,
    FinishStep,
    Start,
    StartStep,
    StreamPart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolResult,
    Usage,
)
from flightwire.testing.models import ScriptedModel
from flightwire.testing.scripts import Reply, tool_call

pytestmark = pytest.mark.anyio

Parts = AsyncIterator[StreamPart]


async def shout(parts: Parts, context: TransformContext) -> Parts:
    async for part in parts:
        yield TextDelta(part.id, part.text.upper()) if isinstance(part, TextDelta) else part


async def dashed(parts: Parts, context: TransformContext) -> Parts:
    async for part in parts:
        yield TextDelta(part.id, f"{part.text}-") if isinstance(part, TextDelta) else part


async def all_of(result: StreamTextResult[Any, Any, Any]) -> list[StreamPart]:
    return [part async for part in result]


def words(*deltas: Any, transform: Any, **options: Any) -> StreamTextResult[Any, Any, Any]:
    return stream_text(model=ScriptedModel(deltas), prompt="Hi", transform=transform, **options)


async def test_everything_sees_what_the_transform_gave() -> None:
    chunks: list[str] = []
    steps: list[str] = []

    def note(event: Any) -> None:
        if isinstance(event.chunk, TextDelta):
            chunks.append(event.chunk.text)

    result = words(
        "Hel", "lo", transform=shout, on_chunk=note, on_step_end=lambda step: steps.append(step.text)
    )
    assert [text async for text in result.text_stream] == chunks == ["HEL", "LO"]
    assert await result.text == "HELLO"
    assert steps == ["HELLO"]
    [message] = await result.response_messages
    assert "HELLO" in str(message)


async def test_parts_keep_their_order() -> None:
    kinds = [type(part) for part in await all_of(words("a", "b", transform=shout))]
    assert kinds == [Start, StartStep, TextStart, TextDelta, TextDelta, TextEnd, FinishStep, Finish]


async def test_transforms_stand_in_order() -> None:
    assert await words("a", "b", transform=[shout, dashed]).text == "A-B-"
    assert await words("a", transform=[dashed, smooth_stream(delay_ms=None), shout]).text == "A-"


async def test_outputs_are_read_from_what_the_transform_gave() -> None:
    async def fixed(parts: Parts, context: TransformContext) -> Parts:
        async for part in parts:
            yield TextDelta(part.id, part.text.replace("'", '"')) if isinstance(part, TextDelta) else part

    result = words("{'a'", ":1}", transform=fixed, output=Output.json())
    assert [partial async for partial in result.partial_output_stream] == [{}, {"a": 1}]
    assert await result.output == {"a": 1}


async def test_smooth_stream_evens_text_out() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    result = words("Hello wo", "rld, how", " are you", transform=smooth_stream(sleep=sleep))
    assert [text async for text in result.text_stream] == ["Hello ", "world, ", "how ", "are ", "you"]
    assert slept == [0.01] * 4


async def test_transforms_see_all_steps_and_the_tools() -> None:
    @tool
    def look() -> str:
        """Look."""
        return "seen"

    seen: list[Any] = []

    async def watch(parts: Parts, context: TransformContext) -> Parts:
        seen.append(list(context.tools))
        async for part in parts:
            if isinstance(part, ToolResult):
                seen.append(part.output)
            yield part

    model = ScriptedModel([Reply("look: ", tool_call("look")), Reply("done")])
    result = stream_text(
        model=model, prompt="Hi", tools=[look], stop_when=is_step_count(2), transform=[watch, shout]
    )
    assert await result.text == "DONE"
    assert seen == [["look"], "seen"]
    assert [step.text for step in await result.steps] == ["LOOK: ", "DONE"]
    # The model is told what readers saw.
    assert "LOOK: " in str(model.calls[1].messages)


async def test_a_transform_may_leave_out_and_add() -> None:
    async def edit(parts: Parts, context: TransformContext) -> Parts:
        async for part in parts:
            if not isinstance(part, TextDelta):
                yield part
            elif part.text != "secret":
                yield part
                yield TextDelta(part.id, "!")

    assert await words("a", "secret", "b", transform=edit).text == "a!b!"


async def test_what_a_transform_gives_after_the_end_is_delivered() -> None:
    async def postscript(parts: Parts, context: TransformContext) -> Parts:
        held: list[StreamPart] = []
        async for part in parts:
            held.append(part)
        for part in held:
            yield part

    result = words("a", "b", transform=postscript)
    assert [text async for text in result.text_stream] == ["a", "b"]


async def stop_at_stop(parts: Parts, context: TransformContext) -> Parts:
    async for part in parts:
        if isinstance(part, TextDelta) and "STOP" in part.text:
            context.stop_stream()
            return
        yield part


async def test_stop_stream_ends_the_answer_and_closes_the_model() -> None:
    model = ScriptedModel(["a", "STOP", "b", "c"])
    told: list[str] = []
    result = stream_text(
        model=model, prompt="Hi", transform=stop_at_stop, on_end=lambda event: told.append(event.text)
    )
    kinds = [type(part) for part in await all_of(result)]
    assert kinds == [Start, StartStep, TextStart, TextDelta, FinishStep, Finish]
    assert await result.text == "a"
    assert (await result.finish_reason, told) == ("other", ["a"])
    assert (model.open_streams, model.left_early) == (0, 1)


async def test_stop_stream_takes_no_further_parts_of_the_same_batch() -> None:
    seen: list[str] = []

    async def stop_after_first(parts: Parts, context: TransformContext) -> Parts:
        async for part in parts:
            if isinstance(part, TextDelta):
                seen.append(part.text)
                context.stop_stream()
            yield part

    class OneBatch(ScriptedModel):
        async def stream(self, call: Any) -> Any:
            yield [part async for batch in super().stream(call) for part in batch]

    result = stream_text(model=OneBatch(["a", "b"]), prompt="Hi", transform=stop_after_first)
    assert await result.text == "a"
    assert seen == ["a"]


async def test_a_transform_may_say_how_a_stopped_answer_ends() -> None:
    async def stop(parts: Parts, context: TransformContext) -> Parts:
        async for part in parts:
            yield part
            if isinstance(part, TextDelta):
                context.stop_stream()
                yield FinishStep("stop", Usage(1, 2, 3))
                yield Finish("stop", Usage(1, 2, 3))

    result = words("a", "b", transform=stop)
    kinds = [type(part) for part in await all_of(result)]
    assert kinds[-2:] == [FinishStep, Finish]
    assert kinds.count(Finish) == 1
    assert await result.finish_reason == "stop"
    assert await result.usage == Usage(1, 2, 3)


async def test_stop_stream_works_while_the_model_is_silent() -> None:
    model = ScriptedModel(["a", "b"], gated=True)
    model.release()
    stops: list[Any] = []

    async def remember(parts: Parts, context: TransformContext) -> Parts:
        stops.append(context.stop_stream)
        async for part in parts:
            yield part

    result = stream_text(model=model, prompt="Hi", transform=remember)
    texts = result.text_stream
    assert await anext(texts) == "a"
    stops[0]()
    assert [text async for text in texts] == []
    assert await result.text == "a"
    assert model.left_early == 1


async def test_a_transform_that_ends_by_itself_ends_the_answer() -> None:
    async def first_word(parts: Parts, context: TransformContext) -> Parts:
        async for part in parts:
            yield part
            if isinstance(part, TextDelta):
                return

    model = ScriptedModel(["a", "b", "c"])
    assert await stream_text(model=model, prompt="Hi", transform=first_word).text == "a"
    assert model.left_early == 1


async def test_stopping_before_the_model_is_asked_is_an_error() -> None:
    async def never(parts: Parts, context: TransformContext) -> Parts:
        context.stop_stream()
        async for part in parts:
            yield part

    model = ScriptedModel()
    with pytest.raises(NoOutputGeneratedError):
        await stream_text(model=model, prompt="Hi", transform=never).text


async def test_a_transform_that_raises_fails_the_answer_and_closes_the_model() -> None:
    async def broken(parts: Parts, context: TransformContext) -> Parts:
        async for part in parts:
            if isinstance(part, TextDelta):
                raise ZeroDivisionError("oops")
            yield part

    model = ScriptedModel(["a", "b"])
    result = stream_text(model=model, prompt="Hi", transform=broken)
    parts = await all_of(result)
    assert [part.error for part in parts if isinstance(part, Error)] != []
    with pytest.raises(ZeroDivisionError, match="oops"):
        await result.text
    assert (model.open_streams, model.left_early) == (0, 1)


async def test_a_failing_model_lets_go_what_waits() -> None:
    result = words("Hello wor", APICallError("gone", url="x"), transform=smooth_stream(delay_ms=None))
    parts = await all_of(result)
    assert [part.text for part in parts if isinstance(part, TextDelta)] == ["Hello ", "wor"]
    assert any(isinstance(part, Error) for part in parts)
    assert result.steps_so_far[-1].text == "Hello wor"


async def test_an_abort_lets_go_what_waits() -> None:
    model = ScriptedModel(["Hello wor", "ld"], gated=True)
    model.release()
    result = stream_text(model=model, prompt="Hi", transform=smooth_stream(delay_ms=None))
    parts = []
    async for part in result:
        parts.append(part)
        if isinstance(part, TextDelta):
            result.abort("enough")
    assert [part.text for part in parts if isinstance(part, TextDelta)] == ["Hello ", "wor"]
    assert isinstance(parts[-1], Abort)
    assert (model.open_streams, model.left_early) == (0, 1)


async def test_leaving_the_block_ends_a_transform_that_sleeps() -> None:
    async def slow(_: float) -> None:
        await asyncio.sleep(3600)

    before = asyncio.all_tasks()
    model = ScriptedModel(["one two three four "])
    async with stream_text(model=model, prompt="Hi", transform=smooth_stream(sleep=slow)) as result:
        async for text in result.text_stream:
            assert text == "one "
            break
    assert model.open_streams == 0
    assert asyncio.all_tasks() == before


async def test_a_slow_transform_slows_the_model_down() -> None:
    gate = asyncio.Semaphore(0)
    asked = 0

    async def slow(parts: Parts, context: TransformContext) -> Parts:
        async for part in parts:
            if isinstance(part, TextDelta):
                await gate.acquire()
            yield part

    class Counting(ScriptedModel):
        async def stream(self, call: Any) -> Any:
            nonlocal asked
            async for batch in super().stream(call):
                asked += 1
                yield batch

    result = stream_text(model=Counting(["a"] * 50), prompt="Hi", transform=slow)
    text = asyncio.ensure_future(anext(result.text_stream))
    for _ in range(100):
        await asyncio.sleep(0)
    assert asked < 5
    for _ in range(50):
        gate.release()
    await text
    assert await result.text == "a" * 50


@pytest.mark.parametrize("transform", ["word", [shout, "word"], 5])
def test_what_is_no_transform_is_refused(transform: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="async generator function"):
        words("a", transform=transform)
