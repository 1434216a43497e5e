"""What stands between the model's answer and those who read it.

Owns: the form of a transform, `smooth_stream`. Refuses to know: models, logs, who calls transforms.
Follows `packages/ai/src/generate-text/smooth-stream.ts` and `StreamTextTransform` (AI SDK v7).

A transform is an async generator: it is handed the parts and gives the parts to go on. Everything that reads an answer,
results and callbacks included, sees what the last transform gave.

    async def shout(parts: AsyncIterator[StreamPart], context: TransformContext) -> AsyncIterator[StreamPart]:
        async for part in parts:
            yield TextDelta(part.id, part.text.upper()) if isinstance(part, TextDelta) else part
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, Protocol, TypeAlias

from flightwire._frozen import value
from flightwire.errors import InvalidArgumentError
from flightwire.events import ProviderMetadata, ReasoningDelta, StreamPart, TextDelta

ChunkDetector: TypeAlias = Callable[[str], str | None]
"""Gets the text that waits; gives the beginning of it that may go, or None."""

Chunking: TypeAlias = Literal["word", "line"] | re.Pattern[str] | ChunkDetector

_SPACE = re.compile(r"\s")
_WORD_THEN_SPACE = re.compile(r"\S\s")
_WORD = re.compile(r"\s*\S+\s+")
_LINE = re.compile(r"[^\n]*\n+")


@value
class TransformContext:
    """What a transform is given besides the parts.

    Attributes:
        tools: the tools of the call, by name.
        stop_stream: ends the answer: the model's connection is closed, and no further part comes in. What the transform
            still gives is delivered; for a regular ending give a FinishStep and a Finish.
    """

    tools: Mapping[str, Any]
    stop_stream: Callable[[], None]


class StreamTextTransform(Protocol):
    """Takes the parts of an answer and gives the parts to go on."""

    def __call__(
        self, parts: AsyncIterator[StreamPart], context: TransformContext, /
    ) -> AsyncIterator[StreamPart]:
        """Called once per answer; an exception ends the answer."""
        ...


Transforms: TypeAlias = StreamTextTransform | Sequence[StreamTextTransform] | None


def to_transforms(given: Transforms) -> tuple[StreamTextTransform, ...]:
    """One, several or no transforms, as several.

    Raises:
        InvalidArgumentError: something else.
    """
    several = () if given is None else tuple(given) if isinstance(given, (list, tuple)) else (given,)
    for each in several:
        if not callable(each):
            raise InvalidArgumentError(
                f"transform is an async generator function of (parts, context), or a list of them; got {each!r:.100}."
            )
    return several


def smooth_stream(
    *,
    delay_ms: float | None = 10,
    chunking: Chunking = "word",
    sleep: Callable[[float], Awaitable[object]] = asyncio.sleep,
) -> StreamTextTransform:
    r"""A transform that lets text and reasoning go in even pieces: `stream_text(…, transform=smooth_stream())`.

    Whatever else comes lets go what waits. Languages that do not put spaces between words need a `chunking` of their own:
    `re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]|\S+\s+")`.

    Arguments:
        delay_ms: how long to wait after each piece; None does not wait.
        chunking: "word", "line", a pattern (text goes up to the end of its first match), or a function that gives the
            beginning of the waiting text that may go, or None.
        sleep: how to wait, in seconds; tests hand in their own.

    Raises:
        InvalidArgumentError: another `chunking`; while the stream runs, a pattern that matches nothing at all, or a function
            that gives something else than a beginning of the text.
    """
    detect = _detector(chunking)
    delay_s = None if delay_ms is None else delay_ms / 1000

    async def smooth(
        parts: AsyncIterator[StreamPart], context: TransformContext
    ) -> AsyncIterator[StreamPart]:
        waiting = _Waiting(detect())
        async for part in parts:
            if not isinstance(part, (TextDelta, ReasoningDelta)):
                for rest in waiting.flush():
                    yield rest
                yield part
                continue
            for rest in waiting.flush_before(part):
                yield rest
            for piece in waiting.take(part):
                yield piece
                if delay_s is not None:
                    await sleep(delay_s)
        for rest in waiting.flush():
            yield rest

    return smooth


class _Waiting:
    """Text that waits for the end of its piece."""

    def __init__(self, detector: _Detector) -> None:
        self._detector = detector
        self._texts: list[
            str
        ] = []  # joined only when a piece may end: a long text without spaces stays linear
        self._delta: TextDelta | ReasoningDelta | None = None
        self._metadata: ProviderMetadata | None = None

    def flush_before(self, part: TextDelta | ReasoningDelta) -> list[StreamPart]:
        """Let go what waits if this part does not continue it."""
        delta = self._delta
        return [] if delta is None or (type(part) is type(delta) and part.id == delta.id) else self.flush()

    def take(self, part: TextDelta | ReasoningDelta) -> list[StreamPart]:
        """Add a delta; gives the pieces that may go now."""
        self._delta = part
        self._metadata = (
            part.provider_metadata or self._metadata
        )  # such as signatures of Anthropic's thinking
        self._texts.append(part.text)
        if not self._detector.may_end(part.text):
            return []
        text = "".join(self._texts)
        ends = self._detector.ends(text)
        starts = [0, *ends]
        rest = text[starts[-1] :]
        self._texts = [rest] if rest else []
        self._detector.wait(rest)
        kind = type(part)
        return [kind(part.id, text[start:end]) for start, end in zip(starts, ends, strict=False)]

    def flush(self) -> list[StreamPart]:
        """Let go what waits."""
        text = "".join(self._texts)
        if self._delta is None or not (text or self._metadata):
            return []
        rest = type(self._delta)(self._delta.id, text, self._metadata)
        self._texts, self._metadata = [], None
        self._detector.wait("")
        return [rest]


# --- where pieces end --------------------------------------------------------------------------------------------


class _Detector:
    """Where pieces end."""

    def may_end(self, delta: str) -> bool:
        """Whether a piece of the waiting text may end in what was added."""
        return True

    def ends(self, text: str) -> list[int]:
        """Where pieces of the waiting text end."""
        raise NotImplementedError

    def wait(self, text: str) -> None:
        """This is what waits now."""


class _Words(_Detector):
    """A piece is a word and the space after it."""

    def __init__(self) -> None:
        self._has_word = False

    def may_end(self, delta: str) -> bool:
        found = (_SPACE if self._has_word else _WORD_THEN_SPACE).search(delta)
        self._has_word = self._has_word or not delta.isspace()
        return found is not None

    def ends(self, text: str) -> list[int]:
        ends, at = [], 0
        while match := _WORD.match(text, at):
            at = match.end()
            ends.append(at)
        return ends

    def wait(self, text: str) -> None:
        self._has_word = bool(text.strip())


class _Lines(_Detector):
    """A piece ends after line breaks."""

    def may_end(self, delta: str) -> bool:
        return "\n" in delta

    def ends(self, text: str) -> list[int]:
        return [match.end() for match in _LINE.finditer(text)]


class _Pattern(_Detector):
    def __init__(self, pattern: re.Pattern[str]) -> None:
        self._pattern = pattern

    def ends(self, text: str) -> list[int]:
        ends, at = [], 0
        while match := self._pattern.search(text[at:]):
            if not match[0]:
                raise InvalidArgumentError(
                    f"smooth_stream: the pattern {self._pattern.pattern!r} matches an empty text."
                )
            at += match.end()
            ends.append(at)
        return ends


class _Function(_Detector):
    def __init__(self, detect: ChunkDetector) -> None:
        self._detect = detect

    def ends(self, text: str) -> list[int]:
        ends, at = [], 0
        while (piece := self._detect(text[at:])) is not None:
            if not piece:
                raise InvalidArgumentError(
                    "smooth_stream: the chunking function must return a non-empty text."
                )
            if not text.startswith(piece, at):
                raise InvalidArgumentError(
                    "smooth_stream: the chunking function must return the beginning of the text it was given. "
                    f"It returned {piece!r:.100} for {text[at:]!r:.100}."
                )
            at += len(piece)
            ends.append(at)
        return ends


def _detector(chunking: Chunking) -> Callable[[], _Detector]:
    if isinstance(chunking, str):
        named: dict[str, Callable[[], _Detector]] = {"word": _Words, "line": _Lines}
        if chunking in named:
            return named[chunking]
    elif isinstance(chunking, re.Pattern):
        return lambda: _Pattern(chunking)
    elif callable(chunking):
        return lambda: _Function(chunking)
    raise InvalidArgumentError(
        f'chunking must be "word", "line", a pattern (re.compile(…)) or a function, got {chunking!r}.'
    )
