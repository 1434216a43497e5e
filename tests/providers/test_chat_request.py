"""What a call becomes in the body of a request."""

from __future__ import annotations

import json
from functools import reduce
from typing import Any

import pytest

from flightwire.errors import InvalidPromptError
from flightwire.events import CallWarning
from flightwire.messages import (
    AssistantMessage,
    FilePart,
    ImagePart,
    ReasoningPart,
    SystemMessage,
    TextPart,
    ToolApprovalResponse,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
    UserMessage,
)
from flightwire.providers.answering import Request
from flightwire.providers.base import ModelCall, ResponseFormat, ToolChoice, ToolSpec
from flightwire.providers.chat_dialect import ChatDialect
from flightwire.providers.openai_chat import OpenAIChat

HI = UserMessage("hi")


def request(
    *messages: Any, dialect: ChatDialect | None = None, stream: bool = False, **settings: Any
) -> Request:
    asked = dialect or OpenAIChat("m1")
    return asked.request(ModelCall(messages or (HI,), **settings), stream=stream)


def sent(*messages: Any, **settings: Any) -> dict[str, Any]:
    """The body as the API reads it."""
    body = json.loads(request(*messages, **settings).encode())
    assert isinstance(body, dict)
    return body


def sent_messages(*messages: Any, **settings: Any) -> Any:
    return sent(*messages, **settings)["messages"]


def user_part(part: Any) -> Any:
    (message,) = sent_messages(UserMessage((TextPart("look"), part)))
    return message["content"][1]


# --- settings ----------------------------------------------------------------------------------------------------


def test_nothing_is_sent_that_was_not_asked_for() -> None:
    assert sent() == {"model": "m1", "messages": [{"role": "user", "content": "hi"}]}


def test_stream_asks_for_its_usage() -> None:
    body = sent(stream=True)
    assert (body["stream"], body["stream_options"]) == (True, {"include_usage": True})


def test_apis_without_stream_usage_are_not_asked_for_it() -> None:
    dialect = ChatDialect("m1")
    dialect.has_stream_usage = False
    body = sent(stream=True, dialect=dialect)
    assert "stream_options" not in body


@pytest.mark.parametrize(
    ("setting", "given", "field", "expected"),
    [
        ("max_output_tokens", 5, "max_tokens", 5),
        ("temperature", 0.0, "temperature", 0.0),
        ("temperature", 1.5, "temperature", 1.5),
        ("top_p", 0.9, "top_p", 0.9),
        ("presence_penalty", -1.0, "presence_penalty", -1.0),
        ("frequency_penalty", 0.5, "frequency_penalty", 0.5),
        ("stop_sequences", ("END", "\n"), "stop", ["END", "\n"]),
        ("seed", 0, "seed", 0),
        ("reasoning", "low", "reasoning_effort", "low"),
        ("reasoning", "none", "reasoning_effort", "none"),
    ],
)
def test_setting_is_sent(setting: str, given: object, field: str, expected: object) -> None:
    assert sent(**{setting: given})[field] == expected


def test_top_k_is_left_out_with_a_warning() -> None:
    made = request(top_k=5)
    assert "top_k" not in made.body
    assert [(warning.type, warning.feature) for warning in made.warnings] == [("unsupported", "top_k")]


def test_json_without_a_schema() -> None:
    assert sent(response_format=ResponseFormat("json"))["response_format"] == {"type": "json_object"}


def test_json_with_a_schema() -> None:
    wanted = ResponseFormat("json", {"type": "object"}, "answer", "An answer.")
    assert sent(response_format=wanted)["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "answer",
            "description": "An answer.",
            "schema": {"type": "object"},
            "strict": True,
        },
    }


def test_schema_need_not_be_strict() -> None:
    body = sent(
        response_format=ResponseFormat("json", {"type": "object"}),
        provider_options={"openai": {"strictJsonSchema": False}},
    )
    assert body["response_format"]["json_schema"] == {
        "name": "response",
        "schema": {"type": "object"},
        "strict": False,
    }
    assert "strict_json_schema" not in body


def test_schema_for_an_api_without_schemas_is_a_warning() -> None:
    dialect = ChatDialect("m1")
    dialect.has_json_schema = False
    made = request(dialect=dialect, response_format=ResponseFormat("json", {"type": "object"}))
    assert made.body["response_format"] == {"type": "json_object"}
    assert made.warnings[0].feature == "response_format"


TOOL = ToolSpec("get_weather", {"type": "object", "properties": {}}, "Get the weather.", strict=True)


