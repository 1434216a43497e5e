"""The short way for what is plain JSON.

Owns: the check that a value needs nothing of Flight, made level by level with few steps in Python per level. Refuses to
know: anything else; when in doubt it declines, and the value takes the usual way.
"""

from __future__ import annotations

from itertools import chain
from math import isfinite
from typing import Any, Final

from msgspec import Raw

from flightwire.wire.flight.rows import encode_json
from flightwire.wire.flight.values import LONG_TEXT_CHARS, MAX_DEPTH, MAX_SAFE_INTEGER

MIN_ENTRIES: Final = 64
"""Trying costs one pass, so a value whose levels all decline is passed over at most log64(n) times."""

_PLAIN: Final = frozenset((dict, list, str, int, float, bool, type(None)))
_ONLY_TEXT: Final = frozenset((str,))
_SPECIAL: Final = (
    b'"$',
    b'"__proto__"',
    b'"constructor"',
)  # escapes, and keys that mean something in JavaScript

_flat = chain.from_iterable


def plain_json(root: dict[Any, Any] | list[Any], max_depth: int = MAX_DEPTH) -> Raw | None:
    """JSON of a value that has only short texts, safe numbers and containers that stand in one place; else None.

    Args:
        root: a container; tried from `MIN_ENTRIES` entries on, where it pays.
        max_depth: how many levels it may have.
    """
    try:
        json = encode_json(root) if _is_plain(root, max_depth) else None
    except (UnicodeEncodeError, RecursionError):
        return None
    return None if json is None or any(mark in json for mark in _SPECIAL) else Raw(json)


def _is_plain(root: dict[Any, Any] | list[Any], max_depth: int) -> bool:
    dicts: list[dict[Any, Any]] = [root] if type(root) is dict else []
    lists: list[list[Any]] = [root] if type(root) is list else []
    seen: set[int] = {id(root)}
    for _ in range(max_depth + 1):
        if not dicts and not lists:
            return True
        if not set(map(type, _flat(dicts))) <= _ONLY_TEXT:
            return False
        items = [*_flat(map(dict.values, dicts)), *_flat(lists)]
        kinds = set(map(type, items))
        if not kinds <= _PLAIN or not _are_plain_scalars(items, kinds):
            return False
        dicts = [item for item in items if type(item) is dict] if dict in kinds else []
        lists = [item for item in items if type(item) is list] if list in kinds else []
        expected = len(seen) + len(dicts) + len(lists)
        seen.update(map(id, dicts))
        seen.update(map(id, lists))
        if len(seen) != expected:  # something stands in two places, or contains itself
            return False
    return False


def _are_plain_scalars(items: list[Any], kinds: set[type]) -> bool:
    if str in kinds and max(len(item) for item in items if type(item) is str) >= LONG_TEXT_CHARS:
        return False
    if int in kinds:
        ints = [item for item in items if type(item) is int]
        if max(ints) > MAX_SAFE_INTEGER or min(ints) < -MAX_SAFE_INTEGER:
            return False
    return float not in kinds or all(isfinite(item) for item in items if type(item) is float)
