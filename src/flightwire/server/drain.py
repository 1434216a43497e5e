"""The calls under way, and how they end when their server stops.

Owns: who is under way, the order of a stop: nothing new, time to finish, an end with rows that say so. Refuses to know: signals,
servers, what a call does.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final, Protocol

log = logging.getLogger("flightwire.server")

DRAIN_TIMEOUT_S: Final = 25.0  # Kubernetes and systemd send SIGKILL after 30 s or more
CLEAN_UP_TIMEOUT_S: Final = 3.0  # for what runs after a response that was ended
POLL_S: Final = 0.02
RETRY_AFTER_S: Final = 5  # another process has taken over by then, or this one is back


class Interruptible(Protocol):
    """A call that can be ended from outside, in a way its caller understands."""

    def interrupt(self) -> None:
        """End it soon; returns at once. Harmless when it has ended."""
        ...


class Drain:
    """Knows the calls of one app, and lets them end.

    Attributes:
        is_draining: no new call may begin.
    """

    def __init__(self) -> None:
        self.is_draining = False
        self._calls: dict[Interruptible, asyncio.AbstractEventLoop] = {}
        self._running: asyncio.Future[None] | None = None

    def __len__(self) -> int:
        """How many calls are under way."""
        return len(self._calls)

    def enter(self, call: Interruptible) -> None:
        """A call begins."""
        self._calls[call] = asyncio.get_running_loop()

    def leave(self, call: Interruptible) -> None:
        """A call has ended, with everything it started."""
        self._calls.pop(call, None)

    def reopen(self) -> None:
        """The server has started (again)."""
        self.is_draining = False

    async def run(self, timeout_s: float) -> None:
        """Let no call begin, wait until all have ended, and end those that have not after `timeout_s` seconds.

        Concurrent callers wait for the same drain. Cancelling one of them does not end it.
        """
        self.is_draining = True
        if self._running is None or self._running.done():
            self._running = asyncio.ensure_future(self._run(timeout_s))
        await asyncio.shield(self._running)

    async def _run(self, timeout_s: float) -> None:
        if self._calls and timeout_s > 0:
            log.info("waiting for %s, at most %g s", _counted(len(self._calls)), timeout_s)
        if await self._wait_until_empty(timeout_s):
            return
        if timeout_s > 0:  # otherwise nobody meant to wait
            log.warning("ending %s that did not finish in %g s", _counted(len(self._calls)), timeout_s)
        self.interrupt()
        if not await self._wait_until_empty(CLEAN_UP_TIMEOUT_S):
            log.error(
                "%s did not end when told to; the process ends without them", _counted(len(self._calls))
            )

    def interrupt(self) -> None:
        """End every call that is under way."""
        for call, loop in tuple(self._calls.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(call.interrupt)

    async def _wait_until_empty(self, timeout_s: float) -> bool:
        deadline_s = time.monotonic() + timeout_s
        while self._calls:
            if time.monotonic() >= deadline_s:
                return False
            # Calls may be of several event loops, which no event of asyncio joins.
            await asyncio.sleep(POLL_S)
        return True


def _counted(calls: int) -> str:
    return f"{calls} call{'s' * (calls != 1)}"
