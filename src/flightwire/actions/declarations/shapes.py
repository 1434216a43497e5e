"""TypeScript types as values, and how they are spelled.

Owns: unions, arrays, objects, functions, where parentheses and quotes go. Refuses to know: Python's annotations, and what
a named type is called in a file: it asks `Names`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any, Final, Literal, TypeAlias

from flightwire._frozen import value

Way: TypeAlias = Literal["in", "out"]
"""Whether a value comes from the page (an argument) or goes to it (a result)."""

Names: TypeAlias = "Callable[[Shape], str]"
"""What a `Named`, `Imported` or `Global` type is called in the file that is written."""

MAX_LINE_CHARS: Final = 100


class Shape:
    """The base of all types.

    Attributes:
        is_compound: whether it needs parentheses before `[]`.
    """

    __slots__ = ()
    is_compound = False

    def text(self, names: Names) -> str:
        """The type as it is written."""
        raise NotImplementedError

    def parts(self) -> tuple[Shape, ...]:
        """The types inside."""
        return ()


@value
class Word(Shape):
    """A word of the language, a type variable, or a literal: `string`, `T`, `'user'`."""

    word: str

    def text(self, names: Names) -> str:
        """As it is."""
        return self.word


@value
class Global(Shape):
    """A type that every page has: `Date`, `Set<string>`."""

    word: str
    args: tuple[Shape, ...] = ()

    def text(self, names: Names) -> str:
        """Its name in this file, and its arguments."""
        return names(self) + _arguments(self.args, names)

    def parts(self) -> tuple[Shape, ...]:
        """Its arguments."""
        return self.args


@value
class Imported(Shape):
    """A type of an npm package: `StreamableValue<string>`."""

    word: str
    package: str
    args: tuple[Shape, ...] = ()

    def text(self, names: Names) -> str:
        """Its name in this file, and its arguments."""
        return names(self) + _arguments(self.args, names)

    def parts(self) -> tuple[Shape, ...]:
        """Its arguments."""
        return self.args


@value
class Named(Shape):
    """A type that the file declares.

    Attributes:
        key: which one: the id of what it is in Python.
        way: in which direction its values travel.
        args: type arguments.
    """

    key: int
    way: Way
    args: tuple[Shape, ...] = ()

    def text(self, names: Names) -> str:
        """Its name in this file, and its arguments."""
        return names(self) + _arguments(self.args, names)

    def parts(self) -> tuple[Shape, ...]:
        """Its arguments."""
        return self.args


@value
class OneOf(Shape):
    """`A | B`; make it with `union`."""

    members: tuple[Shape, ...]
    is_compound = True

    def text(self, names: Names) -> str:
        """The members, functions in parentheses."""
        texts = (
            f"({each.text(names)})" if isinstance(each, Function) else each.text(names)
            for each in self.members
        )
        return " | ".join(dict.fromkeys(texts))

    def parts(self) -> tuple[Shape, ...]:
        """The members."""
        return self.members


@value
class ListOf(Shape):
    """`T[]`."""

    item: Shape

    def text(self, names: Names) -> str:
        """With parentheses around what would be read otherwise."""
        inner = self.item.text(names)
        return f"({inner})[]" if self.item.is_compound and " " in inner else f"{inner}[]"

    def parts(self) -> tuple[Shape, ...]:
        """The item."""
        return (self.item,)


@value
class Slot:
    """A place in a tuple, or a parameter of a function."""

    name: str
    shape: Shape
    is_optional: bool = False
    is_rest: bool = False

    def text(self, names: Names) -> str:
        """`...name?: type`; without a name just the type."""
        inner = self.shape.text(names)
        rest = "..." if self.is_rest else ""
        mark = "?" if self.is_optional else ""
        return f"{rest}{self.name}{mark}: {inner}" if self.name else f"{rest}{inner}{mark}"


@value
class TupleOf(Shape):
    """`[string, number]`, `[x: number, y?: number]`, `[string, ...number[]]`."""

    slots: tuple[Slot, ...]

    def text(self, names: Names) -> str:
        """In brackets."""
        return f"[{', '.join(slot.text(names) for slot in self.slots)}]"

    def parts(self) -> tuple[Shape, ...]:
        """What is in the places."""
        return tuple(slot.shape for slot in self.slots)


@value
class Function(Shape):
    """`(question: string) => Promise<string>`."""

    slots: tuple[Slot, ...]
    result: Shape
    is_compound = True

    def text(self, names: Names) -> str:
        """Parameters and result."""
        return f"({', '.join(slot.text(names) for slot in self.slots)}) => {self.result.text(names)}"

    def parts(self) -> tuple[Shape, ...]:
        """Parameters and result."""
        return (*(slot.shape for slot in self.slots), self.result)


@value
class Index(Shape):
    """`{ [key: string]: T }`: a Record that may mention the alias it stands in."""

    item: Shape

    def text(self, names: Names) -> str:
        """On one line."""
        return f"{{ [key: string]: {self.item.text(names)} }}"

    def parts(self) -> tuple[Shape, ...]:
        """The values."""
        return (self.item,)


@value
class Field:
    """One field of an object; `doc` is what its JSDoc says, `is_fixed` ones are `readonly`."""

    name: str
    shape: Shape
    is_optional: bool = False
    doc: str = ""
    is_fixed: bool = False

    def text(self, names: Names) -> str:
        """`name?: type`."""
        fixed = "readonly " if self.is_fixed else ""
        return f"{fixed}{property_name(self.name)}{'?' if self.is_optional else ''}: {self.shape.text(names)}"


@value
class Fields(Shape):
    """An object; `is_open` ones may have fields that nobody declared."""

    fields: tuple[Field, ...]
    is_open: bool = False

    def text(self, names: Names) -> str:
        """On one line."""
        texts = [each.text(names) for each in self.fields] + ["[key: string]: unknown"] * self.is_open
        return f"{{ {'; '.join(texts)} }}" if texts else "{}"

    def parts(self) -> tuple[Shape, ...]:
        """What is in the fields."""
        return tuple(each.shape for each in self.fields)


ANY: Final = Word("any")
UNKNOWN: Final = Word("unknown")
STRING: Final = Word("string")
NUMBER: Final = Word("number")
BOOLEAN: Final = Word("boolean")
NULL: Final = Word("null")
UNDEFINED_WORD: Final = Word("undefined")
NEVER: Final = Word("never")
VOID: Final = Word("void")
_LAST: Final = (NULL, UNDEFINED_WORD)


def union(*members: Shape) -> Shape:
    """One type of several: flat, each once, `null` and `undefined` at the end."""
    flat: dict[Shape, None] = {}
    for each in members:
        flat.update(dict.fromkeys(each.members if isinstance(each, OneOf) else (each,)))
    for wide in (ANY, UNKNOWN):
        if wide in flat:
            return wide
    flat.pop(NEVER, None)
    if Word("true") in flat and Word("false") in flat:
        flat = {(BOOLEAN if each == Word("true") else each): None for each in flat if each != Word("false")}
    ordered = [each for each in flat if each not in _LAST] + [each for each in _LAST if each in flat]
    if not ordered:
        return NEVER
    return ordered[0] if len(ordered) == 1 else OneOf(tuple(ordered))


def promise(inner: Shape) -> Shape:
    """`Promise<T>`; JavaScript knows no promise of a promise."""
    return inner if isinstance(inner, Global) and inner.word == "Promise" else Global("Promise", (inner,))


def inside(shape: Shape) -> Iterator[Shape]:
    """A type and all types in it."""
    yield shape
    for part in shape.parts():
        yield from inside(part)


def quoted(text: str) -> str:
    """A literal in single quotes."""
    escaped = json.dumps(text, ensure_ascii=any("\ud800" <= char <= "\udfff" for char in text))
    return "'" + escaped[1:-1].replace('\\"', '"').replace("'", "\\'") + "'"


def literal(constant: Any) -> Shape | None:
    """The type of one value, or None when there is no such type."""
    if not isinstance(constant, tuple):
        return _scalar(constant)
    shapes = [literal(each) for each in constant]
    return TupleOf(tuple(Slot("", shape) for shape in shapes if shape)) if all(shapes) else None


def _scalar(constant: Any) -> Shape | None:
    if constant is None:
        return NULL
    if isinstance(constant, bool):
        return Word("true" if constant else "false")
    if isinstance(constant, str):
        return Word(quoted(str.__str__(constant)))
    if isinstance(constant, int):
        return Word(str(int(constant)))
    if isinstance(constant, float) and constant - constant == 0.0:
        return Word(repr(float(constant)))
    return None


def property_name(name: str) -> str:
    """A field's name, quoted where JavaScript asks for it."""
    return name if re.fullmatch(r"[A-Za-z_$][\w$]*", name, re.ASCII) else quoted(name)


def _arguments(args: tuple[Shape, ...], names: Names) -> str:
    return f"<{', '.join(each.text(names) for each in args)}>" if args else ""
