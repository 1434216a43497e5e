"""Who is told what, and when: as `ai` 7.0.173 tells its callbacks."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any

import pytest

from flightwire import generate_text, is_step_count, stream_text, tool
from flightwire.errors import APICallError
from flightwire.events import Abort, Finish, FinishStep, ResponseMetadata, Start, TextDelta, Usage
from flightwire.messages import TextPart, UserMessage
from flightwire.testing import Reply, ScriptedModel, tool_call

pytestmark = pytest.mark.anyio

NAMES = (
    "on_start",
    "on_step_start",
    "on_language_model_call_start",
    "on_language_model_call_end",
    "on_tool_execution_start",
    "on_tool_execution_end",
    "on_step_end",
    "on_step_error",
    "on_end",
)
STREAM_NAMES = (*NAMES, "on_error", "on_abort")


@tool
def add(a: int, b: int) -> int:
    return a + b


class Told:
    """Every event, in order."""

    def __init__(self, names: tuple[str, ...] = STREAM_NAMES) -> None:
        self.names: list[str] = []
        self.events: dict[str, Any] = {}
        self.callbacks: dict[str, Any] = {name: self._callback(name) for name in names}

    def _callback(self, name: str) -> Any:
        async def callback(event: Any) -> None:
            await asyncio.sleep(0)
            self.names.append(name.removeprefix("on_"))
            self.events.setdefault(name, []).append(event)

        return callback


def two_steps() -> ScriptedModel:
    return ScriptedModel([[tool_call("add", a=1, b=2)], ["three"]])


EXPECTED = [
    "start",
    "step_start",
    "language_model_call_start",
    "language_model_call_end",
    "tool_execution_start",
    "tool_execution_end",
    "step_end",
    "step_start",
    "language_model_call_start",
    "language_model_call_end",
    "step_end",
    "end",
]


async def test_everybody_is_told_in_order() -> None:
    told = Told()
    await stream_text(
        model=two_steps(), prompt="Hi", tools=[add], stop_when=is_step_count(5), **told.callbacks
    ).consume_stream()
    assert told.names == EXPECTED


async def test_generate_text_tells_the_same() -> None:
    told = Told(NAMES)
    await generate_text(
        model=two_steps(), prompt="Hi", tools=[add], stop_when=is_step_count(5), **told.callbacks
    )
    assert told.names == EXPECTED


async def test_events_say_what_happened() -> None:
    told = Told(NAMES)
    result = await generate_text(
        model=two_steps(),
        prompt="Hi",
        tools=[add],
        stop_when=is_step_count(5),
        tools_context={"add": 1},
        runtime_context="mine",
        temperature=0.5,
        **told.callbacks,
    )
    start, step = told.events["on_start"][0], told.events["on_step_start"][1]
    assert (start.model_id, start.messages, start.settings.temperature) == (
        "scripted",
        (UserMessage("Hi"),),
        0.5,
    )
    assert (step.step_number, len(step.steps), step.runtime_context) == (1, 1, "mine")
    call_end = told.events["on_language_model_call_end"][0]
    assert (call_end.finish_reason, call_end.content[0].input) == ("tool-calls", {"a": 1, "b": 2})
    tool_end = told.events["on_tool_execution_end"][0]
    assert (tool_end.tool_output.output, tool_end.tool_context) == (3, 1)
    assert tool_end.tool_execution_s >= 0
    (end,) = told.events["on_end"]
    assert (end.text, end.usage, end.steps) == (result.text, result.usage, result.steps)
    assert {start.call_id, step.call_id, call_end.call_id, tool_end.call_id, end.call_id} == {start.call_id}
    assert told.events["on_step_end"] == list(result.steps)


async def test_older_names_are_understood() -> None:
    seen = []
    await generate_text(
        model=ScriptedModel(),
        prompt="Hi",
        on_finish=lambda end: seen.append(end.text),
        on_step_finish=lambda step: seen.append(step.step_number),
    )
    assert seen == [0, "Hello, world!"]


async def test_what_callbacks_raise_is_logged_and_swallowed(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: Any) -> None:
        raise RuntimeError("in a callback")

    with caplog.at_level(logging.ERROR):
        result = await generate_text(model=ScriptedModel(), prompt="Hi", on_start=broken, on_end=broken)
    assert result.text == "Hello, world!"
    assert [record.getMessage().split()[0] for record in caplog.records] == ["on_start", "on_end"]


async def test_callbacks_are_awaited_and_those_of_one_event_run_at_the_same_time() -> None:
    met = asyncio.Barrier(2)

    async def meet(event: Any) -> None:
        async with asyncio.timeout(5):
            await met.wait()

    told: list[str] = []
    await generate_text(
        model=ScriptedModel(),
        prompt="Hi",
        on_start=[meet, meet],
        on_step_start=lambda event: told.append("step"),
        on_end=lambda event: told.append("end"),
    )
    assert told == ["step", "end"]


async def test_chunks_are_told_after_readers_got_them() -> None:
    seen: list[Any] = []
    result = stream_text(
        model=ScriptedModel(["a", "b"]), prompt="Hi", on_chunk=lambda event: seen.append(event.chunk)
    )
    assert [part async for part in result] == seen
    assert [part.text for part in seen if isinstance(part, TextDelta)] == ["a", "b"]


async def test_a_slow_callback_slows_the_answer_down() -> None:
    model = ScriptedModel(["a", "b", "c"])
    gate = asyncio.Event()

    async def wait(event: Any) -> None:
        if isinstance(event.chunk, TextDelta):
            await gate.wait()

    result = stream_text(model=model, prompt="Hi", on_chunk=wait)
    text = result.text_stream
    assert await anext(text) == "a"
    waiting = asyncio.ensure_future(anext(text))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not waiting.done()
    gate.set()
    assert await waiting == "b"


async def test_the_end_may_await_the_result() -> None:
    seen: list[str] = []

    async def end(event: Any) -> None:
        seen.append(await result.text)

    result = stream_text(model=ScriptedModel(), prompt="Hi", on_end=end)
    async with asyncio.timeout(5):
        await result.consume_stream()
    assert seen == ["Hello, world!"]


async def test_what_is_complete_cannot_be_aborted_any_more() -> None:
    may_end = asyncio.Event()
    aborted: list[Any] = []
    result = stream_text(
        model=ScriptedModel(), prompt="Hi", on_end=lambda event: may_end.wait(), on_abort=aborted.append
    )
    reader = asyncio.ensure_future(result.consume_stream())
    assert await result.text == "Hello, world!"
    result.abort("too late")
    may_end.set()
    await reader
    assert await result.text == "Hello, world!"
    assert aborted == []
    assert [part async for part in result][-1].type == "finish"


# --- endings -------------------------------------------------------------------------------------------------------


def refused() -> APICallError:
    return APICallError("Overloaded", url="https://example.com/v1", status_code=529)


async def test_a_failure_before_any_output() -> None:
    told = Told()
    await stream_text(model=ScriptedModel([refused()]), prompt="Hi", **told.callbacks).consume_stream()
    assert told.names == ["start", "step_start", "language_model_call_start", "step_error", "error"]
    assert isinstance(told.events["on_step_error"][0].error, APICallError)


async def test_a_failure_in_the_middle_ends_the_step_and_the_answer() -> None:
    told = Told()
    await stream_text(
        model=ScriptedModel(["half", refused()]), prompt="Hi", **told.callbacks
    ).consume_stream()
    assert told.names == ["start", "step_start", "language_model_call_start", "error", "step_end", "end"]
    assert told.events["on_error"][0].steps[0].text == "half"
    (end,) = told.events["on_end"]
    assert (end.text, end.finish_reason) == ("half", "error")


async def test_generate_text_tells_of_a_failed_step() -> None:
    told = Told(NAMES)
    with pytest.raises(APICallError):
        await generate_text(model=ScriptedModel([refused()]), prompt="Hi", **told.callbacks)
    assert told.names == ["start", "step_start", "language_model_call_start", "step_error"]


async def test_an_abort_is_told_with_what_there_is_and_no_end() -> None:
    model = ScriptedModel([[tool_call("add", a=1, b=2)], ["half", asyncio.Event()]])
    told = Told()
    result = stream_text(model=model, prompt="Hi", tools=[add], stop_when=is_step_count(5), **told.callbacks)
    async for text in result.text_stream:
        assert text == "half"
        result.abort("enough")
    assert told.names[-2:] == ["language_model_call_start", "abort"]
    (abort,) = told.events["on_abort"]
    assert (abort.reason, len(abort.steps), abort.partial.text) == ("enough", 1, "half")
    assert [step.text for step in result.steps_so_far] == [""]


async def test_an_abort_before_the_start_is_told_and_nothing_else() -> None:
    told = Told()
    model = ScriptedModel()
    result = stream_text(model=model, prompt="Hi", **told.callbacks)
    result.abort("early")
    assert [type(part) for part in [part async for part in result]] == [Start, Abort]
    assert (told.names, told.events["on_abort"][0].reason, model.calls) == (["abort"], "early", [])


async def test_an_abort_in_the_moment_of_the_start_is_told_too() -> None:
    told = Told()
    result = stream_text(model=ScriptedModel(), prompt="Hi", **told.callbacks)
    reader = asyncio.ensure_future(result.consume_stream())
    await asyncio.sleep(0)
    result.abort()
    await reader
    assert told.names[-1] == "abort"


# --- figures -------------------------------------------------------------------------------------------------------


async def test_a_step_says_how_fast_it_was() -> None:
    usage = Usage(input_tokens=10, output_tokens=20, total_tokens=30)
    model = ScriptedModel([Reply("a", "b", "c", tool_call("add", a=1, b=1), usage=usage)])
    step = await stream_text(model=model, prompt="Hi", tools=[add]).final_step
    speed = step.performance
    assert list(speed.tool_execution_s) == ["call-1"]
    assert speed.step_time_s >= speed.response_time_s > 0
    assert speed.effective_output_tokens_per_second == pytest.approx(20 / speed.response_time_s)
    assert speed.effective_total_tokens_per_second == pytest.approx(30 / speed.response_time_s)
    assert speed.time_to_first_output_s is not None
    assert 0 < speed.time_to_first_output_s <= speed.response_time_s
    between = speed.time_between_output_chunks
    assert between is not None
    assert 0 <= between.min_s <= between.median_s <= between.max_s


async def test_the_mean_pause_of_a_step_is_that_of_all_its_chunks() -> None:
    for count in (2, 31, 32, 33, 34, 70, 1000):  # they are noted by the 32
        step = await stream_text(model=ScriptedModel([Reply(*"a" * count)]), prompt="Hi").final_step
        between = step.performance.time_between_output_chunks
        first_s = step.performance.time_to_first_output_s
        assert between is not None
        assert first_s is not None
        assert 0 < between.avg_s * (count - 1) <= step.performance.response_time_s - first_s


async def test_one_chunk_has_no_pause() -> None:
    step = await stream_text(model=ScriptedModel([Reply("a")]), prompt="Hi").final_step
    assert step.performance.time_to_first_output_s is not None
    assert step.performance.time_between_output_chunks is None


async def test_a_whole_answer_has_no_chunks() -> None:
    step = (await generate_text(model=ScriptedModel(), prompt="Hi")).final_step
    assert step.performance.response_time_s > 0
    assert step.performance.time_to_first_output_s is None
    assert step.performance.time_between_output_chunks is None
    assert step.performance.output_tokens_per_second is None


async def test_the_part_that_ends_a_step_has_the_figures_too() -> None:
    parts = [part async for part in stream_text(model=ScriptedModel(), prompt="Hi")]
    assert isinstance(parts[-2], FinishStep)
    assert isinstance(parts[-1], Finish)
    assert parts[-2].performance.response_time_s > 0


async def test_a_response_always_has_an_id_a_time_and_a_model() -> None:
    result = await generate_text(model=ScriptedModel(), prompt="Hi")
    assert (result.response.id or "").startswith("aitxt-")
    assert result.response.model_id == "scripted"
    assert abs((result.response.timestamp_s or 0) - time.time()) < 60
    said = ResponseMetadata("r1", "other", 5.0, {"x": "y"})
    response = await stream_text(model=ScriptedModel(Reply("a", response=said)), prompt="Hi").response
    assert (response.id, response.model_id, response.timestamp_s, response.headers) == (
        "r1",
        "other",
        5.0,
        {"x": "y"},
    )
    assert response.messages[0].content == (TextPart("a"),)


# --- include -------------------------------------------------------------------------------------------------------


async def test_messages_of_a_request_are_kept_when_asked_for() -> None:
    result = await generate_text(model=ScriptedModel(), prompt="Hi")
    assert result.request.messages is None
    result = await generate_text(model=ScriptedModel(), prompt="Hi", include={"request_messages"})
    assert result.request.messages == (UserMessage("Hi"),)


async def test_what_to_include_is_told_the_provider() -> None:
    model = ScriptedModel()
    await generate_text(model=model, prompt="Hi", include={"request_body", "response_body", "raw_chunks"})
    call = model.calls[0]
    assert (call.include_request_body, call.include_response_body, call.include_raw) == (True, True, True)
