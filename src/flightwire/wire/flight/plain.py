"""The short way for what is plain JSON.

Owns: the check that a value needs nothing of Flight, made level by level with few steps in Python per level. Refuses to
know: anything else; when in doubt it declines, and the value takes the usual way.
"""

from __future__ import annotations

import re
from itertools import chain
from json import dumps
from math import isfinite
from typing import Any, Final

from msgspec import Raw

from flightwire.wire.flight.rows import dump, encode_json
from flightwire.wire.flight.values import LONG_TEXT_CHARS, MAX_DEPTH, MAX_SAFE_INTEGER

MIN_ENTRIES: Final = 64
"""Trying costs one pass, so a value whose levels all decline is passed over at most log64(n) times."""

_PLAIN: Final = frozenset((dict, list, tuple, str, int, float, bool, type(None)))
_ONLY_TEXT: Final = frozenset((str,))
_SPECIAL: Final = (b'"__proto__":', b'"constructor":{')  # keys that mean something in JavaScript

# The look back stands behind what is looked for: that is found by its first bytes then, many times faster.
_TEXT_WITH_DOLLAR: Final = re.compile(rb'"\$(?<!\\"\$)([^"\\]*(?:\\.[^"\\]*)*")(?!:)')
_DOLLAR: Final = re.compile(rb'"\$(?<!\\"\$)')  # a quote after a backslash begins no text
_FEW_KEYS: Final = 16
_NOT_FINITE: Final = tuple(
    (re.compile(rb"%b(?<=[\[,:]%b)(?=[,\]}])" % (name, name)), b'"$%b"' % name)
    for name in (b"NaN", b"-Infinity", b"Infinity")
)

_flat = chain.from_iterable
_values = dict.values


def plain_json(root: dict[Any, Any] | list[Any], max_depth: int = MAX_DEPTH) -> Raw | None:
    """JSON of a value that has only short texts, safe numbers and containers that stand in one place; else None.

    Args:
        root: a container; tried from `MIN_ENTRIES` entries on, where it pays.
        max_depth: how many levels it may have.
    """
    keys: set[str] = set()
    not_finite = _not_finite(root, max_depth, keys)
    if not_finite is None:
        return None
    try:
        json = _json(root, is_finite=not_finite == 0)
    except RecursionError:
        return None
    if any(mark in json for mark in _SPECIAL):
        return None
    if b'"$' in json:
        json = _escaped(json, keys)
    if not_finite:
        json, found = _with_names(json)
        if found != not_finite:  # a text looks like one of them
            return None
    return Raw(json)


def _json(root: object, *, is_finite: bool) -> bytes:
    try:
        if is_finite:
            return encode_json(root)
    except UnicodeEncodeError:  # lone surrogates exist in JSON escapes only
        pass
    return dumps(root, separators=(",", ":")).encode()


def _with_names(json: bytes) -> tuple[bytes, int]:
    """JSON with React's names for the numbers that JSON has none for, and how many there are."""
    count = 0
    for pattern, name in _NOT_FINITE:
        json, found = pattern.subn(name, json)
        count += found
    return json, count


def _escaped(json: bytes, keys: set[str]) -> bytes:
    """Texts that begin with `$` get one more; keys do not."""
    marked = [key for key in keys if key[:1] == "$"]
    has_quoted = b'\\"$' in json
    if marked and (has_quoted or len(marked) > _FEW_KEYS):
        return _TEXT_WITH_DOLLAR.sub(rb'"$$\1', json)
    json = _DOLLAR.sub(b'"$$', json) if has_quoted else json.replace(b'"$', b'"$$')
    for key in sorted(marked, key=len):  # what "$a" becomes must not be taken for "$$a"
        for name in {dump(key), dumps(key).encode()}:  # as either encoder writes it
            json = json.replace(b'"$%b:' % name[1:], b"%b:" % name)
    return json


def _not_finite(root: dict[Any, Any] | list[Any], max_depth: int, keys: set[str]) -> int | None:
    """How many numbers in a plain value are not finite, and its keys; None when the value is not plain."""
    found = 0
    dicts: list[dict[Any, Any]] = [root] if type(root) is dict else []
    lists: list[Any] = [root] if type(root) is list else []
    seen: dict[int, None] = {id(root): None}
    for _ in range(max_depth + 1):
        if not dicts and not lists:
            return found if set(map(type, keys)) <= _ONLY_TEXT else None
        keys.update(_flat(dicts))
        items = [*_flat(map(_values, dicts)), *_flat(lists)]
        kinds = set(map(type, items))
        if not kinds <= _PLAIN or not _are_plain(items, kinds):
            return None
        if float in kinds:
            floats = _of(float, items, kinds)
            found += len(floats) - sum(map(isfinite, floats))
        dicts, lists = _of(dict, items, kinds), _of(list, items, kinds)
        expected = len(seen) + len(dicts) + len(lists)
        seen = _with_ids(_with_ids(seen, dicts), lists)
        if len(seen) != expected:  # something stands in two places, or contains itself
            return None
        if tuple in kinds:  # they have no identity: Python shares equal ones
            lists = lists + _of(tuple, items, kinds)
    return None


def _with_ids(seen: dict[int, None], level: list[Any]) -> dict[int, None]:
    """The objects seen so far and those of a level: the small into the large. Making a dict is cheaper than filling a set."""
    made = dict.fromkeys(map(id, level))
    if len(made) < len(seen):
        seen.update(made)
        return seen
    made.update(seen)
    return made


def _of(kind: type, items: list[Any], kinds: set[type]) -> list[Any]:
    """The items of a kind, given the kinds that there are; a level is often all of one."""
    if kind not in kinds:
        return []
    return items if len(kinds) == 1 else [item for item in items if type(item) is kind]


def _are_plain(items: list[Any], kinds: set[type]) -> bool:
    """Whether texts are short, and numbers safe."""
    if str in kinds and max(map(len, _of(str, items, kinds))) >= LONG_TEXT_CHARS:
        return False
    if int not in kinds:
        return True
    ints = _of(int, items, kinds)
    return bool(max(ints) <= MAX_SAFE_INTEGER and min(ints) >= -MAX_SAFE_INTEGER)