def test_tools_are_sent() -> None:
    body = sent(tools=(TOOL, ToolSpec("bare", {"type": "object"})))
    assert body["tools"] == [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "Get the weather.",
                "parameters": {"type": "object", "properties": {}},
                "strict": True,
            },
        },
        {"type": "function", "function": {"name": "bare", "parameters": {"type": "object"}}},
    ]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(), "auto"),
        (ToolChoice("none"), "none"),
        (ToolChoice("required"), "required"),
        (ToolChoice("tool", "get_weather"), {"type": "function", "function": {"name": "get_weather"}}),
    ],
)
def test_tool_choice_is_sent(choice: ToolChoice, expected: object) -> None:
    assert sent(tools=(TOOL,), tool_choice=choice)["tool_choice"] == expected


def test_tool_choice_without_tools_is_not_sent() -> None:
    assert "tool_choice" not in sent(tool_choice=ToolChoice("required"))


def test_options_of_the_provider_are_sent_under_the_api_s_names() -> None:
    options = {
        "parallelToolCalls": False,
        "logitBias": {"50256": -100},
        "textVerbosity": "low",
        "user": "u1",
        "service_tier": "default",
        "logprobs": 2,
    }
    body = sent(provider_options={"openai": options, "anthropic": {"x": 1}})
    assert {name: body[name] for name in body if name not in ("model", "messages")} == {
        "parallel_tool_calls": False,
        "logit_bias": {"50256": -100},
        "verbosity": "low",
        "user": "u1",
        "service_tier": "default",
        "logprobs": True,
        "top_logprobs": 2,
    }


def test_what_the_model_refuses_is_left_out_with_a_warning() -> None:
    made = request(dialect=OpenAIChat("o3"), temperature=0.0, presence_penalty=1.0, seed=5)
    assert {"temperature", "presence_penalty"}.isdisjoint(made.body)
    assert made.body["seed"] == 5
    assert made.warnings == (
        CallWarning("unsupported", "o3 does not take temperature; it was left out.", "temperature"),
        CallWarning("unsupported", "o3 does not take presence_penalty; it was left out.", "presence_penalty"),
    )


def test_what_a_model_refuses_only_while_it_reasons_is_sent_when_it_does_not() -> None:
    dialect = OpenAIChat("gpt-5.4-mini")
    assert sent(dialect=dialect, temperature=0.5, reasoning="none")["temperature"] == 0.5
    assert "temperature" not in sent(dialect=dialect, temperature=0.5, reasoning="low")


def test_effort_that_a_model_does_not_know_becomes_the_next_one() -> None:
    made = request(dialect=OpenAIChat("gpt-5"), reasoning="xhigh")
    assert made.body["reasoning_effort"] == "high"
    assert made.warnings[0].type == "compatibility"


def test_option_that_nobody_knows_goes_into_the_body_or_is_a_typing_error() -> None:
    made = request(provider_options={"openai": {"brand_new": 1, "parrallelToolCalls": True}})
    assert made.body["brand_new"] == 1
    assert [warning.feature for warning in made.warnings] == ["parrallelToolCalls"]


@pytest.mark.parametrize(
    "settings",
    [
        {"temperature": float("nan")},
        {"provider_options": {"openai": {"x": object()}}},
        {"provider_options": {"openai": {"x": reduce(lambda inner, _: [inner], range(200_000), [])}}},
    ],
)
def test_what_is_not_json_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidPromptError, match="cannot be written as JSON"):
        request(**settings).encode()


# --- messages ----------------------------------------------------------------------------------------------------


def test_system_message_goes_first_as_it_is() -> None:
    assert sent_messages(SystemMessage("Be brief."), HI)[0] == {"role": "system", "content": "Be brief."}


def test_instructions_may_be_the_developer_s() -> None:
    (message, _) = sent_messages(SystemMessage("Be brief."), HI, dialect=OpenAIChat("o3"))
    assert message["role"] == "developer"


@pytest.mark.parametrize("text", ["", "$1", "👍", "שלום", "a\0b", "\u2028"])
def test_text_is_sent_unchanged(text: str) -> None:
    assert sent_messages(UserMessage(text))[0]["content"] == text


def test_half_surrogate_pairs_are_replaced() -> None:
    body = request(UserMessage("a\ud83db \ud83d\udc4d")).encode()
    assert json.loads(body.decode())["messages"][0]["content"] == "a\ufffdb 👍"


def test_single_text_part_is_sent_as_text() -> None:
    assert sent_messages(UserMessage((TextPart("hi"),))) == [{"role": "user", "content": "hi"}]


def test_several_parts_are_sent_as_a_list() -> None:
    (message,) = sent_messages(UserMessage((TextPart("a"), TextPart("b"))))
    assert message["content"] == [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]


