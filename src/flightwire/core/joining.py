"""Deltas that were read, joined to larger ones.

Owns: which parts may become one. Refuses to know: who has read what.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import repeat
from operator import attrgetter, is_

from flightwire.events import ReasoningDelta, StreamPart, TextDelta

_id, _text, _metadata = map(attrgetter, ("id", "text", "provider_metadata"))


def joined(parts: Sequence[StreamPart]) -> list[StreamPart]:
    """The same text and reasoning in as few parts as can say it; everything else as it was."""
    if parts and type(first := parts[0]) is TextDelta:  # most often it is one text, and nothing else
        name = first.id
        if (
            set(map(type, parts)) == {TextDelta}
            and set(map(_id, parts)) == {name}
            and all(map(is_, map(_metadata, parts), repeat(None)))
        ):
            return [TextDelta(name, "".join(map(_text, parts)))]
    out: list[StreamPart] = []
    run: list[TextDelta] | list[ReasoningDelta] = []
    for part in parts:
        if (type(part) is TextDelta or type(part) is ReasoningDelta) and part.provider_metadata is None:
            if run and not (type(run[0]) is type(part) and run[0].id == part.id):
                out.append(_one(run))
                run = []
            run.append(part)  # type: ignore[arg-type] # all of a run are of one type
            continue
        if run:
            out.append(_one(run))
            run = []
        out.append(part)
    if run:
        out.append(_one(run))
    return out


def _one(run: list[TextDelta] | list[ReasoningDelta]) -> StreamPart:
    first = run[0]
    return first if len(run) == 1 else type(first)(first.id, "".join([delta.text for delta in run]))
