"""The bodies of the types that a file declares: fields, members, what an alias stands for.

Owns: TypedDict, dataclass, pydantic model, NamedTuple, Enum, aliases, our own values. Refuses to know: what stands
inside an annotation (reading.py), which names things get.
"""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterator, Mapping
from typing import Any, Final, NotRequired, Required, TypeVar

from typing_extensions import ReadOnly, is_typeddict

from flightwire._frozen import value
from flightwire.actions.declarations import words
from flightwire.actions.declarations.book import Book
from flightwire.actions.declarations.hints import (
    Hint,
    Home,
    alias_content,
    generic_bases,
    type_parameters,
    unwrapped,
)
from flightwire.actions.declarations.jsdoc import field_notes
from flightwire.actions.declarations.models import model_body
from flightwire.actions.declarations.reading import Reader
from flightwire.actions.declarations.shapes import (
    Field,
    Fields,
    Shape,
    Slot,
    TupleOf,
    Way,
    Word,
    literal,
    union,
)
from flightwire.annotations import own_annotations
from flightwire.wire.flight.declared import camel_case, wire_name

Given = Mapping[Any, Shape]
Parameters = tuple[tuple[str, Shape | None], ...]


@value
class Body:
    """A declaration without its name.

    Attributes:
        parameters: `T`, `T extends string`.
        shape: of what it is; `Fields` become an interface.
        doc: its JSDoc.
    """

    parameters: Parameters
    shape: Shape
    doc: str


def body_of(thing: Any, way: Way, book: Book, home: Home) -> Body:
    """What a class or alias is in TypeScript.

    Arguments:
        thing: it.
        way: whether its values come from the page or go to it.
        book: where the types it mentions are noted.
        home: of the file, for names that its own module does not have.
    """
    name = book.name_of(id(thing))
    is_alias = not isinstance(thing, type)
    reader = Reader(book, way, home.of_class(thing), name, is_alias=is_alias)
    shape = _alias(thing, reader) if is_alias else _class_body(thing, reader)
    parameters = tuple((each.__name__, bound_of(each, reader)) for each in type_parameters(thing))
    doc = "" if is_alias else doc_of(thing)
    return (
        _with_notes(parameters, shape, doc, thing)
        if isinstance(shape, Fields)
        else Body(parameters, shape, doc)
    )


def _with_notes(parameters: Parameters, shape: Fields, doc: str, cls: Any) -> Body:
    """What docstrings say of attributes goes to the fields that nothing else is said of."""
    kept, own = field_notes(doc)
    notes: dict[str, str] = {}
    for each in reversed(getattr(cls, "__mro__", ())):
        notes |= field_notes(doc_of(each))[1] if each is not cls and each is not object else {}
    by_name = {wire: text for name, text in (notes | own).items() for wire in (name, camel_case(name))}
    fields = tuple(
        Field(each.name, each.shape, each.is_optional, each.doc or by_name.get(each.name, ""), each.is_fixed)
        for each in shape.fields
    )
    names = {each.name for each in fields}
    all_known = all(name in names or camel_case(name) in names for name in own)
    return Body(parameters, Fields(fields, shape.is_open), kept if all_known else doc)


def bound_of(variable: Any, reader: Reader) -> Shape | None:
    """What a type variable may stand for: `T extends string`."""
    if not isinstance(variable, TypeVar):
        return None
    place = f"the type variable '{variable.__name__}'"
    if variable.__constraints__:
        return union(*(reader.read(each, place) for each in variable.__constraints__))
    bound = variable.__bound__
    return None if bound is None else reader.read(bound, place)


def _alias(alias: Any, reader: Reader) -> Shape:
    content = alias_content(alias)
    if content is not None:
        return reader.read(content, "it")
    # The alias itself is known by this name: read what it is made of.
    return reader.content(alias)


def _class_body(cls: Any, reader: Reader) -> Shape:
    if cls in words.OUR_FORMS:
        return words.OUR_FORMS[cls]
    if is_typeddict(cls):
        return Fields(tuple(_typed_dict(cls, reader, {}).values()))
    if issubclass(cls, enum.Enum):
        return _members(cls, reader)
    if issubclass(cls, tuple):
        return _named_tuple(cls, reader)
    if hasattr(cls, "model_dump"):
        return model_body(cls, reader)
    return Fields(tuple(_dataclass(cls, reader)))


# --- TypedDict -------------------------------------------------------------------------------------------------------


def _typed_dict(cls: Any, reader: Reader, given: Given) -> dict[str, Field]:
    fields: dict[str, Field] = {}
    for name, annotation in own_annotations(cls).items():
        shape, hint = field_of(cls, annotation, name, reader, given)
        # An annotation written as text has not told the class which of the two it is (before Python 3.14).
        is_required = Required in hint.qualifiers or (
            name in cls.__required_keys__ and NotRequired not in hint.qualifiers
        )
        is_fixed = ReadOnly in hint.qualifiers
        fields[name] = Field(name, shape, not is_required, doc_in(hint.metadata), is_fixed)
    for base, args in generic_bases(cls):
        if args and is_typeddict(base):
            inherited = _typed_dict(base, reader, _filled(base, args, cls, reader, given))
            for name, field in inherited.items():
                own = fields[name]
                fields[name] = Field(name, field.shape, own.is_optional, field.doc, own.is_fixed)
    return fields


