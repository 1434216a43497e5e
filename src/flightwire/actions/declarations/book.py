"""Which types one file declares, and what was found wrong on the way.

Owns: classes and aliases by identity, the ways in which each is needed, remarks. Refuses to know: what they look like.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
    """Type aliases of an app: objects that do not know their names.

    Arguments:
        named: name → alias, of every module.
    """

    def __init__(self, named: Mapping[str, Any]) -> None:
        self._by_id = {id(alias): (name, alias) for name, alias in reversed(list(named.items()))}

    def name_of(self, annotation: object) -> str | None:
        """What an alias is called in the app; None for what is no alias."""
        found = self._by_id.get(id(annotation))
        return found[0] if found is not None and found[1] is annotation else None


class Book:
    """The types that one file must declare, in the order they were met.

    Arguments:
        aliases: of the app.
    """

    def __init__(self, aliases: Aliases) -> None:
        self.aliases = aliases
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
