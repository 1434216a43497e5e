"""What a step comes to: its texts, calls, files.

Owns: from stream parts to the content of a step. Refuses to know: where the parts are kept, tasks, readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flightwire.core.joining import joined
from flightwire.core.results import StepContent
from flightwire.events import (
    Custom,
    File,
    ProviderMetadata,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningFile,
    ReasoningStart,
    Source,
    StartStep,
    StreamPart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolCall,
    ToolError,
    ToolResult,
)
from flightwire.providers.base import Reasoning, Text

FOLD_PIECES: Final = 32
FOLDED_CHARS: Final = 4096  # what was folded takes no more in then
_CONTENT = (
    Source,
    File,
    ReasoningFile,
    Custom,
    ToolCall,
    ToolError,
    ToolApprovalRequested,
    ToolApprovalAnswered,
)


def last_step(parts: Sequence[StreamPart], number: int) -> tuple[StepContent, ...]:
    """What a step consists of so far, from the parts of the whole answer; nothing, when no part of it is there.

    Arguments:
        parts: of the answer.
        number: of the step, from 0; none comes after it.
    """
    kinds = list(
        map(type, reversed(parts))
    )  # and then counted: a fast answer leaves a hundred parts that were not joined
    if kinds.count(StartStep) <= number:
        return ()
    recorder = Recorder()
    recorder.record(joined(parts[len(parts) - kinds.index(StartStep) :]))
    return recorder.content()


class _Block:
    """A text or a piece of reasoning that grows."""

    __slots__ = ("_folded", "kind", "metadata", "pieces")

    def __init__(self, kind: type[Text | Reasoning], metadata: ProviderMetadata | None) -> None:
        self.kind = kind
        self.pieces: list[str] = []
        self._folded: list[str] = []
        self.metadata = metadata

    def add(self, text: str) -> None:
        """It goes on. Pieces are joined: each of a token takes ten times the memory of its text."""
        self.pieces.append(text)
        if len(self.pieces) >= FOLD_PIECES:
            self._fold()

    def _fold(self) -> None:
        text = "".join(self.pieces)
        if self._folded and len(self._folded[-1]) < FOLDED_CHARS:
            self._folded[-1] += text
        else:
            self._folded.append(text)
        self.pieces.clear()

    @property
    def text(self) -> str:
        """All of it."""
        return "".join((*self._folded, *self.pieces))


class Recorder:
    """Keeps what a step consists of, from its parts."""

    __slots__ = ("_content", "_reasonings", "_texts")

    def __init__(self) -> None:
        self._content: list[StepContent | _Block] = []
        self._texts: dict[str, _Block] = {}
        self._reasonings: dict[str, _Block] = {}

    def record(self, parts: Sequence[StreamPart]) -> None:
        """Take note of parts."""
        for part in parts:
            if isinstance(part, (TextDelta, ReasoningDelta)):
                block = self._text(part.id) if isinstance(part, TextDelta) else self._reasoning(part.id)
                block.add(part.text)
                block.metadata = part.provider_metadata or block.metadata
            elif isinstance(part, TextStart):
                self._texts[part.id] = self._opened(Text, part.provider_metadata)
            elif isinstance(part, ReasoningStart):
                self._reasonings[part.id] = self._opened(Reasoning, part.provider_metadata)
            elif isinstance(part, TextEnd):
                _end(self._texts.pop(part.id, None), part.provider_metadata)
            elif isinstance(part, ReasoningEnd):
                _end(self._reasonings.pop(part.id, None), part.provider_metadata)
            elif isinstance(part, _CONTENT) or (isinstance(part, ToolResult) and not part.preliminary):
                self._content.append(part)

    def _text(self, id: str) -> _Block:
        """The text that a delta belongs to; one is opened for a delta that nobody announced."""
        block = self._texts.get(id)
        if block is None:
            block = self._texts[id] = self._opened(Text, None)
        return block

    def _reasoning(self, id: str) -> _Block:
        block = self._reasonings.get(id)
        if block is None:
            block = self._reasonings[id] = self._opened(Reasoning, None)
        return block

    def _opened(self, kind: type[Text | Reasoning], metadata: ProviderMetadata | None) -> _Block:
        block = _Block(kind, metadata)
        self._content.append(block)
        return block

    def content(self) -> tuple[StepContent, ...]:
        """What there is so far."""
        return tuple(
            each.kind(each.text, each.metadata) if isinstance(each, _Block) else each
            for each in self._content
        )


def _end(block: _Block | None, metadata: ProviderMetadata | None) -> None:
    if block is not None:
        block.metadata = metadata or block.metadata
