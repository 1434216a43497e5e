"""What type checkers make of outputs: checked by mypy, and by basedpyright in tests/test_types.py."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Literal, TypedDict, assert_type

from pydantic import BaseModel, Field

from flightwire import Output, StreamTextResult, TransformContext, generate_text, smooth_stream, stream_text
from flightwire.events import StreamPart
from flightwire.jsontypes import JSONValue


class Notification(BaseModel):
    """A notification."""

    name: str = Field(description="Name of a fictional person.")
    minutes_ago: float


class Notifications(BaseModel):
    """Some of them."""

    notifications: list[Notification]


class Point(TypedDict):
    """A place."""

    x: int


@dataclass
class Recipe:
    """A recipe."""

    name: str


async def wholes() -> None:
    """Whole values have the type that was asked for."""
    result = await generate_text(prompt="Hi", output=Output.object(Notifications))
    assert_type(result.output.notifications[0].name, str)
    assert_type((await generate_text(prompt="Hi")).output, str)
    assert_type((await generate_text(prompt="Hi", output=Output.object(Recipe))).output, Recipe)
    assert_type(generate_text.sync(prompt="Hi", output=Output.object(Point)).output, Point)


async def streams() -> None:
    """Partials are dictionaries, elements and whole values are typed."""
    result = stream_text(prompt="Hi", output=Output.object(Notifications))
    async for partial in result.partial_output_stream:
        assert_type(partial, dict[str, Any])
    assert_type(await result.output, Notifications)
    points = stream_text(prompt="Hi", output=Output.array(Point))
    async for point in points.element_stream:
        assert_type(point["x"], int)
    async for some in points.partial_output_stream:
        assert_type(some, list[Point])
    assert_type(await points.output, list[Point])


async def others() -> None:
    """Choices, any JSON, JSON Schemas."""
    options: list[Literal["yes", "no"]] = ["yes", "no"]
    choice: Literal["yes", "no"] = await stream_text(prompt="Hi", output=Output.choice(options)).output
    free: str = await stream_text(prompt="Hi", output=Output.choice(["yes", "no"])).output
    anything: JSONValue = await stream_text(prompt="Hi", output=Output.json()).output
    del choice, free, anything


async def show(result: StreamTextResult[Notifications]) -> str:
    """Results can be named by their output alone."""
    return (await result.output).notifications[0].name


async def shout(parts: AsyncIterator[StreamPart], context: TransformContext) -> AsyncIterator[StreamPart]:
    """A transform."""
    async for part in parts:
        yield part


def transformed() -> StreamTextResult[str, str]:
    """One transform or several."""
    stream_text(prompt="Hi", transform=smooth_stream(delay_ms=None, chunking="line"))
    return stream_text(prompt="Hi", transform=[shout, smooth_stream()])
