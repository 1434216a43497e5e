"""How an output is read while the model writes it: partials and elements.

Owns: `PartialStream`, `ElementStream`; which text of an answer is the output. Refuses to know: what a partial is (`partials.py`).
Follows `createOutputTransformStream` of `packages/ai/src/generate-text/stream-text.ts` (AI SDK v7): the first text of a
step is the output, and each step begins anew.

The partials are made by who reads them: an answer that nobody reads so costs nothing, and the log keeps no copies.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from flightwire.core.output import Output
from flightwire.core.partial_json import NOTHING
from flightwire.core.partials import ElementReader, Partials
from flightwire.core.reading import Reader
from flightwire.errors import TypeValidationError
from flightwire.events import StartStep, StreamPart, TextDelta, TextEnd, TextStart

if TYPE_CHECKING:
    from flightwire.core.stream_text import StreamTextResult

P = TypeVar("P")
E = TypeVar("E")


class _FirstText:
    """Tells which parts belong to the output."""

    __slots__ = ("_id",)

    def __init__(self) -> None:
        self._id: str | None = None

    def delta(self, part: StreamPart) -> str:
        """The text that a part adds to the output."""
        if type(part) is TextDelta:
            if self._id is None:
                self._id = part.id
            return part.text if part.id == self._id else ""
        if type(part) is TextStart and self._id is None:
            self._id = part.id
        return ""

    def ends(self, part: StreamPart) -> bool:
        """Whether the output is complete with this part."""
        return type(part) is TextEnd and part.id == self._id


class PartialStream(Reader, Generic[P]):
    """The output so far, each time there is more of it: not validated, and never changed later.

    Complete parts of a value are shared between the values that follow each other; treat them as read-only.

    Raises what ended the answer when it failed; after an abort it ends normally.
    """

    __slots__ = ("_output", "_partials", "_parts", "_text")

    def __init__(self, result: StreamTextResult[Any, P, Any], output: Output[Any, P, Any]) -> None:
        super().__init__(result)
        self._output = output
        self._parts: Iterator[StreamPart] = iter(())
        self._text = _FirstText()
        self._partials: Partials = output.partials()

    def __aiter__(self) -> PartialStream[P]:
        return self

    async def __anext__(self) -> P:
        while True:
            partial = self._next()
            if partial is not NOTHING:
                return partial  # type: ignore[no-any-return] # what an output's partials are
            if not (parts := await self._take()):
                break
            self._parts = iter(parts)
        if (partial := self._partials.rest()) is not NOTHING:
            return partial  # type: ignore[no-any-return] # likewise
        self._raise_failure()
        raise StopAsyncIteration

    def _next(self) -> Any:
        """The next partial in the parts at hand."""
        text, partials = self._text, self._partials
        for part in self._parts:
            if delta := text.delta(part):
                if (partial := partials.read(delta)) is not NOTHING:
                    return partial
            elif type(part) is StartStep:
                self._text = text = _FirstText()
                self._partials = partials = self._output.partials()
            elif text.ends(part) and (partial := partials.rest()) is not NOTHING:
                return partial
        return NOTHING


class ElementStream(Reader, Generic[E]):
    """The elements of a list, validated, as they become complete; those that do not fit are left out.

    Raises TypeValidationError when there are more than `max_items`, and what ended the answer when it failed.
    """

    __slots__ = ("_elements", "_given", "_output", "_parts", "_text")

    def __init__(self, result: StreamTextResult[Any, Any, E], output: Output[Any, Any, E]) -> None:
        super().__init__(result)
        self._output = output
        self._parts: Iterator[StreamPart] = iter(())
        self._text = _FirstText()
        self._elements = _reader_of(output)
        self._given = 0

    def __aiter__(self) -> ElementStream[E]:
        return self

    async def __anext__(self) -> E:
        while not self._has_more():
            if not (parts := await self._take()):
                self._raise_failure()
                raise StopAsyncIteration
            self._parts = iter(parts)
        limit = self._output.max_elements
        if limit is not None and self._given >= limit:
            raise TypeValidationError(
                f"elements array must contain at most {limit} items", value=self._elements.valid
            )
        self._given += 1
        return self._elements.valid[self._given - 1]

    def _has_more(self) -> bool:
        """Read the parts at hand until there is another element."""
        if self._given < len(self._elements.valid):
            return True
        for part in self._parts:
            if delta := self._text.delta(part):
                self._elements.read(delta)
                if self._given < len(self._elements.valid):
                    return True
            elif type(part) is StartStep:
                self._text, self._elements, self._given = _FirstText(), _reader_of(self._output), 0
        return False


def _reader_of(output: Output[Any, Any, E]) -> ElementReader[E]:
    reader = output.elements()
    assert reader is not None
    return reader
