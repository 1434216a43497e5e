from typing import Literal, TypedDict

from flightwire import action, generate_text


class Message(TypedDict):
    role: Literal["user", "assistant"]
    content: str


class Reply(TypedDict):
    messages: list[Message]


@action
async def continue_conversation(history: list[Message]) -> Reply:
    result = await generate_text(instructions="You are a friendly assistant!", messages=history)
    return {"messages": [*history, {"role": "assistant", "content": result.text}]}
