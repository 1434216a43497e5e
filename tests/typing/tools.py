"""What a type checker knows of tools; checked, not run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Coroutine, Mapping, Sequence
from typing import Annotated, Any, Literal, assert_type

from flightwire import (
    AbortController,
    Approvals,
    EndEvent,
    PreparedStep,
    PrepareStepOptions,
    StepResult,
    Timeout,
    Tool,
    ToolContext,
    client_tool,
    dynamic_tool,
    generate_text,
    has_tool_call,
    is_loop_finished,
    is_step_count,
    provider_tool,
    stream_text,
    tool,
)
from flightwire.events import ToolCall, ToolResult
from flightwire.providers.anthropic import anthropic


@tool
async def get_weather(
    city: Annotated[str, "The city to get the weather for"], unit: Literal["C", "F"] = "C"
) -> str:
    """Get the weather for a location."""
    return f"It is currently 25°{unit} and sunny in {city}!"


@tool(needs_approval=True, timeout_s=10, name="sum", title="Adder")
def add(a: int, b: int, ctx: ToolContext[str]) -> int:
    assert_type(ctx.context, str)
    return a + b


@tool
async def count(to: int) -> AsyncIterator[int]:
    for number in range(to):
        yield number


@tool
async def search(query: str, ctx: ToolContext) -> str:
    assert_type(ctx.context, Any)
    return f"{query} {ctx.tool_call_id}"


async def run_bash(given: Mapping[str, str]) -> str:
    return given["command"]


bash = provider_tool(anthropic.tools.bash_20250124(), run_bash, needs_approval=True)
assert_type(add.fn is None, bool)
lookup = dynamic_tool(name="lookup", input_schema={"type": "object"}, execute=lambda given: given)
confirm = client_tool("confirm", input_schema={"type": "object"}, needs_approval=False)


async def calls() -> None:
    weather: Coroutine[Any, Any, str] = get_weather("Berlin")
    assert_type(await weather, str)
    assert_type(await get_weather("Berlin", unit="F"), str)
    await get_weather(5)  # type: ignore[arg-type]
    tool(colour="red")  # type: ignore[call-overload]


async def answers() -> None:
    history: list[dict[str, str]] = [{"role": "user", "content": "Hi"}]
    result = await generate_text(model="openai/gpt-5.4-mini", messages=history, tools=[get_weather])
    text = result.text or "\n".join(str(r.output) for r in result.tool_results)
    assert_type(text, str)
    assert_type(result.tool_calls, tuple[ToolCall, ...])
    await generate_text(
        prompt="Hi", tools={"weather": get_weather, "count": count, "ask": confirm, "look": lookup}
    )

    def prepare(step: PrepareStepOptions) -> PreparedStep | None:
        return {"tool_choice": get_weather} if step.step_number == 0 else None

    def enough(steps: Sequence[StepResult]) -> bool:
        return len(steps) > 3

    async def done(end: EndEvent) -> None:
        assert_type(end.usage.total_tokens, int | None)

    controller = AbortController()
    stream = stream_text(
        prompt="Hi",
        tools=[get_weather, add, count, lookup, confirm],
        tool_choice=add,
        stop_when=[is_step_count(5), has_tool_call(add, "confirm"), is_loop_finished(), enough],
        prepare_step=prepare,
        timeout=Timeout(total_s=60),
        abort_signal=controller.signal,
        approvals=Approvals(scope="chat"),
        include={"request_body"},
        tools_context={"sum": "mine"},
        on_end=done,
        on_step_end=[lambda step: print(step.text), lambda step: print(step.step_number)],
        on_tool_execution_end=lambda event: print(event.tool_execution_s),
        on_error=lambda event: print(event.error),
        tool_approval={"sum": "approved", "lookup": lambda given, ctx: "denied"},
    )
    assert_type(await stream.tool_results, tuple[ToolResult, ...])
    assert_type(stream.steps_so_far, tuple[StepResult, ...])
    stream_text(prompt="Hi", timeout={"total_s": 60, "tools": {"add": 5}})
    stream_text(prompt="Hi", tools=[print])  # type: ignore[list-item]
    stream_text(prompt="Hi", max_token=5)  # type: ignore[call-overload]


def takes(tools: Mapping[str, Tool[..., Any]]) -> None: ...


takes({"weather": get_weather, "sum": add})
