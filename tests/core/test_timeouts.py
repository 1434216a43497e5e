"""Time limits, and stopping from elsewhere."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from flightwire import AbortController, Timeout, generate_text, is_step_count, stream_text, tool
from flightwire.errors import AbortError, GenerationTimeoutError, InvalidArgumentError
from flightwire.events import Abort, Start
from flightwire.testing import ScriptedModel, tool_call

pytestmark = pytest.mark.anyio


def hanging(*items: Any) -> ScriptedModel:
    return ScriptedModel([*items, asyncio.Event()])


@pytest.mark.parametrize(
    ("timeout", "items", "reason"),
    [
        (0.02, (), "Total timeout of 0.02 s exceeded"),
        ({"total_s": 0.02}, ("a",), "Total timeout of 0.02 s exceeded"),
        (Timeout(step_s=0.02), ("a",), "Step timeout of 0.02 s exceeded"),
        ({"first_chunk_s": 0.02}, (), "First chunk timeout of 0.02 s exceeded"),
        ({"first_chunk_s": 60, "chunk_s": 0.02}, ("a",), "Chunk timeout of 0.02 s exceeded"),
        ({"chunk_s": 0.02}, ("a", "b"), "Chunk timeout of 0.02 s exceeded"),
    ],
)
async def test_what_takes_too_long_is_aborted(timeout: Any, items: Any, reason: str) -> None:
    model = hanging(*items)
    result = stream_text(model=model, prompt="Hi", timeout=timeout)
    async with asyncio.timeout(5):
        parts = [part async for part in result]
    assert parts[-1] == Abort(reason)
    with pytest.raises(GenerationTimeoutError, match=reason):
        await result.text
    assert (model.open_streams, model.left_early) == (0, 1)


async def test_a_first_chunk_limit_does_not_mind_later_silence() -> None:
    done = asyncio.Event()
    model = ScriptedModel(["a", done, "b"])
    result = stream_text(model=model, prompt="Hi", timeout={"first_chunk_s": 0.02})
    asyncio.get_running_loop().call_later(0.1, done.set)
    assert await result.text == "ab"


async def test_a_chunk_limit_does_not_mind_a_slow_start() -> None:
    first = asyncio.Event()
    model = ScriptedModel([first, "a"])
    result = stream_text(model=model, prompt="Hi", timeout={"chunk_s": 0.02})
    asyncio.get_running_loop().call_later(0.1, first.set)
    assert await result.text == "a"


async def test_a_reader_that_pauses_is_not_the_models_silence() -> None:
    result = stream_text(model=ScriptedModel(["x"] * 2000), prompt="Hi", timeout={"chunk_s": 0.05})
    stream = result.text_stream
    await anext(stream)
    await asyncio.sleep(0.2)
    assert len([text async for text in stream]) == 1999


async def test_tools_do_not_count_as_the_models_silence() -> None:
    @tool
    async def think() -> str:
        await asyncio.sleep(0.1)
        return "ok"

    model = ScriptedModel([[tool_call("think")], ["done"]])
    result = stream_text(
        model=model,
        prompt="Hi",
        tools=[think],
        stop_when=is_step_count(2),
        timeout={"chunk_s": 0.05, "first_chunk_s": 0.05},
    )
    assert await result.text == "done"


async def test_a_steps_limit_covers_its_tools() -> None:
    @tool
    async def hang() -> None:
        await asyncio.Event().wait()

    with pytest.raises(GenerationTimeoutError, match="Step timeout"):
        await generate_text(
            model=ScriptedModel([[tool_call("hang")]]), prompt="Hi", tools=[hang], timeout={"step_s": 0.02}
        )


async def test_generate_text_raises_when_its_time_is_over() -> None:
    model = ScriptedModel([asyncio.Event()])
    with pytest.raises(GenerationTimeoutError, match=r"Total timeout of 0\.02 s"):
        await generate_text(model=model, prompt="Hi", timeout=0.02)
    with pytest.raises(TimeoutError):
        await generate_text(model=model, prompt="Hi", timeout=0.02)


async def test_generate_text_warns_of_limits_that_need_a_stream() -> None:
    result = await generate_text(
        model=ScriptedModel(), prompt="Hi", timeout={"chunk_s": 9, "first_chunk_s": 9}
    )
    assert [warning.feature for warning in result.warnings] == ["timeout.first_chunk_s", "timeout.chunk_s"]
    assert {warning.type for warning in result.warnings} == {"unsupported"}


@pytest.mark.parametrize(
    ("timeout", "letter"),
    [
        ("soon", "number of seconds"),
        ({"totalMs": 5}, "has no 'totalMs'"),
        (-1, "number of seconds"),
        (True, "number"),
    ],
)
async def test_a_limit_that_is_none_is_refused(timeout: Any, letter: str) -> None:
    with pytest.raises(InvalidArgumentError, match=letter):
        stream_text(model=ScriptedModel(), prompt="Hi", timeout=timeout)


# --- signals -------------------------------------------------------------------------------------------------------


async def test_a_signal_stops_the_stream() -> None:
    controller = AbortController()
    model = hanging("a")
    result = stream_text(model=model, prompt="Hi", abort_signal=controller.signal)
    stream = aiter(result)
    while (await anext(stream)).type != "text-delta":
        pass
    controller.abort("stopped by the user")
    controller.abort("again")
    assert [part async for part in stream] == [Abort("stopped by the user")]
    assert model.left_early == 1


async def test_a_signal_from_another_thread_stops_generate_text() -> None:
    controller = AbortController()
    model = ScriptedModel([asyncio.Event()])
    task = asyncio.ensure_future(generate_text(model=model, prompt="Hi", abort_signal=controller.signal))
    while not model.calls:
        await asyncio.sleep(0)
    threading.Thread(target=controller.abort, args=("elsewhere",)).start()
    with pytest.raises(AbortError, match="elsewhere"):
        await task


async def test_a_signal_that_has_fired_lets_nothing_be_called() -> None:
    controller = AbortController()
    controller.abort("early")
    model = ScriptedModel()
    result = stream_text(model=model, prompt="Hi", abort_signal=controller.signal)
    assert [part async for part in result] == [Start(), Abort("early")]
    with pytest.raises(AbortError, match="early"):
        await generate_text(model=model, prompt="Hi", abort_signal=controller.signal)
    assert model.calls == []


async def test_an_exception_as_reason_is_raised() -> None:
    controller = AbortController()
    controller.abort(KeyError("mine"))
    with pytest.raises(KeyError, match="mine"):
        await stream_text(model=ScriptedModel(), prompt="Hi", abort_signal=controller.signal).text


async def test_one_signal_stops_many() -> None:
    controller = AbortController()
    results = [stream_text(model=hanging("a"), prompt="Hi", abort_signal=controller.signal) for _ in range(3)]
    readers = [asyncio.ensure_future(anext(result.text_stream)) for result in results]
    await asyncio.gather(*readers)
    controller.abort()
    for result in results:
        with pytest.raises(AbortError):
            await result.text


async def test_after_an_abort_nothing_is_left_awaitable_as_in_the_ai_sdk() -> None:
    @tool
    def act() -> str:
        return "ok"

    model = ScriptedModel([[tool_call("act")], ["half", asyncio.Event()]])
    result = stream_text(model=model, prompt="Hi", tools=[act], stop_when=is_step_count(5))
    async for _ in result.text_stream:
        result.abort("why")
    for value in (result.text, result.steps, result.usage, result.finish_reason):
        with pytest.raises(AbortError, match="why"):
            await value
    assert len(result.steps_so_far) == 1


async def test_waiting_for_a_signal() -> None:
    controller = AbortController()
    waiting = asyncio.ensure_future(controller.signal.wait())
    await asyncio.sleep(0)
    threading.Thread(target=controller.abort).start()
    async with asyncio.timeout(5):
        await waiting
    controller.signal.add_listener(lambda: None)
    with pytest.raises(AbortError):
        controller.signal.throw_if_aborted()


async def test_a_plain_tool_can_look_at_the_signal() -> None:
    from flightwire import ToolContext

    seen = threading.Event()

    @tool
    def work(ctx: ToolContext[Any]) -> None:
        while not ctx.abort_signal.aborted:
            pass
        seen.set()

    result = stream_text(model=ScriptedModel([[tool_call("work")]]), prompt="Hi", tools=[work], timeout=0.05)
    async with asyncio.timeout(10):
        await result.consume_stream()
        assert await asyncio.to_thread(seen.wait, 5)


async def test_an_invalid_signal_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="AbortController"):
        stream_text(model=ScriptedModel(), prompt="Hi", abort_signal=asyncio.Event())  # type: ignore[arg-type]
