"""OpenAI's models, from the public function to a real socket and back."""

from __future__ import annotations

import asyncio
import json
import time
from contextlib import aclosing
from typing import Any

import pytest

from flightwire.errors import (
    APICallError,
    APITimeoutError,
    InvalidArgumentError,
    LoadAPIKeyError,
    RetryError,
)
from flightwire.events import (
    ProviderFinish,
    ProviderPart,
    RequestMetadata,
    ResponseMetadata,
    StreamStart,
    TextDelta,
    ToolCall,
    Usage,
)
from flightwire.messages import SystemMessage, UserMessage
from flightwire.providers.base import LanguageModel, ModelCall, Reasoning, Text
from flightwire.providers.openai import openai
from flightwire.providers.transport import Timeouts
from flightwire.testing.upstream import Ending, ScriptedUpstream
from flightwire.testing.upstream_script import document

pytestmark = pytest.mark.anyio


def a_call(**settings: Any) -> ModelCall:
    settings.setdefault("max_retries", 0)
    return ModelCall((UserMessage("hi"),), **settings)


def model_at(upstream: ScriptedUpstream, model_id: str = "m1", **options: Any) -> LanguageModel:
    return openai.chat(model_id, base_url=upstream.base_url, **options)


async def parts_of(model: LanguageModel, **settings: Any) -> list[ProviderPart]:
    async with aclosing(model.stream(a_call(**settings))) as batches:
        return [part async for batch in batches for part in batch]


def text_in(parts: list[ProviderPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, TextDelta))


# --- answers -----------------------------------------------------------------------------------------------------


async def test_stream_starts_and_finishes_in_order(upstream: ScriptedUpstream) -> None:
    upstream.answer(["Hel", "lo"], usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5})
    parts = await parts_of(model_at(upstream))
    assert [part.type for part in parts if not isinstance(part, ResponseMetadata)] == [
        "stream-start", "text-start", "text-delta", "text-delta", "text-end", "provider-finish",
    ]  # fmt: skip
    finish = parts[-1]
    assert isinstance(finish, ProviderFinish)
    assert (finish.finish_reason, finish.usage.total_tokens) == ("stop", 5)


async def test_what_comes_together_leaves_together(upstream: ScriptedUpstream) -> None:
    upstream.answer("abcdefgh", gated=True, tokens_per_write=4)
    upstream.release(100)
    batches = [batch async for batch in model_at(upstream).stream(a_call())]
    assert any(sum(isinstance(part, TextDelta) for part in batch) >= 4 for batch in batches)
    assert all(batches)


async def test_token_that_comes_alone_leaves_alone(upstream: ScriptedUpstream) -> None:
    upstream.answer(["a", "b", "c"], gated=True)
    seen = ""
    async with aclosing(model_at(upstream).stream(a_call())) as batches:
        async for batch in batches:
            if text := text_in(list(batch)):
                seen += text
                upstream.release()
    assert seen == "abc"


async def test_generate_gives_the_whole_answer(upstream: ScriptedUpstream) -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
    upstream.answer(["Hel", "lo"], reasoning=["hm"], usage=usage, finish_reason="length")
    result = await model_at(upstream).generate(a_call())
    assert result.content == (Reasoning("hm"), Text("Hello"))
    assert (result.finish_reason, result.raw_finish_reason) == ("length", "length")
    assert result.usage == Usage(3, 2, 5, 3, 0, None, 2, 0, raw=usage)  # type: ignore[arg-type]
    assert (result.response.id, result.response.model_id) == ("chatcmpl-scripted", "scripted-model")
    assert "stream" not in upstream.requests[0].json


async def test_tool_calls_are_the_same_streamed_or_not(upstream: ScriptedUpstream) -> None:
    upstream.answer(
        tool_calls=[{"id": "c1", "name": "f", "arguments": {"x": 1}}], finish_reason="tool_calls", times=2
    )
    expected = ToolCall("c1", "f", '{"x": 1}')
    assert expected in await parts_of(model_at(upstream))
    result = await model_at(upstream).generate(a_call())
    assert (result.content, result.finish_reason) == ((expected,), "tool-calls")


async def test_every_setting_reaches_the_api(upstream: ScriptedUpstream) -> None:
    upstream.answer(["x"])
    call = ModelCall(
        (SystemMessage("Be brief."), UserMessage("hi")),
        max_output_tokens=5,
        temperature=0.5,
        stop_sequences=("END",),
        seed=7,
    )
    async for _ in model_at(upstream).stream(call):
        pass
    assert upstream.requests[0].path == "/v1/chat/completions"
    assert upstream.requests[0].json == {
        "model": "m1",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}],
        "max_tokens": 5,
        "temperature": 0.5,
        "stop": ["END"],
        "seed": 7,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_warnings_and_the_request_are_told(upstream: ScriptedUpstream) -> None:
    upstream.answer(["x"], times=2)
    start = (await parts_of(model_at(upstream), top_k=3, include_request_body=True))[0]
    result = await model_at(upstream).generate(a_call(top_k=3, include_request_body=True))
    assert isinstance(start, StreamStart)
    assert start.request.body == upstream.requests[0].json
    assert result.request.body == upstream.requests[1].json
    assert [warning.feature for warning in (*start.warnings, *result.warnings)] == ["top_k", "top_k"]


