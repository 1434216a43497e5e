"""Calls become Anthropic's JSON: settings, betas, tools, what is warned of."""

from __future__ import annotations

import json
from typing import Any

import pytest

from flightwire.errors import InvalidArgumentError, InvalidPromptError, UnsupportedFunctionalityError
from flightwire.messages import FilePart, ImagePart, MessageLike, TextPart, UserMessage, to_messages
from flightwire.providers.anthropic import anthropic
from flightwire.providers.anthropic.claude import claude
from flightwire.providers.anthropic.request import Message, write_request
from flightwire.providers.anthropic.schemas import is_held_natively, without_refused
from flightwire.providers.base import ModelCall, ProviderToolSpec, ResponseFormat, ToolChoice, ToolSpec

SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
WEATHER = ToolSpec("get_weather", SCHEMA, "Get the weather")
CACHE = {"anthropic": {"cacheControl": {"type": "ephemeral"}}}
PNG = b"\x89PNG\r\n\x1a\n"


def write(
    *messages: MessageLike, model: str = "claude-sonnet-4-5", stream: bool = False, **settings: Any
) -> Message:
    options = settings.pop("options", None)
    own = settings.pop("provider_options", {"anthropic": options} if options else None)
    said = to_messages(messages or [UserMessage("Hi")])
    return write_request(ModelCall(said, provider_options=own, **settings), model, stream=stream)


def body(*messages: MessageLike, **settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(write(*messages, **settings).request.encode())
    return found


def warned(*messages: MessageLike, **settings: Any) -> list[tuple[str, str | None]]:
    return [(warning.type, warning.feature) for warning in write(*messages, **settings).request.warnings]


def user(*parts: Any) -> dict[str, Any]:
    content: list[dict[str, Any]] = body(UserMessage(parts))["messages"][0]["content"]
    return content[0]


# settings


@pytest.mark.parametrize(
    ("model", "limit"),
    [
        ("claude-opus-5", 128_000),
        ("claude-sonnet-4-5", 64_000),
        ("claude-opus-4-1", 32_000),
        ("claude-3-haiku-20240307", 4096),
        ("claude-of-tomorrow", 128_000),
        ("mystery", 4096),
    ],
)
def test_longest_answer_is_asked_for_unless_a_call_says_less(model: str, limit: int) -> None:
    assert body(model=model)["max_tokens"] == limit
    assert body(model=model, max_output_tokens=7)["max_tokens"] == 7


def test_known_models_are_not_asked_for_more_than_they_can() -> None:
    assert body(max_output_tokens=999_999)["max_tokens"] == 64_000
    assert warned(max_output_tokens=999_999) == [("unsupported", "max_output_tokens")]
    assert warned(model="mystery") == [("compatibility", "max_output_tokens")]


def test_settings_that_anthropic_lacks_are_warned_of() -> None:
    features = {feature for _, feature in warned(frequency_penalty=1, presence_penalty=1, seed=1)}
    assert features == {"frequency_penalty", "presence_penalty", "seed"}


def test_sampling_is_left_out_where_it_is_refused() -> None:
    assert "temperature" not in body(model="claude-opus-5", temperature=0.5)
    assert "top_p" not in body(temperature=0.5, top_p=0.5)
    assert body(temperature=5)["temperature"] == 1
    assert body(top_k=3, top_p=0.5, stop_sequences=["x"])["stop_sequences"] == ["x"]


@pytest.mark.parametrize(
    ("model", "reasoning", "thinking", "effort"),
    [
        ("claude-sonnet-4-5", "high", {"type": "enabled", "budget_tokens": 38_400}, None),
        ("claude-sonnet-4-5", "minimal", {"type": "enabled", "budget_tokens": 1280}, None),
        ("claude-sonnet-4-5", "none", {"type": "disabled"}, None),
        ("claude-sonnet-4-6", "high", {"type": "adaptive", "display": "summarized"}, "high"),
        ("claude-sonnet-4-6", "xhigh", {"type": "adaptive", "display": "summarized"}, "high"),
        ("claude-opus-5", "xhigh", {"type": "adaptive", "display": "summarized"}, "xhigh"),
        ("claude-opus-5-5", "none", None, "low"),
        ("claude-sonnet-5-5", "none", {"type": "between_tools"}, None),
    ],
)
def test_reasoning_is_asked_for_as_the_model_takes_it(
    model: str, reasoning: Any, thinking: Any, effort: str | None
) -> None:
    found = body(model=model, reasoning=reasoning)
    assert (found.get("thinking"), found.get("output_config", {}).get("effort")) == (thinking, effort)


def test_thinking_makes_room_for_itself_and_drops_sampling() -> None:
    options = {"thinking": {"type": "enabled", "budget_tokens": 2000}}  # either spelling
    found = body(options=options, max_output_tokens=100, temperature=0.5)
    assert (found["max_tokens"], "temperature" in found) == (2100, False)
    assert warned(options={"thinking": {"type": "enabled"}}) == [("compatibility", "thinking")]


def test_forced_calls_fall_back_where_they_are_refused() -> None:
    forced = {"tools": [WEATHER, ToolSpec("other", SCHEMA)], "tool_choice": ToolChoice("tool", "get_weather")}
    assert body(**forced)["tool_choice"] == {"type": "tool", "name": "get_weather"}
    found = body(model="claude-opus-5-5", **forced)
    assert ([tool["name"] for tool in found["tools"]], found["tool_choice"]) == (
        ["get_weather"],
        {"type": "auto"},
    )


# JSON


def test_answer_is_constrained_where_the_model_can() -> None:
    config = body(response_format=ResponseFormat("json", SCHEMA))["output_config"]
    assert config["format"] == {"type": "json_schema", "schema": SCHEMA}


def test_answer_is_the_input_of_a_tool_where_it_cannot() -> None:
    found = body(model="claude-3-haiku", response_format=ResponseFormat("json", SCHEMA))
    assert found["tools"] == [
        {"name": "json", "description": "Respond with a JSON object.", "input_schema": SCHEMA}
    ]
    assert found["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}


def test_json_without_a_schema_is_warned_of() -> None:
    assert warned(response_format=ResponseFormat("json")) == [("unsupported", "response_format")]


def test_bounds_that_are_refused_are_told_instead() -> None:
    schema = {"type": "string", "minLength": 2, "format": "color", "description": "A colour"}
    assert without_refused(schema) == {
        "type": "string",
        "description": "A colour\nmin length: 2; format: color.",
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {}, "additionalProperties": {"type": "string"}},
        {"type": "object", "properties": {str(index): {} for index in range(11)}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"properties": {"a": {"$ref": "#/$defs/A"}}}}},
        {"anyOf": [{"patternProperties": {"a": {}}}]},
    ],
)
def test_schema_that_would_lose_something_goes_into_a_tool(schema: dict[str, Any]) -> None:
    assert not is_held_natively(schema)
    assert body(response_format=ResponseFormat("json", schema))["tools"][0]["name"] == "json"


