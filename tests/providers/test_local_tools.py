"""The questions a model without a tool template is asked, and how its answers are weighed; no model runs here."""

from __future__ import annotations

from typing import Any

import pytest

from flightwire.messages import AssistantMessage, SystemMessage, UserMessage, to_messages
from flightwire.providers.base import ModelCall, ToolChoice, ToolSpec
from flightwire.providers.local_prompts import deed
from flightwire.providers.local_tools import (
    MAX_MESSAGE_CHARS,
    candidates,
    decides,
    input_body,
    is_news,
    max_calls,
    question_body,
    speaks_of_tools,
)

CITY: dict[str, Any] = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = ToolSpec("get_weather", CITY, "Get the weather for a location. In Celsius.")


def ask(said: str = "Weather in Rome?", choice: ToolChoice | None = None, **settings: Any) -> ModelCall:
    return ModelCall([UserMessage(said)], tools=[WEATHER], tool_choice=choice or ToolChoice(), **settings)


@pytest.mark.parametrize(
    ("name", "description", "does"),
    [
        ("get_weather", "Get the weather for a location. In Celsius.", "get the weather for a location"),
        ("list_orders", None, "list orders"),
        ("x", "Deploy!\nSlowly.", "deploy"),
        ("x", "word " * 40, ("word " * 12).strip()),
        ("x", "y" * 100, "y" * 60),
    ],
)
def test_deed_is_the_first_sentence_or_the_name(name: str, description: str | None, does: str) -> None:
    assert deed(name, ToolSpec(name, {}, description)) == does


def test_question_allows_one_sentence_only() -> None:
    body = question_body("Hi", WEATHER)
    assert body["grammar"].endswith('start: " get the weather for a location"')
    assert (body["messages"][-1]["role"], body["logprobs"]) == ("assistant", True)


def test_long_message_is_asked_about_by_its_ends() -> None:
    said = question_body("begin " + "x" * 10_000 + " end", WEATHER)["messages"][1]["content"]
    assert said.startswith("begin")
    assert said.endswith(" end")
    assert len(said) < MAX_MESSAGE_CHARS + 10


def test_input_is_asked_for_after_the_message_and_earlier_calls() -> None:
    body = input_body(
        ask(), WEATHER, {"temperature": 0.2, "stop": ["x"]}, ['{"city":"Rome"}'], needs_help=False
    )
    assert body["messages"][-1]["content"].endswith(
        'The message was "Weather in Rome?", so I call get_weather({"city":"Rome"}) and get_weather('
    )
    assert (body["temperature"], "stop" in body) == (0, False)


def test_input_has_nothing_that_the_schema_does_not_name() -> None:
    assert '"additionalProperties":false' in input_body(ask(), WEATHER, {}, [], needs_help=False)["grammar"]


@pytest.mark.parametrize(
    ("call", "is_open"),
    [
        (ask(), True),
        (ask("  "), False),
        (ask(choice=ToolChoice("none")), False),
        (ask(choice=ToolChoice("tool", "get_weather")), True),
        (ask(choice=ToolChoice("tool", "unknown")), False),
        (ModelCall([UserMessage("Hi")]), False),
        (ModelCall([UserMessage("Hi"), AssistantMessage("Hello")], tools=[WEATHER]), False),
        (ModelCall([SystemMessage("Hi")], tools=[WEATHER], tool_choice=ToolChoice("required")), True),
    ],
)
def test_there_is_something_to_decide(call: ModelCall, is_open: bool) -> None:
    assert decides(call) is is_open


def test_candidates_are_the_tools_that_may_be_called() -> None:
    assert [tool.name for tool in candidates(ask())] == ["get_weather"]


@pytest.mark.parametrize(
    ("text", "is_new"),
    [
        ('{"city":"London"}', True),
        ('{"city":"Paris"}', False),
        ('{"city":"Madrid"}', False),
        ('{"city":["London"]}', False),
        ('{"city":"Lon', False),
        ("{}", False),
        ("[]", False),
    ],
)
def test_further_call_is_news_when_the_person_named_it(text: str, is_new: bool) -> None:
    assert is_news(text, ['{"city":"Paris"}'], "Weather in Paris and london?") is is_new


def test_parallel_calls_can_be_switched_off() -> None:
    assert max_calls(ask(), WEATHER) > 1
    assert max_calls(ask(), ToolSpec("list_orders", {"type": "object"})) == 1
    for spelling in ("parallelToolCalls", "parallel_tool_calls"):
        assert max_calls(ask(provider_options={"local": {spelling: False}}), WEATHER) == 1


def test_history_with_calls_speaks_of_tools() -> None:
    called = {"type": "tool-call", "toolCallId": "1", "toolName": "t", "input": {}}
    assert speaks_of_tools(ModelCall(to_messages([{"role": "assistant", "content": [called]}])))
    assert not speaks_of_tools(ModelCall([UserMessage("Hi")]))
