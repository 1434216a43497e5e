"""Messages: from dicts and back, with letters for what is none."""

from __future__ import annotations

from typing import TypedDict

import pytest

from flightwire.errors import InvalidPromptError
from flightwire.messages import (
    AssistantMessage,
    ReasoningPart,
    SystemMessage,
    TextPart,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
    UserMessage,
    message_to_json,
    to_messages,
)
from flightwire.wire.flight.writer import Writer


class Message(TypedDict):
    role: str
    content: str


def test_plain_dicts_typed_dicts_and_values_are_all_messages() -> None:
    typed: Message = {"role": "assistant", "content": "b"}
    assert to_messages([{"role": "user", "content": "a"}, typed, UserMessage("c")]) == [
        UserMessage("a"),
        AssistantMessage("b"),
        UserMessage("c"),
    ]


def test_keys_of_the_apps_own_are_ignored() -> None:
    assert to_messages([{"id": 7, "role": "user", "content": "a", "at": "now"}]) == [UserMessage("a")]


@pytest.mark.parametrize(
    "message",
    [
        SystemMessage("Be brief."),
        UserMessage((TextPart("a"),), {"openai": {"x": 1}}),
        AssistantMessage((ReasoningPart("hm"), TextPart("b"), ToolCallPart("1", "f", {"x": None}))),
        AssistantMessage((ToolCallPart("1", "f", None, provider_executed=True),)),
        ToolMessage((ToolResultPart("1", "f", {"type": "text", "value": "ok"}),)),
    ],
)
def test_json_and_back_is_the_same(message) -> None:
    assert to_messages([message_to_json(message)]) == [message]


def test_json_is_the_ai_sdks() -> None:
    message = AssistantMessage((ToolCallPart("1", "f", {}),))
    assert message_to_json(message) == {
        "role": "assistant",
        "content": [{"type": "tool-call", "toolCallId": "1", "toolName": "f", "input": {}}],
    }


def test_snake_case_is_read_too() -> None:
    part = {"type": "tool-call", "tool_call_id": "1", "tool_name": "f", "input": 0}
    assert to_messages([{"role": "assistant", "content": [part]}])[0].content == (ToolCallPart("1", "f", 0),)


@pytest.mark.parametrize(
    ("data", "letter"),
    [
        ("hi", "expected {'role'"),
        ({"role": "user", "content": 3}, "must be text or a list"),
        ({"role": "tool", "content": [{"type": "text", "text": "x"}]}, "a tool message takes"),
        ({"role": "assistant", "content": [{"type": "tool-call"}]}, "needs 'toolCallId'"),
        ({"role": "user", "content": [{"type": "text", "text": 1}]}, "text must be text"),
        ({"role": "system", "content": [1]}, "must be text"),
    ],
)
def test_what_is_no_message_gets_a_letter(data, letter) -> None:
    with pytest.raises(InvalidPromptError, match=letter):
        to_messages([data])


def test_the_letter_says_where() -> None:
    with pytest.raises(InvalidPromptError, match=r"messages\[1\]\.content\[0\]"):
        to_messages([{"role": "user", "content": "a"}, {"role": "user", "content": [1]}])


def test_a_message_goes_to_a_page_in_the_ai_sdks_form() -> None:
    assert UserMessage("Hi").to_json() == {"role": "user", "content": "Hi"}
    rows = Writer().start([UserMessage("Hi"), AssistantMessage((TextPart("Yo"),))])
    assert (
        rows
        == b'0:[{"role":"user","content":"Hi"},{"role":"assistant","content":[{"type":"text","text":"Yo"}]}]\n'
    )
