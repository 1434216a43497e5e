"""An object that grows on the page: each partial is what the model has said so far."""

from typing import Any, TypedDict

from pydantic import BaseModel, Field

from flightwire import Output, StreamableValue, action, create_streamable_value, stream_text


class Notification(BaseModel):
    name: str = Field(description="Name of a fictional person.", max_length=30)
    message: str = Field(description="Do not use emojis or links.", max_length=90)
    minutes_ago: int = Field(alias="minutesAgo", ge=1, le=59)


class Notifications(BaseModel):
    notifications: list[Notification] = Field(min_length=3, max_length=3)


class Reply(TypedDict):
    object: StreamableValue[Any]  # any field may be missing or half written until the end


@action
async def generate(input: str) -> Reply:
    result = stream_text(
        instructions="You generate three notifications for a messages app.",
        prompt=input,
        output=Output.object(Notifications),
        temperature=0.8,
        max_output_tokens=400,
    )

    return {"object": create_streamable_value(result.partial_output_stream).value}
