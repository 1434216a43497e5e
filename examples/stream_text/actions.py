"""One question; the answer streams to the page while the model writes it."""

from typing import TypedDict

from flightwire import (
    StreamableValue,
    StreamableValueSource,
    action,
    create_streamable_value,
    start_soon,
    stream_text,
)


class Reply(TypedDict):
    output: StreamableValue[str]


@action
async def generate(prompt: str) -> Reply:
    stream: StreamableValueSource[str] = create_streamable_value("")

    async def pump() -> None:
        async with stream:  # done at the end, an error on an exception
            async for delta in stream_text(prompt=prompt, max_output_tokens=200).text_stream:
                stream.update(delta)

    start_soon(pump)  # the request owns it: it ends when the page goes away

    return {"output": stream.value}
