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
from typing import Any, Final, NamedTuple, TypeAlias

from msgspec import Raw

from flightwire.wire.flight.rows import encode_json, encode_lines
from flightwire.wire.flight.survey import CONTAINERS, Part, Survey, are_all
from flightwire.wire.flight.values import MAX_DEPTH

REFERENCE: Final = b"\xff"
"""What a reference begins with, in place of `"$`."""


class Names(NamedTuple):
    """What refers to containers."""

    names: list[bytes]
    """One for each, without its `$`."""
    are_new: list[bool] | None
    """Whether the rows of these names are still to be written; None when all are."""


Name: TypeAlias = Callable[[list[Any]], Names | None]
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
        values: what is in each, by its id.
        lines: the JSON of each and a newline, some rows to a piece.
    """

    __slots__ = ("lines", "names", "values")

    def __init__(self) -> None:
        self.names: list[bytes] = []
        self.values: dict[int, Any] = {}
        self.lines: list[bytes] = []

    def add(self, named: Names, values: dict[int, Any], lines: bytes) -> None:
        """Add those that are still to be written."""
        names, are_new = named
        if are_new is not None:
            names, values = list(compress(names, are_new)), dict(compress(values.items(), are_new))
            lines = b"".join(compress(lines.splitlines(keepends=True), are_new))
        self.names += names
        self.values |= values
        self.lines.append(lines)


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
    rows.add(named, survey.shared, b"\n".join([*looks, b""]))
    for look, name_ in zip(looks, named.names, strict=True):
        json = json.replace(look, _reference(name_))
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
        self._waiting: dict[int, Any] = {}  # no row yet
        self._depth = 0
        self.rows = Rows()
        others = survey.shared
        if not self._holders.isdisjoint(others):
            self._waiting = {key: others[key] for key in others if key in self._holders}
            others = {key: others[key] for key in others if key not in self._holders}
        self._write_leaves(others)
        if self._waiting:
            self._write_waves(survey.parts)

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
        if len(owners) <= _FEW and any(len(owner) > _AT_A_TIME for owner in owners):
            return [self._long_copy(owner) for owner in owners]
        kinds = set(map(type, owners))
        if len(owners) > 1 and kinds == {dict}:
            return self._dict_copies(owners)
        items = list(_all_items(owners))
        parts = self._replaced(items, list(map(id, items)))
        lengths = set(map(len, owners))
        if dict not in kinds and len(lengths) == 1:
            return zip(*[iter(parts)] * lengths.pop(), strict=True)
        return [
            dict(zip(owner, parts, strict=False)) if type(owner) is dict else tuple(islice(parts, len(owner)))
            for owner in owners
        ]

    def _dict_copies(self, owners: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The same for many dicts, of which most items stay as they are."""
        inner = self._written_before(list(_flat(map(dict.values, owners))))
        references = self._references
        copies = list(map(dict.copy, owners))
        for copy in copies:
            for key, item in copy.items():  # its size stays
                if (me := id(item)) in references:
                    copy[key] = references[me]
                elif me in inner:
                    copy[key] = inner[me]
        return copies

    def _long_copy(self, owner: Any) -> Raw:
        """JSON of a copy of a long container, made from some items at a time: so that few copies exist together."""
        is_dict = type(owner) is dict
        items = iter(_items(owner))
        keys = iter(owner)
        pieces: list[bytes] = []
        while some := list(islice(items, _AT_A_TIME)):
            copies = self._replaced(some, list(map(id, some)))
            piece: Any = dict(zip(islice(keys, _AT_A_TIME), copies, strict=True)) if is_dict else list(copies)
            pieces.append(json_of(piece, is_finite=self._is_finite)[1:-1])
        return Raw((b"{%b}" if is_dict else b"[%b]") % b",".join(pieces))

    def _replaced(self, items: list[Any], ids: list[int]) -> Iterator[Any]:
        """The items, with references for what is shared, and copies of what holds something shared."""
        inner = self._written_before(items)
        if items[-1] is items[0] and ids[0] in self._references and are_all(items, items[0]):
            return repeat(self._references[ids[0]], len(items))
        if not inner and self._references.keys().isdisjoint(ids):
            return iter(items)
        return map(self._references.get, ids, map(inner.get, ids, items) if inner else items)

    def _written_before(self, items: list[Any]) -> dict[int, Any]:
        """Copies, by id, of the items that only hold something shared; what is shared itself has its row then."""
        if self._waiting:
            for item in list(compress(items, map(self._waiting.__contains__, _ids(items)))):
                self._write(item)
        if self._inner.isdisjoint(_ids(items)):
            return {}
        holders = list(compress(items, map(self._inner.__contains__, _ids(items))))
        return dict(zip(map(id, holders), self._copies(holders), strict=True))

    def _write(self, container: Any) -> None:
        """Write the row of something shared, unless it has one."""
        if id(container) in self._references:
            if self._references[id(container)] is None:
                raise UnclearError  # it is in itself
            return
        named = _named([container], self._name)
        self._references[id(container)] = None
        if named.are_new in (None, [True]):
            self.rows.add(named, {id(container): container}, self.json(container) + b"\n")
        self._references[id(container)] = Raw(_reference(named.names[0]))
        del self._waiting[id(container)]

    def _write_leaves(self, shared: dict[int, Any]) -> None:
        """Write the rows of what holds nothing shared."""
        values = list(shared.values())
        self._add(shared, _lines_of(values, is_finite=self._is_finite))

    def _write_waves(self, parts: list[Part]) -> None:
        """Write together what holds only what has a row, then what holds that; what is left waits until it is met."""
        while self._waiting and self._depth + 2 * self._levels < MAX_DEPTH:
            blocked = _holders(parts, self._waiting)
            ready = [key for key in self._waiting if key not in blocked]
            if not ready:
                return
            for at in range(0, len(ready), _AT_A_TIME):
                wave = {key: self._waiting[key] for key in ready[at : at + _AT_A_TIME]}
                copies = list(self._copies(list(wave.values())))
                self._add(wave, _lines_of(copies, is_finite=self._is_finite))
            for key in ready:
                del self._waiting[key]
            self._depth += self._levels

    def _add(self, shared: dict[int, Any], lines: bytes) -> None:
        """Remember how to refer to each of these, and the rows of those that have none yet."""
        named = _named(list(shared.values()), self._name)
        self.rows.add(named, shared, lines)
        self._references |= zip(shared, map(Raw, map(_reference, named.names)), strict=True)


def _lines_of(values: list[Any], *, is_finite: bool) -> bytes:
    try:
        if is_finite:
            return encode_lines(values)
    except UnicodeEncodeError:
        pass
    return b"".join([json_of(value, is_finite=is_finite) + b"\n" for value in values])


def _named(shared: list[Any], name: Name) -> Names:
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


_reference: Final = b'%b%%b"'.__mod__(REFERENCE).__mod__  # of a name


def _all_items(owners: list[Any]) -> Iterator[Any]:
    kinds = set(map(type, owners))
    if dict not in kinds:
        return _flat(owners)
    return _flat(map(dict.values, owners) if len(kinds) == 1 else map(_items, owners))


def _items(container: Any) -> Iterable[Any]:
    return container.values() if type(container) is dict else container
