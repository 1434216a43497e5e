"""One log of parts, many readers.

Owns: the parts of one answer, who waits for more, and when the source should pause. Refuses to know: models, text.

Every part is kept until the answer is forgotten, so a reader that comes late starts at the beginning. The source is
asked for more while a reader waits at the end, or while the reader that is furthest has fewer than `READ_AHEAD_PARTS`
parts before it; a reader that was dropped blocks nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Generic, TypeVar

P = TypeVar("P")

READ_AHEAD_PARTS = 512


class PartLog(Generic[P]):
    """An append-only list of parts that readers can wait on."""

    __slots__ = ("_loop", "_paused", "_waiters", "closed", "drain", "furthest", "parts", "readers", "settled")

    def __init__(self) -> None:
        self.parts: list[P] = []
        self.closed = False
        self.settled = False  # what is awaited is known, though parts may still come
        self.drain = False  # somebody awaits the whole answer: do not pause
        self.readers = 0
        self.furthest = 0
        self._waiters: list[asyncio.Future[None]] = []
        self._paused: asyncio.Future[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # asked for once: on 3.11 that is a system call

    # --- the source's side ---------------------------------------------------------------------------------------

    def extend(self, parts: Sequence[P]) -> None:
        """Add parts and wake who waits for them."""
        if parts:
            self.parts += parts
            if self._waiters:
                self._wake()

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
        return self.readers > 0 and len(self.parts) - self.furthest < READ_AHEAD_PARTS

    async def wait_for_demand(self) -> None:
        """Wait until a reader wants more."""
        while not self.wants_more:
            self._paused = asyncio.get_running_loop().create_future()
            try:
                await self._paused
            finally:
                self._paused = None

    # --- the readers' side ---------------------------------------------------------------------------------------

    def expect(self, position: int) -> asyncio.Future[None]:
        """Say that a reader has come as far as this, the end; what is given is done when there is more, or there will be none.

        Whoever no longer waits says so with `forget`.
        """
        self.furthest = max(self.furthest, position)
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
        waiter = self.expect(0)
        try:
            await waiter
        finally:
            self.forget(waiter)

    def _wake(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)
