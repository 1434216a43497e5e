"""The updates of a streamable value: one writer, any number of readers.

Owns: the newest value, the linked list of updates, waking readers and slowing writers. Refuses to know: who writes, rows.

A snapshot points at the last link there was when it was taken, and every reader walks on from there. So every reader sees
every update, none is merged or skipped. Texts are put into a list, and become a link when somebody looks: what came at once is
one link. What only a snapshot still holds is collected with it; until then texts that a reader has passed are packed
(`packing.py`), and what nobody could read once more is gone as soon as it was read.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from threading import get_ident
from typing import Any, Final, cast

from flightwire.elements import UNSET
from flightwire.errors import OutputLimitError
from flightwire.rsc.packing import PACKED, RUN, Link, pack, run_of, unpacked
from flightwire.scope import RequestScope, current_scope
from flightwire.wire.flight.values import CURR, DIFF, DONE, ERROR, LONG_TEXT_CHARS, Delta

MAX_UNREAD_BYTES = 16 * 1024 * 1024
MAX_FRESH_BYTES = 64 * 1024  # of texts that are no links yet: those of a text that grows repeat each other
NOBODY = math.inf
NO_JOB: Final = object()
PACK_UPDATES = 32  # so many that a reader has passed are packed at once
_OTHER_VALUE_BYTES = 64  # what an update that is not text counts for


class Updates:
    """What a source and its snapshots share: the newest value, the newest link, who wants to be told.

    `unread_bytes` grows with each update until a follower takes them. When it passes `alarm` somebody has to be told:
    the first update wakes the followers, a large backlog slows producers down, a huge one ends the stream. So an update
    costs one comparison.

    A text takes the short way, into `fresh`, when the job that says it is `updater`, or `appender`: who said the last one in
    the same manner. So whatever has to be done first is done where the two are set, and once.
    """

    __slots__ = (
        "__weakref__",
        "alarm",
        "appender",
        "curr",
        "error",
        "followers",
        "fresh",
        "grown",
        "held",
        "is_open",
        "job",
        "loop",
        "scope",
        "snapshots",
        "soft",
        "tail",
        "thread",
        "unread_bytes",
        "updater",
    )

    def __init__(self, initial: object) -> None:
        self.curr: object = initial  # as of the newest link
        self.grown: list[
            str
        ] = []  # suffixes appended to `curr` and not yet joined: joining each time is quadratic
        self.fresh: list[str] = []  # texts that are no link yet
        self.updater: object = NO_JOB
        self.appender: object = NO_JOB
        self.error: object = UNSET
        self.is_open = True
        self.tail: Link = [DONE, UNSET, None]
        self.followers: tuple[Follower, ...] = ()
        self.unread_bytes = 0
        self.alarm: float = MAX_FRESH_BYTES
        self.soft: float = NOBODY  # when producers are slowed down, or the stream ends
        self.snapshots = 0
        self.held = 0  # of these, so many are still somebody's
        self.job: object = None
        self.scope: RequestScope | None = current_scope()
        self.loop = self.scope.loop if self.scope is not None else _running_loop()
        self.thread = get_ident() if self.scope is None else self.scope.thread

    # --- the newest value ----------------------------------------------------------------------------------------

    def value(self) -> object:
        """The newest value."""
        self.settle()
        return self._joined()

    def hold(self) -> None:
        """Somebody has a snapshot."""
        self.held += 1
        if self.held == 1 and len(self.followers) == 1:  # of several, one packs
            self.followers[0].remember()

    def newest(self) -> Link:
        """The newest link."""
        self.settle()
        return self.tail

    def _joined(self) -> object:
        if self.grown:
            self.curr = "".join((cast("str", self.curr), *self.grown))
            self.grown.clear()
        return self.curr

    # --- writing -------------------------------------------------------------------------------------------------

    def replace(self, value: object) -> None:
        """Add an update that is sent whole."""
        self.settle()
        self.grown.clear()
        self.curr = value
        self.push(CURR, value, len(value) if isinstance(value, str) else _OTHER_VALUE_BYTES)

    def push(self, kind: int, value: object, size: int) -> None:
        """Add a link."""
        self.settle()
        self.updater = self.appender = NO_JOB
        self._add([kind, value, None])
        self.count(size)

    def add_fresh(self, text: str) -> None:
        """Add a text, in the manner that is set. The hot paths repeat these lines instead of calling them."""
        self.fresh.append(text)
        self.count(len(text))

    def count(self, size: int) -> None:
        """So much more waits to be read."""
        self.unread_bytes += size + 1
        if self.unread_bytes > self.alarm:
            self.ring()

    def settle(self) -> None:
        """Make a link of the texts that have come."""
        texts = self.fresh
        if not texts:
            return
        if len(texts) == 1:
            self._settle_one(texts.pop())
            return
        self.fresh = []
        if self.appender is not NO_JOB:
            self.grown += texts
            self._add([RUN, (bytes(len(texts)), texts), None])  # zeros: DIFF
            return
        before, self.curr = self._joined(), texts[-1]
        self._add([RUN, run_of(before, texts), None])

    def _settle_one(self, text: str) -> None:
        """As above; once per token that came alone."""
        link: Link = [DIFF, text, None]
        if self.appender is not NO_JOB:
            self.grown.append(text)
        else:
            before: Any = self._joined() if self.grown else self.curr
            self.curr = text
            if type(before) is not str or text[: len(before)] != before:  # `startswith` takes more
                link[0] = CURR
            else:
                link[1] = text[len(before) :]
        self.tail[2] = link
        self.tail = link

    def _add(self, link: Link) -> None:
        self.tail[2] = link
        self.tail = link

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

    # --- telling readers -----------------------------------------------------------------------------------------

    def arm(self) -> None:
        """The next update wakes the followers; without followers nobody is told."""
        self.unread_bytes = 0
        self.alarm = 0 if self.followers else MAX_FRESH_BYTES
        self.soft = min([MAX_UNREAD_BYTES, *(follower.max_unread_bytes for follower in self.followers)])

    def ring(self) -> None:
        """`unread_bytes` has passed `alarm`."""
        unread, is_first = self.unread_bytes, self.alarm <= 0
        if not self.followers:
            self.alarm = unread + MAX_FRESH_BYTES
            self.settle()
            return
        if unread > self.soft:
            self._overflow()
            return
        self.alarm = min(self.soft, unread + MAX_FRESH_BYTES)
        if not is_first:
            self.settle()
            return
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
    """One reader's place in the updates of a streamable value.

    What was taken is remembered until there is enough of it to pack: the updates in the links from `_first`, which hangs on
    `_begin`, to `_link`.
    """

    __slots__ = (
        "_before",
        "_begin",
        "_first",
        "_kinds",
        "_link",
        "_stream",
        "_values",
        "full",
        "max_unread_bytes",
        "wake",
    )

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
        self._before: Link | None = None  # the link before `_begin`, once that is packed
        self._begin: Link | None = link  # None when there is nothing to pack, or another reader does
        self._first: Link | None = None
        self._kinds = bytearray()
        self._values: list[object] = []
        stream.followers = (*stream.followers, self)
        stream.arm()

    def take(self) -> list[Delta]:
        """All updates that have come since the last call, in order; the next one wakes again."""
        stream = self._stream  # `arm`, written out: once per token
        stream.unread_bytes = 0
        stream.alarm = 0 if stream.followers else MAX_FRESH_BYTES
        stream.settle()
        taken: list[Any] = []
        while (link := self._link[2]) is not None:
            self._link = link
            kind, value, _ = link
            if kind == RUN:
                taken += zip(*value, strict=True)
                self._pass(link, *value)
            elif kind == PACKED:  # by another reader, who goes on with it
                taken += unpacked(value)
                self._forget()
            else:
                taken.append(link)
                self._pass(link, bytes((kind,)), (value,))
        return taken

    def take_lone_text(self) -> Link | None:
        """The update that has come since the last call, if it is the only one, and a text that goes on; else nothing is taken."""
        stream = self._stream
        if len(stream.fresh) != 1 or self._link is not stream.tail:
            return None
        if self._first is None and self._begin is not None:  # nothing was taken yet
            return None
        stream.settle()
        link = stream.tail
        kind, text, _ = link
        if len(text) >= LONG_TEXT_CHARS:
            return None
        stream.unread_bytes = stream.alarm = 0
        self._link = link
        begin = self._begin  # as `_pass`, written out
        if begin is not None and (len(self._kinds) < PACK_UPDATES or self._pack(begin, link)):
            self._kinds.append(kind)
            self._values.append(text)
        return link

    def _pass(self, link: Link, kinds: bytes, values: Sequence[object]) -> None:
        """Remember what was taken of a link."""
        if self._begin is None:
            return
        if self._first is None:
            self._first = link
        elif len(self._kinds) >= PACK_UPDATES and not self._pack(self._begin, link):
            return
        self._kinds += kinds
        self._values += values

    def _pack(self, begin: Link, end: Link) -> bool:
        """Pack what was taken before the link `end`; or forget it, when nobody else will read it.

        Returns whether what comes is to be remembered.
        """
        stream = self._stream
        before = packed = None
        if stream.held or len(stream.followers) > 1:
            before, packed = pack(self._before, begin, self._first, self._kinds, self._values, end=end)
        self._forget()
        if packed is None:
            return False
        self._before, self._begin, self._first = before, packed, end
        return True

    def _forget(self) -> None:
        """Keep nothing of what was taken."""
        self._before = self._begin = self._first = None
        self._kinds.clear()
        self._values.clear()

    def remember(self) -> None:
        """From here on somebody may read once more what is taken."""
        if self._begin is None:
            self._begin = self._link

    def close(self) -> None:
        """Stop reading."""
        stream = self._stream
        stream.followers = tuple(other for other in stream.followers if other is not self)
        if stream.held and len(stream.followers) == 1:
            stream.followers[0].remember()  # it may be we who packed
        stream.arm()


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
