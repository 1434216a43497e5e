"""Updates that were read, in little memory.

Owns: many links in a row as one, and back. Refuses to know: who reads, why they are kept.

A link with the text of one token takes forty times the memory of the text; packed it takes the text and five bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any, Final

from flightwire.wire.flight.values import CURR

PACKED: Final = 256  # beside the kinds in `flightwire.wire.flight.values`

Link = list[Any]  # [kind, value, next link or None]


def pack(begin: Link, end: Link) -> Link | None:
    """Put one link in the place of all between two, where they are texts.

    Returns:
        Where to begin the next time; None when there is something between them that is not text: then the rest stays.
    """
    link = begin[2]
    while link is not None and link[0] == PACKED:  # by another reader
        begin, link = link, link[2]
    kinds, sizes, texts = bytearray(), array("I"), []
    while link is not None and link is not end:
        if link[0] > CURR or type(link[1]) is not str:
            return None
        kinds.append(link[0])
        sizes.append(len(link[1]))
        texts.append(link[1])
        link = link[2]
    if link is not None and texts:  # else another reader is ahead, and has packed them
        begin[2] = begin = [PACKED, (bytes(kinds), sizes, "".join(texts)), link]
    return begin


def unpacked(links: Sequence[Link]) -> list[Link]:
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
