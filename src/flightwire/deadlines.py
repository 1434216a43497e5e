"""One timer for many deadlines.

Owns: looking at what may be overdue, in one event loop. A timer for each would be made anew with every piece that comes, or
hold half a kilobyte. Refuses to know: what is due, and why.
"""

from __future__ import annotations

import asyncio
import math
from contextvars import Context
from typing import Final, Protocol

__all__ = ["PAUSE_S", "Dated", "forget", "watch"]

PAUSE_S: Final = 0.05
"""Between two looks: a thousand things that are due at a thousand times are not looked at a thousand times each."""


class Dated(Protocol):
    """Something that has to be done at a time, which may move on until then."""

    def due(self) -> float:
        """When it is to be done as things are now, in the event loop's time."""
        ...

    def overdue(self) -> None:
        """It is time. It is not watched any more."""
        ...


def watch(one: Dated, loop: asyncio.AbstractEventLoop) -> None:
    """Look at this from now on, until it is overdue or forgotten."""
    watcher = _watchers.get(loop)
    if watcher is None:
        for closed in [other for other in list(_watchers) if other.is_closed()]:
            _watchers.pop(closed, None)
        watcher = _watchers[loop] = _Watcher(loop)
    watcher.watch(one)


def forget(one: Dated, loop: asyncio.AbstractEventLoop) -> None:
    """Look at this no more."""
    watcher = _watchers.get(loop)
    if watcher is not None:
        watcher.forget(one)


class _Watcher:
    """Looks at everything of one loop no more often than one of it could be overdue."""

    __slots__ = ("_context", "_due", "_loop", "_not_before", "_timer", "_watched")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # Nobody's: a timer would keep the request that it was set in, for as long as it runs.
        self._context = Context()
        self._watched: dict[Dated, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf
        self._not_before = -math.inf

    def watch(self, one: Dated) -> None:
        self._watched[one] = None
        self._look_at(one.due())

    def forget(self, one: Dated) -> None:
        self._watched.pop(one, None)
        if not self._watched and self._timer is not None:
            self._timer.cancel()
            self._due = math.inf

    def _look_at(self, due: float) -> None:
        due = max(due, self._not_before)
        if due < self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            self._timer = self._loop.call_at(due, self._look, context=self._context)

    def _look(self) -> None:
        self._due = math.inf
        now = self._loop.time()
        self._not_before = now + PAUSE_S
        dues = [(one.due(), one) for one in self._watched]
        self._look_at(min((due for due, _ in dues if due > now), default=math.inf))
        for due, one in dues:
            if due <= now and one in self._watched:  # another may have had it forgotten
                del self._watched[one]
                one.overdue()


_watchers: dict[asyncio.AbstractEventLoop, _Watcher] = {}
