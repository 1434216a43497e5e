from pydantic import BaseModel, Field

from flightwire import Output, action, generate_text


class Notification(BaseModel):
    name: str = Field(description="Name of a fictional person.")
    message: str = Field(description="Do not use emojis or links.")
    minutes_ago: float = Field(alias="minutesAgo")


class Notifications(BaseModel):
    notifications: list[Notification]


class Found(BaseModel):
    notifications: Notifications


@action
async def get_notifications(input: str) -> Found:
    result = await generate_text(
        instructions="You generate three notifications for a messages app.",
        prompt=input,
        output=Output.object(Notifications),
    )
    return Found(notifications=result.output)
