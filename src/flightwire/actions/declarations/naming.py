"""What the types of one file are called.

Owns: collisions between classes, with JavaScript's words and with its global types; which types need two declarations.
Refuses to know: how declarations are written.

A type has two declarations when what may be given for it is not what arrives of it: a field with a default may be left
out by a page and is always there in a result. The result has the plain name, the argument `…Input`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from flightwire.actions.declarations.book import Book
from flightwire.actions.declarations.classes import Body
from flightwire.actions.declarations.shapes import Imported, Named, Shape, Way, inside
from flightwire.actions.registry import RESERVED_IN_JAVASCRIPT

_TYPE_WORDS: Final = frozenset(
    (
        "any",
        "bigint",
        "boolean",
        "never",
        "null",
        "number",
        "object",
        "string",
        "symbol",
        "undefined",
        "unknown",
    )
)
Key = tuple[int, Way]


class Naming:
    """Gives names; called with a shape, it says what that one is called.

    Arguments:
        book: the file's types.
        bodies: what they are.
        types: the names that the Python file itself uses.
    """

    def __init__(self, book: Book, bodies: Mapping[Key, Body], types: Mapping[str, Any]) -> None:
        self._book = book
        self._bodies = bodies
        self._types = types
        self._split = self._differing()
        self._names: dict[Key, str] = {}
        self._imported: dict[Imported, str] = {}
        self._give_names()

    def __call__(self, shape: Shape) -> str:
        """The name of a named, imported or global type."""
        if isinstance(shape, Named):
            return self.name(shape.key, shape.way)
        word = str(getattr(shape, "word", ""))
        is_taken = word in self._names.values()
        if isinstance(shape, Imported):
            return self._imported.setdefault(Imported(word, shape.package), f"{word}_" if is_taken else word)
        return f"globalThis.{word}" if is_taken else word

    def name(self, key: int, way: Way) -> str:
        """The name of a type in one direction."""
        return self._names[key, way] if (key, way) in self._names else self._names[key, _other(way)]

    def declared(self) -> Iterator[Key]:
        """What the file declares: types it calls by a name in its own order, then the others."""
        order = {id(thing): index for index, thing in enumerate(self._types.values())}
        yield from sorted(self._names, key=lambda each: order.get(each[0], len(order)))

    def exported(self) -> tuple[str, ...]:
        """The names that the file exports."""
        names = {*self._names.values(), *(name for name, _ in self._others())}
        return tuple(sorted(name for name in names if not name.startswith("_")))

    def imports(self) -> list[str]:
        """Import lines for what was named so far."""
        packages: dict[str, list[str]] = {}
        for shape, name in sorted(self._imported.items(), key=lambda each: each[1]):
            written = shape.word if shape.word == name else f"{shape.word} as {name}"
            packages.setdefault(shape.package, []).append(written)
        return [
            f"import type {{ {', '.join(names)} }} from '{package}';"
            for package, names in sorted(packages.items())
        ]

    def other_names(self) -> Iterator[str]:
        """Second names: `from .models import Message as M`."""
        for name, key in self._others():
            body = self._bodies[key]
            generic = ", ".join(parameter for parameter, _ in body.parameters)
            arguments = f"<{generic}>" if generic else ""
            bounded = ", ".join(
                parameter if bound is None else f"{parameter} extends {bound.text(self)}"
                for parameter, bound in body.parameters
            )
            yield f"export type {name}{f'<{bounded}>' if bounded else ''} = {self._names[key]}{arguments};"
            yield ""

    def _others(self) -> Iterator[tuple[str, Key]]:
        for name, thing in self._types.items():
            key: Key = (id(thing), "out") if (id(thing), "out") in self._names else (id(thing), "in")
            if name not in self._names.values() and key in self._names and _is_free(name):
                yield name, key

    # --- two declarations ----------------------------------------------------------------------------------------

    def _differing(self) -> set[int]:
        """Types that are needed in both directions and are not the same in both."""
        both = {key for key, way in self._bodies if way == "in" and (key, "out") in self._bodies}
        mentions = {key: self._mentioned(key) for key in both}
        differing = {key for key in both if self._plain_text(key, "in") != self._plain_text(key, "out")}
        while more := {key for key in both - differing if mentions[key] & differing}:
            differing |= more
        return differing

    def _mentioned(self, key: int) -> set[int]:
        shapes = [shape for way in ("in", "out") for shape in self._shapes(self._bodies[key, way])]
        return {each.key for shape in shapes for each in inside(shape) if isinstance(each, Named)}

    def _shapes(self, body: Body) -> list[Shape]:
        return [body.shape, *(bound for _, bound in body.parameters if bound is not None)]

    def _plain_text(self, key: int, way: Way) -> str:
        return "; ".join(shape.text(_plain) for shape in self._shapes(self._bodies[key, way]))

    # --- names ---------------------------------------------------------------------------------------------------

    def _give_names(self) -> None:
        own = {
            id(thing)
            for name, thing in self._types.items()
            if id(thing) in self._book.things and name == self._book.name_of(id(thing))
        }
        keys = list(dict.fromkeys(key for key, _ in self._bodies))
        for key in sorted(keys, key=lambda each: each not in own):  # the file's own types keep their names
            ways: list[Way] = [way for way in ("out", "in") if (key, way) in self._bodies]
            name = self._free(self._book.name_of(key))
            self._names[key, ways[0]] = name
            if key in self._split:
                self._names[key, "in"] = self._free(f"{name}Input")

    def _free(self, name: str) -> str:
        taken = set(self._names.values())
        name = "".join(char for char in name if f"a{char}".isidentifier()) or "Type"
        made, number = name if _is_free(name) else f"{name}_", 1
        while made in taken:
            number += 1
            made = f"{name}{number}"
        return made


def _is_free(name: str) -> bool:
    return name.isidentifier() and name not in _TYPE_WORDS and name not in RESERVED_IN_JAVASCRIPT


def _other(way: Way) -> Way:
    return "in" if way == "out" else "out"


def _plain(shape: Shape) -> str:
    """A name for comparing: the same in both directions."""
    return f"#{shape.key}" if isinstance(shape, Named) else str(getattr(shape, "word", ""))
