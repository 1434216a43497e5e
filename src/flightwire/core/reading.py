"""How a result is read: iterators over its log, and values that can be awaited again and again.

Owns: `PartStream`, `TextStream`, `Eventual`. Refuses to know: where the parts come from.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator, Sequence
from threading import get_ident
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from flightwire.core.log import JOIN_PARTS, SLICE_PARTS
from flightwire.events import StreamPart, TextDelta
from flightwire.providers.base import TextBatch
from flightwire.scope import Gate, current_scope

if TYPE_CHECKING:
    from flightwire.core.stream_text import StreamTextResult

T = TypeVar("T")


class Reader:
    """A place in a log. What has come is taken in slices, so that most reads neither wait nor call anything."""

    __slots__ = ("_gate", "_has_begun", "_log", "_place", "_result")

    def __init__(self, result: StreamTextResult[Any, Any, Any]) -> None:
        self._result = result  # keeps the answer alive: an answer nobody holds is aborted
        self._log = result._run.log
        self._has_begun = False
        scope = current_scope()
        self._gate = None if scope is None or scope.thread != get_ident() else scope.gate
        self._place = self._log.open(self._gate)

    def __del__(self) -> None:
        place = getattr(self, "_place", None)
        if place is not None:
            self._log.leave(place)

    async def _take(self) -> Sequence[StreamPart]:
        """The next parts, at least one; none at the end."""
        log, place, gate = self._log, self._place, self._gate
        if place.position - log.joined >= JOIN_PARTS:
            log.join_passed()
        if not self._has_begun:
            self._has_begun = True
            self._result._run.start()
        elif place.position < len(log.parts):
            await asyncio.sleep(0)  # a slow reader of a fast answer would never let others run
        if gate is not None and (gate.closed or (gate.leave is not None and not gate.is_turn)):
            await self._pass(gate)
        while place.position >= len(log.parts) and not log.closed:
            handed = await log.expect(place)
            if handed is not None:
                place.position += len(handed)
                return handed
        taken = log.parts[place.position : place.position + SLICE_PARTS]
        place.position += len(taken)
        return taken

    async def _pass(self, gate: Gate) -> None:
        """Wait while the client does; then let what was written leave, if more is to be waited for."""
        if gate.closed:
            await gate.wait()
        if gate.leave is not None and not gate.is_turn and self._place.position >= len(self._log.parts):
            gate.leave()

    def _raise_failure(self) -> None:
        """Raise what ended the answer, if it failed."""
        error = self._result._run.error
        if error is not None:
            raise error


class PartStream(Reader):
    """All parts of an answer, from the first one, in order.

    Errors are parts here (`events.Error`), as in the AI SDK; nothing is raised. Dropping the iterator releases it.
    """

    __slots__ = ("_ready",)

    def __init__(self, result: StreamTextResult[Any, Any, Any]) -> None:
        super().__init__(result)
        self._ready: Iterator[StreamPart] = iter(())

    def __aiter__(self) -> PartStream:
        return self

    async def __anext__(self) -> StreamPart:
        for part in self._ready:
            return part
        self._ready = iter(await self._take())
        for part in self._ready:
            return part
        raise StopAsyncIteration


class TextStream(Reader):
    """The text of an answer, delta by delta.

    Raises what ended the answer when it failed (the AI SDK ends its `textStream` silently there; a loop that ends as
    if all were well is no Python). After an abort it ends normally.
    """

    __slots__ = ("_failed", "_ready")

    def __init__(self, result: StreamTextResult[Any, Any, Any]) -> None:
        super().__init__(result)
        self._ready: Iterator[str] | None = None
        self._failed: BaseException | None = None

    def __aiter__(self) -> TextStream:
        return self

    async def __anext__(self) -> str:
        if self._ready is not None:
            for text in self._ready:
                return text
            self._ready = None
        log, place, gate = self._log, self._place, self._gate
        while self._failed is None:
            # Where nothing is to be done before it waits, as in `_take`, written out: once per token.
            if (
                place.position == len(log.parts)
                and place.position - log.joined < JOIN_PARTS
                and self._has_begun
                and not log.closed
                and (gate is None or (not gate.closed and (gate.is_turn or gate.leave is None)))
            ):
                parts = await log.expect(place)
                if parts is None:
                    continue
                place.position += len(parts)
            elif not (parts := await self._take()):
                break
            if len(parts) == 1 and type(part := parts[0]) is TextDelta:
                return part.text
            self._ready = iter(texts_of(parts))
            for text in self._ready:
                return text
        self._failed = self._result._run.error
        if self._failed is not None:
            raise self._failed
        raise StopAsyncIteration


def texts_of(parts: Sequence[StreamPart]) -> Sequence[str]:
    """What the deltas of text among some parts say."""
    if type(parts) is not TextBatch:
        return [part.text for part in parts if type(part) is TextDelta]
    begin, end = parts.begin, parts.end
    return [*texts_of(parts[:begin]), *parts.texts, *texts_of(parts[end:])]


class Eventual(Generic[T]):
    """A value that is there once the answer is complete; it may be awaited any number of times."""

    __slots__ = ("_get", "_name")

    def __init__(self, name: str, get: Callable[[], Awaitable[T]]) -> None:
        self._name = name
        self._get = get

    def __await__(self) -> Generator[Any, Any, T]:
        return self._get().__await__()

    def __bool__(self) -> NoReturn:
        raise TypeError(self._letter())

    def __str__(self) -> NoReturn:
        raise TypeError(self._letter())

    if not TYPE_CHECKING:  # type checkers know better what it has not

        def __getattr__(self, name: str) -> NoReturn:
            """What people reach for who forgot to wait."""
            if name.startswith("_"):
                raise AttributeError(name)
            raise AttributeError(self._letter(), name=name, obj=self)

        def __getitem__(self, key: object) -> NoReturn:
            """Likewise, and for loops."""
            raise TypeError(self._letter())

        def __len__(self) -> NoReturn:
            """Likewise."""
            raise TypeError(self._letter())

        def __add__(self, other: object) -> NoReturn:
            """Likewise."""
            raise TypeError(self._letter())

        __radd__ = __add__

    def _letter(self) -> str:
        return f"result.{self._name} is not there yet. Write `await result.{self._name}`."

    def __repr__(self) -> str:
        """Says what to do with it."""
        return f"<{self._name}: to be awaited>"
