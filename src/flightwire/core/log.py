"""One log of parts, many readers.

Owns: the parts of one answer, who waits for more, and when the source should pause. Refuses to know: models, text.

What has come is kept until the answer is forgotten, so a reader that comes late starts at the beginning. Parts that every
reader has passed, or that come when there is none, are joined where that loses nothing, or each token would hold forty times
its text. The source is asked for more while a reader waits at the end, or while the reader that is furthest has fewer than
`READ_AHEAD_PARTS` parts before it; a reader that was dropped blocks nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from flightwire.scope import Gate
from flightwire.waiter import Waiter

P = TypeVar("P")

READ_AHEAD_PARTS = 512
SLICE_PARTS = 256  # how far a reader may run between two looks at the gate
JOIN_PARTS = 64  # so many that all readers have passed are joined at once


_TWO_AT_ONCE = (
    "two tasks wait for the next item of one iterator. Give each an iterator of its own: `result.text_stream` is a new one each "
    "time, and each of them sees all of the answer."
)


class Place:
    """How far a reader has come, and how it waits there."""

    __slots__ = ("gate", "position", "waiter")

    def __init__(self, gate: Gate | None) -> None:
        self.position = 0
        self.gate = gate
        self.waiter: Waiter[Sequence[Any]] | None = None  # once it has come to the end of an open log


class PartLog(Generic[P]):
    """A list of parts that grows, and that readers can wait on.

    Arguments:
        join: makes fewer parts of some that were read, which say the same.
    """

    __slots__ = (
        "_ends",
        "_furthest",
        "_join",
        "_loop",
        "_paused",
        "_places",
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
        self._ends: list[asyncio.Future[None]] = []  # of who waits until it is settled or closed
        self._paused: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # asked for once: on 3.11 that is a system call

    # --- the source's side ---------------------------------------------------------------------------------------

    def extend(self, parts: Sequence[P]) -> None:
        """Add parts and wake who waits for them."""
        if parts:
            self.parts += parts
            self._wake()

    def deliver(self, parts: Sequence[P], source: asyncio.Task[Any] | None) -> bool:
        """Add parts; who waits for them goes on with them before this returns. The hot path, run once per token.

        Returns whether the source should go on.

        Arguments:
            parts: to add.
            source: the task that calls this; None for a callback of the loop.
        """
        count = len(parts)
        if count == 1:
            self.parts.append(parts[0])
        elif not count:
            return self.wants_more
        else:
            self.parts += parts
        handed = parts if count <= SLICE_PARTS else None
        places = self._places
        if not places and len(self.parts) - self.joined >= JOIN_PARTS:
            self.join_passed()
        is_waiting = False
        # Only who waits now: others may come to the end meanwhile, and have seen these then.
        for place in (places[0],) if len(places) == 1 else tuple(filter(_is_waiting, places)):
            waiter, gate = place.waiter, place.gate
            if waiter is None or waiter.callback is None:
                continue
            if gate is None or (leave := gate.leave) is None:
                waiter.go_on(handed, source)
            else:
                gate.is_turn = True
                try:
                    waiter.go_on(handed, source)
                finally:
                    gate.is_turn = False
                leave()
            is_waiting = waiter.callback is not None
        return is_waiting or self.wants_more

    def settle(self) -> None:
        """Nothing that is awaited will change any more; parts may still be added."""
        self.settled = True
        self._end()

    def close(self) -> None:
        """Nothing will be added any more."""
        self.settled = self.closed = True
        self._end()

    @property
    def is_paused(self) -> bool:
        """Whether the source waits for readers."""
        return self._paused is not None

    @property
    def wants_more(self) -> bool:
        """Whether the source should go on."""
        if self.drain:
            return True
        # Where one waits at the end, the furthest has nothing before it.
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

    def open(self, gate: Gate | None = None) -> Place:
        """A new reader's place; it gives it back with `leave`.

        Arguments:
            gate: of the request that the reader works for.
        """
        place = Place(gate)
        self._places.append(place)
        return place

    def leave(self, place: Place) -> None:
        """A reader has gone."""
        self._places.remove(place)

    def expect(self, place: Place) -> Waiter[Sequence[P]]:
        """Say that a reader has come to the end of an open log; what is given is to be awaited at once.

        It gives the parts that have come, if they are all that have; the place is still before them.

        Raises:
            RuntimeError: a task waits at this place already.
        """
        if place.position > self._furthest:  # noqa: PLR1730 # once per token, and `max` takes ten times as long
            self._furthest = place.position
        waiter = place.waiter
        if waiter is None:
            waiter = place.waiter = Waiter(self._running_loop())
        elif waiter.callback is not None:
            raise RuntimeError(_TWO_AT_ONCE)
        if self._paused is not None:
            self.demand()
        return waiter

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
        end = self._running_loop().create_future()
        self._ends.append(end)
        await end

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop

    def join_passed(self) -> None:
        """Join what every reader has passed, or all when there is none, if there is enough of it."""
        begin = self.joined
        end = min((place.position for place in self._places), default=len(self.parts))
        if end - begin < JOIN_PARTS:
            return
        begin = max(begin - 1, 0)  # what was joined the last time may take more in
        fewer = self._join(self.parts[begin:end])
        self.parts[begin:end] = fewer
        self.joined = begin + len(fewer)
        gone = end - self.joined
        self._furthest = max(self._furthest - gone, 0)
        for place in self._places:
            place.position -= gone

    def _wake(self) -> None:
        for place in self._places:
            if place.waiter is not None:
                place.waiter.wake()

    def _end(self) -> None:
        self._wake()
        ends, self._ends = self._ends, []
        for end in ends:
            if not end.done():
                end.set_result(None)


def _is_waiting(place: Place) -> bool:
    return place.waiter is not None and place.waiter.callback is not None