# content


def test_files_are_written_by_their_kind() -> None:
    assert user(ImagePart(PNG))["source"]["media_type"] == "image/png"
    assert user(ImagePart(PNG, "image/jpeg"))["source"]["media_type"] == "image/png"  # whatever was said
    assert user(ImagePart("https://a/b.png"))["source"] == {"type": "url", "url": "https://a/b.png"}
    assert user(FilePart(b"hi", "text/plain", "a.txt")) == {
        "type": "document",
        "source": {"type": "text", "media_type": "text/plain", "data": "hi"},
        "title": "a.txt",
    }
    assert user(FilePart({"anthropic": "file_1"}, "application/pdf"))["source"] == {
        "type": "file",
        "file_id": "file_1",
    }


def test_what_a_document_needs_is_asked_for() -> None:
    options = {"anthropic": {"citations": {"enabled": True}, "title": "T", "context": "C"}}
    found = user(FilePart(b"%PDF-", "application/pdf", "a.pdf", options))
    assert (found["title"], found["context"], found["citations"]) == ("T", "C", {"enabled": True})
    assert write(UserMessage((FilePart(b"%PDF-", "application/pdf"),))).betas == ("pdfs-2024-09-25",)


@pytest.mark.parametrize("part", [FilePart(b"x", "audio/mpeg"), FilePart("https://a/b.csv", "text/csv")])
def test_other_files_are_refused_by_name(part: FilePart) -> None:
    with pytest.raises(UnsupportedFunctionalityError, match=r"messages\[0\].content\[0\] is a file of type"):
        user(part)


def test_file_uploaded_elsewhere_is_refused() -> None:
    with pytest.raises(InvalidPromptError, match="openai"):
        user(FilePart({"openai": "file-1"}, "application/pdf"))


def test_cache_marks_stand_on_the_last_part_of_a_marked_message() -> None:
    content = body(UserMessage((TextPart("a"), TextPart("b")), CACHE))["messages"][0]["content"]
    assert [part.get("cache_control") for part in content] == [None, {"type": "ephemeral"}]


def test_fifth_cache_mark_is_left_out() -> None:
    parts = tuple(TextPart(str(number), CACHE) for number in range(5))
    assert warned(UserMessage(parts)) == [("unsupported", "cache_control")]


def test_neighbours_are_one_turn() -> None:
    answer = {
        "role": "assistant",
        "content": [{"type": "tool-call", "toolCallId": "1", "toolName": "t", "input": {}}],
    }
    output = {"type": "error-text", "value": "no"}
    result = {
        "role": "tool",
        "content": [{"type": "tool-result", "toolCallId": "1", "toolName": "t", "output": output}],
    }
    found = body(UserMessage("Hi"), answer, result, UserMessage("And?"))["messages"]
    assert [turn["role"] for turn in found] == ["user", "assistant", "user"]
    assert found[2]["content"][0] == {
        "type": "tool_result",
        "tool_use_id": "1",
        "content": "no",
        "is_error": True,
    }


