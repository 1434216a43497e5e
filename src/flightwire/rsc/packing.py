"""Many updates in one link: texts that came at once, and texts that were read.

Owns: the two forms of such a link, and the updates in it. Refuses to know: who reads, why they are kept.

A link with the text of one token takes forty times the memory of the text; packed it takes the text and two bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from operator import not_
from typing import Any, Final, TypeAlias

from flightwire.wire.flight.values import CURR, DIFF

RUN: Final = 256  # beside the kinds in `flightwire.wire.flight.values`: texts as they came
PACKED: Final = 257  # texts that were read

MOST_PACKED: Final = 1024  # a link with so many takes no more in,
MOST_PACKED_CHARS: Final = 16 * 1024  # nor one with so long a text: it is copied each time
_BYTE: Final = 256

Sizes: TypeAlias = "bytes | array[int]"
"""The lengths of texts: in bytes, where that is enough."""

Packed: TypeAlias = tuple[bytes, Sizes, str]

Link: TypeAlias = list[Any]
"""`[kind, value, next link or None]`. The value of RUN is `(kinds, texts)`, that of PACKED `(kinds, sizes, all texts)`."""

_CURR: Final = bytes([CURR])


def run_of(before: object, texts: list[str]) -> tuple[bytes, list[str]]:
    """Values that replaced each other, as what is sent of them: of a text that begins with the one before it, the rest.

    Arguments:
        before: the value that the first of them replaced.
        texts: the values.

    Returns:
        The kind of each update, and its text.
    """
    if type(before) is not str:
        kinds, rest = run_of(texts[0], texts[1:])
        return _CURR + kinds, [texts[0], *rest]
    befores = [before, *texts[:-1]]
    kinds = bytes(map(not_, map(str.startswith, texts, befores)))  # a bool is DIFF or CURR
    sent = texts.copy()
    at = kinds.find(DIFF)
    while at >= 0:  # most texts do not go on with the one before, or all do
        sent[at] = texts[at][len(befores[at]) :]
        at = kinds.find(DIFF, at + 1)
    return kinds, sent


def pack(
    before: Link | None,
    begin: Link,
    first: Link | None,
    kinds: Sequence[int],
    values: Sequence[Any],
    *,
    end: Link,
) -> tuple[Link | None, Link | None]:
    """Put one link in the place of several, where they are texts; and in that of a small one which was packed before them.

    Arguments:
        before: what this returned the last time; None when it is the first.
        begin: the link before them, the other that it returned.
        first: the first of them, when they were read.
        kinds: of the updates in them.
        values: of these.
        end: the link after them.

    Returns:
        The link before the packed one, and this, where to begin the next time. None when that is for others: these are not texts,
        or another reader packs them.
    """
    if begin[2] is not first or max(kinds) > CURR:
        return None, None
    try:
        text = "".join(values)
    except TypeError:
        return None, None
    packed = (bytes(kinds), _sizes(list(map(len, values))), text)
    if before is not None and before[2] is begin and _takes_more(begin[1]):
        # Who stands at `begin` goes on from there, through the links as they were.
        packed = _both(begin[1], packed)
    else:
        before = begin
    link = before[2] = [PACKED, packed, end]
    return before, link


def _takes_more(packed: Packed) -> bool:
    return len(packed[0]) < MOST_PACKED and len(packed[2]) < MOST_PACKED_CHARS


def _sizes(sizes: list[int]) -> Sizes:
    return bytes(sizes) if max(sizes) < _BYTE else array("I", sizes)


def _both(first: Packed, second: Packed) -> Packed:
    (kinds, sizes, text), (more_kinds, more_sizes, more_text) = first, second
    both = sizes + more_sizes if isinstance(sizes, bytes) and isinstance(more_sizes, bytes) else None
    return kinds + more_kinds, both or array("I", [*sizes, *more_sizes]), text + more_text


def unpacked(packed: Packed) -> Iterator[tuple[int, str]]:
    """The updates in the value of a packed link."""
    kinds, sizes, text = packed
    at = 0
    for kind, size in zip(kinds, sizes, strict=True):
        yield kind, text[at : at + size]
        at += size
