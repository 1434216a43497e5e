"""Updates that were read, in little memory.

Owns: many links in a row as one, and back. Refuses to know: who reads, why they are kept.

A link with the text of one token takes forty times the memory of the text; packed it takes the text and five bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from operator import itemgetter
from typing import Any, Final

from flightwire.wire.flight.values import CURR

PACKED: Final = 256  # beside the kinds in `flightwire.wire.flight.values`

Link = list[Any]  # [kind, value, next link or None]

_kind, _value = itemgetter(0), itemgetter(1)


def pack(begin: Link, links: Sequence[Link], end: Link) -> Link | None:
    """Put one link in the place of several, where they are texts.

    Arguments:
        begin: the link before them.
        links: those between the two, at least one.
        end: the link after them.

    Returns:
        Where to begin the next time; None when that is for others: these are not texts, or another reader packs them.
    """
    texts = list(map(_value, links))
    kinds = bytes(map(_kind, links))
    if begin[2] is not links[0] or max(kinds) > CURR:
        return None
    try:
        text = "".join(texts)
    except TypeError:
        return None
    packed = begin[2] = [PACKED, (kinds, array("I", map(len, texts)), text), end]
    return packed


def unpacked(links: Sequence[Link]) -> list[Any]:
    """The links with those in them that were packed."""
    if links[0][0] != PACKED:  # they stand at the beginning
        return list(links)
    out: list[Link] = []
    for link in links:
        if link[0] != PACKED:
            out.append(link)
            continue
        kinds, sizes, text = link[1]
        at = 0
        for kind, size in zip(kinds, sizes, strict=True):
            out.append([kind, text[at : at + size], None])
            at += size
    return out
