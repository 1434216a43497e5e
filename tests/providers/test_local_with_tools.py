"""The real SmolLM2 calls tools and writes JSON, with its own template and with one that knows tools."""

from __future__ import annotations

import json
import time
from contextlib import aclosing
from typing import Any

import pytest

from flightwire.errors import UnsupportedFunctionalityError
from flightwire.events import (
    ProviderFinish,
    ProviderPart,
    ResponseMetadata,
    StreamStart,
    TextDelta,
    ToolCall,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
)
from flightwire.messages import (
    AssistantMessage,
    MessageLike,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
    UserMessage,
    to_messages,
)
from flightwire.providers.base import ModelCall, ModelResult, ResponseFormat, Text, ToolChoice, ToolSpec
from flightwire.providers.local import LocalModel, local
from flightwire.providers.local_process import shared_process
from flightwire.toolchain.models import ensure_model
from tests.providers.gguf_template import HERMES, with_template

pytestmark = [pytest.mark.anyio, pytest.mark.model]


def schema(**properties: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(properties)}


WEATHER = ToolSpec("get_weather", schema(city={"type": "string"}), "Get the weather for a location.")
ORDERS = ToolSpec("list_orders", schema(), "List the orders of the user")
DEPLOY = ToolSpec("deploy", schema(repository_name={"type": "string"}), "Deploy a repository.")
TOOLS = [WEATHER, ORDERS, DEPLOY]
NOTIFICATION = schema(
    name={"type": "string", "description": "Name of a fictional person."},
    message={"type": "string", "description": "Do not use emojis or links."},
    minutesAgo={"type": "number"},
)
NOTIFICATIONS = schema(notifications={"type": "array", "items": NOTIFICATION})


@pytest.fixture(scope="module")
def model() -> LocalModel:
    ensure_model("smollm2")
    return local("smollm2")


@pytest.fixture(scope="module")
def knowing(tmp_path_factory: pytest.TempPathFactory) -> LocalModel:
    """The same weights with a template that knows tools."""
    target = tmp_path_factory.mktemp("models") / "hermes.gguf"
    return local(with_template(ensure_model("smollm2"), target, HERMES), parallel_chats=1)


def ask(*messages: MessageLike | str, tools: list[ToolSpec] | None = None, **settings: Any) -> ModelCall:
    turns = [UserMessage(message) if isinstance(message, str) else message for message in messages]
    settings = {"temperature": 0, "max_output_tokens": 60, **settings}
    return ModelCall(to_messages(turns), tools=TOOLS if tools is None else tools, **settings)


async def parts_of(model: LocalModel, call: ModelCall) -> list[ProviderPart]:
    return [part async for batch in model.stream(call) for part in batch]


def calls_of(result: ModelResult) -> list[tuple[str, Any]]:
    return [
        (block.tool_name, json.loads(str(block.input)))
        for block in result.content
        if isinstance(block, ToolCall)
    ]


def text_of(result: ModelResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, Text))


# which tool


@pytest.mark.parametrize(
    ("said", "call"),
    [
        ("What's the weather in Paris?", ("get_weather", {"city": "Paris"})),
        ("How is the weather in San Francisco today?", ("get_weather", {"city": "San Francisco"})),
        ("Deploy the repository vercel/ai", ("deploy", {"repository_name": "vercel/ai"})),
        ("Show me my orders", ("list_orders", {})),
    ],
)
async def test_model_calls_the_tool_that_was_meant(
    model: LocalModel, said: str, call: tuple[str, Any]
) -> None:
    result = await model.generate(ask(said))
    assert (calls_of(result), result.finish_reason) == ([call], "tool-calls")


@pytest.mark.parametrize(
    "said", ["Hello, who are you?", "Why is the sky blue?", "Tell me a joke", "Thank you!"]
)
async def test_model_just_talks_when_no_tool_is_meant(model: LocalModel, said: str) -> None:
    result = await model.generate(ask(said, max_output_tokens=4))
    assert calls_of(result) == []
    assert text_of(result)


async def test_two_places_are_two_calls(model: LocalModel) -> None:
    result = await model.generate(ask("What's the weather in Paris and London?"))
    assert calls_of(result) == [("get_weather", {"city": "Paris"}), ("get_weather", {"city": "London"})]


async def test_required_call_is_made_whatever_was_said(model: LocalModel) -> None:
    result = await model.generate(ask("Hello there", tool_choice=ToolChoice("required")))
    assert len(calls_of(result)) == 1


async def test_named_tool_is_called(model: LocalModel) -> None:
    result = await model.generate(ask("Rome", tool_choice=ToolChoice("tool", "get_weather")))
    assert calls_of(result) == [("get_weather", {"city": "Rome"})]


async def test_no_tool_is_called_when_none_may_be(model: LocalModel) -> None:
    call = ask("What's the weather in Paris?", tool_choice=ToolChoice("none"), max_output_tokens=4)
    assert calls_of(await model.generate(call)) == []


# how it comes


async def test_input_streams_in_the_order_of_the_contract(model: LocalModel) -> None:
    parts = await parts_of(model, ask("Deploy the repository vercel/ai"))
    kinds = [type(part) for part in parts]
    deltas = [part for part in parts if isinstance(part, ToolInputDelta)]
    (call,) = (part for part in parts if isinstance(part, ToolCall))
    assert kinds[:3] == [StreamStart, ResponseMetadata, ToolInputStart]
    assert kinds[-3:] == [ToolInputEnd, ToolCall, ProviderFinish]
    assert len(deltas) > 3
    assert ("".join(part.delta for part in deltas), {part.id for part in deltas}) == (
        call.input,
        {call.tool_call_id},
    )


