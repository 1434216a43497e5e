"""Calls become llama.cpp's fields, frames become parts; no model runs here."""

from __future__ import annotations

from typing import Any

import pytest

from flightwire.errors import (
    APICallError,
    InvalidArgumentError,
    InvalidPromptError,
    UnsupportedFunctionalityError,
)
from flightwire.events import (
    ProviderFinish,
    ReasoningDelta,
    ReasoningEnd,
    StreamStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolInputStart,
)
from flightwire.messages import (
    AssistantMessage,
    ImagePart,
    MessageLike,
    ReasoningPart,
    SystemMessage,
    TextPart,
    UserMessage,
    to_messages,
)
from flightwire.providers.base import ModelCall, ProviderToolSpec, ResponseFormat, ToolChoice, ToolSpec
from flightwire.providers.local_answers import Answer
from flightwire.providers.local_calls import call_warnings, refusal, to_body

BEGIN = {"op": "begin", "id": 1, "response_id": "r", "prompt": None}
END = {
    "op": "end",
    "id": 1,
    "finish_reason": "stop",
    "usage": {"prompt_tokens": 5, "completion_tokens": 2, "prompt_tokens_details": {"cached_tokens": 3}},
}


def call(*messages: MessageLike, **settings: Any) -> ModelCall:
    return ModelCall(to_messages(messages or [UserMessage("Hi")]), **settings)


def word(op: str, text: str) -> dict[str, Any]:
    return {"op": op, "id": 1, "text": text}


def read(*frames: dict[str, Any]) -> list[Any]:
    return [type(part) for part in Answer(call(), "m", {}).parts(frames)]


def test_settings_that_are_none_are_left_to_the_model() -> None:
    body = to_body(call())
    assert not {"temperature", "top_p", "top_k", "max_tokens", "seed", "stop", "response_format"} & set(body)


def test_zero_is_a_setting() -> None:
    body = to_body(call(temperature=0, top_k=0, seed=0))
    assert (body["temperature"], body["top_k"], body["seed"]) == (0, 0, 0)


def test_no_seed_means_random_by_accident() -> None:
    assert 0xFFFFFFFF not in {to_body(call(seed=seed))["seed"] for seed in (-1, 0xFFFFFFFF, 2**64 - 1, 7)}


def test_empty_stop_words_are_dropped() -> None:
    assert to_body(call(stop_sequences=["", "END"]))["stop"] == ["END"]


def test_text_parts_are_joined_and_earlier_reasoning_is_left_out() -> None:
    message = AssistantMessage((ReasoningPart("hm"), TextPart("Blue"), TextPart(".")))
    assert to_body(call(message))["messages"] == [{"role": "assistant", "content": "Blue."}]


def test_lone_surrogates_are_replaced_and_pairs_survive() -> None:
    messages = to_body(call(UserMessage("a\ud800b \ud83d\ude00 😀 \x00")))["messages"]
    assert messages[0]["content"] == "a\ufffdb 😀 😀 \x00"


def test_image_gets_a_letter_naming_its_place() -> None:
    with pytest.raises(UnsupportedFunctionalityError, match=r"messages\[1\].content\[1\] is a ImagePart"):
        to_body(call(SystemMessage("s"), UserMessage((TextPart("x"), ImagePart(b"png")))))


def test_no_messages_is_refused() -> None:
    with pytest.raises(InvalidPromptError, match="no messages"):
        to_body(ModelCall([]))


@pytest.mark.parametrize("tokens", [0, -1])
def test_no_tokens_is_refused(tokens: int) -> None:
    with pytest.raises(InvalidArgumentError, match=f"at least 1, got {tokens}"):
        to_body(call(max_output_tokens=tokens))


def test_tools_of_other_providers_are_ignored_with_a_warning() -> None:
    warnings = call_warnings(call(tools=[ProviderToolSpec("openai.web_search", "search", {})]))
    assert [(warning.type, warning.feature) for warning in warnings] == [
        ("unsupported", "provider-defined tool openai.web_search")
    ]


def test_what_no_grammar_holds_is_told() -> None:
    unique = {"type": "object", "properties": {"tags": {"type": "array", "uniqueItems": True}}}
    warnings = call_warnings(call(response_format=ResponseFormat("json", unique)))
    assert [(warning.type, "uniqueItems" in warning.message) for warning in warnings] == [
        ("compatibility", True)
    ]


def test_reasoning_ends_where_the_text_begins() -> None:
    kinds = read(word("reasoning", "hm"), word("text", "Blue"), END)
    assert kinds[1:] == [ReasoningDelta, ReasoningEnd, TextStart, TextDelta, TextEnd, ProviderFinish]


def test_answer_without_words_has_no_text() -> None:
    assert read(BEGIN, END)[-1] is ProviderFinish
    assert TextStart not in read(BEGIN, END)


def test_second_attempt_does_not_start_the_stream_again() -> None:
    assert read(BEGIN, BEGIN, word("text", "x"), END).count(StreamStart) == 1


def test_usage_tells_what_was_cached() -> None:
    usage = Answer(call(), "m", {}).parts([END])[-1].usage  # type: ignore[union-attr] # it is ProviderFinish
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (5, 2, 7)
    assert (usage.cache_read_tokens, usage.no_cache_tokens) == (3, 2)


def test_template_that_refuses_is_a_prompt_error() -> None:
    error = refusal({"type": "refused", "message": "roles must alternate"}, call(), "m")
    assert isinstance(error, InvalidPromptError)
    assert "roles must alternate" in str(error)


def test_schema_that_cannot_be_followed_is_unsupported() -> None:
    wants_json = call(response_format=ResponseFormat("json", schema={"type": "nope"}))
    error = refusal({"type": "refused", "message": "JSON schema error"}, wants_json, "m")
    assert isinstance(error, UnsupportedFunctionalityError)


