"""Whole answers in the form of a stream, so that one loop makes both.

Owns: that one conversion. Refuses to know: the loop.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

from flightwire.core.timeouts import Timeout
from flightwire.events import (
    CallWarning,
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
from flightwire.providers.base import ContentBlock, LanguageModel, ModelCall, Reasoning, Text


async def whole_answer(
    model: LanguageModel, call: ModelCall, limits: Timeout
) -> AsyncGenerator[Sequence[ProviderPart], None]:
    """Ask for a whole answer, and give it as one batch; warns of time limits that need a stream.

    Raises:
        Exception: as `LanguageModel.generate`.
    """
    result = await model.generate(call)
    parts: list[ProviderPart] = [
        StreamStart((*result.warnings, *_warnings(limits)), result.request),
        result.response,
    ]
    for place, block in enumerate(result.content):
        parts += _parts(str(place), block)
    parts.append(
        ProviderFinish(result.finish_reason, result.usage, result.raw_finish_reason, result.provider_metadata)
    )
    yield parts


def _warnings(limits: Timeout) -> list[CallWarning]:
    unheard = {"first_chunk_s": limits.first_chunk_s, "chunk_s": limits.chunk_s}
    return [
        CallWarning("unsupported", f"timeout.{name} is for streams only.", f"timeout.{name}")
        for name, limit in unheard.items()
        if limit is not None
    ]


def _parts(id: str, block: ContentBlock) -> Sequence[ProviderPart]:
    if isinstance(block, Text):
        return (TextStart(id, block.provider_metadata), TextDelta(id, block.text), TextEnd(id))
    if isinstance(block, Reasoning):
        return (ReasoningStart(id, block.provider_metadata), ReasoningDelta(id, block.text), ReasoningEnd(id))
    return (block,)
