"""Code of an app that wants to end the process: asyncio would end the server, and everybody else's calls with it."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from flightwire import (
    Node,
    action,
    after,
    create_streamable_value,
    generate_text,
    html,
    is_step_count,
    start_soon,
    stream_text,
    stream_ui,
    tool,
    ui_tool,
)
from flightwire.errors import RemoteError
from flightwire.rsc.reading import is_streamable_value, read_streamable_value
from flightwire.testing import ActionClient, ScriptedModel, tool_call

pytestmark = pytest.mark.anyio

ENDS = {"exit": SystemExit, "interrupt": KeyboardInterrupt}


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(autouse=True)
def server_with_signals() -> Iterator[None]:
    """As under every server: a Ctrl-C is handled, so it never comes as an exception."""
    before = signal.signal(signal.SIGINT, lambda *_: None)
    yield
    signal.signal(signal.SIGINT, before)


def end(how: str) -> Any:
    raise ENDS[how]("the end")


async def end_soon(how: str) -> None:
    await asyncio.sleep(0)
    end(how)


@action
async def in_an_action(how: str) -> None:
    end(how)


@action
def in_a_thread(how: str) -> None:
    end(how)


@action
async def in_a_generator(how: str) -> AsyncIterator[int]:
    yield 1
    end(how)


@action
async def in_a_promise(how: str) -> Any:
    return {"later": end_soon(how)}


@action
async def in_a_source(how: str) -> Any:
    async def source() -> AsyncIterator[str]:
        yield "a"
        end(how)

    return create_streamable_value(source()).value


@action
async def in_a_renderer(how: str) -> Node:
    return stream_ui(model=ScriptedModel(["a"]), prompt="x", text=lambda _: end(how)).value


@action
async def in_a_ui_tool(how: str) -> Node:
    @ui_tool
    async def show() -> AsyncIterator[Node]:
        """Show it."""
        yield html.p("wait")
        end(how)

    return stream_ui(model=ScriptedModel([[tool_call("show")]]), prompt="x", tools=[show]).value


@action
async def in_a_transform(how: str) -> Any:
    async def transform(parts: AsyncIterator[Any], _: Any) -> AsyncIterator[Any]:
        async for part in parts:
            yield part
        end(how)

    return stream_text(model=ScriptedModel(["a"]), prompt="x", transform=transform).text


@action
async def in_background_work(how: str) -> str:
    start_soon(end_soon, how)
    return "done"


@action
async def afterwards(how: str) -> str:
    after(end, how)
    return "done"


@action
async def in_a_callback(how: str) -> str:
    result = stream_text(model=ScriptedModel(["done"]), prompt="x", on_end=lambda _: end(how))
    return await result.text


@action
async def in_a_tool(how: str) -> str:
    @tool
    async def leave() -> str:
        """Leave."""
        return str(end(how))

    return (
        await generate_text(
            model=ScriptedModel([[tool_call("leave")], ["done"]]),
            prompt="x",
            tools=[leave],
            stop_when=is_step_count(2),
        )
    ).text


FAIL = [
    in_an_action,
    in_a_thread,
    in_a_generator,
    in_a_promise,
    in_a_source,
    in_a_renderer,
    in_a_ui_tool,
    in_a_transform,
]
GO_ON = [in_background_work, afterwards, in_a_callback, in_a_tool]


async def whole(value: Any) -> Any:
    """A value with everything in it that comes later."""
    if is_streamable_value(value):
        return [each async for each in read_streamable_value(value)]
    if isinstance(value, dict):
        return {key: await whole(each) for key, each in value.items()}
    if hasattr(value, "__aiter__"):
        return [each async for each in value]
    if hasattr(value, "props") and "edits" in value.props:
        return await whole(value.props["edits"])
    if hasattr(value, "__await__"):
        return await value
    return value


@action
async def other() -> AsyncIterator[int]:
    for n in range(3):
        await asyncio.sleep(0.01)
        yield n


@pytest.mark.parametrize("called", FAIL, ids=lambda each: each.name)
async def test_a_call_that_wants_to_end_the_process_fails_alone(called: Any) -> None:
    async with ActionClient(actions=[called, other], headers={"x-flightwire-runtime": "1"}) as client:
        numbers = await client.call(other)
        with pytest.raises(RemoteError):
            await whole(await client.call(called, "exit"))
        assert await whole(numbers) == [0, 1, 2]


@pytest.mark.parametrize("called", GO_ON, ids=lambda each: each.name)
async def test_what_goes_on_beside_an_answer_does_not_end_the_process_either(called: Any) -> None:
    async with ActionClient(actions=[called, other]) as client:
        numbers = await client.call(other)
        assert await client.call(called, "exit") == "done"
        assert await whole(numbers) == [0, 1, 2]


@pytest.mark.parametrize("called", [in_an_action, in_a_thread], ids=lambda each: each.name)
async def test_an_interrupt_that_nobody_pressed_is_a_failure_like_others(called: Any) -> None:
    async with ActionClient(actions=[called]) as client:
        with pytest.raises(RemoteError):
            await client.call(called, "interrupt")


async def test_a_ctrl_c_that_nobody_handles_stays_one() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.raises(KeyboardInterrupt):
        await in_an_action("interrupt")
