"""The action that is measured, written as anybody would write it."""

from typing import TypedDict

from flightwire import StreamableValue, action, create_streamable_value, start_soon, stream_text
from flightwire.providers.openai import openai

MODEL = openai.chat("gpt-5.4-mini")


class Output(TypedDict):
    output: StreamableValue[str]


@action
async def generate(prompt: str) -> Output:
    stream = create_streamable_value("")

    async def pump() -> None:
        async with stream:
            async for text in stream_text(model=MODEL, prompt=prompt).text_stream:
                stream.update(text)

    start_soon(pump)
    return {"output": stream.value}
