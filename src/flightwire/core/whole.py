"""Whole answers in the form of a stream, so that one loop makes both.

Owns: that one conversion. Refuses to know: the loop.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

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
from flightwire.providers.base import ContentBlock, LanguageModel, ModelCall, Reasoning, Text


async def whole_answer(model: LanguageModel, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
    """Ask for a whole answer, and give it as one batch.

    Raises:
        Exception: as `LanguageModel.generate`.
    """
    result = await model.generate(call)
    parts: list[ProviderPart] = [StreamStart(result.warnings, result.request), result.response]
    for place, block in enumerate(result.content):
        parts += _parts(str(place), block)
    parts.append(
        ProviderFinish(result.finish_reason, result.usage, result.raw_finish_reason, result.provider_metadata)
    )
    yield parts


def _parts(id: str, block: ContentBlock) -> Sequence[ProviderPart]:
    if isinstance(block, Text):
        return (TextStart(id, block.provider_metadata), TextDelta(id, block.text), TextEnd(id))
    if isinstance(block, Reasoning):
        return (ReasoningStart(id, block.provider_metadata), ReasoningDelta(id, block.text), ReasoningEnd(id))
    return (block,)
