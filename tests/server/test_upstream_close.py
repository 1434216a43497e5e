"""A browser that goes away closes the connection to the model within half a second, whatever phase it is in."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest

import flightwire
from flightwire import action, create_streamable_value, start_soon, stream_text
from flightwire.providers.base import LanguageModel
from flightwire.providers.local import local
from flightwire.providers.openai import openai
from flightwire.testing.upstream import Ending, ScriptedUpstream

from .asgi import call

pytestmark = pytest.mark.anyio

MAX_CLOSE_S = 0.5


def app_asking(model: LanguageModel, prompt: str = "Hi") -> tuple[flightwire.server.app.App, str]:
    @action
    async def chat() -> object:
        stream = create_streamable_value()

        async def pump() -> None:
            async with stream:
                async for text in stream_text(model=model, prompt=prompt, max_output_tokens=8).text_stream:
                    stream.update(text)

        start_soon(pump)
        return stream.value

    return flightwire.app(actions=[chat]), chat.id


def silent(up: ScriptedUpstream) -> None:
    up.play(Ending.HANG)


def headers_only(up: ScriptedUpstream) -> None:
    up.answer([], ending=Ending.HANG)


def one_token(up: ScriptedUpstream) -> None:
    up.answer(["Hel", "lo"], gated=True)


@pytest.mark.parametrize(
    ("script", "seen"),
    [(silent, b""), (headers_only, b""), (one_token, b'"Hel"')],
    ids=["before headers", "before the first token", "in the middle"],
)
async def test_the_connection_is_closed(script: Callable[[ScriptedUpstream], None], seen: bytes) -> None:
    async with ScriptedUpstream() as up:
        script(up)
        app, chat = app_asking(openai("any", base_url=up.base_url, api_key="sk-test"))
        running = call(app, chat)
        request = await up.received(0)
        await running.until(lambda e: seen in e.body)
        began = time.monotonic()
        running.leave()
        assert await up.closed(request) - began < MAX_CLOSE_S
        await running.finish()


@pytest.mark.model
async def test_the_local_model_stops_reading_a_long_prompt() -> None:
    model = local("smollm2")
    await model.warm_up()
    app, chat = app_asking(model, prompt="The quick brown fox jumps over the lazy dog. " * 250)
    running = call(app, chat)
    await asyncio.sleep(0.3)  # it is reading 2,500 tokens by now, which takes it many seconds
    began = time.monotonic()
    running.leave()
    await running.finish()
    assert time.monotonic() - began < MAX_CLOSE_S
    assert b"diff" not in running.body
    # The model is free again: what comes next does not wait for the abandoned prompt.
    text = await stream_text(model=model, prompt="Hi", max_output_tokens=1).text
    assert time.monotonic() - began < 5
    assert isinstance(text, str)
