"""What has been promised and may not have come yet, for code that can wait.

Owns: awaiting promises and iterating streams of an answer. Refuses to know: rows, connections.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Generator
from typing import Any, Protocol

from flightwire.errors import (
    ActionInterruptedError,
    DecodeError,
    NotFound,
    Redirect,
    RemoteError,
    UserError,
)
from flightwire.wire.flight.pending import Pending, RemoteStream

INTERRUPTED = "interrupted"
"""The digest of what a server ended because it stops."""


class Source(Protocol):
    """Where more comes from."""

    def wanted(self) -> None:
        """Somebody looks at what has come."""
        ...

    async def wait(self, arrival: asyncio.Future[None]) -> None:
        """Wait for an arrival, and let more come meanwhile."""
        ...


class Promise(Pending):
    """A value that comes later: `await` it, any number of times.

    Raises, when awaited:
        UserError: what the action wanted its user to know.
        Redirect, NotFound: what a page would do now.
        ActionInterruptedError: the server was stopped meanwhile.
        RemoteError: what it promised has failed.
        ConnectionClosedError: the answer ended first.
        CallTimeoutError: it did not come in time.
    """

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source

    def settle(self, value: Any, error: BaseException | None = None) -> None:
        """Settle it, once."""
        super().settle(value, None if error is None else typed(error))

    def __await__(self) -> Generator[Any, None, Any]:
        return self._wait().__await__()

    async def _wait(self) -> Any:
        """The value; as in JavaScript never a promise, but what that one becomes."""
        promise: Pending = self
        seen: set[int] = set()
        while True:
            if id(promise) in seen:
                raise DecodeError("The response holds a promise that waits for itself.")
            seen.add(id(promise))
            await self._settled(promise)
            found = promise.result()
            if not isinstance(found, Pending):
                return found
            promise = found

    async def _settled(self, promise: Pending) -> None:
        self._source.wanted()
        if promise.state == "pending":
            arrival = asyncio.get_running_loop().create_future()
            promise.add_done_callback(lambda _: _arrive(arrival))
            await self._source.wait(arrival)


class Stream(RemoteStream):
    """Items that come one after the other: `async for` it, any number of times; each time from the first.

    Raises, when iterated, after the items that have come: as a `Promise`.
    """

    def __init__(self, source: Source) -> None:
        super().__init__()
        self._source = source
        self._waiting: list[asyncio.Future[None]] = []
        self.add_callback(self._wake)

    def end(self, returned: Any = None, error: BaseException | None = None) -> None:
        """The end has come."""
        super().end(returned, None if error is None else typed(error))

    async def __aiter__(self) -> AsyncGenerator[Any, None]:
        """The items, in order."""
        index = 0
        while True:
            self._source.wanted()
            while index < len(self.items):
                yield self.items[index]
                index += 1
            if self.is_closed:
                if self.error is not None:
                    raise self.error
                return
            arrival = asyncio.get_running_loop().create_future()
            self._waiting.append(arrival)
            await self._source.wait(arrival)

    def _wake(self, _: object) -> None:
        waiting, self._waiting = self._waiting, []
        for arrival in waiting:
            _arrive(arrival)


def typed(error: BaseException) -> BaseException:
    """What was raised on purpose, as it was: UserError, Redirect, NotFound, the end of a server; anything else stays."""
    if not isinstance(error, RemoteError):
        return error
    kind, _, text = error.digest.partition(":")
    if kind == "user":
        return UserError(text)
    if kind == "redirect" and text:
        return Redirect(text)
    if error.digest == INTERRUPTED:
        return ActionInterruptedError(None)
    return NotFound() if error.digest == NotFound.DIGEST else error


def _arrive(arrival: asyncio.Future[None]) -> None:
    if not arrival.done():
        arrival.set_result(None)
