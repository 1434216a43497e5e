"""The action that asks the local model, on all cores."""

from __future__ import annotations

from bench.actions import Text
from bench.local_model import THREADS
from flightwire import action, create_streamable_value, start_soon, stream_text
from flightwire.providers.local import local

MODEL = local(threads=THREADS)


@action
async def tell(prompt: str, max_tokens: int) -> Text:
    stream = create_streamable_value("")

    async def pump() -> None:
        async with stream:
            result = stream_text(model=MODEL, prompt=prompt, max_output_tokens=max_tokens, temperature=0)
            async for text in result.text_stream:
                stream.update(text)

    start_soon(pump)
    return {"output": stream.value}
