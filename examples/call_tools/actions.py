"""A model that may call a Python function: its parameters and docstring are all the model needs to know."""

from typing import Annotated, Literal, TypedDict

from pydantic import Field

from flightwire import action, generate_text, tool


class Message(TypedDict):
    role: Literal["user", "assistant"]
    content: str


class Reply(TypedDict):
    messages: list[Message]


@tool
def celsius_to_fahrenheit(
    value: Annotated[float, Field(description="The value in celsius", ge=-273.15, le=9999)],
) -> str:
    """Convert celsius to fahrenheit."""
    return f"{value:g}°C is {value * 9 / 5 + 32:.2f}°F"


@action
async def continue_conversation(
    history: list[Message], choice: Literal["celsius_to_fahrenheit"] | None = None
) -> Reply:
    result = await generate_text(
        instructions="You are a friendly assistant!",
        messages=history,
        tools=[celsius_to_fahrenheit],
        tool_choice={"type": "tool", "tool_name": choice} if choice else "auto",
        max_output_tokens=150,
    )
    text = result.text or "\n".join(str(each.output) for each in result.tool_results)

    return {"messages": [*history, {"role": "assistant", "content": text}]}
