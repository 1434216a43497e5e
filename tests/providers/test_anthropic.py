"""Anthropic's models, from the public function to a real socket and back."""

from __future__ import annotations

import asyncio
import json
from contextlib import aclosing
from typing import Any

import pytest

from flightwire.errors import APICallError, InvalidArgumentError, LoadAPIKeyError, RetryError
from flightwire.events import ProviderPart, StreamStart, TextDelta
from flightwire.messages import UserMessage
from flightwire.providers.anthropic import anthropic
from flightwire.providers.anthropic.model import AnthropicModel
from flightwire.providers.base import LanguageModel, ModelCall, Text
from flightwire.providers.endpoint import Endpoint
from flightwire.providers.registry import resolve
from flightwire.providers.retries import Clock
from flightwire.testing.upstream import Ending, ScriptedUpstream
from flightwire.testing.upstream_script import document
from tests.providers import anthropic_samples as samples

pytestmark = pytest.mark.anyio

OVERLOADED = {"type": "error", "error": {"type": "overloaded_error", "message": "Busy"}}


def model_at(upstream: ScriptedUpstream, **options: Any) -> LanguageModel:
    return anthropic("claude-sonnet-4-5", base_url=upstream.base_url, **options)


def data_of(events: tuple[bytes, ...]) -> list[bytes]:
    """What stands in the events: the upstream writes the frames."""
    return [one.partition(b"data: ")[2].rstrip() for one in events]


async def parts_of(model: LanguageModel, **settings: Any) -> list[ProviderPart]:
    call = ModelCall([UserMessage("Hi")], **{"max_retries": 0, **settings})
    async with aclosing(model.stream(call)) as batches:
        return [part async for batch in batches for part in batch]


def text_in(parts: list[ProviderPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, TextDelta))


async def test_answer_streams_from_a_real_socket(upstream: ScriptedUpstream) -> None:
    upstream.events(*data_of(samples.PLAIN))
    parts = await parts_of(model_at(upstream, api_key="sk-ant"))
    assert text_in(parts) == "Hello wörld 😀"
    request = await upstream.received()
    assert request.path.endswith("/messages")
    assert (request.headers["x-api-key"], request.headers["anthropic-version"]) == ("sk-ant", "2023-06-01")
    assert "authorization" not in request.headers
    assert json.loads(request.body)["stream"] is True


async def test_token_instead_of_a_key(upstream: ScriptedUpstream) -> None:
    upstream.events(*data_of(samples.PLAIN))
    await parts_of(model_at(upstream, auth_token="t"))
    request = await upstream.received()
    assert (request.headers["authorization"], "x-api-key" in request.headers) == ("Bearer t", False)


async def test_betas_of_the_caller_are_added_to_those_that_are_needed(upstream: ScriptedUpstream) -> None:
    upstream.events(*data_of(samples.PLAIN))
    options = {"anthropic": {"speed": "fast"}}
    model = model_at(upstream, headers={"anthropic-beta": "Mine-1"})
    await parts_of(model, headers={"Anthropic-Beta": "mine-2"}, provider_options=options)
    assert (await upstream.received()).headers["anthropic-beta"] == "fast-mode-2026-02-01,mine-2"


async def test_answer_at_once(upstream: ScriptedUpstream) -> None:
    content = [{"type": "text", "text": "Hello"}]
    answer = {
        "id": "msg_1",
        "model": "m",
        "content": content,
        "stop_reason": "end_turn",
        "usage": samples.USAGE,
    }
    upstream.play(*document(json.dumps(answer).encode()))
    result = await model_at(upstream).generate(ModelCall([UserMessage("Hi")], max_retries=0))
    assert (result.content, result.finish_reason) == ([Text("Hello")], "stop")
    assert "stream" not in json.loads((await upstream.received()).body)


