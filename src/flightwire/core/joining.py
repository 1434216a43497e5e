"""Deltas that were read, joined to larger ones.

Owns: which parts may become one. Refuses to know: who has read what.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, Final

from flightwire.events import ReasoningDelta, StreamPart, TextDelta

JOINED_CHARS: Final = 4096
"""What begins with so many takes no more in: a long answer that is joined again and again is not copied as often."""


def joined(parts: Sequence[StreamPart]) -> list[StreamPart]:
    """The same text and reasoning in few parts; everything else as it was."""
    if parts and isinstance(parts[0], (TextDelta, ReasoningDelta)) and len(parts[0].text) >= JOINED_CHARS:
        return [parts[0], *_joined(parts[1:])]
    return _joined(parts)


def _joined(parts: Sequence[StreamPart]) -> list[StreamPart]:
    out: list[StreamPart] = []
    for kind, alike in groupby(parts, type):
        run: list[Any] = list(alike)
        if kind is not TextDelta and kind is not ReasoningDelta:
            out += run
        elif _are_one(run):
            out.append(_one(run))
        else:
            out += _joined_by_id(run)
    return out


def _joined_by_id(run: list[Any]) -> Iterator[StreamPart]:
    """Those beside each other that have one id, and nothing else to say."""
    for (_, metadata), alike in groupby(run, lambda part: (part.id, part.provider_metadata)):
        if metadata is None:
            yield _one(list(alike))
        else:
            yield from alike


def _are_one(run: list[Any]) -> bool:
    """Whether all are of one text, as most often; a list is made and counted sooner than its items are asked one by one."""
    count = len(run)
    return [part.provider_metadata for part in run].count(None) == count and (
        [part.id for part in run].count(run[0].id) == count
    )


def _one(run: list[Any]) -> Any:
    first = run[0]
    return first if len(run) == 1 else type(first)(first.id, "".join([part.text for part in run]))
