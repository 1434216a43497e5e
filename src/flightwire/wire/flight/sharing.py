"""Rows for the lists and dicts of plain JSON that stand in several places.

Owns: which of them goes into which row, in what order, and what stands in their places. Refuses to know: what is plain, ids,
escapes.

In JSON of this module a reference begins with the byte 255 in place of `"$`: no UTF-8 has it, so no text can look like one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, compress, islice, repeat
from json import dumps
from operator import attrgetter, mul
from typing import Any, Final, TypeAlias

from msgspec import Raw

from flightwire.wire.flight.rows import encode_json, encode_lines
from flightwire.wire.flight.survey import CONTAINERS, Part, Survey, are_all
from flightwire.wire.flight.values import MAX_DEPTH

REFERENCE: Final = b"\xff"
"""What a reference begins with, in place of `"$`."""

Named: TypeAlias = tuple[str, bool]
"""What refers to a container, without its `$`; whether the row of that name is still to be written."""

Name: TypeAlias = Callable[[list[Any]], list[Named] | None]
"""Names containers; None when one of them cannot be referred to."""

_AT_A_TIME: Final = 512
_FEW: Final = 4  # so many are found faster by what they look like
_MOST_BRACKETS: Final = 64
_EXPANDED_BYTES_PER_VALUE: Final = 64
_LEVELS_PER_REFERENCE: Final = 10  # that the client's stack grows by, in levels of JSON

_MARK: Final = "flightwire: a reference"  # where bytes cannot be; a text that says so too is noticed

_flat = chain.from_iterable


class UnclearError(Exception):
    """The value has to take the long way."""


def json_of(value: object, *, is_finite: bool) -> bytes:
    """JSON, in which references are as they are; numbers that are none have the names that Python gives them.

    Raises:
        UnclearError: there is a text that looks like a reference.
    """
    try:
        if is_finite:
            return encode_json(value)
    except UnicodeEncodeError:  # lone surrogates exist in JSON escapes only
        pass
    raws: list[Raw] = []

    def default(raw: Raw) -> str:
        raws.append(raw)
        return _MARK

    json = dumps(value, separators=(",", ":"), default=default).encode()
    if not raws:
        return json
    texts = json.split(b'"%b"' % _MARK.encode())
    if len(texts) != len(raws) + 1:
        raise UnclearError
    return b"".join(_flat(zip(texts, [*map(bytes, raws), b""], strict=True)))


class Rows:
    """Rows that a value needs, in order.

    Attributes:
        names: what refers to each.
        values: what is in each.
        jsons: the JSON of it.
    """

    __slots__ = ("jsons", "names", "values")

    def __init__(self) -> None:
        self.names: list[str] = []
        self.values: list[Any] = []
        self.jsons: list[bytes] = []

    def add(self, named: Iterable[Named], values: Iterable[Any], jsons: Iterable[bytes]) -> None:
        """Add those that are still to be written."""
        for (name, is_new), value, json in zip(named, values, jsons, strict=True):
            if is_new:
                self.names.append(name)
                self.values.append(value)
                self.jsons.append(json)


def shared_rows(root: dict[Any, Any] | list[Any], survey: Survey, name: Name) -> tuple[Rows, bytes]:
    """The rows of what is shared, each after those it refers to, and the JSON of the root.

    Args:
        root: what was looked at.
        survey: what was found, and that it is plain.
        name: gives a name to something shared.

    Returns:
        The new rows; JSON of the root.

    Raises:
        UnclearError: a cycle, too many levels, something that has no name, or a text that looks like a reference.
        RecursionError: it is nested too deep.
    """
    if len(survey.shared) <= _FEW and (found := _by_look(root, survey, name)):
        return found
    writing = _Writing(survey, name)
    json = writing.json(root)
    return writing.rows, json


def _by_look(root: object, survey: Survey, name: Name) -> tuple[Rows, bytes] | None:
    """The same, where all that looks like something shared is it: as many of them as it has places."""
    shared = list(survey.shared.values())
    if survey.levels + _LEVELS_PER_REFERENCE > MAX_DEPTH // 2:
        return None
    if len(shared) > 1 and not CONTAINERS.isdisjoint(map(type, _flat(map(_items, shared)))):
        return None  # one may be in another
    try:
        found = _looks(root, shared, survey, _dumped if survey.not_finite else encode_json)
    except UnicodeEncodeError:
        found = _looks(root, shared, survey, _dumped)
    if found is None:
        return None
    looks, json = found
    rows = Rows()
    named = _named(shared, name)
    rows.add(named, shared, looks)
    for look, (text, _) in zip(looks, named, strict=True):
        json = json.replace(look, _reference(text))
    return rows, json


def _looks(
    root: object, shared: list[Any], survey: Survey, encode: Callable[[Any], bytes]
) -> tuple[list[bytes], bytes] | None:
    """JSON of each shared thing and of all, if the former stand in the latter as often as they have places.

    No beginning of such a text may be its end too: then no two of them overlap, and counting counts all.
    """
    looks = list(map(encode, shared))
    if not all(map(_is_unbordered, looks)):
        return None
    places = list(map(survey.places, shared))
    if sum(map(mul, places, map(len, looks))) > _EXPANDED_BYTES_PER_VALUE * survey.values:
        return None
    json = encode(root)
    return (looks, json) if list(map(json.count, looks)) == places else None


def _dumped(value: object) -> bytes:
    return dumps(value, separators=(",", ":")).encode()


def _is_unbordered(look: bytes) -> bool:
    """Whether no beginning of it is its end too."""
    bracket = look[:1]
    if look.count(bracket) > _MOST_BRACKETS:
        return False
    at = look.find(bracket, 1)
    while at > 0:
        if look.startswith(look[at:]):
            return False
        at = look.find(bracket, at + 1)
    return True


class _Writing:
    """A value whose shared parts are becoming rows: what leads to them is copied, all else goes to the encoder as it is."""

    __slots__ = (
        "_depth",
        "_holders",
        "_inner",
        "_is_finite",
        "_levels",
        "_name",
        "_references",
        "_waiting",
        "rows",
    )

    def __init__(self, survey: Survey, name: Name) -> None:
        self._is_finite = survey.not_finite == 0
        self._levels = survey.levels + _LEVELS_PER_REFERENCE
        self._name = name
        self._references: dict[int, Raw | None] = {}  # None while a row is being written
        self._holders = _holders(survey.parts, survey.shared)
        self._inner = self._holders - survey.shared.keys()
        self._waiting = {
            key: each for key, each in survey.shared.items() if key in self._holders
        }  # no row yet
        self._depth = 0
        self.rows = Rows()
        self._write_others([each for key, each in survey.shared.items() if key not in self._holders])

    def json(self, container: Any) -> bytes:
        """JSON of a row, after the rows it needs were written."""
        self._depth += self._levels
        if self._depth > MAX_DEPTH:
            raise UnclearError
        written = container
        if id(container) in self._holders:
            (written,) = self._copies([container])
        json = json_of(written, is_finite=self._is_finite)
        self._depth -= self._levels
        return json

    def _copies(self, owners: list[Any]) -> Iterable[Any]:
        """Copies of containers, in which references stand for what is shared."""
        if len(owners) == 1 and len(owners[0]) > _AT_A_TIME and type(owners[0]) is not dict:
            return [self._long_copy(owners[0])]
        items = list(_all_items(owners))
        ids = list(map(id, items))
        parts = self._replaced(items, ids)
        lengths = set(map(len, owners))
        kinds = set(map(type, owners))
        if dict not in kinds:
            if len(lengths) == 1:
                return zip(*[iter(parts)] * lengths.pop(), strict=True)
            return [tuple(islice(parts, len(owner))) for owner in owners]
        if len(kinds) == 1:
            if lengths == {1}:
                return [{key: part} for key, part in zip(_flat(owners), parts, strict=True)]
            return [dict(zip(owner, parts, strict=False)) for owner in owners]
        return [
            dict(zip(owner, parts, strict=False)) if type(owner) is dict else tuple(islice(parts, len(owner)))
            for owner in owners
        ]

    def _long_copy(self, owner: list[Any]) -> list[Raw]:
        """A copy of a long list, some items at a time and as JSON already: so that few copies exist together."""
        copy: list[Raw] = []
        for at in range(0, len(owner), _AT_A_TIME):
            items = owner[at : at + _AT_A_TIME]
            part = list(self._replaced(items, list(map(id, items))))
            copy.append(Raw(json_of(part, is_finite=self._is_finite)[1:-1]))
        return copy

    def _replaced(self, items: list[Any], ids: list[int]) -> Iterator[Any]:
        """The items, with references for what is shared, and copies of what holds something shared."""
        if self._waiting:
            for item in list(compress(items, map(self._waiting.__contains__, ids))):
                self._write(item)
        if items[-1] is items[0] and ids[0] in self._references and are_all(items, items[0]):
            return repeat(self._references[ids[0]], len(items))
        others: Iterable[Any] = items
        holders = list(compress(items, map(self._inner.__contains__, ids))) if any(items) else []
        if not holders and self._references.keys().isdisjoint(ids):
            return iter(items)
        if holders:
            others = map(dict(zip(map(id, holders), self._copies(holders), strict=True)).get, ids, items)
        return map(self._references.get, ids, others)

    def _write(self, container: Any) -> None:
        """Write the row of something shared, unless it has one."""
        if id(container) in self._references:
            if self._references[id(container)] is None:
                raise UnclearError  # it is in itself
            return
        (named,) = _named([container], self._name)
        self._references[id(container)] = None
        if named[1]:
            json = self.json(container)
            self.rows.add([named], [container], [json])
        self._references[id(container)] = Raw(_reference(named[0]))
        del self._waiting[id(container)]

    def _write_others(self, shared: list[Any]) -> None:
        """Write the rows of what holds nothing shared."""
        named = _named(shared, self._name)
        self.rows.add(named, shared, _jsons_of(shared, is_finite=self._is_finite))
        self._references |= zip(map(id, shared), [Raw(_reference(name)) for name, _ in named], strict=True)


def _jsons_of(values: list[Any], *, is_finite: bool) -> list[bytes]:
    try:
        if is_finite:
            return encode_lines(values).split(b"\n")[:-1]
    except UnicodeEncodeError:
        pass
    return [json_of(value, is_finite=is_finite) for value in values]


def _named(shared: list[Any], name: Name) -> list[Named]:
    named = name(shared)
    if named is None:
        raise UnclearError
    return named


def _holders(parts: list[Part], shared: dict[int, Any]) -> set[int]:
    """The ids of what holds something shared, or holds a holder; some more where most do."""
    holders: set[int] = set()
    wanted = set(shared)
    for part in sorted(parts, key=attrgetter("level"), reverse=True):
        if all(map(wanted.isdisjoint, map(_ids, chain(part.suspects, part.inner)))):
            continue
        owners = part.owners
        if len(owners) > 1:
            found = sum(map(wanted.__contains__, _ids(_flat(chain(part.suspects, part.inner)))))
            if found < len(owners) and sum(map(wanted.__contains__, _ids(_all_items(owners)))) < len(owners):
                owners = [owner for owner in owners if not wanted.isdisjoint(_ids(_items(owner)))]
        holders.update(map(id, owners))
        wanted.update(map(id, owners))
    return holders


def _ids(items: Iterable[Any]) -> Iterator[int]:
    return map(id, items)


def _reference(name: str) -> bytes:
    return REFERENCE + name.encode() + b'"'


def _all_items(owners: list[Any]) -> Iterator[Any]:
    kinds = set(map(type, owners))
    if dict not in kinds:
        return _flat(owners)
    return _flat(map(dict.values, owners) if len(kinds) == 1 else map(_items, owners))


def _items(container: Any) -> Iterable[Any]:
    return container.values() if type(container) is dict else container
