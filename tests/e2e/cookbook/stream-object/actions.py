from typing import Any, TypedDict

from pydantic import BaseModel, Field

from flightwire import (
    Output,
    StreamableValue,
    StreamableValueSource,
    action,
    create_streamable_value,
    start_soon,
    stream_text,
)


class Notification(BaseModel):
    name: str = Field(description="Name of a fictional person.")
    message: str = Field(description="Do not use emojis or links.")
    minutes_ago: float = Field(alias="minutesAgo")


class Notifications(BaseModel):
    notifications: list[Notification]


class Generated(TypedDict):
    object: StreamableValue[Any]


@action
async def generate(input: str) -> Generated:
    stream: StreamableValueSource[Any] = create_streamable_value()

    async def pump() -> None:
        async with stream:
            async for partial in stream_text(
                instructions="You generate three notifications for a messages app.",
                prompt=input,
                output=Output.object(Notifications),
            ).partial_output_stream:
                stream.update(partial)

    start_soon(pump)
    return {"object": stream.value}
