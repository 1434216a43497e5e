"""How long a model's output made its readers wait.

Owns: the pauses between chunks, in as little memory for a long answer as for a short one. Refuses to know: clocks, what a
chunk is.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Sequence
from math import ceil
from operator import sub
from typing import Final

from flightwire._frozen import value

MOST_KEPT: Final = 256  # pauses; of more, every second is kept, or every fourth …


@value
class ChunkTimes:
    """Seconds between two chunks of output: what one read of the socket delivered is one chunk."""

    min_s: float
    p10_s: float
    median_s: float
    avg_s: float
    p90_s: float
    max_s: float


class Pauses:
    """When output came, told in order.

    Attributes:
        first: when the first of it came, by the clock of who tells; None when there was none.
        last: when the last of it came.
    """

    __slots__ = ("_count", "_kept", "_least_s", "_most_s", "_step", "first", "last")

    def __init__(self) -> None:
        self.first: float | None = None
        self.last: float | None = None
        self._least_s = math.inf
        self._most_s = 0.0
        self._count = 0
        self._step = 1  # so many pauses are there for each that is kept
        self._kept = array("f")

    def __repr__(self) -> str:
        """`<Pauses: 3>`."""
        return f"<Pauses: {self._count}>"

    def note(self, times: Sequence[float]) -> None:
        """Output has come, at each of these times; at least one."""
        if self.last is None:
            self.first, pauses = times[0], array("f", map(sub, times[1:], times))
        else:
            pauses = array("f", map(sub, times, (self.last, *times)))
        self.last = times[-1]
        if pauses:
            self._least_s = min(self._least_s, *pauses)
            self._most_s = max(self._most_s, *pauses)
            self._keep(pauses)

    def _keep(self, pauses: array[float]) -> None:
        self._kept += pauses[-self._count % self._step :: self._step]
        self._count += len(pauses)
        while len(self._kept) > MOST_KEPT:
            del self._kept[1::2]
            self._step *= 2

    @property
    def times(self) -> ChunkTimes | None:
        """How long they were; None when there were none.

        The least, the most and the mean are those of all pauses. The percentiles (the nearest rank) are those of all up to 256;
        of more they are those of 128 to 256 that are evenly spread over the answer.
        """
        if not self._count or self.first is None or self.last is None:
            return None
        kept = sorted(self._kept)
        p10, median, p90 = (kept[ceil(share * len(kept)) - 1] for share in (0.1, 0.5, 0.9))
        average = (self.last - self.first) / self._count
        return ChunkTimes(self._least_s, p10, median, average, p90, self._most_s)
