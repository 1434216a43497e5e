"""Many updates in one link: texts that came at once, and texts that were read.

Owns: the two forms of such a link, and the updates in it. Refuses to know: who reads, why they are kept.

A link with the text of one token takes forty times the memory of the text; packed it takes the text and five bytes.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator, Sequence
from operator import not_
from typing import Any, Final, TypeAlias

from flightwire.wire.flight.values import CURR, DIFF

RUN: Final = 256  # beside the kinds in `flightwire.wire.flight.values`: texts as they came
PACKED: Final = 257  # texts that were read

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
    begin: Link, first: Link | None, kinds: Sequence[int], values: Sequence[Any], end: Link
) -> Link | None:
    """Put one link in the place of several, where they are texts.

    Arguments:
        begin: the link before them.
        first: the first of them, when they were read.
        kinds: of the updates in them.
        values: of these.
        end: the link after them.

    Returns:
        Where to begin the next time; None when that is for others: these are not texts, or another reader packs them.
    """
    if begin[2] is not first or max(kinds) > CURR:
        return None
    try:
        text = "".join(values)
    except TypeError:
        return None
    packed = begin[2] = [PACKED, (bytes(kinds), array("I", map(len, values)), text), end]
    return packed


def unpacked(packed: tuple[bytes, array[int], str]) -> Iterator[tuple[int, str]]:
    """The updates in the value of a packed link."""
    kinds, sizes, text = packed
    at = 0
    for kind, size in zip(kinds, sizes, strict=True):
        yield kind, text[at : at + size]
        at += size
