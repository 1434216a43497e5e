"""What a call streamed is freed when it ends: circles would keep it for a full collection, which costs more than sending it."""

import asyncio
import gc
from collections.abc import Iterator
from typing import Any

import pytest

import flightwire
from flightwire import Action, StreamableValue, action, create_streamable_value, start_soon, stream_text
from flightwire.testing.models import ScriptedModel

pytestmark = pytest.mark.anyio


@action
async def generate(prompt: str) -> StreamableValue[str]:
    stream = create_streamable_value("")

    async def pump() -> None:
        async with stream:
            async for text in stream_text(model=ScriptedModel(["a", "b"]), prompt=prompt).text_stream:
                stream.update(text)

    start_soon(pump)
    return stream.value


@action
async def fail(prompt: str) -> None:
    raise ValueError(prompt)


async def call(name: str) -> bytes:
    app = flightwire.app(actions=[generate, fail])
    headers = [(b"rsc-action-id", name.encode()), (b"content-type", b"text/plain;charset=UTF-8")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": headers,
        "query_string": b"",
        "scheme": "http",
    }
    messages: Iterator[dict[str, Any]] = iter([{"type": "http.request", "body": b'["x"]'}])
    sent: list[bytes] = []

    async def receive() -> dict[str, Any]:
        return next(messages, None) or await asyncio.Future()

    async def send(message: dict[str, Any]) -> None:
        sent.append(message.get("body", b""))

    await app(scope, receive, send)
    return b"".join(sent)


@pytest.mark.parametrize(("called", "sent"), [(generate, b'"a"'), (fail, b"0:E")])
async def test_a_call_that_has_ended_leaves_nothing_to_the_garbage_collector(
    called: Action[Any, Any], sent: bytes
) -> None:
    await call(called.id)  # what is made once, by the first call
    gc.collect()
    gc.disable()
    try:
        body = await call(called.id)
        await asyncio.sleep(0)
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        left = [
            type(each).__qualname__ for each in gc.garbage if type(each).__module__.startswith("flightwire")
        ]
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()
    assert sent in body
    assert left == []
