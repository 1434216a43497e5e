"""JSON that a model puts into a Markdown code block.

Owns: taking the fences off, in streams across any cut. Refuses to know: what the JSON says.
Follows `packages/ai/src/middleware/extract-json-middleware.ts` (AI SDK v7).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from flightwire.core.middleware.base import BatchStream, DoGenerate, DoStream, LanguageModelMiddleware
from flightwire.events import ProviderFinish, ProviderPart, TextDelta, TextEnd, TextStart
from flightwire.providers.base import LanguageModel, ModelCall, ModelResult, Text

_OPENING = re.compile(r"\A```(?:json)?\s*\n")
_LENIENT_OPENING = re.compile(r"\A```(?:json)?\s*\n?")
_CLOSING = re.compile(r"\n?```\s*\Z")


def extract_json_middleware(*, transform: Callable[[str], str] | None = None) -> LanguageModelMiddleware:
    """Give the text without the ```` ```json ```` and ```` ``` ```` around it, for models that answer so when asked for JSON.

    Arguments:
        transform: makes the text that is wanted of the whole text; its streams then come in one piece.
    """
    return _ExtractJSON(transform)


class _ExtractJSON(LanguageModelMiddleware):
    def __init__(self, transform: Callable[[str], str] | None) -> None:
        self._transform = transform

    async def wrap_generate(
        self, do_generate: DoGenerate, *, do_stream: DoStream, call: ModelCall, model: LanguageModel
    ) -> ModelResult:
        transform = self._transform or _without_fences
        result = await do_generate()
        content = [
            replace(block, text=transform(block.text)) if isinstance(block, Text) else block
            for block in result.content
        ]
        return replace(result, content=content)

    async def wrap_stream(
        self, do_stream: DoStream, *, do_generate: DoGenerate, call: ModelCall, model: LanguageModel
    ) -> BatchStream:
        texts: dict[str, _Text | _WholeText] = {}
        async for batch in do_stream():
            out: list[ProviderPart] = []
            for part in batch:
                if isinstance(part, TextStart):
                    whole = self._transform
                    texts[part.id] = _Text(part) if whole is None else _WholeText(part, whole)
                elif isinstance(part, TextDelta) and part.id in texts:
                    texts[part.id].take(part, out)
                elif isinstance(part, TextEnd) and part.id in texts:
                    texts.pop(part.id).finish(out)
                    out.append(part)
                else:
                    if isinstance(part, ProviderFinish):  # texts that the provider left open
                        for text in texts.values():
                            text.finish(out)
                        texts.clear()
                    out.append(part)
            if out:
                yield out


class _Text:
    """One text of the model. Its beginning waits until it is clear whether it is a fence, its end may be one."""

    def __init__(self, start: TextStart) -> None:
        self._start = start
        self._buffer = ""
        self._waiting: list[
            str
        ] = []  # joined only when there is something to see: a line without end stays linear
        self._is_fence = False
        self._has_begun = False

    def take(self, part: TextDelta, out: list[ProviderPart]) -> None:
        """Add a delta."""
        if self._has_begun:
            self._buffer += part.text
        elif self._waits(part.text):
            return
        else:
            self._has_begun = True
            out.append(self._start)
            self._buffer = _OPENING.sub("", "".join(self._waiting), count=1)
        self._publish(self._maybe_closing(), out)

    def _waits(self, text: str) -> bool:
        """Whether what has come may still become a fence."""
        self._waiting.append(text)
        if self._is_fence and "\n" not in text:
            return True
        begun = "".join(self._waiting)
        self._is_fence = begun.startswith("```")
        return "```".startswith(begun) or (self._is_fence and "\n" not in begun)

    def _maybe_closing(self) -> int:
        """Where the fence at the end would begin: what follows waits."""
        at = len(self._buffer.rstrip())
        ticks = min(3, at - len(self._buffer[:at].rstrip("`")))
        return len(self._buffer[: at - ticks].rstrip()) if ticks else at

    def _publish(self, end: int, out: list[ProviderPart]) -> None:
        if end:
            out.append(TextDelta(self._start.id, self._buffer[:end]))
            self._buffer = self._buffer[end:]

    def finish(self, out: list[ProviderPart]) -> None:
        """The text has ended."""
        if self._has_begun:
            self._buffer = _CLOSING.sub("", self._buffer).rstrip()
        else:
            out.append(self._start)
            self._buffer = _without_fences("".join(self._waiting))
        self._publish(len(self._buffer), out)


class _WholeText:
    """One text of the model, which is wanted whole."""

    def __init__(self, start: TextStart, transform: Callable[[str], str]) -> None:
        self._start = start
        self._transform = transform
        self._texts: list[str] = []

    def take(self, part: TextDelta, out: list[ProviderPart]) -> None:
        """Add a delta."""
        self._texts.append(part.text)

    def finish(self, out: list[ProviderPart]) -> None:
        """The text has ended."""
        out.append(self._start)
        if text := self._transform("".join(self._texts)):
            out.append(TextDelta(self._start.id, text))


def _without_fences(text: str) -> str:
    opening = _LENIENT_OPENING.match(text)
    return _CLOSING.sub("", text[opening.end() :] if opening else text).strip()