def test_failure_inside_is_an_api_error() -> None:
    error = refusal({"type": "server_error", "code": 500, "message": "oops"}, call(), "m")
    assert isinstance(error, APICallError)
    assert not error.is_retryable


def test_what_the_makers_recommend_stands_in_for_what_the_call_does_not_say() -> None:
    sampling = {"temperature": 0.2, "top_p": 0.9}
    body = to_body(ModelCall([UserMessage("Hi")], temperature=0.0), sampling)
    assert (body["temperature"], body["top_p"]) == (0.0, 0.9)
    assert "temperature" not in to_body(ModelCall([UserMessage("Hi")]))


# tools


WEATHER = ToolSpec("get_weather", {"type": "object"}, "Get the weather. Twice a day.")
ASKED = UserMessage("Weather in Rome?")
CALLED = {"role": "assistant", "content": [
    {"type": "tool-call", "toolCallId": "1", "toolName": "get_weather", "input": {"city": "Rome"}}
]}  # fmt: skip


def told(*outputs: dict[str, Any]) -> dict[str, Any]:
    results = [
        {"type": "tool-result", "toolCallId": "1", "toolName": "get_weather", "output": output}
        for output in outputs
    ]
    return {"role": "tool", "content": results}


@pytest.mark.parametrize(
    ("output", "says"),
    [
        ({"type": "text", "value": "sunny"}, "sunny"),
        ({"type": "json", "value": {"c": 25}}, '{"c":25}'),
        ({"type": "error-text", "value": "no connection"}, "Error: no connection"),
        ({"type": "execution-denied", "reason": "Too late."}, "Not allowed. Too late."),
        ({"type": "content", "value": [{"type": "text", "text": "a"}, {"type": "media"}]}, "a\n[media]"),
    ],
)
def test_result_is_told_in_a_sentence_to_go_on_from(output: dict[str, Any], says: str) -> None:
    messages = to_body(call(ASKED, CALLED, told(output), tools=[WEATHER]))["messages"]
    assert messages[1:] == [
        {"role": "assistant", "content": f"I used my tool to get the weather. It says: {says}\n\nSo,"}
    ]


def test_answer_after_a_result_belongs_to_it() -> None:
    text = {"type": "text", "value": "sunny"}
    messages = to_body(
        call(ASKED, CALLED, told(text, text), AssistantMessage("Sun."), UserMessage("Thanks"))
    )["messages"]
    assert [message["role"] for message in messages] == ["user", "assistant", "user"]
    assert messages[1]["content"].count("I used my tool to get weather. It says: sunny") == 2
    assert messages[1]["content"].endswith("\n\nSun.")


def test_template_that_knows_tools_gets_them_in_openais_form() -> None:
    body = to_body(
        call(
            ASKED,
            CALLED,
            told({"type": "text", "value": "sunny"}),
            tools=[WEATHER],
            tool_choice=ToolChoice("required"),
        ),
        takes_tools=True,
    )
    assert body["messages"][1]["tool_calls"][0]["function"] == {
        "name": "get_weather",
        "arguments": '{"city":"Rome"}',
    }
    assert body["messages"][2] == {"role": "tool", "tool_call_id": "1", "content": "sunny"}
    assert (body["tools"][0]["function"]["name"], body["tool_choice"]) == ("get_weather", "required")


def test_named_tool_is_the_only_one_and_required() -> None:
    other = ToolSpec("other", {})
    choice = ToolChoice("tool", "other")
    body = to_body(call(tools=[WEATHER, other], tool_choice=choice), takes_tools=True)
    assert ([tool["function"]["name"] for tool in body["tools"]], body["tool_choice"]) == (
        ["other"],
        "required",
    )


def tool_call(index: int, arguments: str, name: str = "", call_id: str | None = None) -> dict[str, Any]:
    piece = {"op": "tool_call", "id": 1, "index": index, "call_id": call_id, "name": name}
    return {**piece, "arguments": arguments}


def test_calls_that_llama_cpp_finds_become_parts() -> None:
    frames = [
        *(BEGIN, word("text", "Let me see. ")),
        *(tool_call(0, "", "get_weather", "a"), tool_call(0, '{"city":'), tool_call(0, '"Rome"}')),
        *(tool_call(1, "{}", "list"), {**END, "finish_reason": "tool_calls"}),
    ]
    parts = Answer(call(), "m", {}).parts(frames)
    calls = [(part.tool_call_id, part.tool_name, part.input) for part in parts if isinstance(part, ToolCall)]
    assert calls[0] == ("a", "get_weather", '{"city":"Rome"}')
    assert calls[1][1:] == ("list", "{}")
    assert [type(part) for part in parts][2:6] == [TextStart, TextDelta, TextEnd, ToolInputStart]
    assert isinstance(parts[-1], ProviderFinish)
    assert parts[-1].finish_reason == "tool-calls"


def test_call_that_was_cut_off_is_no_call() -> None:
    frames = [BEGIN, tool_call(0, '{"ci', "get_weather", "a"), {**END, "finish_reason": "length"}]
    parts = Answer(call(), "m", {}).parts(frames)
    assert not [part for part in parts if isinstance(part, ToolCall)]
    assert [part.finish_reason for part in parts if isinstance(part, ProviderFinish)] == ["length"]


def test_sentence_that_goes_on_begins_with_a_capital() -> None:
    parts = Answer(call(), "m", {}, continues=True).parts(
        [word("text", " "), word("text", ", it is sunny, "), END]
    )
    assert [part.text for part in parts if isinstance(part, TextDelta)] == ["It is sunny, "]
