"""One log of parts, many readers.

Owns: the parts of one answer, who waits for more, and when the source should pause. Refuses to know: models, text.

What has come is kept until the answer is forgotten, so a reader that comes late starts at the beginning. Parts that every
reader has passed are joined where that loses nothing, or each token would hold forty times its text. The source is asked for
more while a reader waits at the end, or while the reader that is furthest has fewer than `READ_AHEAD_PARTS` parts before it;
a reader that was dropped blocks nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

P = TypeVar("P")

READ_AHEAD_PARTS = 512
JOIN_PARTS = 64  # so many that all readers have passed are joined at once


class Place:
    """How far a reader has come."""

    __slots__ = ("position",)

    def __init__(self) -> None:
        self.position = 0


class PartLog(Generic[P]):
    """A list of parts that grows, and that readers can wait on.

    Arguments:
        join: makes fewer parts of some that were read, which say the same.
    """

    __slots__ = (
        "_furthest",
        "_join",
        "_loop",
        "_paused",
        "_places",
        "_waiters",
        "closed",
        "drain",
        "joined",
        "parts",
        "settled",
    )

    def __init__(self, join: Callable[[Sequence[P]], list[P]] = list) -> None:
        self.parts: list[P] = []
        self.closed = False
        self.settled = False  # what is awaited is known, though parts may still come
        self.drain = False  # somebody awaits the whole answer: do not pause
        self._join = join
        self.joined = 0  # so many parts at the beginning were joined
        self._places: list[Place] = []
        self._furthest = 0
        self._waiters: list[asyncio.Future[None]] = []
        self._paused: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # asked for once: on 3.11 that is a system call

    # --- the source's side ---------------------------------------------------------------------------------------

    def extend(self, parts: Sequence[P]) -> None:
        """Add parts and wake who waits for them."""
        if parts:
            self.parts += parts
            if self._waiters:  # `_wake`, written out: once per token
                waiters, self._waiters = self._waiters, []
                for waiter in waiters:
                    if not waiter.done():
                        waiter.set_result(None)

    def settle(self) -> None:
        """Nothing that is awaited will change any more; parts may still be added."""
        self.settled = True
        self._wake()

    def close(self) -> None:
        """Nothing will be added any more."""
        self.settled = self.closed = True
        self._wake()

    @property
    def is_paused(self) -> bool:
        """Whether the source waits for readers."""
        return self._paused is not None

    @property
    def wants_more(self) -> bool:
        """Whether the source should go on."""
        if self.drain or self._waiters:
            return True
        return bool(self._places) and len(self.parts) - self._furthest < READ_AHEAD_PARTS

    async def wait_for_demand(self) -> None:
        """Wait until a reader wants more."""
        while not self.wants_more:
            self._paused = asyncio.get_running_loop().create_future()
            try:
                await self._paused
            finally:
                self._paused = None

    # --- the readers' side ---------------------------------------------------------------------------------------

    def open(self) -> Place:
        """A new reader's place; it gives it back with `leave`."""
        place = Place()
        self._places.append(place)
        return place

    def leave(self, place: Place) -> None:
        """A reader has gone."""
        self._places.remove(place)

    def expect(self, place: Place | None = None) -> asyncio.Future[None]:
        """Say that a reader has come to the end; what is given is done when there is more, or there will be none.

        Whoever no longer waits says so with `forget`.
        """
        if place is not None:
            self._furthest = max(self._furthest, place.position)
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        waiter = self._loop.create_future()
        if self.closed:
            waiter.set_result(None)
        else:
            self._waiters.append(waiter)
            if self._paused is not None:
                self.demand()
        return waiter

    def forget(self, waiter: asyncio.Future[None]) -> None:
        """Nobody waits for this any more."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)

    def demand(self) -> None:
        """Wake the source if it pauses and somebody wants more."""
        if self._paused is not None and not self._paused.done() and self.wants_more:
            self._paused.set_result(None)

    async def wait_closed(self) -> None:
        """Wait until the log is closed, pulling everything."""
        self.drain = True
        self.demand()
        while not self.closed:
            await self._wait()

    async def wait_settled(self) -> None:
        """Wait until what is awaited is known, pulling everything."""
        self.drain = True
        self.demand()
        while not self.settled:
            await self._wait()

    async def _wait(self) -> None:
        waiter = self.expect()
        try:
            await waiter
        finally:
            self.forget(waiter)

    def join_passed(self) -> None:
        """Join what every reader has passed, if there is enough of it."""
        begin, end = self.joined, min(place.position for place in self._places)
        if end - begin < JOIN_PARTS:
            return
        fewer = self._join(self.parts[begin:end])
        self.parts[begin:end] = fewer
        self.joined = begin + len(fewer)
        gone = end - self.joined
        self._furthest -= gone
        for place in self._places:
            place.position -= gone

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
