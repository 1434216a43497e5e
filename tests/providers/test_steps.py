"""Answers in several steps, through `stream_text` and a real socket: what each provider is sent back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest

from flightwire import is_step_count, provider_tool, stream_text, tool
from flightwire.core.tool_sets import AnyTool
from flightwire.errors import InvalidArgumentError
from flightwire.providers.anthropic import anthropic
from flightwire.providers.base import LanguageModel
from flightwire.providers.google import google
from flightwire.providers.groq import groq
from flightwire.providers.openai import openai
from flightwire.providers.xai import xai
from flightwire.testing.upstream import ScriptedUpstream
from tests.providers import anthropic_samples as claude
from tests.providers import google_samples as gemini
from tests.providers import responses_samples as responses

pytestmark = pytest.mark.anyio


@tool
async def weather(city: str) -> str:
    return f"sunny in {city}"


def data_of(events: Sequence[bytes]) -> list[bytes]:
    return [one.partition(b"data: ")[2].rstrip() for one in events]


async def asked(
    upstream: ScriptedUpstream,
    model: LanguageModel,
    answers: Sequence[Sequence[bytes]],
    *tools: AnyTool,
    **settings: Any,
) -> list[Any]:
    """Ask, go on as long as there is a reason to, then ask once more with all of it as JSON; gives the requests' bodies."""
    for events in answers:
        upstream.events(*data_of(events))
    settings = {
        "model": model,
        "tools": tools or (weather,),
        "stop_when": is_step_count(5),
        "max_retries": 0,
        **settings,
    }
    result = stream_text(prompt="Hi", **settings)
    messages = json.loads(json.dumps([each.to_json() for each in await result.response_messages]))
    history = [{"role": "user", "content": "Hi"}, *messages, {"role": "user", "content": "And then?"}]
    await stream_text(messages=history, **settings).text
    return [request.json for request in upstream.requests]


# --- reasoning ---------------------------------------------------------------------------------------------------


