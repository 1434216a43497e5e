"""The actions that are measured, written as anybody would write them."""

from typing import TypedDict

from flightwire import (
    Output,
    StreamableValue,
    action,
    create_streamable_value,
    is_step_count,
    start_soon,
    stream_text,
    tool,
)
from flightwire.providers.openai import openai

MODEL = openai.chat("gpt-5.4-mini")


class Text(TypedDict):
    output: StreamableValue[str]


class Item(TypedDict):
    name: str
    text: str


class Items(TypedDict):
    output: StreamableValue[Item]


class Found(TypedDict):
    name: str
    number: int


@action
async def generate(prompt: str) -> Text:
    stream = create_streamable_value("")

    async def pump() -> None:
        async with stream:
            async for text in stream_text(model=MODEL, prompt=prompt).text_stream:
                stream.update(text)

    start_soon(pump)
    return {"output": stream.value}


@tool
def look_up(name: str) -> Found:
    """Look up a number."""
    return {"name": name, "number": len(name)}


@action
async def use_tool(prompt: str) -> Text:
    stream = create_streamable_value("")

    async def pump() -> None:
        async with stream:
            result = stream_text(model=MODEL, prompt=prompt, tools=[look_up], stop_when=is_step_count(5))
            async for text in result.text_stream:
                stream.update(text)

    start_soon(pump)
    return {"output": stream.value}


@action
async def list_items(prompt: str) -> Items:
    stream: StreamableValue[Item] = create_streamable_value()

    async def pump() -> None:
        async with stream:
            result = stream_text(model=MODEL, prompt=prompt, output=Output.array(Item))
            async for item in result.element_stream:
                stream.update(item)

    start_soon(pump)
    return {"output": stream.value}