async def test_the_request_is_not_told_unless_asked_for(upstream: ScriptedUpstream) -> None:
    upstream.answer(["x"])
    assert (await parts_of(model_at(upstream)))[0] == StreamStart((), RequestMetadata(None))


async def test_the_document_of_an_answer_is_told_when_asked_for(upstream: ScriptedUpstream) -> None:
    upstream.answer(["Hello"], times=2)
    assert (await model_at(upstream).generate(a_call())).response.body is None
    body = (await model_at(upstream).generate(a_call(include_response_body=True))).response.body
    assert isinstance(body, dict)
    assert body["choices"][0]["message"]["content"] == "Hello"


async def test_response_headers_are_told(upstream: ScriptedUpstream) -> None:
    upstream.answer(["x"], headers={"X-Request-Id": "r1"})
    (metadata,) = [part for part in await parts_of(model_at(upstream)) if isinstance(part, ResponseMetadata)]
    assert metadata.headers is not None
    assert metadata.headers["x-request-id"] == "r1"


async def test_pieces_of_one_byte_give_the_same(upstream: ScriptedUpstream) -> None:
    tokens = ["👍🏽", "שלום", "\u2028", "$x"]
    upstream.answer(tokens)
    upstream.answer(tokens, split_bytes=1)
    whole, split = await parts_of(model_at(upstream)), await parts_of(model_at(upstream))
    assert split == whole
    assert text_in(whole) == "".join(tokens)


async def test_twenty_thousand_tokens_arrive(upstream: ScriptedUpstream) -> None:
    tokens = [f"w{index} " for index in range(20_000)]
    upstream.answer(tokens, tokens_per_write=50)
    assert text_in(await parts_of(model_at(upstream))) == "".join(tokens)


@pytest.mark.parametrize(
    ("message", "content"),
    [
        ({"content": None, "refusal": "I cannot."}, "I cannot."),
        ({"content": [{"type": "text", "text": "a"}]}, "a"),
        ({"content": "a\ud83d\0"}, "a\ufffd\ufffd"),
    ],
)
async def test_whole_answers_of_any_shape_are_read(
    upstream: ScriptedUpstream, message: dict[str, object], content: str
) -> None:
    upstream.play(*document(json.dumps({"choices": [{"message": message, "finish_reason": "stop"}]})))
    result = await model_at(upstream).generate(a_call())
    assert result.content == (Text(content),)
    assert result.finish_reason == ("content-filter" if message.get("refusal") else "stop")


# --- failures ----------------------------------------------------------------------------------------------------


async def both_fail(upstream: ScriptedUpstream, **options: Any) -> list[APICallError]:
    """The failure of a stream and of a whole answer."""
    model = model_at(upstream, **options)
    with pytest.raises(APICallError) as streamed:
        await parts_of(model)
    with pytest.raises(APICallError) as whole:
        await model.generate(a_call())
    return [streamed.value, whole.value]


async def test_refused_key_is_an_error(upstream: ScriptedUpstream) -> None:
    upstream.refuse(401, "Incorrect API key provided.", times=2)
    for error in await both_fail(upstream):
        assert str(error).startswith(
            "Incorrect API key provided; check OPENAI_API_KEY, or the api_key=… that was passed (HTTP 401) "
            f"from {upstream.base_url}/chat/completions."
        )


async def test_rate_limit_is_an_error_with_a_hint(upstream: ScriptedUpstream) -> None:
    upstream.refuse(429, "Slow down.", headers={"retry-after": "30"}, times=2)
    for error in await both_fail(upstream):
        assert error.is_retryable
        assert "The provider asks to retry after 30 s." in str(error)


async def test_retries_are_made_and_told(upstream: ScriptedUpstream) -> None:
    upstream.refuse(500, "Oops.", headers={"retry-after-ms": "1"}, times=3)
    with pytest.raises(RetryError, match=r"Failed after 3 attempts. The last one: Oops \(HTTP 500\)"):
        await parts_of(model_at(upstream), max_retries=2)
    assert len(upstream.requests) == 3


