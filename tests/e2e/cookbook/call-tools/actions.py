from typing import Annotated, Literal, TypedDict

from flightwire import action, generate_text, tool


class Message(TypedDict):
    role: Literal["user", "assistant"]
    content: str


class Reply(TypedDict):
    messages: list[Message]


@tool(name="celsiusToFahrenheit")
def celsius_to_fahrenheit(value: Annotated[str, "The value in celsius"]) -> str:
    """Converts celsius to fahrenheit"""
    celsius = float(value)
    return f"{celsius:g}°C is {celsius * 9 / 5 + 32:.2f}°F"


@action
async def continue_conversation(history: list[Message]) -> Reply:
    result = await generate_text(
        instructions="You are a friendly assistant!",
        messages=history,
        tools=[celsius_to_fahrenheit],
    )
    text = result.text or "\n".join(str(each.output) for each in result.tool_results)
    return {"messages": [*history, {"role": "assistant", "content": text}]}
