"""What the open rows of a response wait for: streamable values, promises, async iterables.

Owns: following them, and having what comes of them written, in order. Refuses to know: when it is sent, and where.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncGenerator, AsyncIterable, Awaitable, Callable
from typing import Any, Protocol, cast

from flightwire.elements import UNDEFINED
from flightwire.errors import EncodeError
from flightwire.rsc.streamable import StreamableValue
from flightwire.rsc.updates import Follower
from flightwire.scope import RequestScope
from flightwire.server.unsent import close_coroutines
from flightwire.wire.flight.values import ERROR, Delta, Failure, Slot
from flightwire.wire.flight.writer import Writer

__all__ = ["Failures", "Sources"]


class Failures(Protocol):
    """Turns an exception into what the browser may know, and tells the log the rest."""

    def __call__(self, error: BaseException) -> Failure:
        """Report and translate one exception."""
        ...


class Sources:
    """Everything that a response has promised and not sent yet.

    Arguments:
        scope: owns the work; its gate slows producers down.
        writer: of the response.
        failures: see `Failures`.
        text_has_come: called when a streamable was updated.
        wake: called when anything else has come.

    Attributes:
        followers: the streamables that are followed, by the id of their row.
        is_over: whether the response is; what is cancelled from then on is so by us.
    """

    __slots__ = (
        "_failures",
        "_has_forgotten",
        "_open",
        "_queued_bytes",
        "_scope",
        "_settled",
        "_tasks",
        "_text_has_come",
        "_wake",
        "_writer",
        "followers",
        "is_over",
    )

    def __init__(
        self,
        scope: RequestScope,
        writer: Writer,
        failures: Failures,
        *,
        text_has_come: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        self.followers: dict[int, tuple[Slot, Follower]] = {}
        self.is_over = False
        self._scope = scope
        self._writer = writer
        self._failures = failures
        self._text_has_come = text_has_come
        self._wake = wake
        self._open: dict[int, Slot] = {}
        self._settled: list[tuple[Slot, str, object]] = []
        self._queued_bytes = 0
        self._has_forgotten = False
        self._tasks: set[asyncio.Task[None]] | None = None

    # --- following -----------------------------------------------------------------------------------------------

    def adopt(self) -> None:
        """Start to follow what the writer has just found."""
        for slot in self._writer.take_pending():
            self._open[slot.id] = slot
            if isinstance(slot.source, StreamableValue):
                follower = slot.source.follow(
                    self._text_has_come,
                    full=self._scope.gate.close,
                    max_unread_bytes=self._scope.max_unsent_bytes,
                )
                slot.source = None  # what it leads to was read soon, and need not be kept for it
                self.followers[slot.id] = (slot, follower)
                self._text_has_come()  # it may have been updated before anybody followed it
            elif slot.kind == "iterable":
                self._spawn(self._iterate(slot, cast("AsyncIterable[object]", slot.source)))
            else:
                self._spawn(self._await(slot, cast("Awaitable[object]", slot.source)), slot.source)
        if not self._has_forgotten and len(self.followers) == self._writer.open_slots:
            # Nothing but streamable values comes. Once: what is sent again and again would be followed again and again.
            self._has_forgotten = True
            self._writer.forget_values()

    def _spawn(self, coro: Any, source: object = None) -> None:
        task = self._scope.loop.create_task(coro, context=self._scope.context)
        if asyncio.iscoroutine(source):  # a task that is cancelled before it begins never comes to it
            task.add_done_callback(lambda _: source.close())
        if self._tasks is None:  # an empty set takes as much memory as a full one
            self._tasks = set()
        self._tasks.add(task)
        self._scope.own(task)
        task.add_done_callback(self._tasks.discard)

    async def _await(self, slot: Slot, source: Awaitable[object]) -> None:
        try:
            item: object = await source
        except BaseException as error:
            self._failed(slot, error)
        else:
            self._arrived(slot, "resolve", item)

    async def _iterate(self, slot: Slot, source: AsyncIterable[object]) -> None:
        try:
            async for item in source:
                # Written at once: who yields may go on to change the same list, dict or buffer.
                self._arrived(slot, "rows", self._settle(slot, "push", item))
                if self._scope.gate.closed:
                    await self._scope.gate.wait()
                if not slot.is_open:  # an earlier item could not be sent
                    return
        except BaseException as error:
            self._failed(slot, error)
        else:
            self._arrived(slot, "close", UNDEFINED)
        finally:
            if isinstance(source, AsyncGenerator):
                await source.aclose()  # leaving the loop does not end a generator

    def _failed(self, slot: Slot, error: BaseException) -> None:
        """It belongs to this row; only our own cancellation, when the response is over, belongs to the task."""
        if isinstance(error, asyncio.CancelledError) and (self._scope.cancelled or self.is_over):
            raise error
        self._arrived(slot, "reject", error)

    def _arrived(self, slot: Slot, how: str, item: object) -> None:
        self._settled.append((slot, how, item))
        self._queued_bytes += len(item) if isinstance(item, (str, bytes)) else 64
        if self._queued_bytes > self._scope.max_unsent_bytes:
            self._scope.gate.close()
        self._wake()

    # --- writing -------------------------------------------------------------------------------------------------

    def take(self) -> bytes:
        """Rows for everything that has arrived since the last call."""
        self._queued_bytes = 0
        out = b""
        for slot, follower in tuple(self.followers.values()):
            deltas = follower.take()
            if deltas:
                out += self._extend(slot, deltas)
        while self._settled:
            settled, self._settled = self._settled, []
            for slot, how, item in settled:
                out += cast("bytes", item) if how == "rows" else self._settle(slot, how, item)
        return out

    def end_all(self, error: BaseException) -> bytes:
        """Rows for what has come, and an end for the rest."""
        out = self.take()
        for slot in tuple(self._open.values()):
            out += self._reject(slot, error)
        return out

    def failure(self, error: BaseException) -> Failure:
        """What the browser may know of an exception; the log is told the rest."""
        if isinstance(error, EncodeError) and error.action is None:
            error.action = self._scope.action
        return self._failures(error)

    def drop(self, value: object) -> None:
        """A value is not sent: nobody will await what is in it."""
        close_coroutines(value, {id(slot.source) for slot in self._open.values()})

    def _extend(self, slot: Slot, deltas: list[Delta]) -> bytes:
        last = deltas[-1]
        failed = last[1] if last[0] == ERROR and isinstance(last[1], BaseException) else None
        try:
            out = self._writer.extend(slot, deltas if failed is None else deltas[:-1])
        except EncodeError as error:
            if len(deltas) == 1:
                self.drop(last[1])
                return self._reject(slot, error)
            return self._extend_one_by_one(slot, deltas)
        self.adopt()
        if failed is not None:
            out += self._reject(slot, failed)
        elif not slot.is_open:
            self._forget(slot)
        return out

    def _extend_one_by_one(self, slot: Slot, deltas: list[Delta]) -> bytes:
        """One of them cannot be sent: those before it still are."""
        out = b""
        for delta in deltas:
            if not slot.is_open:
                break
            out += self._extend(slot, [delta])
        return out

    def _settle(self, slot: Slot, how: str, item: object) -> bytes:
        if not slot.is_open:  # what was queued behind an item that could not be sent
            self.drop(item)
            return b""
        writer = self._writer
        try:
            if how == "push":
                out = writer.push(slot, [item])
            elif how == "close":
                out = writer.close(slot, item)
            elif how == "resolve":
                out = writer.resolve(slot, item)
            else:
                return self._reject(slot, cast("BaseException", item))
        except EncodeError as error:
            self.drop(item)
            return self._reject(slot, error)
        if how != "push":
            self._forget(slot)
        self.adopt()
        return out

    def _reject(self, slot: Slot, error: BaseException) -> bytes:
        self._forget(slot)
        return self._writer.reject(slot, self.failure(error))

    # --- the end -------------------------------------------------------------------------------------------------

    def collect_garbage(self) -> None:
        """No task is left: a source that only a reference cycle holds is one that nobody can write to any more."""
        if self._open:
            gc.collect()

    def release(self) -> None:
        """Follow nothing any more."""
        self.is_over = True
        for _, follower in self.followers.values():
            follower.close()
        for task in self._tasks or ():
            task.cancel()
        for _, _, item in self._settled:
            self.drop(item)
        # Whoever was called holds us: no circle is left behind, for the garbage collector to find much later.
        self.followers.clear()
        self._text_has_come = self._wake = _nobody

    def _forget(self, slot: Slot) -> None:
        self._open.pop(slot.id, None)
        if followed := self.followers.pop(slot.id, None):
            followed[1].close()


def _nobody() -> None:
    """Whom to call when the response is over."""
