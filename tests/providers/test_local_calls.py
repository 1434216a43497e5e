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
from flightwire.providers.base import ModelCall, ResponseFormat, ToolSpec
from flightwire.providers.local_calls import Answer, call_warnings, refusal, to_body

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


def test_tool_result_gets_a_letter() -> None:
    part = {
        "type": "tool-result",
        "toolCallId": "1",
        "toolName": "t",
        "output": {"type": "text", "value": "x"},
    }
    with pytest.raises(UnsupportedFunctionalityError, match="ToolResultPart"):
        to_body(call({"role": "tool", "content": [part]}))


def test_no_messages_is_refused() -> None:
    with pytest.raises(InvalidPromptError, match="no messages"):
        to_body(ModelCall([]))


@pytest.mark.parametrize("tokens", [0, -1])
def test_no_tokens_is_refused(tokens: int) -> None:
    with pytest.raises(InvalidArgumentError, match=f"at least 1, got {tokens}"):
        to_body(call(max_output_tokens=tokens))


def test_tools_are_ignored_with_a_warning() -> None:
    warnings = call_warnings(call(tools=[ToolSpec("t", {"type": "object"})]))
    assert [(warning.type, warning.feature) for warning in warnings] == [("unsupported", "tools")]


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
