"""Rows that wait for rows.

Owns: when a row is parsed, when it has no holes left, when everything it shows has come; and the order of stream items.
Refuses to know: bytes, what models mean.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any

from flightwire.elements import UNDEFINED
from flightwire.wire.flight.pending import Pending, RemoteStream


class Chunk:
    """What a row id stands for.

    It is parsed once its row has come, whole once it has no holes left, and settled once every row that it shows is whole:
    rows may show each other in a ring.

    Attributes:
        pending: what was handed out for it.
        root: a list with its value as the only item, which may be a hole.
        waiting: called when it is parsed, when it is whole, and when it is settled; who is not served asks again.
    """

    __slots__ = (
        "_needs",
        "_schedule",
        "_waits_for",
        "error",
        "holes",
        "is_known",
        "is_parsed",
        "pending",
        "root",
        "waiting",
    )

    def __init__(self, pending: Pending, schedule: Callable[[Callable[[], None]], None]) -> None:
        self.pending = pending
        self.root: list[Any] = []
        self.holes = 0
        self.is_known = False
        self.is_parsed = False
        self.error: BaseException | None = None
        self.waiting: list[Callable[[], None]] = []
        self._needs: list[Chunk] = []
        self._waits_for: Chunk | None = None
        self._schedule = schedule

    def become(self, value: object) -> None:
        """A row without holes has come."""
        self.parsed([value], 0)

    def parsed(self, root: list[Any], holes: int) -> None:
        """The row has come, with so many holes."""
        self.root, self.holes, self.is_parsed = root, holes, True
        self._wake()
        if not holes:
            self._settle()

    def filled_one(self, target: Chunk) -> None:
        """A hole was filled with what another row has."""
        self._needs.append(target)
        self.holes -= 1
        if not self.holes:
            self._wake()
            self._settle()

    def fail(self, error: BaseException) -> None:
        """It will never be whole."""
        if self.error is None and self.pending.state == "pending":
            self.error = error
            self.pending.settle(None, error)
            self._wake()

    def _settle(self) -> None:
        if self.error is not None or self.pending.state != "pending":
            return
        blocker = self._waits_for = self._blocker()
        if blocker is None:
            self.pending.settle(self.root[0])
            self._wake()
        elif blocker.error is not None:
            self.fail(blocker.error)
        else:
            blocker.waiting.append(lambda: self._schedule(self._settle))

    def _blocker(self) -> Chunk | None:
        """A row to wait for; none when every row that is shown here, however far down, is whole or waits for this one."""
        seen = {id(self)}
        todo = list(self._needs)
        while todo:
            chunk = todo.pop()
            if id(chunk) in seen or (chunk.error is None and chunk.pending.state != "pending"):
                continue
            seen.add(id(chunk))
            is_whole = chunk.is_parsed and not chunk.holes
            if chunk.error is not None or not is_whole or not chunk._leads_to(self):
                return chunk
            todo += chunk._needs
        return None

    def _leads_to(self, target: Chunk) -> bool:
        chunk: Chunk | None = self
        while chunk is not None and chunk is not target:
            chunk = chunk._waits_for
        return chunk is target

    def _wake(self) -> None:
        waiting, self.waiting = self.waiting, []
        for call in waiting:
            call()


class Items:
    """The items of a stream, delivered in order although one may wait for rows and the next may not."""

    __slots__ = ("_queue", "_stream", "has_ended")

    def __init__(self, stream: RemoteStream) -> None:
        self._stream = stream
        self._queue: deque[tuple[Pending, bool]] = deque()
        self.has_ended = False

    def add(self, item: Pending, *, is_end: bool = False) -> None:
        """An item has come, or the return value that ends the stream."""
        self.has_ended = is_end
        self._queue.append((item, is_end))
        item.add_done_callback(lambda _: self._deliver())

    def fail(self, error: BaseException) -> None:
        """The stream ends too early, after the items that have come."""
        failed = Pending()
        failed.settle(None, error)
        self.add(failed, is_end=True)

    def _deliver(self) -> None:
        while self._queue and self._queue[0][0].state != "pending":
            item, is_end = self._queue.popleft()
            if item.error is not None or is_end:
                self._stream.end(UNDEFINED if item.error else item.value, item.error)
                self._queue.clear()
            else:
                self._stream.push(item.value)