def test_thinking_is_handed_back_with_its_signature_only() -> None:
    content = [
        {"type": "reasoning", "text": "hm", "providerOptions": {"anthropic": {"signature": "s"}}},
        {"type": "reasoning", "text": "", "providerOptions": {"anthropic": {"redactedData": "x"}}},
        {"type": "reasoning", "text": "of another model"},
        {"type": "text", "text": "ok "},
    ]
    message = {"role": "assistant", "content": content}
    assert body(UserMessage("Hi"), message)["messages"][1]["content"] == [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "ok"},
    ]
    assert warned(UserMessage("Hi"), message) == [("other", None)]
    assert (
        len(body(UserMessage("Hi"), message, options={"sendReasoning": False})["messages"][1]["content"]) == 1
    )


def test_input_that_was_no_object_is_wrapped() -> None:
    calls = [
        {"type": "tool-call", "toolCallId": str(index), "toolName": "t", "input": given}
        for index, given in enumerate(["{", '{"a":1}', [1]])
    ]
    content = body(UserMessage("Hi"), {"role": "assistant", "content": calls})["messages"][1]["content"]
    assert [call["input"] for call in content] == [
        {"rawInvalidInput": "{"},
        {"a": 1},
        {"rawInvalidInput": [1]},
    ]


def test_instructions_in_the_middle_need_a_beta() -> None:
    later = write(
        {"role": "system", "content": "a"},
        UserMessage("Hi"),
        {"role": "system", "content": "b"},
        UserMessage("Hi"),
    )
    assert later.betas == ("mid-conversation-system-2026-04-07",)
    assert [turn["role"] for turn in later.request.body["messages"]] == ["user", "system", "user"]  # type: ignore[attr-defined]


# tools and options


def test_every_tool_of_anthropics_is_written() -> None:
    makers = [name for name in dir(anthropic.tools) if not name.startswith("_")]
    needed = {
        "advisor_20260301": {"model": "m"},
        **{
            name: {"display_width_px": 1, "display_height_px": 2}
            for name in makers
            if name.startswith("computer_2")
        },
    }
    for name in makers:
        tool = getattr(anthropic.tools, name)(**needed.get(name, {}), name="mine")
        found = body(tools=[tool])["tools"][0]
        assert found["type"].startswith(name.rpartition("_")[0]) or found["type"].startswith(
            "tool_search_tool_"
        )
        assert tool.name == "mine"


def test_settings_of_a_tool_are_sent() -> None:
    tool = anthropic.tools.web_search_20250305(max_uses=3, allowed_domains=["a.com"])
    assert body(tools=[tool])["tools"] == [
        {"type": "web_search_20250305", "name": "web_search", "max_uses": 3, "allowed_domains": ["a.com"]}
    ]


def test_tools_of_others_are_warned_of() -> None:
    tools = [
        ProviderToolSpec("openai.web_search", "w", {}),
        ProviderToolSpec("anthropic.of_tomorrow", "w", {}),
    ]
    assert [kind for kind, _ in warned(tools=tools)] == ["unsupported", "unsupported"]


def test_advisor_without_a_model_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="needs a model"):
        body(tools=[ProviderToolSpec("anthropic.advisor_20260301", "advisor", {})])


def test_own_tools_are_streamed_eagerly_and_named_as_beta() -> None:
    found = write(tools=[WEATHER], stream=True)
    assert found.request.body["tools"][0]["eager_input_streaming"] is True  # type: ignore[index]
    assert found.betas == ("structured-outputs-2025-11-13",)


def test_options_become_fields_and_betas() -> None:
    found = write(
        options={
            "metadata": {"userId": "u"},
            "speed": "fast",
            "mcp_servers": [{"type": "url", "name": "n", "url": "https://x", "authorizationToken": "t"}],
            "container": {"skills": [{"type": "anthropic", "skillId": "pptx"}]},
            "anthropicBeta": ["mine"],
        },
        tools=[anthropic.tools.code_execution_20250825()],
    )
    sent = found.request.body
    assert (sent["metadata"], sent["speed"]) == ({"user_id": "u"}, "fast")
    assert sent["mcp_servers"] == [
        {"type": "url", "name": "n", "url": "https://x", "authorization_token": "t"}
    ]
    assert sent["container"] == {"skills": [{"type": "anthropic", "skill_id": "pptx"}]}
    assert {"mine", "mcp-client-2025-04-04", "skills-2025-10-02", "fast-mode-2026-02-01"} <= set(found.betas)


@pytest.mark.parametrize(
    "options",
    [
        {"compaction": {"type": "summarize"}, "contextManagement": {"edits": []}},
        {"compaction": {"type": "summarize"}, "thread": {"type": "create"}},
    ],
)
def test_options_that_exclude_each_other_are_refused(options: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        body(options=options)


def test_option_that_nobody_knows_is_sent_as_the_api_spells_it_or_warned_of() -> None:
    assert body(options={"brand_new": 1})["brand_new"] == 1
    assert "brandNew" not in body(options={"brandNew": 1})
    assert warned(options={"brandNew": 1}) == [("unsupported", "brandNew")]


def test_newer_models_than_ours_are_taken_for_the_newest() -> None:
    assert claude("claude-opus-9").has_json_schema
    assert not claude("claude-opus-9").is_known
