"""How a result is read: iterators over its log, and values that can be awaited again and again.

Owns: `PartStream`, `TextStream`, `Eventual`. Refuses to know: where the parts come from.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, TypeVar

from flightwire.events import Error, StreamPart, TextDelta
from flightwire.scope import current_scope

if TYPE_CHECKING:
    from flightwire.core.stream_text import StreamTextResult

T = TypeVar("T")


class PartStream:
    """All parts of an answer, from the first one, in order.

    Errors are parts here (`events.Error`), as in the AI SDK; nothing is raised. Dropping the iterator releases it.
    """

    __slots__ = ("_gate", "_log", "_parts", "_position", "_result")

    def __init__(self, result: StreamTextResult) -> None:
        self._result = result  # keeps the answer alive: an answer nobody holds is aborted
        self._log = result._run.log
        self._parts = self._log.parts
        self._position = 0
        scope = current_scope()
        self._gate = None if scope is None else scope.gate
        self._log.readers += 1

    def __del__(self) -> None:
        self._log.readers -= 1

    def __aiter__(self) -> PartStream:
        return self

    async def __anext__(self) -> StreamPart:
        return await self._next()

    async def _next(self) -> StreamPart:
        if self._gate is not None and self._gate.closed:
            await self._gate.wait()
        position = self._position
        if position >= len(self._parts):
            self._log.advance(position)
            self._result._run.start()
            await self._log.wait(position)
            if position >= len(self._parts):
                raise StopAsyncIteration
        self._position = position + 1
        return self._parts[position]


class TextStream(PartStream):
    """The text of an answer, delta by delta.

    Raises what ended the answer when it failed (the AI SDK ends its `textStream` silently there; a loop that ends as
    if all were well is no Python). After an abort it ends normally.
    """

    __slots__ = ()

    def __aiter__(self) -> TextStream:
        return self

    async def __anext__(self) -> str:  # type: ignore[override] # text instead of parts is its whole point
        parts = self._parts
        gate = self._gate
        while True:
            position = self._position
            if position >= len(parts) or (gate is not None and gate.closed):
                part = await self._next()
            else:
                part = parts[position]
                self._position = position + 1
            if type(part) is TextDelta:
                return part.text
            if type(part) is Error:
                raise part.error


class Eventual(Generic[T]):
    """A value that is there once the answer is complete; it may be awaited any number of times."""

    __slots__ = ("_get", "_name")

    def __init__(self, name: str, get: Callable[[], Awaitable[T]]) -> None:
        self._name = name
        self._get = get

    def __await__(self) -> Generator[Any, Any, T]:
        return self._get().__await__()

    def __bool__(self) -> NoReturn:
        raise TypeError(f"result.{self._name} is not there yet. Write `await result.{self._name}`.")

    def __str__(self) -> NoReturn:
        raise TypeError(f"result.{self._name} is not there yet. Write `await result.{self._name}`.")

    def __repr__(self) -> str:
        """Says what to do with it."""
        return f"<{self._name}: to be awaited>"
