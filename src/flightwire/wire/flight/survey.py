"""What a value consists of.

Owns: the look at all of a value, made level by level with few steps in Python per level: whether it needs nothing of
Flight, and which of its lists and dicts stand in several places. Refuses to know: JSON; when in doubt it says no.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from itertools import chain, compress, islice, repeat
from math import isfinite
from operator import is_
from sys import getrefcount
from typing import Any, Final, NamedTuple

from flightwire.wire.flight.values import LONG_TEXT_CHARS, MAX_SAFE_INTEGER

MANY_VALUES: Final = 4096
"""Among so many, a row of its own for a long text costs more than it saves."""

_CONTAINERS_AT_A_TIME: Final = 512
_VALUES_AT_A_TIME: Final = 4096
_FEW_DICTS: Final = 16
_FEW_SHARED: Final = 16
_SAMPLE: Final = 64
_PLAIN: Final = frozenset((dict, list, tuple, str, int, float, bool, type(None)))
CONTAINERS: Final = frozenset((dict, list, tuple))
_SCALARS: Final = _PLAIN - CONTAINERS
_WITH_IDENTITY: Final = frozenset((dict, list))  # tuples have none: Python shares equal ones
_ONLY_TEXT: Final = frozenset((str,))
_HELD_ONCE: Final = 1 + sum(map(getrefcount, [[]]))  # by its place, and by the list that is looked at

_flat = chain.from_iterable
_values = dict.values


class Part(NamedTuple):
    """Some containers that were looked at together."""

    level: int
    owners: list[Any]
    """Dicts, or lists and tuples."""
    suspects: list[list[Any]]
    """What is in them and may stand elsewhere too."""
    inner: list[list[Any]]
    """The containers in them that were met here first, save for empty ones."""


class Survey:
    """What a value consists of, found level by level.

    Attributes:
        values: how many there are; what is in a container counts once.
        levels: how many there are.
        not_finite: how many numbers JSON has no words for.
        has_long_text: whether one that would take a row of its own is among the first.
        shared: the lists and dicts that stand in several places, by id.
        parts: what was looked at together and has containers inside.
    """

    __slots__ = (
        "_few",
        "_is_sharing",
        "_keys",
        "_met",
        "_more_places",
        "_root",
        "_seen",
        "has_long_text",
        "levels",
        "not_finite",
        "parts",
        "shared",
        "values",
    )

    def __init__(self, root: dict[Any, Any] | list[Any]) -> None:
        self._root = root
        self._seen = {id(root)}
        self._is_sharing = False
        self._met: list[list[Any]] = []
        self._more_places: Counter[int] = Counter()
        self._keys: set[str] = set()
        self._few: list[dict[str, Any]] = []  # dicts that may be large; their keys may never be asked for
        self.values = 0
        self.levels = 0
        self.not_finite = 0
        self.has_long_text = False
        self.shared: dict[int, Any] = {}
        self.parts: list[Part] = []

    def is_plain(self, max_depth: int, *, may_share: bool) -> bool:
        """Whether all of it is JSON, and without cycles as far as was seen; what was found is whole only then.

        What is near in memory is looked at together: some containers of a level, then what is inside them, as long as
        that is many; the few that are left on a level wait for the rest of theirs.

        Args:
            max_depth: how many levels it may have.
            may_share: whether a list or dict may stand in several places.
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
            inner = self._inside(containers, level, _PLAIN if level < max_depth else _SCALARS)
            if inner is None or (self.shared and not may_share) or id(self._root) in self.shared:
                return False
            if level < len(waiting):
                waiting[level] += inner
            elif inner:
                waiting.append(inner)
            else:
                level = max(level - 1, top)
        self.levels = len(waiting)
        return set(map(type, self.keys())) <= _ONLY_TEXT

    def pays(self, min_values: int) -> bool:
        """Whether there are so many values, and enough of them for long texts to stand among them."""
        return self.values >= (max(min_values, MANY_VALUES) if self.has_long_text else min_values)

    def keys(self) -> Iterator[str]:
        """The keys of all dicts; some may come more than once."""
        return chain(self._keys, _flat(self._few))

    def count_keys(self, prefix: str) -> int | None:
        """How many keys begin with something; None when that is not known exactly."""
        if any(map(str.startswith, self._keys, repeat(prefix))):
            return None  # some may stand in many dicts
        return sum(map(str.startswith, _flat(self._few), repeat(prefix)))

    def places(self, container: object) -> int:
        """In how many places something shared stands; what is inside of others counts once."""
        met = sum(map(is_, _flat(_flat(part.suspects for part in self.parts)), repeat(container)))
        return met + self._more_places[id(container)]

    def _inside(self, containers: list[Any], level: int, allowed: frozenset[type]) -> list[Any] | None:
        """The containers in these that are new, save for empty ones; None when something in them is not plain."""
        kinds = set(map(type, containers))
        dicts, arrays = of_kind(dict, containers, kinds), containers
        if dicts:
            arrays = [] if len(kinds) == 1 else [each for each in containers if type(each) is not dict]
            if len(dicts) <= _FEW_DICTS:
                self._few += dicts
            else:
                self._keys.update(*dicts)
        inner: list[Any] = []
        if dicts and not self._look(Part(level, dicts, [], []), _pieces(map(_values, dicts)), allowed, inner):
            return None
        if arrays:
            pieces = _pieces(arrays) if len(arrays) != 1 else _slices(arrays[0])
            if not self._look(Part(level, arrays, [], []), pieces, allowed, inner):
                return None
        return inner

    def _look(
        self, part: Part, pieces: Iterable[list[Any]], allowed: frozenset[type], inner: list[Any]
    ) -> bool:
        """Whether all in a part is plain; adds what is to be looked at next."""
        for items in pieces:
            if len(items) > 1 and type(items[0]) in _WITH_IDENTITY & allowed and are_all(items, items[0]):
                part.inner.append(self._new_everywhere(part, items[0], len(items)))
                inner += part.inner[-1]
                continue
            kinds = set(map(type, items))
            if not kinds <= allowed or not self._are_plain(items, kinds):
                return False
            if kinds.isdisjoint(CONTAINERS):
                continue
            if kinds <= _WITH_IDENTITY:
                part.inner.append(self._new(part, items, _suspects(items, _HELD_ONCE)))
                inner += part.inner[-1]
                continue
            for kind in kinds & CONTAINERS:
                found = of_kind(kind, items, kinds)
                if kind is tuple:
                    found = list(filter(None, found))
                suspects = _suspects(found, _HELD_ONCE + (found is not items))
                if kind is tuple:
                    suspects = _with_identity(suspects)
                    if suspects and not self._are_tuples_new(suspects):
                        return False
                    new = found
                else:
                    new = self._new(part, found, suspects)
                part.inner.append(new)
                inner += new
        if part.inner:
            self.parts.append(part)
        return True

    def _are_plain(self, items: list[Any], kinds: set[type]) -> bool:
        """Whether the numbers of a level are safe; counts what it has."""
        self.values += len(items)
        if float in kinds:
            floats = of_kind(float, items, kinds)
            self.not_finite += len(floats) - sum(map(isfinite, floats))
        if str in kinds and self.values < MANY_VALUES:
            self.has_long_text |= max(map(len, of_kind(str, items, kinds))) >= LONG_TEXT_CHARS
        if int not in kinds:
            return True
        ints = of_kind(int, items, kinds)
        return bool(max(ints) <= MAX_SAFE_INTEGER and min(ints) >= -MAX_SAFE_INTEGER)

    def _new(self, part: Part, found: list[Any], suspects: list[Any]) -> list[Any]:
        """What is not empty and was not met before; notes what was."""
        if not suspects or self._are_new(suspects):
            part.suspects.append(suspects)
            return list(filter(None, found))
        ids = list(map(id, suspects))
        known = dict(zip(ids, suspects, strict=True))
        are_all_known = self._seen.issuperset(known)
        before = known if are_all_known else known.keys() & self._seen
        self._seen.update(known)
        self._note(part, suspects, ids, known, before)
        full = [] if are_all_known and len(found) == len(suspects) else list(filter(None, found))
        if not full:
            return full
        if len(full) != len(suspects):
            known = dict(zip(map(id, full), full, strict=True))
        for key in before:
            known.pop(key, None)
        return [each for each in known.values() if each]

    def _note(
        self,
        part: Part,
        suspects: list[Any],
        ids: list[int],
        known: dict[int, Any],
        before: Collection[int],
    ) -> None:
        """Note what stands in several places; more than that where that is few: it costs a row at most."""
        self.shared |= known if before is known else {key: known[key] for key in before}
        if len(known) <= _FEW_SHARED < len(suspects):
            self.shared |= known
            self._more_places.update({key: ids.count(key) - 1 for key in known})
            part.suspects.append(list(known.values()))
            return
        part.suspects.append(suspects)
        if len(known) < len(suspects):
            self.shared.update((key, known[key]) for key, count in Counter(ids).items() if count > 1)

    def _new_everywhere(self, part: Part, one: Any, count: int) -> list[Any]:
        """The same for one container that stands in so many places beside each other."""
        self.values += count
        self._is_sharing = True
        was_here = id(one) in self._seen
        self._seen.add(id(one))
        self.shared[id(one)] = one
        self._more_places[id(one)] += count - 1
        part.suspects.append([one])
        return [one] if one and not was_here else []

    def _are_tuples_new(self, suspects: list[Any]) -> bool:
        if not self._is_sharing:
            return self._are_new(suspects)
        expected = len(self._seen) + len(suspects)
        self._seen.update(map(id, suspects))
        return len(self._seen) == expected

    def _are_new(self, suspects: list[Any]) -> bool:
        """Whether none of these was met before, or twice; after the first that was, it takes longer to tell which."""
        if self._is_sharing:
            return False
        seen = self._seen
        if len(suspects) > _FEW_SHARED and len(set(map(id, suspects[: 4 * _FEW_SHARED]))) <= _FEW_SHARED:
            self._is_sharing = True
            return False
        expected = len(seen) + len(suspects)
        seen.update(map(id, suspects))
        if len(seen) == expected:
            self._met.append(suspects)
            return True
        self._is_sharing = True
        seen.clear()  # it cannot be told any more what was met before
        seen.add(id(self._root))
        seen.update(map(id, _flat(self._met)))
        return False


