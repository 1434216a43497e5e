"""Streams for models that cannot stream.

Owns: the parts of a whole answer. Refuses to know: the model.
Follows `packages/ai/src/middleware/simulate-streaming-middleware.ts` (AI SDK v7).
"""

from __future__ import annotations

from flightwire.core.middleware.base import BatchStream, DoGenerate, DoStream, LanguageModelMiddleware
from flightwire.events import (
    ProviderFinish,
    ProviderPart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    StreamStart,
    TextDelta,
    TextEnd,
    TextStart,
)
from flightwire.providers.base import LanguageModel, ModelCall, ModelResult, Reasoning, Text


def simulate_streaming_middleware() -> LanguageModelMiddleware:
    """Answer calls that stream with the parts of an answer that does not."""
    return _SimulateStreaming()


class _SimulateStreaming(LanguageModelMiddleware):
    async def wrap_stream(
        self, do_stream: DoStream, *, do_generate: DoGenerate, call: ModelCall, model: LanguageModel
    ) -> BatchStream:
        yield parts_of(await do_generate())


def parts_of(result: ModelResult) -> list[ProviderPart]:
    """The parts of a whole answer, in one batch."""
    parts: list[ProviderPart] = [StreamStart(result.warnings, result.request), result.response]
    count = 0
    for block in result.content:
        number = str(count)
        if isinstance(block, Text):
            if block.text:
                metadata = block.provider_metadata
                parts += TextStart(number, metadata), TextDelta(number, block.text), TextEnd(number)
                count += 1
        elif isinstance(block, Reasoning):
            metadata = block.provider_metadata
            parts += (
                ReasoningStart(number, metadata),
                ReasoningDelta(number, block.text),
                ReasoningEnd(number),
            )
            count += 1
        else:
            parts.append(block)
    parts.append(
        ProviderFinish(result.finish_reason, result.usage, result.raw_finish_reason, result.provider_metadata)
    )
    return parts
