"""Steps and tools: what both functions do with a model that calls tools, as `ai` 7.0.173 does."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest

from flightwire import (
    ToolContext,
    client_tool,
    dynamic_tool,
    generate_text,
    has_tool_call,
    is_loop_finished,
    is_step_count,
    stream_text,
    tool,
)
from flightwire.errors import (
    APICallError,
    InvalidArgumentError,
    InvalidToolInputError,
    MissingToolResultsError,
    NoSuchToolError,
    ToolChoiceViolationError,
    ToolOutputError,
    ToolTimeoutError,
)
from flightwire.events import (
    Error,
    Finish,
    FinishStep,
    Start,
    StartStep,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolError,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
    ToolResult,
    Usage,
)
from flightwire.messages import (
    AssistantMessage,
    SystemMessage,
    TextPart,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
    UserMessage,
)
from flightwire.providers.base import ModelCall, ProviderToolSpec, ToolChoice
from flightwire.scope import RequestScope
from flightwire.testing import Reply, ScriptedModel, tool_call

pytestmark = pytest.mark.anyio


@tool
async def get_weather(city: Annotated[str, "Where"], unit: str = "C") -> str:
    """Get the weather."""
    return f"25°{unit} in {city}"


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


def weather_then(*texts: str) -> ScriptedModel:
    return ScriptedModel([[tool_call("get_weather", city="Berlin")], list(texts)])


async def parts_of(result: Any) -> list[Any]:
    return [part async for part in result]


async def kinds_of(result: Any) -> list[type]:
    return [type(part) for part in await parts_of(result)]


# --- steps ---------------------------------------------------------------------------------------------------------


async def test_parts_of_two_steps_come_in_the_order_of_the_ai_sdk() -> None:
    result = stream_text(
        model=weather_then("Warm."), prompt="Weather?", tools=[get_weather], stop_when=is_step_count(5)
    )
    assert await kinds_of(result) == [
        Start,
        StartStep,
        ToolInputStart,
        ToolInputDelta,
        ToolInputEnd,
        ToolCall,
        ToolResult,
        FinishStep,
        StartStep,
        TextStart,
        TextDelta,
        TextEnd,
        FinishStep,
        Finish,
    ]


@pytest.mark.parametrize("streaming", [True, False])
async def test_without_stop_when_there_is_one_step(streaming: bool) -> None:
    model = weather_then("Warm.")
    result: Any = (
        stream_text(model=model, prompt="Weather?", tools=[get_weather])
        if streaming
        else await generate_text(model=model, prompt="Weather?", tools=[get_weather])
    )
    results = await result.tool_results if streaming else result.tool_results
    assert [each.output for each in results] == ["25°C in Berlin"]
    assert len(model.calls) == 1


async def test_the_model_is_sent_what_it_said_and_what_its_tools_answered() -> None:
    model = weather_then("Warm.")
    result = await generate_text(
        model=model, prompt="Weather?", tools=[get_weather], stop_when=is_step_count(2)
    )
    assert model.calls[1].messages == (
        UserMessage("Weather?"),
        AssistantMessage((ToolCallPart("call-1", "get_weather", {"city": "Berlin"}),)),
        ToolMessage((ToolResultPart("call-1", "get_weather", {"type": "text", "value": "25°C in Berlin"}),)),
    )
    assert result.response_messages == (*model.calls[1].messages[1:], AssistantMessage((TextPart("Warm."),)))


async def test_text_is_the_last_steps_and_usage_the_sum() -> None:
    usage = Usage(input_tokens=2, output_tokens=3, total_tokens=5)
    model = ScriptedModel([["First ", tool_call("add", a=1, b=2)], ["second"]], usage=usage)
    result = await generate_text(model=model, prompt="Hi", tools=[add], stop_when=is_loop_finished())
    assert (result.text, result.usage.total_tokens, len(result.steps)) == ("second", 10, 2)
    assert [each.output for each in result.tool_results] == [3]


async def test_ids_of_texts_differ_between_steps() -> None:
    model = ScriptedModel([["a", tool_call("add", a=1, b=2)], ["b"]])
    parts = await parts_of(stream_text(model=model, prompt="Hi", tools=[add], stop_when=is_step_count(5)))
    starts = [part.id for part in parts if isinstance(part, TextStart)]
    assert starts[0] == "0"
    assert starts[1].startswith("aitxt-")
    assert [part.id for part in parts if isinstance(part, (TextDelta, TextEnd))] == [starts[0]] * 2 + [
        starts[1]
    ] * 2


async def test_both_functions_come_to_the_same() -> None:
    streamed = stream_text(
        model=weather_then("Warm."), prompt="Weather?", tools=[get_weather], stop_when=is_step_count(5)
    )
    whole = await generate_text(
        model=weather_then("Warm."), prompt="Weather?", tools=[get_weather], stop_when=is_step_count(5)
    )
    assert await streamed.response_messages == whole.response_messages
    assert await streamed.content == whole.content
    assert await streamed.finish_reason == whole.finish_reason == "stop"


@pytest.mark.parametrize(
    ("condition", "steps"),
    [
        (is_step_count(1), 1),
        (has_tool_call("add"), 1),
        (has_tool_call(add), 1),
        (has_tool_call("other"), 3),
        ([has_tool_call("other"), is_step_count(2)], 2),
        (lambda steps: len(steps[-1].tool_results) == 1, 1),
        (is_loop_finished(), 3),
    ],
)
async def test_conditions_stop_the_loop(condition: Any, steps: int) -> None:
    call = [tool_call("add", a=1, b=1)]
    result = await generate_text(
        model=ScriptedModel([call, call, ["done"]]), prompt="Hi", tools=[add], stop_when=condition
    )
    assert len(result.steps) == steps


async def test_an_async_condition_is_awaited() -> None:
    async def enough(steps: Any) -> bool:
        await asyncio.sleep(0)
        return True

    model = ScriptedModel([[tool_call("add", a=1, b=1)], ["never"]])
    assert len((await generate_text(model=model, prompt="Hi", tools=[add], stop_when=enough)).steps) == 1


async def test_a_tool_that_the_client_answers_ends_the_loop() -> None:
    confirm = client_tool(
        "confirm", input_schema={"type": "object", "properties": {"text": {"type": "string"}}}
    )
    model = ScriptedModel([[tool_call("confirm", text="ok?"), tool_call("add", a=1, b=2)]])
    result = await generate_text(model=model, prompt="Hi", tools=[confirm, add], stop_when=is_loop_finished())
    assert [each.tool_name for each in result.tool_calls] == ["confirm", "add"]
    assert [each.output for each in result.tool_results] == [3]


async def test_a_call_that_was_cut_off_does_not_run() -> None:
    ran = []

    @tool
    def act() -> None:
        ran.append(1)

    model = ScriptedModel([Reply(tool_call("act"), finish_reason="length")])
    result = await generate_text(model=model, prompt="Hi", tools=[act], stop_when=is_loop_finished())
    assert (result.finish_reason, ran) == ("length", [])


# --- wrong calls ---------------------------------------------------------------------------------------------------


async def test_the_model_sees_that_a_tool_does_not_exist() -> None:
    model = ScriptedModel([[tool_call("nothing", x=1)], ["Sorry."]])
    result = await generate_text(model=model, prompt="Hi", tools=[add], stop_when=is_step_count(5))
    call = result.tool_calls[0]
    assert (call.invalid, call.dynamic, type(call.error)) == (True, True, NoSuchToolError)
    answer = model.calls[1].messages[-1].content[0]
    assert answer.output["type"] == "error-text"
    assert "unavailable tool 'nothing'. Available tools: add." in answer.output["value"]


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "b"',
        '{"a": "x", "b": 2}',
        '{"a": 1}',
        "[]",
        '{"a": NaN, "b": 1}',
        '{"a": 1, "b": 2, "__proto__": {}}',
        '{"a": {"constructor": {"prototype": 1}}, "b": 2}',
        "[" * 100_000,
        '{"a":' * 70 + "1" + "}" * 70,
    ],
)
async def test_an_input_that_does_not_fit_is_told_the_model(text: str) -> None:
    model = ScriptedModel([[tool_call("add", text)], ["Sorry."]])
    result = stream_text(model=model, prompt="Hi", tools=[add], stop_when=is_step_count(5))
    parts = await parts_of(result)
    error = next(part for part in parts if isinstance(part, ToolError))
    assert isinstance(error.error, InvalidToolInputError)
    assert await result.text == "Sorry."
    said = model.calls[1].messages[1].content[0]
    assert isinstance(said, ToolCallPart)
    assert isinstance(said.input, (dict, list))


async def test_an_input_of_a_megabyte_is_read() -> None:
    @tool
    def measure(text: str) -> int:
        return len(text)

    model = ScriptedModel([[tool_call("measure", text="x" * 1_000_000)]])
    assert (await generate_text(model=model, prompt="Hi", tools=[measure])).tool_results[
        0
    ].output == 1_000_000


async def test_the_last_of_two_equal_keys_counts() -> None:
    model = ScriptedModel([[tool_call("add", '{"a": 1, "a": 2, "b": 1}')]])
    assert (await generate_text(model=model, prompt="Hi", tools=[add])).tool_results[0].output == 3


async def test_no_input_is_an_empty_one() -> None:
    @tool
    def now() -> str:
        return "noon"

    model = ScriptedModel([[tool_call("now", "  ")]])
    result = await generate_text(model=model, prompt="Hi", tools=[now])
    assert (result.tool_calls[0].input, result.tool_results[0].output) == ({}, "noon")


async def test_a_wrong_call_can_be_repaired() -> None:
    def repair(options: Any) -> Any:
        assert options.input_schema("add")["required"] == ["a", "b"]
        return ToolCall(options.tool_call.tool_call_id, "add", '{"a": 1, "b": 1}')

    model = ScriptedModel([[tool_call("ad", "{}")]])
    result = await generate_text(model=model, prompt="Hi", tools=[add], repair_tool_call=repair)
    assert result.tool_results[0].output == 2


async def test_a_repair_that_fails_is_told_the_model() -> None:
    async def repair(options: Any) -> Any:
        raise RuntimeError("no idea")

    model = ScriptedModel([[tool_call("add", "{")]])
    result = await generate_text(model=model, prompt="Hi", tools=[add], repair_tool_call=repair)
    assert "no idea" in str(result.tool_calls[0].error)


async def test_an_input_can_be_refined() -> None:
    model = ScriptedModel([[tool_call("add", a=1, b=1)]])
    refine = {"add": lambda given: {**given, "b": 41}}
    result = await generate_text(model=model, prompt="Hi", tools=[add], refine_tool_input=refine)
    assert (result.tool_calls[0].input, result.tool_results[0].output) == ({"a": 1, "b": 41}, 42)


# --- running tools -------------------------------------------------------------------------------------------------


async def test_tools_run_at_the_same_time_and_answer_as_they_are_ready() -> None:
    first_may_end = asyncio.Event()

    @tool
    async def slow() -> str:
        await first_may_end.wait()
        return "slow"

    @tool
    async def quick() -> str:
        first_may_end.set()
        return "quick"

    script = [tool_call("slow"), tool_call("quick")]
    parts = await parts_of(stream_text(model=ScriptedModel([script]), prompt="Hi", tools=[slow, quick]))
    assert [part.output for part in parts if isinstance(part, ToolResult)] == ["quick", "slow"]
    whole = await generate_text(model=ScriptedModel([script]), prompt="Hi", tools=[slow, quick])
    assert [each.output for each in whole.tool_results] == ["slow", "quick"]


async def test_results_stand_in_the_order_of_the_calls_in_the_message() -> None:
    gate = asyncio.Event()

    @tool
    async def wait() -> str:
        await gate.wait()
        return "1"

    @tool
    async def go() -> str:
        gate.set()
        return "2"

    model = ScriptedModel([[tool_call("wait"), tool_call("go")]])
    messages = await stream_text(model=model, prompt="Hi", tools=[wait, go]).response_messages
    assert [part.tool_call_id for part in messages[1].content] == ["call-1", "call-2"]


async def test_concurrency_can_be_limited() -> None:
    running, most = 0, 0

    @tool
    async def work() -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    model = ScriptedModel([[tool_call("work") for _ in range(6)]])
    await generate_text(model=model, prompt="Hi", tools=[work], tool_call_concurrency=2)
    assert most == 2


async def test_what_a_generator_yields_is_preliminary_and_its_last_value_final() -> None:
    @tool
    async def count() -> AsyncIterator[int]:
        yield 1
        yield 2

    model = ScriptedModel([[tool_call("count")]])
    result = stream_text(model=model, prompt="Hi", tools=[count])
    results = [part for part in await parts_of(result) if isinstance(part, ToolResult)]
    assert [(part.output, part.preliminary) for part in results] == [(1, True), (2, True), (2, False)]
    assert [each.output for each in await result.tool_results] == [2]


async def test_a_plain_generator_yields_preliminary_results_too() -> None:
    @tool
    def count() -> Any:
        yield "a"
        yield "b"

    result = stream_text(model=ScriptedModel([[tool_call("count")]]), prompt="Hi", tools=[count])
    results = [part for part in await parts_of(result) if isinstance(part, ToolResult)]
    assert [(part.output, part.preliminary) for part in results] == [("a", True), ("b", True), ("b", False)]


def cyclic() -> Any:
    value: list[Any] = []
    value.append(value)
    return value


def secret() -> Any:
    from pydantic import SecretStr

    return {"key": SecretStr("sk-1")}


@pytest.mark.parametrize(
    ("make", "letter"),
    [
        (object, "no JSON"),
        (cyclic, "holds itself"),
        (secret, "is a secret"),
        (lambda: "x" * 5_000_000, "5000000 bytes"),
        (lambda: {("a", "b"): 1}, "keys are text"),
    ],
)
async def test_an_output_that_cannot_be_used_is_an_error_the_model_sees(make: Any, letter: str) -> None:
    @tool
    def bad() -> Any:
        return make()

    model = ScriptedModel([[tool_call("bad")], ["Sorry."]])
    result = await generate_text(model=model, prompt="Hi", tools=[bad], stop_when=is_step_count(5))
    error = result.steps[0].tool_errors[0].error
    assert isinstance(error, ToolOutputError)
    assert letter in str(error)
    assert "sk-1" not in str(error)
    assert result.text == "Sorry."


@pytest.mark.parametrize(
    "error", [ValueError("no"), asyncio.CancelledError(), SystemExit(1), StopIteration()]
)
@pytest.mark.parametrize("is_async", [True, False])
async def test_whatever_a_tool_raises_is_an_error_the_model_sees(
    error: BaseException, is_async: bool
) -> None:
    @tool
    async def fails() -> None:
        raise error

    @tool(name="fails")
    def fails_in_thread() -> None:
        raise error

    tools = [fails if is_async else fails_in_thread]
    model = ScriptedModel([[tool_call("fails")], ["Sorry."]])
    result = await generate_text(model=model, prompt="Hi", tools=tools, stop_when=is_step_count(5))
    assert model.calls[1].messages[-1].content[0].output["type"] == "error-text"
    assert result.text == "Sorry."


@pytest.mark.parametrize("timeout", [{"tool_s": 0.02}, {"tools": {"sleep": 0.02}, "tool_s": 60}, None])
async def test_a_tool_that_takes_too_long_is_stopped(timeout: Any) -> None:
    stopped = asyncio.Event()

    @tool(timeout_s=0.02)
    async def sleep(ctx: ToolContext[Any]) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            assert ctx.abort_signal.aborted
            stopped.set()

    model = ScriptedModel([[tool_call("sleep")], ["Sorry."]])
    result = await generate_text(
        model=model, prompt="Hi", tools=[sleep], stop_when=is_step_count(5), timeout=timeout
    )
    error = result.steps[0].tool_errors[0].error
    assert isinstance(error, ToolTimeoutError)
    assert str(error) == "Tool 'sleep' timeout of 0.02 s exceeded"
    assert stopped.is_set()
    assert result.text == "Sorry."


async def test_a_tool_is_told_about_its_call() -> None:
    seen = []

    @tool
    async def look(city: str, ctx: ToolContext[str]) -> str:
        seen.append(ctx)
        return city

    assert "ctx" not in look.input_schema["properties"]
    model = ScriptedModel([[tool_call("look", city="Rome")]])
    await generate_text(
        model=model,
        instructions="Be brief.",
        prompt="Hi",
        tools=[look],
        tools_context={"look": "mine"},
        runtime_context={"tenant": 1},
    )
    (ctx,) = seen
    assert (ctx.tool_call_id, ctx.tool_name, ctx.context, ctx.runtime_context) == (
        "call-1",
        "look",
        "mine",
        {"tenant": 1},
    )
    assert ctx.messages == (UserMessage("Hi"),)
    assert not ctx.abort_signal.aborted


async def test_input_hooks_are_told_while_the_model_writes() -> None:
    told: list[Any] = []

    @tool(
        on_input_start=lambda ctx: told.append(("start", ctx.tool_call_id)),
        on_input_delta=lambda delta, ctx: told.append(delta),
        on_input_available=lambda given, ctx: told.append(given),
    )
    def act(a: int) -> None:
        told.append("run")

    await stream_text(model=ScriptedModel([[tool_call("act", a=1)]]), prompt="Hi", tools=[act]).text
    assert told == [("start", "call-1"), '{"a": 1}', {"a": 1}, "run"]
    told.clear()
    await generate_text(model=ScriptedModel([[tool_call("act", a=1)]]), prompt="Hi", tools=[act])
    assert told == [("start", "call-1"), {"a": 1}, "run"]


async def test_a_tool_says_what_the_model_sees_of_its_output() -> None:
    @tool(to_model_output=lambda options: {"type": "text", "value": f"{len(options.output)} bytes"})
    def image() -> bytes:
        return b"12345"

    result = await generate_text(model=ScriptedModel([[tool_call("image")]]), prompt="Hi", tools=[image])
    assert result.tool_results[0].output == b"12345"
    assert result.response_messages[1].content[0].output == {"type": "text", "value": "5 bytes"}


async def test_a_dynamic_tool_gets_its_input_as_it_is() -> None:
    async def execute(given: Any, ctx: Any) -> Any:
        return {"got": given, "id": ctx.tool_call_id}

    search = dynamic_tool(
        name="search", description="Find.", input_schema={"type": "object"}, execute=execute
    )
    result = await generate_text(
        model=ScriptedModel([[tool_call("search", q="x")]]), prompt="Hi", tools=[search]
    )
    assert result.tool_results[0].output == {"got": {"q": "x"}, "id": "call-1"}
    assert result.dynamic_tool_calls == result.tool_calls
    assert result.static_tool_results == ()


async def test_a_providers_tool_is_sent_and_its_answer_believed() -> None:
    search = ProviderToolSpec("openai.web_search", "web_search", {"size": "small"})
    model = ScriptedModel(
        [
            [
                ToolCall("w1", "web_search", '{"q": "x"}', provider_executed=True),
                ToolResult("w1", "web_search", None, {"hits": 1}, provider_executed=True),
                "Found.",
            ]
        ]
    )
    result = await generate_text(model=model, prompt="Hi", tools=[search], stop_when=is_loop_finished())
    assert model.calls[0].tools == (search,)
    assert result.tool_results[0].input == {"q": "x"}
    assert [type(part).__name__ for part in result.response_messages[0].content] == [
        "ToolCallPart",
        "ToolResultPart",
        "TextPart",
    ]


async def test_a_result_that_comes_later_goes_on_with_the_loop() -> None:
    code = ProviderToolSpec("anthropic.code", "code", {}, supports_deferred_results=True)
    model = ScriptedModel(
        [
            [ToolCall("c1", "code", "{}", provider_executed=True)],
            [ToolResult("c1", "code", None, "42", provider_executed=True), "It is 42."],
        ]
    )
    result = await generate_text(model=model, prompt="Hi", tools=[code], stop_when=is_loop_finished())
    assert (len(result.steps), result.text) == (2, "It is 42.")


async def test_stopping_the_answer_stops_its_tools() -> None:
    stopped = asyncio.Event()
    started = asyncio.Event()

    @tool
    async def hang() -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            stopped.set()

    result = stream_text(model=ScriptedModel([[tool_call("hang")]]), prompt="Hi", tools=[hang])
    reader = asyncio.ensure_future(parts_of(result))
    await started.wait()
    result.abort("enough")
    assert type((await reader)[-1]).__name__ == "Abort"
    assert stopped.is_set()


async def test_a_request_that_ends_stops_the_tools_of_its_answers() -> None:
    started, stopped = asyncio.Event(), asyncio.Event()

    @tool
    async def hang(ctx: ToolContext[Any]) -> None:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            assert ctx.abort_signal.aborted
            stopped.set()

    scope = RequestScope(action="chat")
    answer = stream_text(model=ScriptedModel([[tool_call("hang")]]), prompt="Hi", tools=[hang])
    scope.own(scope.run(answer.consume_stream(), name="chat"))
    await started.wait()
    await scope.cancel()
    assert stopped.is_set()


def test_scripts_run_tools_too() -> None:
    model = ScriptedModel([[tool_call("add", a=1, b=2)], ["three"]])
    result = generate_text.sync(model=model, prompt="Hi", tools=[add], stop_when=is_step_count(2))
    assert (result.text, result.tool_results[0].output) == ("three", 3)


# --- what the model is sent ----------------------------------------------------------------------------------------


async def test_tools_may_have_other_names_for_the_model() -> None:
    model = ScriptedModel([[tool_call("plus", a=1, b=2)]])
    result = await generate_text(model=model, prompt="Hi", tools={"plus": add})
    assert [spec.name for spec in model.calls[0].tools] == ["plus"]
    assert result.tool_results[0].output == 3


async def test_tools_can_be_left_out_and_put_in_order() -> None:
    tools = dict.fromkeys(("d", "b", "c", "a"), add)
    model = ScriptedModel()
    await generate_text(model=model, prompt="Hi", tools=tools)
    assert [spec.name for spec in model.calls[0].tools] == ["d", "b", "c", "a"]
    await generate_text(model=model, prompt="Hi", tools=tools, tool_order=["c"], active_tools=["a", "c", "d"])
    assert [spec.name for spec in model.calls[1].tools] == ["c", "a", "d"]


@pytest.mark.parametrize(
    ("choice", "sent"),
    [
        (None, ToolChoice()),
        ("auto", ToolChoice("auto")),
        ("required", ToolChoice("required")),
        ({"type": "tool", "tool_name": "add"}, ToolChoice("tool", "add")),
        (add, ToolChoice("tool", "add")),
    ],
)
async def test_the_choice_is_sent(choice: Any, sent: ToolChoice) -> None:
    model = ScriptedModel([[tool_call("add", a=1, b=1)]])
    await generate_text(model=model, prompt="Hi", tools=[add], tool_choice=choice)
    assert model.calls[0].tool_choice == sent


@pytest.mark.parametrize(
    ("choice", "script"),
    [
        ("required", ["no"]),
        (add, [tool_call("get_weather", city="x")]),
        ("none", [tool_call("add", a=1, b=1)]),
    ],
)
async def test_a_model_that_does_not_obey_fails_the_answer(choice: Any, script: Any) -> None:
    ran = []

    @tool(name="add", on_input_available=lambda given, ctx: ran.append(given))
    def spy(a: int, b: int) -> None:
        ran.append(a)

    tools = [add, get_weather] if choice is add else [spy, get_weather]
    with pytest.raises(ToolChoiceViolationError):
        await generate_text(model=ScriptedModel([script]), prompt="Hi", tools=tools, tool_choice=choice)
    result = stream_text(model=ScriptedModel([script]), prompt="Hi", tools=tools, tool_choice=choice)
    kinds = await kinds_of(result)
    assert kinds[-3:] == [Error, FinishStep, Finish] or choice == "none"
    if choice == "none":
        assert ToolCall not in kinds
        assert ran == []


async def test_a_call_without_a_result_in_the_messages_is_refused() -> None:
    messages = [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": [{"type": "tool-call", "toolCallId": "c1", "toolName": "add", "input": {}}],
        },
        {"role": "user", "content": "And?"},
    ]
    with pytest.raises(MissingToolResultsError, match="c1"):
        await generate_text(model=ScriptedModel(), messages=messages)


@pytest.mark.parametrize(
    ("settings", "letter"),
    [
        ({"tools": [lambda: 1]}, "no tool"),
        ({"tools": [add, add]}, "two tools are named 'add'"),
        ({"tools": {"bad name": add}}, "no name for a tool"),
        ({"tool_choice": "sometimes"}, "tool_choice is"),
        ({"stop_when": 5}, "stop_when takes"),
        ({"tool_call_concurrency": 0}, "at least 1"),
    ],
)
async def test_settings_of_tools_that_cannot_work_are_refused_at_once(settings: Any, letter: str) -> None:
    with pytest.raises(InvalidArgumentError, match=letter):
        stream_text(model=ScriptedModel(), prompt="Hi", **settings)


# --- prepare_step --------------------------------------------------------------------------------------------------


async def test_a_step_can_be_prepared() -> None:
    other = ScriptedModel([["done"]], model_id="other")

    def prepare(options: Any) -> Any:
        if options.step_number == 0:
            return {"instructions": "New.", "runtime_context": "kept", "temperature": 0}
        assert (options.instructions, options.runtime_context) == ((SystemMessage("New."),), "kept")
        assert [step.step_number for step in options.steps] == [0]
        return {"model": other, "active_tools": [], "provider_options": {"x": {"b": 2}}}

    model = ScriptedModel([[tool_call("add", a=1, b=1)]])
    result = await generate_text(
        model=model,
        instructions="Old.",
        prompt="Hi",
        tools=[add],
        stop_when=is_step_count(5),
        prepare_step=prepare,
        temperature=1,
        provider_options={"x": {"a": 1}},
    )
    first, second = model.calls[0], other.calls[0]
    assert (first.temperature, second.temperature) == (0, 1)
    assert first.messages[0] == second.messages[0] == SystemMessage("New.")
    assert (len(first.tools), len(second.tools)) == (1, 0)
    assert (first.provider_options, second.provider_options) == ({"x": {"a": 1}}, {"x": {"a": 1, "b": 2}})
    assert [step.model.model_id for step in result.steps] == ["scripted", "other"]
    assert result.final_step.runtime_context == "kept"


async def test_messages_of_a_prepared_step_are_carried_forward() -> None:
    async def prepare(options: Any) -> Any:
        return {"messages": [*options.messages, UserMessage("Quick!")]} if options.step_number == 0 else None

    model = ScriptedModel([[tool_call("add", a=1, b=1)], ["done"]])
    await generate_text(
        model=model, prompt="Hi", tools=[add], stop_when=is_step_count(5), prepare_step=prepare
    )
    assert model.calls[1].messages[:2] == (UserMessage("Hi"), UserMessage("Quick!"))
    assert len(model.calls[1].messages) == 4


async def test_a_prepared_step_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="modle"):
        await generate_text(model=ScriptedModel(), prompt="Hi", prepare_step=lambda options: {"modle": 1})


# --- endings -------------------------------------------------------------------------------------------------------


def refused() -> APICallError:
    return APICallError("Overloaded", url="https://example.com/v1", status_code=529)


async def test_a_failure_in_the_second_step_keeps_what_had_come() -> None:
    model = ScriptedModel([[tool_call("add", a=1, b=1)], ["half", refused()]])
    result = stream_text(model=model, prompt="Hi", tools=[add], stop_when=is_step_count(5))
    kinds = await kinds_of(result)
    assert kinds[-3:] == [Error, FinishStep, Finish]
    with pytest.raises(APICallError):
        await result.text
    assert [(step.text, step.finish_reason) for step in result.steps_so_far] == [
        ("", "tool-calls"),
        ("half", "error"),
    ]


async def test_a_stream_without_its_end_mark_is_an_error_with_the_text_kept() -> None:
    result = stream_text(model=ScriptedModel([Reply("half", finish_reason=None)]), prompt="Hi")
    kinds = await kinds_of(result)
    assert kinds[-3:] == [Error, FinishStep, Finish]
    assert result.steps_so_far[0].text == "half"
    with pytest.raises(Exception, match="broke off"):
        await result.text


async def test_a_stream_without_anything_is_an_error_alone() -> None:
    result = stream_text(model=ScriptedModel([Reply(finish_reason=None)]), prompt="Hi")
    assert await kinds_of(result) == [Start, Error]
    assert result.steps_so_far == ()


async def test_a_failure_of_generate_text_is_raised() -> None:
    model = ScriptedModel([[tool_call("add", a=1, b=1)], [refused()]])
    with pytest.raises(APICallError):
        await generate_text(model=model, prompt="Hi", tools=[add], stop_when=is_step_count(5))


def test_a_step_s_call_keeps_every_setting_of_the_answer() -> None:
    names = [each.name for each in dataclasses.fields(ModelCall)]
    of_the_answer: dict[str, Any] = {name: f"{name} of the answer" for name in names}
    own = ("messages", "tools", "tool_choice", "provider_options", "response_format")
    of_the_step: dict[str, Any] = {name: f"{name} of the step" for name in own}
    made = ModelCall(**of_the_answer).with_prompt(**of_the_step)
    assert {name: getattr(made, name) for name in names} == of_the_answer | of_the_step
