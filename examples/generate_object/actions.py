"""An object instead of text: the schema is a pydantic model, and the page gets what it says."""

from pydantic import BaseModel, Field

from flightwire import Output, action, generate_text


class Notification(BaseModel):
    name: str = Field(description="Name of a fictional person.", max_length=30)
    message: str = Field(description="Do not use emojis or links.", max_length=90)
    minutes_ago: int = Field(alias="minutesAgo", ge=1, le=59)


class Notifications(BaseModel):
    notifications: list[Notification] = Field(min_length=3, max_length=3)


@action
async def get_notifications(input: str) -> Notifications:
    result = await generate_text(
        instructions="You generate three notifications for a messages app.",
        prompt=input,
        output=Output.object(Notifications),
        temperature=0.8,
        max_output_tokens=400,
    )

    return result.output
