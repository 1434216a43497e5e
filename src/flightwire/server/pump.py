"""The pump: joins who owns the work (the scope), what has come of it (the sources) and where it goes (`send`).

Owns: when something is sent. One loop per response takes what has arrived since the last turn, and sends it in one write.
Refuses to know: how a row is written, what is awaited, what an action is.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Protocol

from flightwire import deadlines
from flightwire.errors import ActionTimeoutError, EncodeError
from flightwire.rsc.updates import Follower
from flightwire.scope import RequestScope
from flightwire.server.direct import Rest, can_send_at_once, known_cycle, send_body_at_once, send_head
from flightwire.server.responses import FLIGHT_HEADERS, Headers, Message, Send, merged
from flightwire.server.sources import Failures, Sources
from flightwire.waiter import Waiter
from flightwire.wire.flight.manifest import Manifest
from flightwire.wire.flight.values import Slot
from flightwire.wire.flight.writer import KEEP_ALIVE_ROW, Writer

KEEP_ALIVE_S = 15.0  # shorter than the idle time-outs of common proxies (60 s)


class Head(Protocol):
    """What an action may say about the head of its response."""

    @property
    def status_code(self) -> int | None:
        """When all goes well; None for 200."""
        ...

    def start(self) -> Headers:
        """The headers it has set; asked for once, when the response starts."""
        ...


class Pump:
    """One response in the making.

    Arguments:
        scope: owns the work; its gate slows producers down.
        send: the ASGI callable.
        failures: see `Failures`.
        max_duration_s: after this many seconds what is open ends with an ActionTimeoutError.
        before_last: called before the last chunk is sent.
        head: what the action has said of status and headers until the response starts.
        status_of: the status of a response whose action has raised this.
        manifest: the client modules of a production build.
        linger_s: how long the first write may wait for rows that are not there yet, in seconds.

    Attributes:
        status: of the response.
        error: what the action has raised, or why its result cannot be sent.
    """

    __slots__ = (
        "_beat_at",
        "_before_last",
        "_cycle",
        "_deadline",
        "_ending",
        "_head",
        "_is_direct",
        "_is_due",
        "_is_writing",
        "_keep_alive_due",
        "_linger_s",
        "_lone",
        "_loop",
        "_max_duration_s",
        "_quiet",
        "_rest",
        "_scope",
        "_send",
        "_sources",
        "_started",
        "_status_of",
        "_waiter",
        "_wake_up",
        "_writer",
        "error",
        "sent_bytes",
        "status",
    )

    def __init__(
        self,
        scope: RequestScope,
        send: Send,
        *,
        failures: Failures,
        max_duration_s: float,
        before_last: Callable[[], object],
        head: Head | None = None,
        status_of: Callable[[BaseException], int] = lambda _: 500,
        manifest: Manifest | None = None,
        linger_s: float = 0.0,
    ) -> None:
        self.sent_bytes = 0
        self.status = 200
        self.error: BaseException | None = None
        self._scope = scope
        self._loop = scope.loop  # asking asyncio for it is a system call on 3.11
        self._send = send
        self._max_duration_s = max_duration_s
        self._before_last = before_last
        self._head = head
        self._status_of = status_of
        self._writer = Writer(manifest)
        self._linger_s = linger_s
        self._sources = Sources(
            scope, self._writer, failures, text_has_come=self._text_has_come, wake=self.wake
        )
        self._waiter: Waiter[None] = Waiter(self._loop)
        self._is_direct = can_send_at_once(send)
        self._cycle = known_cycle(send)
        self._lone: tuple[Slot, Follower] | None = None  # while nothing but its texts may come
        self._wake_up: asyncio.Handle | None = None  # of the task, unless what has come leaves before
        self._rest: Rest | Exception | None = None  # of what was sent without the task
        self._is_due = False  # whether something has arrived that was not looked at
        self._started = False
        self._quiet = True
        self._deadline = math.inf
        self._beat_at = math.inf
        self._keep_alive_due = False
        self._ending: Exception | None = None
        self._is_writing = False

    # --- the loop ------------------------------------------------------------------------------------------------

    async def run(self, root: asyncio.Task[object]) -> None:
        """Send the response whose root value the task returns.

        Returns when every row is settled. Raises what `send` raises; cancelling it leaves the response unfinished.
        """
        now = self._loop.time()
        self._deadline, self._beat_at = now + self._max_duration_s, now + KEEP_ALIVE_S
        deadlines.watch(self, self._loop)
        self._scope.on_idle = self._sources.collect_garbage
        root.add_done_callback(lambda _: self.wake())
        try:
            out = await self._first_rows(root)
            del root  # and what the action was given
            if self._linger_s > 0:
                out += await self._linger()
            self._is_due = True
            self._scope.gate.leave = self._leave_at_once if self._is_direct else None
            while True:
                if self._rest is not None:
                    await self._finish(self._rest)
                if self._is_due:
                    self._is_due = False
                    out += self._sources.take()
                if self._ending is not None:
                    out += self._sources.end_all(self._ending)
                if not self._writer.open_slots:
                    break
                if out:
                    await self._write(out, more=True)
                elif not self._is_due:
                    if self._is_direct and len(self._sources.followers) == 1:
                        (self._lone,) = self._sources.followers.values()
                    await self._waiter
                    self._lone = None
                out = self._beat_row() if self._keep_alive_due else b""
            self._before_last()
            await self._write(out, more=False)
            if self._ending is not None:
                await self._scope.cancel()
        finally:
            self._release()

    async def _first_rows(self, root: asyncio.Task[object]) -> bytes:
        try:
            await self._wait_for_root(root)
            return self._start(root)
        except BaseException:
            if self._writer.root.is_open and _has_result(root):  # the client left before it could be sent
                self._sources.drop(root.result())
            raise

    async def _wait_for_root(self, root: asyncio.Task[object]) -> None:
        while not root.done():
            if self._ending is not None:
                root.cancel()
                await asyncio.wait([root])
                return
            await self._wait()
            if row := self._beat_row():
                await self._write(row, more=True)

    async def _linger(self) -> bytes:
        """Rows that come at once, nearly: they leave together with the first."""
        out = b""
        is_over = False

        def stop() -> None:
            # The clock is not asked: uvloop's timers are up to a millisecond early by it.
            nonlocal is_over
            is_over = True
            self.wake()

        timer = self._loop.call_later(self._linger_s, stop)
        try:
            while self._writer.open_slots and not is_over and self._ending is None:
                await self._wait()
                out += self._sources.take()
        finally:
            timer.cancel()
        return out

    def _start(self, root: asyncio.Task[object]) -> bytes:
        try:
            if root.cancelled() and self._ending is not None:
                raise self._ending
            out = self._writer.start(root.result())
        except (
            Exception,
            asyncio.CancelledError,
        ) as error:  # an action may wait for something that was cancelled
            self.error, self.status = error, self._status_of(error)
            if isinstance(error, EncodeError) and _has_result(root):
                self._sources.drop(root.result())
            return self._writer.reject(self._writer.root, self._sources.failure(error))
        self._sources.adopt()
        return out

    async def _write(self, out: bytes, *, more: bool) -> None:
        if self._is_writing:  # the last words are on their way
            return
        self._is_writing = True
        self._quiet = False
        self.sent_bytes += len(out)
        has_left = False
        if not self._started:
            self._started = True
            has_left = await send_head(self._send, self._cycle, self._start_message(), out if more else b"")
        if not has_left:
            await self._send({"type": "http.response.body", "body": out, "more_body": more})
        self._is_writing = False
        if self._scope.gate.closed:
            self._scope.gate.open()

    def _start_message(self) -> Message:
        headers = list(FLIGHT_HEADERS)
        if self._head is not None:
            headers = merged(headers, self._head.start())
            if self.error is None and self._head.status_code is not None:
                self.status = self._head.status_code
        return {"type": "http.response.start", "status": self.status, "headers": headers}

    # --- what has arrived ----------------------------------------------------------------------------------------

    def wake(self) -> None:
        """Something has arrived."""
        self._lone = None
        self._is_due = True
        self._schedule()

    def _text_has_come(self) -> None:
        """An update of a streamable has arrived."""
        self._is_due = True
        if not self._scope.gate.is_turn:
            self._schedule()

    def _schedule(self) -> None:
        if not self._is_direct:
            self._waiter.wake()
        elif self._wake_up is None and self._waiter.callback is not None:
            self._wake_up = self._loop.call_soon(self._resume)

    def _resume(self) -> None:
        self._wake_up = None
        self._waiter.go_on()

    def _leave_at_once(self) -> None:
        """A producer has done what there was to do: a token that came alone leaves now instead of in another turn of the loop."""
        if not self._is_due:
            return
        if self._lone is None:
            self._schedule()
            return
        slot, follower = self._lone
        delta = follower.take_lone_text()
        if delta is None:
            self._schedule()
            return
        if self._wake_up is not None:
            self._wake_up.cancel()
            self._wake_up = None
        row = self._writer.lone_text(slot, delta[0], delta[1])
        self._is_due = self._quiet = False
        self.sent_bytes += len(row)
        rest = send_body_at_once(self._send, self._cycle, row)
        if rest is not None:
            self._rest = rest
            self._is_writing = True
            self._lone = None
            self._waiter.wake()
        elif self._scope.gate.closed:
            self._scope.gate.open()

    async def _finish(self, rest: Rest | Exception) -> None:
        """What could not leave at once."""
        self._rest = None
        if isinstance(rest, Exception):
            raise rest
        await rest
        self._is_writing = False
        if self._scope.gate.closed:
            self._scope.gate.open()

    async def _wait(self) -> None:
        """Until something has arrived since the last time."""
        if not self._is_due:
            await self._waiter
        self._is_due = False

    # --- endings -------------------------------------------------------------------------------------------------

    def end(self, error: Exception) -> None:
        """End every open row with this error soon, and then the work, which would end them otherwise; the first error counts."""
        self._ending = self._ending or error
        self.wake()

    async def end_now(self, error: Exception) -> None:
        """End the response in this turn of the event loop: who cancels us gives no other. `run` must be cancelled after it.

        While a write is waiting for the client there is no place for more, and the response stays unfinished.
        """
        if self._is_writing or self._sources.is_over:
            return
        self._sources.is_over = True
        if self._writer.root.is_open:
            self.error, self.status = error, self._status_of(error)
            out = self._writer.reject(self._writer.root, self._sources.failure(error))
        else:
            out = self._sources.end_all(error)
        self._before_last()
        await self._write(out, more=False)

    def _release(self) -> None:
        self._sources.release()
        deadlines.forget(self, self._loop)
        if self._wake_up is not None:
            self._wake_up.cancel()
        self._scope.on_idle = None
        self._lone = None
        self._scope.gate.leave = None
        self._scope.gate.open()

    # --- keep-alive ----------------------------------------------------------------------------------------------

    def due(self) -> float:
        """See `Dated`."""
        return min(self._beat_at, self._deadline)

    def overdue(self) -> None:
        """See `Dated`. If nothing was sent since the last time, a row without meaning is; and the action's time may be up."""
        now = self._loop.time()
        if self._deadline <= now:
            self._deadline = math.inf
            self.end(ActionTimeoutError(self._scope.action, self._max_duration_s))
        elif self._quiet:
            self._keep_alive_due = True
            self.wake()
        self._quiet = True
        self._beat_at = now + KEEP_ALIVE_S
        deadlines.watch(self, self._loop)

    def _beat_row(self) -> bytes:
        due, self._keep_alive_due = self._keep_alive_due, False
        return KEEP_ALIVE_ROW if due else b""


def _has_result(task: asyncio.Task[object]) -> bool:
    return task.done() and not task.cancelled() and task.exception() is None