async def test_input_that_does_not_fit_is_no_call(model: LocalModel) -> None:
    call = ask("Rome", tool_choice=ToolChoice("tool", "get_weather"), max_output_tokens=3)
    result = await model.generate(call)
    assert (calls_of(result), result.finish_reason) == ([], "length")


async def test_answer_after_a_result_says_it(model: LocalModel) -> None:
    output = {"type": "text", "value": "It is currently 25°C and sunny in Paris!"}
    history = (
        "What's the weather in Paris?",
        AssistantMessage((ToolCallPart("1", "get_weather", {"city": "Paris"}),)),
        ToolMessage((ToolResultPart("1", "get_weather", output),)),
    )
    result = await model.generate(ask(*history))
    assert text_of(result) == "The weather in Paris is 25°C and sunny."


async def test_leaving_while_a_tool_is_chosen_stops_the_model(model: LocalModel) -> None:
    unheard = ToolSpec("fly", schema(), "Fly to the moon and back again")
    began = time.monotonic()
    async with aclosing(model.stream(ask("Hello", tools=[unheard]))) as batches:
        import asyncio

        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await anext(batches)
    assert await model.generate(ask("Hi", tools=[], max_output_tokens=1))
    assert time.monotonic() - began < 30


async def test_process_that_was_killed_is_replaced(model: LocalModel) -> None:
    await model.warm_up()
    shared_process(model.config()).stop()
    assert calls_of(await model.generate(ask("What's the weather in Paris?"))) == [
        ("get_weather", {"city": "Paris"})
    ]


async def test_tool_whose_schema_makes_no_sense_is_refused(model: LocalModel) -> None:
    nonsense = ToolSpec("x", schema(a={"type": "string", "pattern": "(?=a)"}))
    with pytest.raises(UnsupportedFunctionalityError, match="cannot be held to this JSON schema"):
        await model.generate(ask("Hi", tools=[nonsense], tool_choice=ToolChoice("required")))


# JSON


@pytest.mark.parametrize("temperature", [0, 0.7])
async def test_notifications_come_whole_piece_by_piece_and_soon(
    model: LocalModel, temperature: float
) -> None:
    call = ask(
        "Generate 3 notifications for a messages app.",
        tools=[],
        response_format=ResponseFormat("json", NOTIFICATIONS),
        temperature=temperature,
        max_output_tokens=1000,
        seed=1,
    )
    began = time.monotonic()
    parts = await parts_of(model, call)
    deltas = [part.text for part in parts if isinstance(part, TextDelta)]
    notifications = json.loads("".join(deltas))["notifications"]
    assert 1 <= len(notifications) <= 5
    assert all(
        set(one) == {"name", "message", "minutesAgo"} and len(one["message"]) <= 200 for one in notifications
    )
    assert len(deltas) > 20
    assert time.monotonic() - began < 60


async def test_json_that_does_not_fit_says_so(model: LocalModel) -> None:
    call = ask("Hi", tools=[], response_format=ResponseFormat("json", NOTIFICATIONS), max_output_tokens=10)
    assert (await model.generate(call)).finish_reason == "length"


async def test_choice_is_one_of_the_options(model: LocalModel) -> None:
    options = ["sunny", "rainy", "snowy"]
    call = ask(
        "It's not a nice day.",
        tools=[],
        response_format=ResponseFormat("json", schema(result={"enum": options})),
    )
    assert json.loads(text_of(await model.generate(call)))["result"] in options


async def test_json_after_a_tool_was_considered(model: LocalModel) -> None:
    wanted = ResponseFormat("json", schema(mood={"enum": ["good", "bad"]}))
    assert json.loads(text_of(await model.generate(ask("Tell me a joke", response_format=wanted))))["mood"]


# a template that knows tools


async def test_template_that_knows_tools_shows_them(knowing: LocalModel) -> None:
    call = ask("What's the weather in Paris?", max_output_tokens=1, include_request_body=True)
    body: Any = (await knowing.generate(call)).request.body
    assert '"name": "get_weather"' in body["prompt"] or '"name":"get_weather"' in body["prompt"]


async def test_llama_cpp_finds_the_calls_that_the_model_writes(knowing: LocalModel) -> None:
    history: list[MessageLike | str] = []
    for number, city in enumerate(("Oslo", "Rome", "Madrid")):
        history += [
            f"What's the weather in {city}?",
            AssistantMessage((ToolCallPart(str(number), "get_weather", {"city": city}),)),
            ToolMessage((ToolResultPart(str(number), "get_weather", {"type": "text", "value": "Sunny."}),)),
            AssistantMessage("Sunny."),
        ]
    parts = await parts_of(knowing, ask(*history, "What's the weather in Paris?", tools=[WEATHER]))
    (call,) = (part for part in parts if isinstance(part, ToolCall))
    deltas = [part.delta for part in parts if isinstance(part, ToolInputDelta)]
    assert (call.tool_name, json.loads(str(call.input))) == ("get_weather", {"city": "Paris"})
    assert "".join(deltas) == call.input
    assert isinstance(parts[-1], ProviderFinish)
    assert parts[-1].finish_reason == "tool-calls"


async def test_results_reach_a_template_that_knows_tools(knowing: LocalModel) -> None:
    history = (
        "What's the weather in Paris?",
        AssistantMessage((ToolCallPart("1", "get_weather", {"city": "Paris"}),)),
        ToolMessage((ToolResultPart("1", "get_weather", {"type": "text", "value": "25 degrees"}),)),
    )
    call = ask(*history, include_request_body=True, max_output_tokens=4)
    body: Any = (await knowing.generate(call)).request.body
    assert "<|im_start|>tool\n25 degrees<|im_end|>" in body["prompt"]