async def test_overload_that_is_told_after_a_200_is_tried_again(upstream: ScriptedUpstream) -> None:
    upstream.events(json.dumps(OVERLOADED))
    upstream.events(json.dumps({"type": "ping"}), json.dumps(OVERLOADED))
    upstream.events(*data_of(samples.PLAIN))
    waited: list[float] = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    model = AnthropicModel(
        "claude-sonnet-4-5",
        lambda: Endpoint(upstream.base_url, {}),
        clock=Clock(sleep=sleep, chance=lambda: 0.5),
    )
    parts = await parts_of(model, max_retries=2)
    assert (text_in(parts), waited) == ("Hello wörld 😀", [2.0, 4.0])
    assert len([part for part in parts if isinstance(part, StreamStart)]) == 1


async def test_overload_that_stays_says_so(upstream: ScriptedUpstream) -> None:
    upstream.events(json.dumps(OVERLOADED))
    with pytest.raises(APICallError) as caught:
        await parts_of(model_at(upstream))
    assert (caught.value.status_code, caught.value.is_retryable) == (529, True)


async def test_overload_in_the_middle_keeps_what_came(upstream: ScriptedUpstream) -> None:
    upstream.events(*data_of(samples.PLAIN[:4]), json.dumps(OVERLOADED))
    seen: list[ProviderPart] = []
    with pytest.raises(APICallError, match="Busy"):
        async with aclosing(model_at(upstream).stream(ModelCall([UserMessage("Hi")]))) as batches:
            async for batch in batches:
                seen += batch
    assert text_in(seen) == "Hello "


async def test_refusal_names_the_variable_and_hides_the_key(upstream: ScriptedUpstream) -> None:
    error = {"type": "error", "error": {"type": "authentication_error", "message": "bad key sk-ant-1"}}
    upstream.play(*document(json.dumps(error).encode(), status=401))
    with pytest.raises(APICallError, match="ANTHROPIC_API_KEY") as caught:
        await parts_of(model_at(upstream, api_key="sk-ant-1"))
    assert "sk-ant-1" not in str(caught.value)


async def test_leaving_closes_the_connection(upstream: ScriptedUpstream) -> None:
    gate = upstream.new_gate()
    upstream.events(*data_of(samples.PLAIN[:3]), gate, *data_of(samples.PLAIN[3:]))
    async with aclosing(model_at(upstream).stream(ModelCall([UserMessage("Hi")]))) as batches:
        assert isinstance((await anext(batches))[0], StreamStart)
    assert await upstream.closed(await upstream.received()) is not None


async def test_cancelling_before_the_first_event_closes_the_connection(upstream: ScriptedUpstream) -> None:
    gate = upstream.new_gate()
    upstream.events(gate)
    task = asyncio.create_task(parts_of(model_at(upstream)))
    request = await upstream.received()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await upstream.closed(request) is not None


async def test_connection_that_breaks_keeps_what_came(upstream: ScriptedUpstream) -> None:
    upstream.events(*data_of(samples.PLAIN[:3]), Ending.RESET)
    with pytest.raises((APICallError, RetryError)):
        await parts_of(model_at(upstream))


async def test_without_a_key_nothing_is_sent() -> None:
    with pytest.raises(LoadAPIKeyError, match="ANTHROPIC_API_KEY"):
        await parts_of(anthropic("claude-sonnet-5"))


def test_what_cannot_work_is_refused_when_the_model_is_made() -> None:
    for options in ({"base_url": "ftp://x"}, {"api_key": "a", "auth_token": "b"}):
        with pytest.raises(InvalidArgumentError):
            anthropic("claude-sonnet-5", **options)  # type: ignore[arg-type] # they are texts
    with pytest.raises(InvalidArgumentError, match="needs a name"):
        anthropic("")


def test_registry_knows_it() -> None:
    model: Any = resolve("anthropic/claude-sonnet-5")
    assert (model.provider, model.model_id) == ("anthropic.messages", "claude-sonnet-5")
    assert "image/*" in model.supported_urls
