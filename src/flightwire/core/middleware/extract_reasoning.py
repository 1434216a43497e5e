"""Reasoning that a model writes into its text, between tags.

Owns: telling the two apart, in streams across any cut. Refuses to know: which models do this.
Follows `packages/ai/src/middleware/extract-reasoning-middleware.ts` (AI SDK v7), with two differences: what looks like the
beginning of a tag when the text ends is text (the original drops it), and reasoning whose tag is never closed ends with
its text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace

from flightwire.core.middleware.base import BatchStream, DoGenerate, DoStream, LanguageModelMiddleware
from flightwire.errors import InvalidArgumentError
from flightwire.events import (
    ProviderFinish,
    ProviderPart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    TextDelta,
    TextEnd,
    TextStart,
)
from flightwire.providers.base import ContentBlock, LanguageModel, ModelCall, ModelResult, Reasoning, Text


def extract_reasoning_middleware(
    tag_name: str, *, separator: str = "\n", start_with_reasoning: bool = False
) -> LanguageModelMiddleware:
    """Give what stands between `<tag_name>` and `</tag_name>` as reasoning instead of text.

    Arguments:
        tag_name: as in "think".
        separator: what to put between pieces of text, and of reasoning, that stood apart.
        start_with_reasoning: whether the model begins with its reasoning and writes only the closing tag.

    Raises:
        InvalidArgumentError: no tag name.
    """
    if not tag_name:
        raise InvalidArgumentError("extract_reasoning_middleware needs a tag_name, as in 'think'.")
    return _ExtractReasoning(f"<{tag_name}>", f"</{tag_name}>", separator, start_with_reasoning)


class _ExtractReasoning(LanguageModelMiddleware):
    def __init__(self, opening: str, closing: str, separator: str, starts: bool) -> None:
        self._opening = opening
        self._closing = closing
        self._separator = separator
        self._starts = starts
        self._pattern = re.compile(f"{re.escape(opening)}(.*?){re.escape(closing)}", re.DOTALL)

    async def wrap_generate(
        self, do_generate: DoGenerate, *, do_stream: DoStream, call: ModelCall, model: LanguageModel
    ) -> ModelResult:
        result = await do_generate()
        return replace(result, content=[part for block in result.content for part in self._divided(block)])

    def _divided(self, block: ContentBlock) -> Sequence[ContentBlock]:
        if not isinstance(block, Text):
            return [block]
        text = self._opening + block.text if self._starts else block.text
        found = list(self._pattern.finditer(text))
        if not found:
            return [block]
        starts = [0, *(match.end() for match in found)]
        rest = text[starts[-1] :]
        for match, start in zip(reversed(found), reversed(starts[:-1]), strict=True):
            between = self._separator if match.start() and rest else ""
            rest = text[start : match.start()] + between + rest
        return [Reasoning(self._separator.join(match[1] for match in found)), Text(rest)]

    async def wrap_stream(
        self, do_stream: DoStream, *, do_generate: DoGenerate, call: ModelCall, model: LanguageModel
    ) -> BatchStream:
        texts: dict[str, _Text] = {}
        ids = iter(range(1_000_000_000))
        async for batch in do_stream():
            out: list[ProviderPart] = []
            for part in batch:
                if isinstance(part, TextStart):
                    texts[part.id] = _Text(part, self, ids)
                elif isinstance(part, TextDelta) and part.id in texts:
                    texts[part.id].take(part, out)
                elif isinstance(part, TextEnd) and part.id in texts:
                    texts.pop(part.id).end(part, out)
                else:
                    if isinstance(part, ProviderFinish):
                        for text in texts.values():
                            text.finish(out)
                    out.append(part)
            if out:
                yield out

    def tag(self, *, closing: bool) -> str:
        """The tag to look for."""
        return self._closing if closing else self._opening

    @property
    def separator(self) -> str:
        """What stands between pieces."""
        return self._separator

    @property
    def starts(self) -> bool:
        """Whether a text begins with reasoning."""
        return self._starts


class _Text:
    """One text of the model: in it, text and reasoning take turns."""

    def __init__(self, start: TextStart, middleware: _ExtractReasoning, ids: Iterator[int]) -> None:
        self._start: TextStart | None = start  # held back: reasoning that comes first is told first
        self._middleware = middleware
        self._ids = ids
        self._id = start.id
        self._buffer = ""
        self._is_reasoning = middleware.starts
        self._reasoning_id: str | None = None
        self._has_switched = False
        self._written = {False: False, True: False}  # whether there has been any text, any reasoning

    def take(self, part: TextDelta, out: list[ProviderPart]) -> None:
        """Divide a delta."""
        self._buffer += part.text
        while True:
            tag = self._middleware.tag(closing=self._is_reasoning)
            at = _possible_start(self._buffer, tag)
            self._publish(self._buffer[:at], out)
            self._buffer = self._buffer[at:]
            if not self._buffer.startswith(tag):
                return
            self._buffer = self._buffer[len(tag) :]
            self._switch(out)

    def end(self, part: TextEnd, out: list[ProviderPart]) -> None:
        """The text has ended."""
        self.finish(out)
        if self._start is not None:
            out.append(self._start)
        out.append(part)

    def finish(self, out: list[ProviderPart]) -> None:
        """Nothing more comes: what was held back is what it seemed to be."""
        self._publish(self._buffer, out)
        self._buffer = ""
        if self._reasoning_id is not None:
            self._end_reasoning(out)

    def _switch(self, out: list[ProviderPart]) -> None:
        if self._is_reasoning:
            self._begin_reasoning(out)  # also when nothing was reasoned: <think></think>
            self._end_reasoning(out)
        self._is_reasoning = not self._is_reasoning
        self._has_switched = True

    def _publish(self, text: str, out: list[ProviderPart]) -> None:
        if not text:
            return
        apart = self._has_switched and self._written[self._is_reasoning]
        text = self._middleware.separator + text if apart else text
        self._has_switched = False
        self._written[self._is_reasoning] = True
        if self._is_reasoning:
            out.append(ReasoningDelta(self._begin_reasoning(out), text))
            return
        if self._start is not None:
            out.append(self._start)
            self._start = None
        out.append(TextDelta(self._id, text))

    def _begin_reasoning(self, out: list[ProviderPart]) -> str:
        if self._reasoning_id is None:
            self._reasoning_id = f"reasoning-{next(self._ids)}"
            out.append(ReasoningStart(self._reasoning_id))
        return self._reasoning_id

    def _end_reasoning(self, out: list[ProviderPart]) -> None:
        assert self._reasoning_id is not None
        out.append(ReasoningEnd(self._reasoning_id))
        self._reasoning_id = None


def _possible_start(text: str, tag: str) -> int:
    """Where a tag begins, or may begin at the end of the text; the end of the text when it does not."""
    found = text.find(tag)
    if found >= 0:
        return found
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if text.endswith(tag[:length]):
            return len(text) - length
    return len(text)