async def test_answer_after_a_retry_is_whole(upstream: ScriptedUpstream) -> None:
    upstream.refuse(429, headers={"retry-after-ms": "1"})
    upstream.answer(["a", "b"])
    assert text_in(await parts_of(model_at(upstream), max_retries=2)) == "ab"


async def test_timeout_is_an_error(upstream: ScriptedUpstream) -> None:
    upstream.play(Ending.HANG, times=2)
    for error in await both_fail(upstream, timeouts=Timeouts(read_s=0.05)):
        assert isinstance(error, APITimeoutError)


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET])
async def test_what_came_before_a_broken_stream_is_delivered(
    upstream: ScriptedUpstream, ending: Ending
) -> None:
    gate = upstream.new_gate()
    upstream.script(lambda _: gate_before_the_ending(gate, ending))
    seen = ""
    with pytest.raises(APICallError, match="broke off"):
        async for batch in model_at(upstream).stream(a_call(max_retries=2)):
            seen += text_in(list(batch))
            if seen == "ab":
                gate.release()
    assert seen == "ab"
    assert len(upstream.requests) == 1


def gate_before_the_ending(gate: Any, ending: Ending) -> Any:
    from flightwire.testing.upstream_script import event, event_stream

    deltas = [event({"choices": [{"index": 0, "delta": {"content": text}}]}) for text in "ab"]
    return event_stream([*deltas, gate, ending])


async def test_malformed_json_in_a_stream_is_an_error_after_what_came(upstream: ScriptedUpstream) -> None:
    upstream.events({"choices": [{"index": 0, "delta": {"content": "a"}}]}, '{"choices": [{"del', Ending.HANG)
    seen = ""
    with pytest.raises(APICallError, match="not JSON") as caught:
        async for batch in model_at(upstream).stream(a_call()):
            seen += text_in(list(batch))
    assert seen == "a"
    assert caught.value.response_body == '{"choices": [{"del'
    await upstream.closed(upstream.requests[0])


async def test_error_in_a_stream_is_an_error_after_what_came(upstream: ScriptedUpstream) -> None:
    upstream.events(
        {"choices": [{"index": 0, "delta": {"content": "a"}}]},
        {"error": {"message": "Overloaded", "type": "server_error"}},
        Ending.HANG,
    )
    seen = ""
    with pytest.raises(APICallError, match="Overloaded") as caught:
        async for batch in model_at(upstream).stream(a_call()):
            seen += text_in(list(batch))
    assert (seen, caught.value.is_retryable) == ("a", True)
    await upstream.closed(upstream.requests[0])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("{", "a document that is not JSON"),
        ("[]", "a document that is not a JSON object"),
        ("{}", "an answer without choices"),
        ('{"choices": []}', "an answer without choices"),
        ('{"choices": [{"index": 0}]}', "an answer without choices"),
        ('{"error": {"message": "Overloaded"}}', "Overloaded"),
    ],
)
async def test_unusable_documents_are_errors(upstream: ScriptedUpstream, body: str, message: str) -> None:
    upstream.play(*document(body))
    with pytest.raises(APICallError, match=message):
        await model_at(upstream).generate(a_call())


# --- going away --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tokens", [0, 1, 2])
async def test_closing_the_stream_closes_the_socket(upstream: ScriptedUpstream, tokens: int) -> None:
    upstream.answer(["a", "b", "c"], gated=True)
    upstream.release(max(tokens - 1, 0))
    batches = model_at(upstream).stream(a_call())
    seen = ""
    while len(seen) < tokens:
        seen += text_in(list(await anext(batches)))
    if tokens == 0:
        await anext(batches)  # begun, but nothing of the answer has been read
    closed_at_s = time.monotonic()
    await batches.aclose()
    assert await upstream.closed(upstream.requests[0]) - closed_at_s < 0.5


async def test_cancelling_a_waiting_reader_closes_the_socket(upstream: ScriptedUpstream) -> None:
    upstream.answer(["a"], ending=Ending.HANG)
    task = asyncio.create_task(parts_of(model_at(upstream)))
    request = await upstream.received()
    await asyncio.sleep(0.05)
    cancelled_at_s = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await upstream.closed(request) - cancelled_at_s < 0.5


async def test_cancelling_generate_closes_the_socket(upstream: ScriptedUpstream) -> None:
    upstream.play(Ending.HANG)
    task = asyncio.create_task(model_at(upstream).generate(a_call()))
    request = await upstream.received()
    cancelled_at_s = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await upstream.closed(request) - cancelled_at_s < 0.5


async def test_finished_stream_keeps_its_connection(upstream: ScriptedUpstream) -> None:
    upstream.answer(["a"], times=3)
    for _ in range(3):
        await parts_of(model_at(upstream))
        await asyncio.sleep(0.05)  # the end of the body may come after the answer's
    assert upstream.connections_made == 1


