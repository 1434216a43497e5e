"""Which types one file declares, and what was found wrong on the way.

Owns: classes and aliases by identity, the ways in which each is needed, remarks. Refuses to know: what they look like.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from flightwire import jsontypes
from flightwire._frozen import value
from flightwire.actions.declarations.hints import ALIAS_TYPES
from flightwire.actions.declarations.shapes import Named, Shape, Way


@value
class Remark:
    """Something to put right in the app's code.

    Attributes:
        action: the action, or the type, that it is about.
        text: what is wrong and what to write instead.
    """

    action: str
    text: str


class Aliases:
    """Type aliases: objects that do not know their names.

    Arguments:
        named: names and aliases; of two names for one alias the first counts.
    """

    def __init__(self, named: Iterable[tuple[str, Any]] = ()) -> None:
        self._by_id: dict[int, tuple[str, Any]] = {}
        for name, alias in (*named, *_OURS.items()):
            self.add(name, alias)

    def add(self, name: str, alias: Any) -> None:
        """Remember what an alias is called, unless it has a name."""
        self._by_id.setdefault(id(alias), (name, alias))

    def name_of(self, annotation: object) -> str | None:
        """What an alias is called; None for what is no alias."""
        found = self._by_id.get(id(annotation))
        return None if found is None else found[0]

    def copy(self) -> Aliases:
        """The same names, to add to."""
        return Aliases(self._by_id.values())


_OURS: Final = {"JSONValue": jsontypes.JSONValue, "JSONObject": jsontypes.JSONObject}


class Book:
    """The types that one file must declare, in the order they were met.

    Arguments:
        aliases: of the app; names that annotations use are added to a copy.
    """

    def __init__(self, aliases: Aliases) -> None:
        self.aliases = aliases.copy()
        self.remarks: list[Remark] = []
        self.things: dict[int, Any] = {}
        self.wanted: list[tuple[int, Way]] = []
        """What still has to be read, and everything that was: read it with a growing index."""
        self._seen: set[tuple[int, Way]] = set()

    def refer(self, thing: Any, way: Way, args: tuple[Shape, ...] = ()) -> Named:
        """A reference to a class or alias, which is declared from now on."""
        key = id(thing)
        self.things[key] = thing
        if (key, way) not in self._seen:
            self._seen.add((key, way))
            self.wanted.append((key, way))
        return Named(key, way, args)

    def name_of(self, key: int) -> str:
        """What a type is called in Python."""
        thing = self.things[key]
        if isinstance(thing, type) or hasattr(thing, "__supertype__") or isinstance(thing, ALIAS_TYPES):
            return str(thing.__name__)
        return self.aliases.name_of(thing) or "Type"

    def remark(self, about: str, text: str) -> None:
        """Note something once."""
        remark = Remark(about, text)
        if remark not in self.remarks:
            self.remarks.append(remark)
