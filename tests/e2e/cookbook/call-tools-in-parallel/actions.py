from typing import Annotated, Literal, TypedDict

from flightwire import action, generate_text, tool


class Message(TypedDict):
    role: Literal["user", "assistant"]
    content: str


class Reply(TypedDict):
    messages: list[Message]


@tool(name="getWeather")
async def get_weather(
    city: Annotated[str, "The city to get the weather for"],
    unit: Annotated[Literal["C", "F"], "The unit to display the temperature in"],
) -> str:
    """Get the weather for a location."""
    return f"It is currently 25°{unit} and Sunny in {city}!"


@action
async def continue_conversation(history: list[Message]) -> Reply:
    result = await generate_text(
        instructions="You are a friendly weather assistant!",
        messages=history,
        tools=[get_weather],
    )
    text = result.text or "\n".join(str(each.output) for each in result.tool_results)
    return {"messages": [*history, {"role": "assistant", "content": text}]}
