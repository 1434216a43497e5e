"""The short way for what is plain JSON.

Owns: the check that a value needs nothing of Flight, made level by level with few steps in Python per level. Refuses to
know: anything else; when in doubt it declines, and the value takes the usual way.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from itertools import chain, compress, islice
from json import dumps
from math import isfinite
from sys import getrefcount
from typing import Any, Final

from msgspec import Raw

from flightwire.wire.flight.rows import dump, encode_json
from flightwire.wire.flight.values import LONG_TEXT_CHARS, MAX_DEPTH, MAX_SAFE_INTEGER

MIN_ENTRIES: Final = 64
"""Trying costs one pass, so a value whose levels all decline is passed over at most log64(n) times."""

MIN_VALUES: Final = 512
"""What has fewer entries is tried only where it is the row or stands in it, and pays when it is a tree of this many."""

_MANY_VALUES: Final = 4096  # among so many, a row of its own for a long text costs more than it saves
_CONTAINERS_AT_A_TIME: Final = 512
_VALUES_AT_A_TIME: Final = 4096
_FEW_DICTS: Final = 16
_PLAIN: Final = frozenset((dict, list, tuple, str, int, float, bool, type(None)))
_CONTAINERS: Final = frozenset((dict, list, tuple))
_SCALARS: Final = _PLAIN - _CONTAINERS
_WITH_IDENTITY: Final = frozenset((dict, list))  # tuples have none: Python shares equal ones
_ONLY_TEXT: Final = frozenset((str,))
_HELD_ONCE: Final = 1 + sum(map(getrefcount, [[]]))  # by its place, and by the list that is looked at

# The look back stands behind what is looked for: that is found by its first bytes then, many times faster.
_TEXT_WITH_DOLLAR: Final = re.compile(rb'"\$(?<!\\"\$)(?=[^"\\]*+(?:\\.[^"\\]*+)*+"(?!:))')
_DOLLAR: Final = re.compile(rb'"\$(?<!\\"\$)')  # a quote after a backslash begins no text
_FEW_KEYS: Final = 16
_NOT_FINITE: Final = tuple(
    (re.compile(rb"%b(?<=[\[,:]%b)(?=[,\]}])" % (name, name)), b'"$%b"' % name)
    for name in (b"NaN", b"-Infinity", b"Infinity")
)

_flat = chain.from_iterable
_values = dict.values


def plain_json(
    root: dict[Any, Any] | list[Any], max_depth: int = MAX_DEPTH, min_values: int = 0
) -> Raw | None:
    """JSON of a value that has only texts, safe numbers and containers that stand in one place; else None.

    Args:
        root: a container.
        max_depth: how many levels it may have.
        min_values: how many values it must have to pay.
    """
    if min_values and _CONTAINERS.isdisjoint(map(type, root.values() if type(root) is dict else root)):
        return None
    survey = _Survey(root)
    if not survey.is_plain(max_depth) or not survey.pays(min_values):
        return None
    try:
        json = _json(root, is_finite=survey.not_finite == 0)
    except RecursionError:
        return None
    if b'"__proto__":' in json or (b'"constructor":{' in json and b'"prototype":' in json):
        return None  # JavaScript gives them a meaning
    if b'"$' in json:
        json = _escaped(json, survey.keys())
    if survey.not_finite:
        json, found = _with_names(json)
        if found != survey.not_finite:  # a text looks like one of them
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


def _escaped(json: bytes, keys: Iterator[str]) -> bytes:
    """Texts that begin with `$` get one more; keys do not."""
    marked = list(islice((key for key in keys if key[:1] == "$"), _FEW_KEYS + 1))
    has_quoted = b'\\"$' in json
    if marked and (has_quoted or len(marked) > _FEW_KEYS):
        return _TEXT_WITH_DOLLAR.sub(b'"$$', json)
    json = _DOLLAR.sub(b'"$$', json) if has_quoted else json.replace(b'"$', b'"$$')
    for key in sorted(set(marked), key=len):  # what "$a" becomes must not be taken for "$$a"
        for name in {dump(key), dumps(key).encode()}:  # as either encoder writes it
            json = json.replace(b'"$%b:' % name[1:], b"%b:" % name)
    return json


class _Survey:
    """What a value consists of, found level by level.

    Attributes:
        values: how many there are.
        not_finite: how many numbers JSON has no words for.
        has_long_text: whether one that would take a row of its own is among the first.
    """

    __slots__ = ("_few", "_keys", "_root", "_seen", "has_long_text", "not_finite", "values")

    def __init__(self, root: dict[Any, Any] | list[Any]) -> None:
        self._root = root
        self._seen = {id(root)}
        self._keys: set[str] = set()
        self._few: list[dict[str, Any]] = []  # dicts that may be large; their keys may never be asked for
        self.values = 0
        self.not_finite = 0
        self.has_long_text = False

    def is_plain(self, max_depth: int) -> bool:
        """Whether all of it is JSON, and no container stands in two places; what was found is whole only then.

        What is near in memory is looked at together: some containers of a level, then what is inside them, as long as
        that is many; the few that are left on a level wait for the rest of theirs.
        """
        waiting: list[list[Any]] = [[self._root]]  # by level
        top = level = 0  # above the top nothing is left
        while top < len(waiting):
            while level > top and len(waiting[level]) < _CONTAINERS_AT_A_TIME:
                level -= 1
            containers = waiting[level][-_CONTAINERS_AT_A_TIME:]
            del waiting[level][-_CONTAINERS_AT_A_TIME:]
            if not waiting[level] and level == top:
                top += 1
            level += 1
            inner = self._inside(containers, _PLAIN if level < max_depth else _SCALARS)
            if inner is None:
                return False
            if level < len(waiting):
                waiting[level] += inner
            elif inner:
                waiting.append(inner)
            else:
                level = max(level - 1, top)
        return set(map(type, self.keys())) <= _ONLY_TEXT

    def pays(self, min_values: int) -> bool:
        """Whether there are so many values, and enough of them for long texts to stand among them."""
        return self.values >= (max(min_values, _MANY_VALUES) if self.has_long_text else min_values)

    def keys(self) -> Iterator[str]:
        """The keys of all dicts; some may come more than once."""
        return chain(self._keys, _flat(self._few))

    def _inside(self, containers: list[Any], allowed: frozenset[type]) -> list[Any] | None:
        """The containers in these, save for empty ones; None when something in them is not plain."""
        kinds = set(map(type, containers))
        dicts, arrays = _of(dict, containers, kinds), containers
        if dicts:
            arrays = [] if len(kinds) == 1 else [each for each in containers if type(each) is not dict]
            if len(dicts) <= _FEW_DICTS:
                self._few += dicts
            else:
                self._keys.update(*dicts)
        inner: list[Any] = []
        for items in chain(_pieces(map(_values, dicts)), _pieces(arrays) if len(arrays) != 1 else arrays):
            kinds = set(map(type, items))
            if not kinds <= allowed or not self._are_plain(items, kinds):
                return None
            if kinds.isdisjoint(_CONTAINERS):
                continue
            held = _HELD_ONCE - (items is arrays[0] if arrays else False)
            if kinds <= _WITH_IDENTITY:
                if not self._are_new(_suspects(items, held)):
                    return None
                inner += filter(None, items)
                continue
            for kind in kinds & _CONTAINERS:
                found = _of(kind, items, kinds)
                if kind is tuple:
                    found = list(filter(None, found))
                suspects = _suspects(found, held + (found is not items))
                if not self._are_new(suspects if kind is not tuple else _with_identity(suspects)):
                    return None
                inner += filter(None, found)
        return inner

    def _are_plain(self, items: list[Any], kinds: set[type]) -> bool:
        """Whether the numbers of a level are safe; counts what it has."""
        self.values += len(items)
        if float in kinds:
            floats = _of(float, items, kinds)
            self.not_finite += len(floats) - sum(map(isfinite, floats))
        if str in kinds and self.values < _MANY_VALUES:
            self.has_long_text |= max(map(len, _of(str, items, kinds))) >= LONG_TEXT_CHARS
        if int not in kinds:
            return True
        ints = _of(int, items, kinds)
        return bool(max(ints) <= MAX_SAFE_INTEGER and min(ints) >= -MAX_SAFE_INTEGER)

    def _are_new(self, suspects: list[Any]) -> bool:
        """Whether none of these was met before, or twice."""
        expected = len(self._seen) + len(suspects)
        self._seen.update(map(id, suspects))
        return len(self._seen) == expected


def _pieces(containers: Iterable[Iterable[Any]]) -> Iterator[list[Any]]:
    """What is in these, some at a time."""
    values = _flat(containers)
    while items := list(islice(values, _VALUES_AT_A_TIME)):
        yield items


def _suspects(containers: list[Any], held: int) -> list[Any]:
    """Those that may stand in another place too, because something else holds them.

    Counting who holds an object takes a tenth of the time of remembering which objects were met.

    Args:
        containers: what to look at.
        held: how often one of them is held that stands in one place, and nowhere else.
    """
    more = sum(map(getrefcount, containers)) - held * len(containers)
    if more == 0:
        return []
    if more > len(containers) // 4:
        return containers
    return list(compress(containers, map(held.__lt__, map(getrefcount, containers))))


def _with_identity(tuples: list[Any]) -> list[Any]:
    """Those with a list or dict inside: they make it stand wherever they stand themselves."""
    distinct = {id(each): each for each in tuples if each}
    if _CONTAINERS.isdisjoint(map(type, _flat(distinct.values()))):
        return []
    holding = {key for key, each in distinct.items() if _holds_identity(each)}
    return [each for each in tuples if id(each) in holding]


def _holds_identity(each: tuple[Any, ...]) -> bool:
    tuples = [each]
    while tuples:
        items = [item for item in _flat(tuples) if type(item) in _CONTAINERS]
        if not _WITH_IDENTITY.isdisjoint(map(type, items)):
            return True
        tuples = list({id(item): item for item in items}.values())
    return False


def _of(kind: type, items: list[Any], kinds: set[type]) -> list[Any]:
    """The items of a kind, given the kinds that there are; a level is often all of one."""
    if kind not in kinds:
        return []
    return items if len(kinds) == 1 else [item for item in items if type(item) is kind]