def has_values(root: dict[Any, Any] | list[Any], count: int) -> bool:
    """Whether a container has so many values, counted only as far as needed."""
    found = 0
    level: list[Any] = [root]
    while level:
        found += sum(map(len, level))
        if found >= count:  # before the next level is looked at, which may be very long
            return True
        level = [
            each
            for container in level
            for each in (container.values() if type(container) is dict else container)
            if type(each) in CONTAINERS
        ]
    return False


def are_all(items: list[Any], one: object) -> bool:
    """Whether these are all the same object."""
    return items[-1] is one and all(map(is_, items, repeat(one)))


def _pieces(containers: Iterable[Iterable[Any]]) -> Iterator[list[Any]]:
    """What is in these, some at a time."""
    values = _flat(containers)
    while items := list(islice(values, _VALUES_AT_A_TIME)):
        yield items


def _slices(array: Any) -> Iterator[list[Any]]:
    """The same for one list or tuple, faster."""
    for at in range(0, len(array), _VALUES_AT_A_TIME):
        yield list(array[at : at + _VALUES_AT_A_TIME])


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
    some = containers[:_SAMPLE]  # which hold it too
    if sum(map((held + 1).__lt__, map(getrefcount, some))) * 8 >= len(some) * 7:
        return containers
    are_held = list(map(held.__lt__, map(getrefcount, containers)))  # before `compress` holds one too
    return list(compress(containers, are_held))


def _with_identity(tuples: list[Any]) -> list[Any]:
    """Those with a list or dict inside: they make it stand wherever they stand themselves."""
    distinct = {id(each): each for each in tuples if each}
    if CONTAINERS.isdisjoint(map(type, _flat(distinct.values()))):
        return []
    holding = {key for key, each in distinct.items() if _holds_identity(each)}
    return [each for each in tuples if id(each) in holding]


def _holds_identity(each: tuple[Any, ...]) -> bool:
    tuples = [each]
    while tuples:
        items = [item for item in _flat(tuples) if type(item) in CONTAINERS]
        if not _WITH_IDENTITY.isdisjoint(map(type, items)):
            return True
        tuples = list({id(item): item for item in items}.values())
    return False


def of_kind(kind: type, items: list[Any], kinds: set[type]) -> list[Any]:
    """The items of a kind, given the kinds that there are; a level is often all of one."""
    if kind not in kinds:
        return []
    return items if len(kinds) == 1 else [item for item in items if type(item) is kind]