def _filled(base: Any, args: tuple[Any, ...], cls: Any, reader: Reader, given: Given) -> dict[Any, Shape]:
    """What the type variables of a base stand for in a class."""
    inner = _within(cls, reader, given)
    return {
        variable: inner.read(arg, "its bases")
        for variable, arg in zip(type_parameters(base), args, strict=False)
    }


def _within(cls: Any, reader: Reader, given: Given) -> Reader:
    """A reader of what is written in another class."""
    return Reader(reader.book, reader.way, reader.home.of_class(cls), reader.about, given)


def field_of(cls: Any, annotation: Any, name: str, reader: Reader, given: Given) -> tuple[Shape, Hint]:
    """The type of a field that is written in a class, and what is around it."""
    inner = _within(cls, reader, given)
    shape = inner.read(annotation, f"the field '{name}'")
    try:
        return shape, unwrapped(annotation, inner.home)
    except Exception:  # the reader has said so
        return shape, Hint(annotation, frozenset(), ())


# --- dataclasses -----------------------------------------------------------------------------------------------------


def _dataclass(cls: Any, reader: Reader) -> Iterator[Field]:
    owners = _owners(cls, reader, {})
    for name, field in cls.__dataclass_fields__.items():
        kind = field._field_type.name if hasattr(field._field_type, "name") else ""
        if kind == "_FIELD_CLASSVAR" or (kind == "_FIELD_INITVAR" and reader.way == "out"):
            continue
        if reader.way == "in" and not field.init:
            continue
        owner, given = owners.get(name, (cls, {}))
        shape, hint = field_of(owner, _without_init_var(field.type, owner, reader), name, reader, given)
        has_default = (
            field.default is not dataclasses.MISSING or field.default_factory is not dataclasses.MISSING
        )
        wire = _name_in(cls, name) if reader.way == "in" else wire_name(cls, name)
        yield Field(wire, shape, reader.way == "in" and has_default, doc_in(hint.metadata))


def _name_in(cls: Any, name: str) -> str:
    """What a page calls a field; a pydantic dataclass may have an alias for it."""
    field = getattr(cls, "__pydantic_fields__", {}).get(name)
    alias = getattr(field, "validation_alias", None) or getattr(field, "alias", None)
    return alias if isinstance(alias, str) else camel_case(name)


def _without_init_var(annotation: Any, owner: Any, reader: Reader) -> Any:
    try:
        annotation = reader.home.of_class(owner).evaluated(annotation)
    except Exception:  # it is read again, and the remark made, where it is a field
        return annotation
    return annotation.type if isinstance(annotation, dataclasses.InitVar) else annotation


def _owners(cls: Any, reader: Reader, given: Given) -> dict[str, tuple[Any, Given]]:
    """Which class wrote each annotation, and what its type variables stand for there."""
    found: dict[str, tuple[Any, Given]] = {}
    for base, args in reversed(list(generic_bases(cls))):
        found |= _owners(base, reader, _filled(base, args, cls, reader, given) if args else {})
    return found | dict.fromkeys(own_annotations(cls), (cls, given))


# --- other classes ---------------------------------------------------------------------------------------------------


def _named_tuple(cls: Any, reader: Reader) -> Shape:
    owners = _owners(cls, reader, {})
    slots = []
    for name in cls._fields:
        owner, given = owners.get(name, (cls, {}))
        annotation = own_annotations(owner).get(name, Any)
        shape, _ = field_of(owner, annotation, name, reader, given)
        slots.append(Slot(name, shape, reader.way == "in" and name in cls._field_defaults))
    return TupleOf(tuple(slots))


def _members(cls: type[enum.Enum], reader: Reader) -> Shape:
    if issubclass(cls, enum.Flag):
        return Word("number")
    return union(
        *(literal(each.value) or reader.read(type(each.value), f"the member '{each.name}'") for each in cls)
    )


# --- documentation ---------------------------------------------------------------------------------------------------

_GENERATED: Final = ("An enumeration.", "A base class for creating enumerated constants.")


def doc_of(cls: Any) -> str:
    """The docstring that somebody wrote for a class."""
    doc = cls.__dict__.get("__doc__")
    if not isinstance(doc, str) or doc.startswith(f"{cls.__name__}(") or doc.strip() in _GENERATED:
        return ""
    return doc


def doc_in(metadata: tuple[Any, ...]) -> str:
    """What `Annotated` says about a field: a text, `Doc("…")` or `Field(description="…")`."""
    for each in metadata:
        text = (
            each
            if isinstance(each, str)
            else getattr(each, "documentation", None) or getattr(each, "description", None)
        )
        if isinstance(text, str):
            return text
    return ""
