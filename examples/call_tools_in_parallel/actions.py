"""Several calls of a tool in one step: they run at the same time, and the answer has all their results."""

from typing import Annotated, Literal, TypedDict

from pydantic import Field

from flightwire import action, generate_text, tool


class Message(TypedDict):
    role: Literal["user", "assistant"]
    content: str


class Reply(TypedDict):
    messages: list[Message]


@tool
async def get_weather(
    city: Annotated[str, Field(description="The city to get the weather for", max_length=40)],
    unit: Annotated[Literal["C", "F"], "The unit to display the temperature in"],
) -> str:
    """Get the weather for a location."""
    celsius = 12 + len(city) * 7 % 19  # stands for a request to a weather service
    return f"It is currently {celsius if unit == 'C' else celsius * 9 // 5 + 32}°{unit} and sunny in {city}!"


@action
async def continue_conversation(
    history: list[Message], choice: Literal["get_weather"] | None = None
) -> Reply:
    result = await generate_text(
        instructions="You are a friendly weather assistant!",
        messages=history,
        tools=[get_weather],
        tool_choice={"type": "tool", "tool_name": choice} if choice else "auto",
        max_output_tokens=150,
    )
    text = result.text or "\n".join(str(each.output) for each in result.tool_results)

    return {"messages": [*history, {"role": "assistant", "content": text}]}