@pytest.mark.parametrize(
    ("image", "media_type", "url"),
    [
        (b"\x89PNG\r\n\x1a\nx", None, "data:image/png;base64,iVBORw0KGgp4"),
        (b"\xff\xd8\xffx", "image/*", "data:image/jpeg;base64,/9j/eA=="),
        (b"anything", "image/heic", "data:image/heic;base64,YW55dGhpbmc="),
        ("https://x/a.png", None, "https://x/a.png"),
        ("data:image/png;base64,AAAA", None, "data:image/png;base64,AAAA"),
    ],
)
def test_image_is_sent_as_a_url(image: bytes | str, media_type: str | None, url: str) -> None:
    assert user_part(ImagePart(image, media_type)) == {"type": "image_url", "image_url": {"url": url}}


def test_image_detail_is_an_option() -> None:
    part = ImagePart("https://x/a.png", provider_options={"openai": {"imageDetail": "low"}})
    assert user_part(part)["image_url"] == {"url": "https://x/a.png", "detail": "low"}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (FilePart(b"\xff\xd8\xff", "image/jpeg"), {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/"}}),
        (FilePart(b"RIFF", "audio/wav"), {"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}}),
        (
            FilePart("data:audio/mpeg;base64,AAAA", "audio/mpeg"),
            {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        ),
        (
            FilePart(b"%PDF", "application/pdf", "a.pdf"),
            {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBERg=="}},
        ),
        (FilePart(b"a,b", "text/csv"), {"type": "text", "text": "a,b"}),
    ],
)  # fmt: skip
def test_file_is_sent(part: FilePart, expected: object) -> None:
    assert user_part(part) == expected


@pytest.mark.parametrize(
    "part",
    [
        ImagePart(b"unknown"),
        ImagePart("not a url"),
        FilePart(b"x", "video/mp4"),
        FilePart("https://x/a.pdf", "application/pdf"),
        FilePart("https://x/a.wav", "audio/wav"),
    ],
)
def test_part_without_a_form_is_refused_where_it_stands(part: Any) -> None:
    with pytest.raises(InvalidPromptError, match=r"^messages\[1\]\.content\[0\] is "):
        request(HI, UserMessage((part,)))


def test_file_in_an_assistant_message_is_left_out_with_a_warning() -> None:
    made = request(AssistantMessage((FilePart(b"x", "image/png"), TextPart("a"))))
    assert made.body["messages"] == [{"role": "assistant", "content": "a"}]
    assert made.warnings[0].message.startswith("messages[0].content[0] is a file")


def test_assistant_texts_and_calls_are_sent_together() -> None:
    message = AssistantMessage(
        (
            ReasoningPart("hm"),
            TextPart("Let me "),
            TextPart("see."),
            ToolCallPart("c1", "get_weather", {"city": "Köln"}),
            ToolCallPart("c2", "search", {}, provider_executed=True),
        )
    )
    assert sent_messages(message) == [
        {
            "role": "assistant",
            "content": "Let me see.",
            "tool_calls": [
                {
                    "id": "c1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city":"Köln"}'},
                }
            ],
        }
    ]


def test_assistant_message_of_calls_alone_has_no_content() -> None:
    (message,) = sent_messages(AssistantMessage((ToolCallPart("c1", "f", {}),)))
    assert message["content"] is None


def test_assistant_message_of_nothing_has_empty_content() -> None:
    assert sent_messages(AssistantMessage((ReasoningPart("hm"),))) == [{"role": "assistant", "content": ""}]


@pytest.mark.parametrize(
    ("output", "content"),
    [
        ({"type": "text", "value": "21°"}, "21°"),
        ({"type": "error-text", "value": "broken"}, '{"error":"broken"}'),
        ({"type": "json", "value": {"t": 21, "u": "°"}}, '{"t":21,"u":"°"}'),
        ({"type": "json", "value": None}, "null"),
        ({"type": "error-json", "value": [1]}, '{"error":[1]}'),
        ({"type": "content", "value": [{"type": "text", "text": "a"}]}, '[{"type":"text","text":"a"}]'),
        ({"type": "execution-denied"}, "Tool call execution denied."),
        ({"type": "execution-denied", "reason": "no"}, "no"),
    ],
)
def test_tool_results_are_messages_of_their_own(output: Any, content: str) -> None:
    results = ToolMessage(
        (
            ToolResultPart("c1", "f", output),
            ToolApprovalResponse("a", True),
            ToolResultPart("c2", "f", output),
        )
    )
    assert sent_messages(results) == [
        {"role": "tool", "tool_call_id": "c1", "content": content},
        {"role": "tool", "tool_call_id": "c2", "content": content},
    ]


def test_tool_result_that_is_not_json_is_refused() -> None:
    with pytest.raises(InvalidPromptError, match="not JSON"):
        request(ToolMessage((ToolResultPart("c1", "f", {"type": "json", "value": object()}),)))  # type: ignore[dict-item]
