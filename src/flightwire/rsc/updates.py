"""The updates of a streamable value: one writer, any number of readers.

Owns: the newest value, the linked list of updates, waking readers and slowing writers. Refuses to know: who writes, rows.

A snapshot points at the last link there was when it was taken, and every reader walks on from there. So every reader sees
every update, none is merged or skipped. What only a snapshot still holds is collected with it; until then texts that a reader
has passed are packed (`packing.py`).
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from threading import get_ident
from typing import Any, cast

from flightwire.elements import UNSET
from flightwire.errors import OutputLimitError
from flightwire.rsc.packing import PACKED, pack, unpacked
from flightwire.scope import RequestScope, current_scope
from flightwire.wire.flight.values import CURR, DONE, ERROR, LONG_TEXT_CHARS, Delta

MAX_UNREAD_BYTES = 16 * 1024 * 1024
NOBODY = math.inf
PACK_LINKS = 32  # so many that a reader has passed are packed at once
_OTHER_VALUE_BYTES = 64  # what an update that is not text counts for

Link = list[Any]  # [kind, value, next link or None]: a list costs a third of an object per token


class Updates:
    """What a source and its snapshots share: the newest value, the newest link, who wants to be told.

    `unread_bytes` grows with each update until a follower takes them. When it passes `alarm` somebody has to be told:
    the first update wakes the followers, a large backlog slows producers down, a huge one ends the stream. So an update
    costs one comparison.
    """

    __slots__ = (
        "__weakref__",
        "alarm",
        "curr",
        "error",
        "followers",
        "grown",
        "is_open",
        "job",
        "loop",
        "scope",
        "snapshots",
        "soft",
        "tail",
        "thread",
        "unread_bytes",
    )

    def __init__(self, initial: object) -> None:
        self.curr: object = initial
        self.grown: list[
            str
        ] = []  # suffixes appended to `curr` and not yet joined: joining each time is quadratic
        self.error: object = UNSET
        self.is_open = True
        self.tail: Link = [DONE, UNSET, None]
        self.followers: tuple[Follower, ...] = ()
        self.unread_bytes = 0
        self.alarm: float = NOBODY
        self.soft: float = NOBODY  # when producers are slowed down, or the stream ends
        self.snapshots = 0
        self.job: object = None
        self.scope: RequestScope | None = current_scope()
        self.loop = self.scope.loop if self.scope is not None else _running_loop()
        self.thread = get_ident() if self.scope is None else self.scope.thread

    def value(self) -> object:
        """The newest value."""
        if self.grown:
            self.curr = "".join((cast("str", self.curr), *self.grown))
            self.grown.clear()
        return self.curr

    def replace(self, value: object) -> None:
        """Add an update that is sent whole."""
        if self.grown:
            self.grown.clear()
        self.curr = value
        self.push(CURR, value, len(value) if isinstance(value, str) else _OTHER_VALUE_BYTES)

    def push(self, kind: int, value: object, size: int) -> None:
        """Add a link. The hot paths below repeat these lines instead of calling them."""
        link: Link = [kind, value, None]
        self.tail[2] = link
        self.tail = link
        self.unread_bytes += size + 1
        if self.unread_bytes > self.alarm:
            self.ring()

    def end(self, kind: int, value: object) -> None:
        """Add the last update."""
        self.is_open = False
        self.alarm = min(self.alarm, 0)
        self.push(kind, value, 0)

    def fail(self, error: BaseException) -> None:
        """End with an error; does nothing when already ended."""
        if self.is_open:
            self.error = error
            self.end(ERROR, error)

    def arm(self) -> None:
        """The next update wakes the followers; without followers nobody is told."""
        self.unread_bytes = 0
        self.alarm = 0 if self.followers else NOBODY
        self.soft = min([MAX_UNREAD_BYTES, *(follower.max_unread_bytes for follower in self.followers)])

    def ring(self) -> None:
        """`unread_bytes` has passed `alarm`."""
        if self.unread_bytes > self.soft:
            self._overflow()
            return
        self.alarm = self.soft
        for follower in self.followers:
            wake = follower.wake  # called from the slot it is in, it would cost twice as much
            wake()

    def _overflow(self) -> None:
        unread = self.unread_bytes
        if unread > MAX_UNREAD_BYTES and self.is_open:
            self.fail(OutputLimitError(_TOO_MUCH))
            return
        for follower in self.followers:
            follower.wake()
            if unread > follower.max_unread_bytes:
                follower.full()
        self.alarm = MAX_UNREAD_BYTES


_TOO_MUCH = (
    f"more than {MAX_UNREAD_BYTES} bytes of updates wait for a client that does not read them. "
    "Iterate a stream of ours (it waits for the client), or update less."
)


class Follower:
    """One reader's place in the updates of a streamable value."""

    __slots__ = ("_begin", "_is_new", "_link", "_passed", "_stream", "full", "max_unread_bytes", "wake")

    def __init__(
        self,
        stream: Updates,
        link: Link,
        wake: Callable[[], None],
        full: Callable[[], None],
        max_unread_bytes: float,
    ) -> None:
        self.wake = wake
        self.full = full
        self.max_unread_bytes = max_unread_bytes
        self._stream = stream
        self._link = link
        self._begin: Link | None = link  # before what may be packed; None when that is not ours to do
        self._is_new = True
        self._passed: list[Link] = []  # and not packed yet
        stream.followers = (*stream.followers, self)
        stream.arm()

    def take(self) -> list[Delta]:
        """All updates that have come since the last call, in order; the next one wakes again."""
        stream = self._stream  # `arm`, written out: once per token
        stream.unread_bytes = 0
        stream.alarm = 0 if stream.followers else NOBODY
        link = self._link[2]
        if link is None:
            return []
        taken: list[Any] = []
        add = taken.append
        while link is not None:
            add(link)
            last = link
            link = link[2]
        self._link = last
        if self._is_new:
            self._is_new = False
            if taken[0][0] == PACKED:  # by another reader, who goes on with it
                self._begin = None
                return unpacked(taken)
        if self._begin is not None:
            self._passed += taken
            if len(self._passed) > PACK_LINKS:
                self._pack(self._begin)
        return taken

    def take_lone_text(self) -> Link | None:
        """The update that has come since the last call, if it is the only one, and a text that goes on; else nothing is taken."""
        link: Link | None = self._link[2]
        if link is None or self._is_new:
            return None
        kind, text, more = link
        if more is not None or type(text) is not str or kind > CURR or len(text) >= LONG_TEXT_CHARS:
            return None
        stream = self._stream
        stream.unread_bytes = stream.alarm = 0
        self._link = link
        if self._begin is not None:
            passed = self._passed
            passed.append(link)
            if len(passed) > PACK_LINKS:
                self._pack(self._begin)
        return link

    def _pack(self, begin: Link) -> None:
        """Pack what was taken; the last link stays as it is, for the next one hangs on it."""
        last = self._passed.pop()
        self._begin = pack(begin, self._passed, last)
        self._passed = [last]

    def close(self) -> None:
        """Stop reading."""
        stream = self._stream
        stream.followers = tuple(other for other in stream.followers if other is not self)
        stream.arm()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