async def test_claude_gets_its_signed_thoughts_back(upstream: ScriptedUpstream) -> None:
    thought = [
        claude.start(),
        *claude.block(0, {"type": "thinking", "thinking": "", "signature": ""},
            {"type": "thinking_delta", "thinking": "hm"}, {"type": "signature_delta", "signature": "signed"}),
        *claude.block(1, {"type": "redacted_thinking", "data": "sealed"}),
        *claude.block(2, {"type": "tool_use", "id": "t1", "name": "weather", "input": {}}, *claude.tool_input('{"city":"Rome"}')),
        *claude.end("tool_use"),
    ]  # fmt: skip
    model = anthropic("claude-sonnet-4-5", base_url=upstream.base_url, api_key="k")
    _, second, third = await asked(upstream, model, [thought, claude.PLAIN, claude.PLAIN])
    said = [
        {"type": "thinking", "thinking": "hm", "signature": "signed"},
        {"type": "redacted_thinking", "data": "sealed"},
        {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Rome"}},
    ]
    answered = [{"type": "tool_result", "tool_use_id": "t1", "content": "sunny in Rome"}]
    for body in (second, third):
        assert body["messages"][1] == {"role": "assistant", "content": said}
        assert body["messages"][2] == {"role": "user", "content": answered}


@pytest.mark.parametrize("store", [True, False])
async def test_openai_gets_its_reasoning_back(upstream: ScriptedUpstream, store: bool) -> None:
    thought = responses.encode(
        [
            responses.response("created"),
            *responses.reasoning(0, "hm", encrypted="sealed"),
            *responses.function_call(1, "weather", '{"city":"Rome"}'),
            responses.response("completed"),
        ]
    )
    text = responses.encode(responses.SAMPLES["text"])
    model = openai("gpt-5.4-mini", base_url=upstream.base_url, api_key="k")
    options = {"openai": {"store": store}}
    first, *later = await asked(upstream, model, [thought, text, text], provider_options=options)
    assert ("reasoning.encrypted_content" in first.get("include", ())) is not store
    for body in later:
        reasoning, call, answer = body["input"][1:4]
        if store:
            assert reasoning == {"type": "item_reference", "id": "rs_0"}
        else:
            assert reasoning["encrypted_content"] == "sealed"
            assert reasoning["summary"] == [{"type": "summary_text", "text": "hm"}]
        assert (call["type"], json.loads(call["arguments"])) == ("function_call", {"city": "Rome"})
        assert (answer["type"], answer["output"]) == ("function_call_output", "sunny in Rome")


async def test_gemini_gets_its_thought_signatures_back(upstream: ScriptedUpstream) -> None:
    thought = [
        gemini.said({"text": "hm", "thought": True}),
        gemini.said(gemini.call("signed", name="weather", args={"city": "Rome"}), finishReason="STOP"),
    ]
    model = google("gemini-3-pro-preview", base_url=upstream.base_url, api_key="k")
    _, second, third = await asked(upstream, model, [thought, gemini.PLAIN, gemini.PLAIN])
    for body in (second, third):
        said = body["contents"][1]["parts"]
        (call,) = [part for part in said if "functionCall" in part]
        assert call["thoughtSignature"] == "signed"
        assert call["functionCall"]["args"] == {"city": "Rome"}


async def test_gemini_gets_a_picture_it_made_back_from_json(upstream: ScriptedUpstream) -> None:
    picture = [
        gemini.said(
            {"inlineData": {"mimeType": "image/png", "data": "iVBORw0="}, "thoughtSignature": "s"},
            finishReason="STOP",
        )
    ]
    model = google("gemini-3-pro-preview", base_url=upstream.base_url, api_key="k")
    _, second = await asked(upstream, model, [picture, gemini.PLAIN])
    sent = {"inlineData": {"mimeType": "image/png", "data": "iVBORw0="}, "thoughtSignature": "s"}
    assert second["contents"][1]["parts"] == [sent]


# --- tools of providers ------------------------------------------------------------------------------------------

RUN = {"type": "server_tool_use", "id": "srv1", "name": "code_execution", "input": {}}
DONE = {
    "type": "bash_code_execution_tool_result", "tool_use_id": "srv1",
    "content": {"type": "bash_code_execution_result", "stdout": "42", "stderr": "", "return_code": 0, "content": []},
}  # fmt: skip


@pytest.mark.parametrize("name", [None, "my_code"])
async def test_a_result_that_comes_in_a_later_step_is_waited_for(
    upstream: ScriptedUpstream, name: str | None
) -> None:
    begun = [
        claude.start(),
        *claude.block(0, RUN, *claude.tool_input('{"code":"6*7"}')),
        *claude.end("pause_turn"),
    ]
    ended = [claude.start(), *claude.block(0, DONE), *claude.text(1, "It is 42."), *claude.end()]
    upstream.events(*data_of(begun))
    upstream.events(*data_of(ended))
    code = anthropic.tools.code_execution_20250825()
    model = anthropic("claude-sonnet-4-5", base_url=upstream.base_url, api_key="k")
    result = stream_text(
        model=model, prompt="6*7?", tools=[code] if name is None else {name: code}, stop_when=is_step_count(5)
    )
    assert await result.text == "It is 42."
    assert len(await result.steps) == 2
    (answer,) = await result.tool_results
    assert (answer.tool_call_id, answer.tool_name) == ("srv1", name or "code_execution")


async def test_a_tool_that_a_provider_defines_is_run_here(upstream: ScriptedUpstream) -> None:
    async def run(given: Any) -> str:
        return f"$ {given['command']}"

    called = [
        claude.start(),
        *claude.block(
            0,
            {"type": "tool_use", "id": "t1", "name": "bash", "input": {}},
            *claude.tool_input('{"command":"ls"}'),
        ),
        *claude.end("tool_use"),
    ]
    model = anthropic("claude-sonnet-4-5", base_url=upstream.base_url, api_key="k")
    bash = provider_tool(anthropic.tools.bash_20250124(), run)
    first, second, _ = await asked(upstream, model, [called, claude.PLAIN, claude.PLAIN], bash)
    assert first["tools"] == [{"type": "bash_20250124", "name": "bash"}]
    assert second["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "t1", "content": "$ ls"}
    ]


def test_only_a_provider_s_tool_becomes_one() -> None:
    with pytest.raises(InvalidArgumentError, match="bash_20250124"):
        provider_tool(weather, print)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "own", "sent"),
    [
        (xai, xai.tools.web_search(allowed_domains=["x.test"]), {"type": "web_search", "allowed_domains": ["x.test"]}),
        (xai, xai.tools.x_search(from_date="2026-01-01"), {"type": "x_search", "from_date": "2026-01-01"}),
        (xai, xai.tools.code_execution(), {"type": "code_interpreter"}),
        (xai, xai.tools.view_image(), {"type": "view_image"}),
        (xai, xai.tools.view_x_video(), {"type": "view_x_video"}),
        (xai, xai.tools.image_generation(action="edit"), {"type": "image_generation", "action": "edit"}),
        (xai, xai.tools.file_search(["v"], max_num_results=2),
            {"type": "file_search", "vector_store_ids": ["v"], "max_num_results": 2}),
        (xai, xai.tools.mcp("https://m.test", server_label="m"),
            {"type": "mcp", "server_url": "https://m.test", "server_label": "m"}),
        (groq, groq.tools.browser_search(), {"type": "browser_search"}),
        (openai, openai.tools.tool_search(execution="client"), {"type": "tool_search", "execution": "client"}),
        (openai, openai.tools.programmatic_tool_calling(), {"type": "programmatic_tool_calling"}),
        (openai, openai.tools.web_search_preview(search_context_size="low"),
            {"type": "web_search_preview", "search_context_size": "low"}),
    ],
)  # fmt: skip
async def test_tools_of_providers_are_sent_in_their_words(
    upstream: ScriptedUpstream, model: Any, own: AnyTool, sent: dict[str, Any]
) -> None:
    upstream.refuse(400, "seen")
    asked = model("openai/gpt-oss-20b" if model is groq else "any", base_url=upstream.base_url, api_key="k")
    with pytest.raises(Exception, match="seen"):
        await stream_text(model=asked, prompt="Hi", tools=[own], max_retries=0).text
    assert upstream.requests[0].json["tools"] == [sent]