# --- keys and addresses ------------------------------------------------------------------------------------------


async def test_key_and_address_are_read_at_the_call(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = openai.chat("m1")
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.base_url + "/")
    monkeypatch.setenv("OPENAI_API_KEY", " sk-late\n")
    upstream.answer(["a"])
    await parts_of(model)
    assert upstream.requests[0].headers["authorization"] == "Bearer sk-late"
    assert upstream.requests[0].path == "/v1/chat/completions"


async def test_everything_passed_is_sent(upstream: ScriptedUpstream) -> None:
    upstream.answer(["a"])
    model = model_at(upstream, api_key="sk-1", organization="o1", project="p1", headers={"x-tenant": "t1"})
    await parts_of(model, headers={"x-call": "c1"})
    headers = upstream.requests[0].headers
    assert headers["authorization"] == "Bearer sk-1"
    assert (headers["openai-organization"], headers["openai-project"]) == ("o1", "p1")
    assert (headers["x-tenant"], headers["x-call"]) == ("t1", "c1")


async def test_query_of_the_address_is_kept_but_never_shown(upstream: ScriptedUpstream) -> None:
    upstream.refuse(500)
    model = openai.chat("m1", base_url=upstream.base_url + "/deploy?api-version=1")
    with pytest.raises(APICallError) as caught:
        await parts_of(model)
    assert upstream.requests[0].path == "/v1/deploy/chat/completions?api-version=1"
    assert caught.value.url == upstream.base_url + "/deploy/chat/completions"


async def test_server_on_this_machine_needs_no_key(upstream: ScriptedUpstream) -> None:
    upstream.answer(["a"])
    await parts_of(model_at(upstream))
    assert "authorization" not in upstream.requests[0].headers


async def test_missing_key_is_told_at_the_first_call() -> None:
    model = openai("gpt-5.4-mini")
    with pytest.raises(
        LoadAPIKeyError, match=r"OpenAI needs an API key\. Set OPENAI_API_KEY, or pass api_key"
    ):
        await parts_of(model)
    with pytest.raises(LoadAPIKeyError):
        await model.generate(a_call())


def test_missing_key_can_be_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = openai("m1")
    assert isinstance(model.missing_key(), LoadAPIKeyError)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:8080/v1")
    assert model.missing_key() is None


@pytest.mark.parametrize("base_url", ["api.openai.com", "ftp://x/v1", "", "http://"])
async def test_address_that_is_none_is_refused(base_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidArgumentError, match="base_url is"):
        openai("m1", base_url=base_url)
    if base_url:
        monkeypatch.setenv("OPENAI_BASE_URL", base_url)
        with pytest.raises(InvalidArgumentError, match="OPENAI_BASE_URL is"):
            await parts_of(openai("m1"))


def test_model_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="a model needs a name"):
        openai("")


def test_models_tell_who_they_are() -> None:
    model = openai.chat("gpt-5.4-mini")
    assert (model.provider, model.model_id) == ("openai.chat", "gpt-5.4-mini")
    assert repr(model) == "<openai.chat gpt-5.4-mini>"


# --- what the models take ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "model_id", ["o1", "o3-mini", "o4-mini", "gpt-5", "gpt-5.4-mini", "ft:gpt-5-nano:me", "openai/gpt-5"]
)
async def test_reasoning_models_are_asked_their_way(upstream: ScriptedUpstream, model_id: str) -> None:
    upstream.answer(["a"])
    call = ModelCall((SystemMessage("s"), UserMessage("u")), max_output_tokens=9, temperature=0.5, top_p=0.5)
    parts = [part async for batch in model_at(upstream, model_id).stream(call) for part in batch]
    body = upstream.requests[0].json
    assert body["messages"] == [{"role": "developer", "content": "s"}, {"role": "user", "content": "u"}]
    assert body["max_completion_tokens"] == 9
    assert {"max_tokens", "temperature", "top_p"}.isdisjoint(body)
    assert isinstance(parts[0], StreamStart)
    assert [warning.feature for warning in parts[0].warnings] == ["temperature", "top_p"]


@pytest.mark.parametrize(
    "model_id", ["gpt-4o", "gpt-4.1-mini", "gpt-5-chat-latest", "llama-3", "unknown", "o2x"]
)
async def test_other_models_are_asked_the_common_way(upstream: ScriptedUpstream, model_id: str) -> None:
    upstream.answer(["a"])
    call = ModelCall((SystemMessage("s"),), max_output_tokens=9, temperature=0.5)
    async for _ in model_at(upstream, model_id).stream(call):
        pass
    body = upstream.requests[0].json
    assert (body["max_tokens"], body["temperature"]) == (9, 0.5)
    assert body["messages"] == [{"role": "system", "content": "s"}]
