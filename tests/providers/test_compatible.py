"""What each provider that speaks chat completions takes, and what it says, where it differs from the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flightwire.errors import InvalidArgumentError, InvalidPromptError, LoadAPIKeyError
from flightwire.events import ProviderFinish, ProviderPart, ReasoningDelta, TextDelta, ToolCall, Usage
from flightwire.messages import (
    AssistantMessage,
    FilePart,
    ImagePart,
    ReasoningPart,
    SystemMessage,
    TextPart,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
    UserMessage,
)
from flightwire.providers.base import ModelCall, ProviderToolSpec, ResponseFormat, ToolChoice, ToolSpec
from flightwire.providers.openai_compatible import openai_compatible
from flightwire.providers.registry import resolve
from flightwire.providers.xai_responses import XaiResponses
from flightwire.testing.upstream import ScriptedUpstream
from flightwire.testing.upstream_script import document

from .stream_faults import read
from .test_stream_faults import chat_sample

HI = UserMessage("hi")
TOOL = ToolSpec("f", {"type": "object", "properties": {}})
SCHEMA = ResponseFormat("json", {"type": "object", "properties": {"a": {"type": "string"}}})
TURN = (
    AssistantMessage((ReasoningPart("hm"), TextPart("Let me see."), ToolCallPart("c1", "f", {"x": 1}))),
    ToolMessage((ToolResultPart("c1", "f", {"type": "error-text", "value": "bad"}),)),
)


def asked(model: str, *messages: Any, **settings: Any) -> tuple[Any, list[tuple[str, str | None]]]:
    """The body as the API reads it, and the warnings."""
    made: Any = resolve(model)
    request = made._dialect.request(ModelCall(messages or (HI,), **settings), stream=True)
    return json.loads(request.encode()), [(warning.type, warning.feature) for warning in request.warnings]


def body(model: str, *messages: Any, **settings: Any) -> Any:
    return asked(model, *messages, **settings)[0]


def said(name: str) -> list[ProviderPart]:
    sample = chat_sample(name)
    parts, failure = read(sample, [sample.stream])
    assert failure is None
    return parts


def usage_of(name: str) -> Usage:
    finish = said(name)[-1]
    assert isinstance(finish, ProviderFinish)
    return finish.usage


# --- reasoning ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "settings", "expected"),
    [
        ("groq/openai/gpt-oss-120b", {"reasoning": "xhigh"}, {"reasoning_effort": "high"}),
        ("groq/openai/gpt-oss-120b", {"reasoning": "none"}, {"reasoning_effort": "low"}),
        ("groq/llama-3.3-70b-versatile", {"reasoning": "none"}, {}),
        ("mistral/mistral-small-latest", {"reasoning": "low"}, {"reasoning_effort": "high"}),
        ("mistral/mistral-large-latest", {"reasoning": "low"}, {}),
        ("deepseek/deepseek-chat", {"reasoning": "medium"}, {"thinking": {"type": "enabled"}, "reasoning_effort": "high"}),
        ("deepseek/deepseek-chat", {"reasoning": "none"}, {"thinking": {"type": "disabled"}}),
        ("moonshotai/kimi-k3", {"reasoning": "xhigh"}, {"reasoning_effort": "max"}),
        ("moonshotai/kimi-k2.5", {"reasoning": "none"}, {"thinking": {"type": "disabled"}}),
        ("moonshotai/kimi-k2.7-code", {"reasoning": "none"}, {}),
        ("moonshotai/moonshot-v1-8k", {"reasoning": "high"}, {}),
        ("alibaba/qwen-plus", {"reasoning": "medium"}, {"enable_thinking": True, "thinking_budget": 4915}),
        ("alibaba/qwen-plus", {"reasoning": "none"}, {"enable_thinking": False}),
        ("openrouter/a/b", {"reasoning": "high"}, {"reasoning": {"effort": "high"}}),
        ("fireworks/m", {"reasoning": "minimal"}, {"reasoning_effort": "low"}),
        ("ollama/m", {"reasoning": "high"}, {"reasoning_effort": "high"}),
    ],
)  # fmt: skip
def test_effort_is_said_in_the_words_of_the_model(model: str, settings: Any, expected: Any) -> None:
    names = ("reasoning_effort", "thinking", "enable_thinking", "thinking_budget", "reasoning")
    assert {name: value for name, value in body(model, **settings).items() if name in names} == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("groq/m", {"content": "Let me see.", "reasoning": "hm"}),
        ("deepseek/deepseek-chat", {"content": "Let me see.", "reasoning_content": "hm"}),
        ("moonshotai/kimi-k3", {"content": "Let me see.", "reasoning_content": "hm"}),
        ("alibaba/qwen-plus", {"content": "Let me see.", "reasoning_content": "hm"}),
        ("ollama/m", {"content": "Let me see.", "reasoning_content": "hm"}),
        (
            "mistral/m",
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}], "closed": True},
                    {"type": "text", "text": "Let me see."},
                ]
            },
        ),
    ],
)
def test_thoughts_of_this_turn_go_back_where_the_api_wants_them(model: str, expected: Any) -> None:
    (message, result) = body(model, *TURN)["messages"]
    call = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": '{"x":1}'}}
    assert message == {"role": "assistant", **expected, "tool_calls": [call]}
    assert result["content"] == "bad"


def test_thoughts_of_earlier_turns_go_back_to_those_who_keep_them() -> None:
    def thoughts(model: str) -> Any:
        return body(model, *TURN, HI)["messages"][0].get("reasoning_content")

    assert thoughts("deepseek/deepseek-chat") is None
    assert thoughts("deepseek/deepseek-v4-pro") == "hm"
    assert thoughts("alibaba/qwen-plus") is None
    assert thoughts("alibaba/qwen3.7-max") == "hm"


# --- JSON --------------------------------------------------------------------------------------------------------


def test_groq_asks_for_json_with_a_tool_when_there_are_tools() -> None:
    sent = body("groq/m", response_format=SCHEMA, tools=(TOOL,))
    assert [tool["function"]["name"] for tool in sent["tools"]] == ["f", "json"]
    assert (sent["tool_choice"], sent["parallel_tool_calls"]) == ("required", False)
    assert "response_format" not in sent


@pytest.mark.anyio
@pytest.mark.parametrize("stream", [True, False])
async def test_input_of_that_tool_is_the_answer(upstream: ScriptedUpstream, stream: bool) -> None:
    from flightwire.providers.groq import groq

    upstream.answer(
        tool_calls=[{"id": "c1", "name": "json", "arguments": {"a": "b"}}], finish_reason="tool_calls"
    )
    model = groq("m", base_url=upstream.base_url)
    call = ModelCall((HI,), tools=(TOOL,), response_format=SCHEMA)
    if stream:
        parts = [part async for batch in model.stream(call) for part in batch]
        finish: Any = parts[-1]
        text = "".join(part.text for part in parts if isinstance(part, TextDelta))
        assert not any(isinstance(part, ToolCall) for part in parts)
    else:
        finish = await model.generate(call)
        (block,) = finish.content
        text = block.text
    assert (json.loads(text), finish.finish_reason, finish.raw_finish_reason) == (
        {"a": "b"}, "stop", "tool_calls",
    )  # fmt: skip


@pytest.mark.parametrize("model", ["deepseek/m", "alibaba/qwen-plus"])
def test_schema_that_the_api_does_not_take_stands_in_the_instructions(model: str) -> None:
    sent, warnings = asked(model, HI, response_format=SCHEMA)
    assert sent["response_format"] == {"type": "json_object"}
    assert '"properties":{"a":{"type":"string"}}' in sent["messages"][0]["content"]
    assert warnings == [("compatibility", "response_format")]


def test_mistral_is_asked_for_json_in_words_too() -> None:
    sent = body("mistral/m", SystemMessage("Be brief."), HI, response_format=ResponseFormat("json"))
    assert sent["messages"][0]["content"] == "Be brief.\n\nYou MUST answer with JSON."
    assert body("mistral/m", response_format=SCHEMA)["response_format"]["json_schema"]["strict"] is False


def test_moonshot_gets_schemas_as_its_validator_wants_them() -> None:
    schema = {
        "$schema": "x",
        "type": "object",
        "properties": {
            "a": {"type": "array", "items": [{"type": "string"}]},
            "b": {"type": "string", "anyOf": [{"enum": ["x"]}]},
        },
    }
    sent = body("moonshotai/kimi-k3", response_format=ResponseFormat("json", schema))
    assert sent["response_format"]["json_schema"]["schema"] == {
        "type": "object",
        "properties": {
            "a": {"type": "array", "prefixItems": [{"type": "string"}]},
            "b": {"anyOf": [{"type": "string", "enum": ["x"]}]},
        },
    }


# --- settings, tools, files --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "settings", "field", "expected"),
    [
        ("mistral/m", {"seed": 7}, "random_seed", 7),
        ("mistral/m", {"tools": (TOOL,), "tool_choice": ToolChoice("required")}, "tool_choice", "any"),
        ("moonshotai/m", {"max_output_tokens": 5}, "max_completion_tokens", 5),
        ("alibaba/m", {"top_k": 5}, "top_k", 5),
        ("groq/m", {"provider_options": {"groq": {"service_tier": "flex"}}}, "service_tier", "flex"),
        ("mistral/m", {"provider_options": {"mistral": {"safePrompt": True}}}, "safe_prompt", True),
        ("deepseek/m", {"provider_options": {"deepseek": {"top_logprobs": 3}}}, "logprobs", True),
        ("ollama/m", {"provider_options": {"ollama": {"keep_alive": "5m"}}}, "keep_alive", "5m"),
        (
            "vllm/m",
            {"provider_options": {"openai_compatible": {"text_verbosity": "low"}}},
            "verbosity",
            "low",
        ),
        (
            "fireworks/m",
            {"provider_options": {"fireworks": {"thinking": {"type": "enabled", "budgetTokens": 2000}}}},
            "thinking",
            {"type": "enabled", "budget_tokens": 2000},
        ),
    ],
)
def test_setting_has_its_name_there(model: str, settings: Any, field: str, expected: object) -> None:
    assert body(model, **settings)[field] == expected


@pytest.mark.parametrize(
    ("model", "settings", "warnings"),
    [
        ("deepseek/m", {"presence_penalty": 0.1}, [("deprecated", "presence_penalty")]),
        ("deepseek/deepseek-reasoner", {"temperature": 0.1}, [("unsupported", "temperature")]),
        ("moonshotai/kimi-k3", {"temperature": 0.1}, [("unsupported", "temperature")]),
        ("alibaba/m", {"frequency_penalty": 0.1}, [("unsupported", "frequency_penalty")]),
        ("groq/m", {"top_k": 1}, [("unsupported", "top_k")]),
        ("togetherai/m", {"response_format": SCHEMA}, [("unsupported", "response_format")]),
        ("groq/m", {"tools": (ProviderToolSpec("openai.mcp", "mcp", {}),)}, [("unsupported", "openai.mcp")]),
    ],
)
def test_what_cannot_be_said_is_a_warning(model: str, settings: Any, warnings: Any) -> None:
    assert asked(model, **settings)[1] == warnings


def test_groq_searches_where_its_models_can() -> None:
    tools = (ProviderToolSpec("groq.browser_search", "search", {}),)
    assert body("groq/openai/gpt-oss-20b", tools=tools)["tools"] == [{"type": "browser_search"}]
    assert asked("groq/llama-3.3-70b-versatile", tools=tools)[1] == [("unsupported", "groq.browser_search")]


@pytest.mark.parametrize(
    ("model", "part", "expected"),
    [
        ("mistral/m", FilePart("https://x/a.pdf", "application/pdf"), {"type": "document_url", "document_url": "https://x/a.pdf"}),
        ("mistral/m", ImagePart("https://x/a.png"), {"type": "image_url", "image_url": "https://x/a.png"}),
        ("moonshotai/m", FilePart("ms://v1", "video/mp4"), {"type": "video_url", "video_url": {"url": "ms://v1"}}),
        ("deepseek/m", FilePart({"deepseek": "f1"}, "image/png"), {"type": "file", "file_id": "f1"}),
        ("vllm/m", FilePart("https://x/a.mp4", "video/mp4"), {"type": "video_url", "video_url": {"url": "https://x/a.mp4"}}),
    ],
)  # fmt: skip
def test_file_has_its_form_there(model: str, part: Any, expected: object) -> None:
    (message,) = body(model, UserMessage((TextPart("look"), part)))["messages"]
    assert message["content"][1] == expected


@pytest.mark.parametrize("model", ["groq/m", "mistral/m", "moonshotai/m", "alibaba/m"])
def test_file_without_a_form_is_refused_where_it_stands(model: str) -> None:
    with pytest.raises(
        InvalidPromptError, match=r"^messages\[0\]\.content\[0\] is a file of type 'audio/wav'"
    ):
        body(model, UserMessage((FilePart(b"RIFF", "audio/wav"),)))


def test_alibaba_marks_what_is_cached() -> None:
    mark = {"alibaba": {"cacheControl": {"type": "ephemeral"}}}
    sent = body("alibaba/m", SystemMessage("s", mark), UserMessage((TextPart("a"), TextPart("b")), mark))
    (system, user) = sent["messages"]
    assert system["content"] == [{"type": "text", "text": "s", "cache_control": {"type": "ephemeral"}}]
    assert [part.get("cache_control") for part in user["content"]] == [None, {"type": "ephemeral"}]


# --- what they say -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "reasoning"),
    [
        ("openai", "Hello 👍🏽\u2028", ""),
        ("groq", "Hi", "hm"),
        ("mistral", "Hello", "hm, yes"),
        ("deepseek", "Hi", "hm"),
        ("alibaba", "Hi", "hm"),
        ("tools", "Let me see.", "hm, yes"),
    ],
)
def test_texts_and_thoughts_are_told_apart(name: str, text: str, reasoning: str) -> None:
    parts = said(name)
    assert "".join(part.text for part in parts if isinstance(part, TextDelta)) == text
    assert "".join(part.text for part in parts if isinstance(part, ReasoningDelta)) == reasoning


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("openai", (9, 4, 13, 7, 2, None, 4, 0)),
        ("groq", (9, 4, 13, 7, 2, None, 4, None)),
        ("mistral", (9, 4, 13, 7, 2, None, 4, None)),
        ("deepseek", (9, 4, 13, 7, 2, None, 4, 0)),
        ("moonshot", (9, 4, 13, 6, 3, None, 4, 0)),
        ("alibaba", (9, 4, 13, 6, 1, 2, 4, 0)),
    ],
)
def test_tokens_are_counted_as_each_api_counts(name: str, expected: Any) -> None:
    usage = usage_of(name)
    assert usage.raw is not None
    assert usage == Usage(*expected, raw=usage.raw)


@pytest.mark.parametrize(
    ("model", "raw", "reason"),
    [
        ("mistral/m", "model_length", "length"),
        ("deepseek/m", "insufficient_system_resource", "error"),
        ("groq/m", "function_call", "tool-calls"),
        ("ollama/m", "load", "other"),
    ],
)
def test_reasons_have_their_words_there(model: str, raw: str, reason: str) -> None:
    made: Any = resolve(model)
    assert made._dialect.finish_reason(raw) == reason


@pytest.mark.anyio
async def test_openrouter_says_what_it_cost(upstream: ScriptedUpstream) -> None:
    from flightwire.providers.openai_compatible import openrouter

    choice = {"message": {"role": "assistant", "content": "Hi", "reasoning": "hm"}, "finish_reason": "stop"}
    upstream.play(*document(json.dumps({"choices": [choice], "usage": {"prompt_tokens": 1, "cost": 0.25}})))
    result = await openrouter("a/b", base_url=upstream.base_url).generate(ModelCall((HI,)))
    assert result.provider_metadata == {"openrouter": {"cost": 0.25}}
    assert [block.type for block in result.content] == ["reasoning", "text"]


# --- any server --------------------------------------------------------------------------------------------------


@pytest.mark.anyio
async def test_any_server_is_asked_with_its_key_and_no_other(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-not-yours")
    upstream.answer(["Hi"], times=2)
    for key in (None, "k1"):
        model = openai_compatible(
            "m", base_url=upstream.base_url, api_key=key, name="acme", headers={"x-a": "b"}
        )
        async for _ in model.stream(ModelCall((HI,))):
            pass
    first, second = (request.headers for request in upstream.requests)
    assert "authorization" not in first
    assert (second["authorization"], second["x-a"]) == ("Bearer k1", "b")
    assert (model.provider, upstream.requests[0].path) == ("acme.chat", "/v1/chat/completions")


@pytest.mark.anyio
@pytest.mark.parametrize(
    "name",
    ["groq", "mistral", "deepseek", "moonshotai", "alibaba", "openrouter", "togetherai", "fireworks", "xai"],
)
async def test_missing_key_names_its_variable(name: str) -> None:
    with pytest.raises(LoadAPIKeyError, match=f"Set {name[:8].upper()}"):
        await resolve(f"{name}/m").generate(ModelCall((HI,)))


@pytest.mark.anyio
async def test_older_name_of_together_s_key_is_read(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOGETHER_AI_API_KEY", "old")
    monkeypatch.setenv("TOGETHERAI_BASE_URL", upstream.base_url)
    upstream.answer(["Hi"])
    await resolve("togetherai/m").generate(ModelCall((HI,)))
    assert upstream.requests[0].headers["authorization"] == "Bearer old"


@pytest.mark.parametrize("base_url", ["llm.example.com", "", "ftp://x"])
def test_address_that_is_none_is_refused(base_url: str) -> None:
    with pytest.raises(InvalidArgumentError, match="base_url is"):
        openai_compatible("m", base_url=base_url)


def test_model_without_a_name_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="a model needs a name"):
        openai_compatible("", base_url="http://x/v1")


# --- xAI ---------------------------------------------------------------------------------------------------------


def test_xai_is_asked_over_its_own_responses_api() -> None:
    tools = (
        TOOL,
        ProviderToolSpec("xai.x_search", "x", {"fromDate": "2026-01-01"}),
        ProviderToolSpec("xai.web_search", "web", {"allowed_domains": ["a.b"]}),
    )
    options: Any = {"xai": {"store": False, "max_turns": 3}}
    call = ModelCall((HI, *TURN), top_k=5, stop_sequences=("x",), tools=tools, provider_options=options)
    request = XaiResponses("grok-4.5").request(call, stream=True)
    sent = json.loads(request.encode())
    assert [item.get("type", item.get("role")) for item in sent["input"]] == [
        "user", "assistant", "function_call", "function_call_output",
    ]  # fmt: skip
    assert [tool["type"] for tool in sent["tools"]] == ["function", "x_search", "web_search"]
    assert (sent["top_k"], sent["store"], sent["max_turns"]) == (5, False, 3)
    assert sent["include"] == ["reasoning.encrypted_content"]
    assert [warning.type for warning in request.warnings] == ["unsupported", "other"]
