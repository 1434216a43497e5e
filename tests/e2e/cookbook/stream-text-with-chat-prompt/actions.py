from typing import Literal, TypedDict

from flightwire import (
    StreamableValue,
    StreamableValueSource,
    action,
    create_streamable_value,
    start_soon,
    stream_text,
)


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
            async for text in stream_text(
                instructions="You are a dude that doesn't drop character until the DVD commentary.",
                messages=history,
            ).text_stream:
                stream.update(text)

    start_soon(pump)
    return {"messages": history, "newMessage": stream.value}
