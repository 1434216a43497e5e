"""How long an API may be silent in the middle of an answer.

Owns: one timer for all answers of an event loop: one for each would be made anew with every piece that comes, or hold half a
kilobyte. Refuses to know: connections.
"""

from __future__ import annotations

import asyncio
import math
from typing import Protocol

__all__ = ["Patience", "Waiting"]


class Waiting(Protocol):
    """Something that may be silent too long."""

    def patient_until(self) -> float:
        """When it will have been silent too long if it stays silent, in the event loop's time."""
        ...

    def give_up(self) -> None:
        """It has been."""
        ...


class Patience:
    """Looks at what waits no more often than one of them could be overdue."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched: dict[Waiting, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._due = math.inf

    def watch(self, one: Waiting) -> None:
        """Look at this from now on, until it is overdue or forgotten."""
        self._watched[one] = None
        self._look_at(one.patient_until())

    def forget(self, one: Waiting) -> None:
        """Look at this no more."""
        self._watched.pop(one, None)
        if not self._watched and self._timer is not None:
            self._timer.cancel()
            self._due = math.inf

    def _look_at(self, due: float) -> None:
        if due < self._due:
            if self._timer is not None:
                self._timer.cancel()
            self._due = due
            self._timer = self._loop.call_at(due, self._look)

    def _look(self) -> None:
        self._due = math.inf
        now = self._loop.time()
        for one in tuple(self._watched):
            if (due := one.patient_until()) > now:
                self._look_at(due)
            else:
                del self._watched[one]
                one.give_up()
