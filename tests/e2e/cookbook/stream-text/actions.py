from typing import TypedDict

from flightwire import (
    StreamableValue,
    StreamableValueSource,
    action,
    create_streamable_value,
    start_soon,
    stream_text,
)


class Output(TypedDict):
    output: StreamableValue[str]


@action
async def generate(input: str) -> Output:
    stream: StreamableValueSource[str] = create_streamable_value("")

    async def pump() -> None:
        async with stream:
            async for delta in stream_text(prompt=input).text_stream:
                stream.update(delta)

    start_soon(pump)
    return {"output": stream.value}
