"""A chat: the page sends the whole conversation, the answer streams back while the model makes it."""

from typing import Literal, TypedDict

from flightwire import (
    StreamableValue,
    StreamableValueSource,
    action,
    create_streamable_value,
    start_soon,
    stream_text,
)

INSTRUCTIONS = "You are a dude that doesn't drop character until the DVD commentary."


class Message(TypedDict):
    role: Literal["user", "assistant"]
    content: str


class Reply(TypedDict):
    messages: list[Message]
    newMessage: StreamableValue[str]


@action
async def continue_conversation(history: list[Message]) -> Reply:
    stream: StreamableValueSource[str] = create_streamable_value()

    async def pump() -> None:
        async with stream:
            result = stream_text(instructions=INSTRUCTIONS, messages=history, max_output_tokens=200)
            async for text in result.text_stream:
                stream.update(text)

    start_soon(pump)

    return {"messages": history, "newMessage": stream.value}
