"""The declarations of one Python file, as the text of a `.d.ts`.

Owns: functions, which types are declared for them, names and their collisions, types that differ between arguments and
results. Refuses to know: where the file is written, what annotations mean (reading.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from inspect import Parameter
from typing import Any, Final

from flightwire._frozen import value
from flightwire.actions.declarations.book import Aliases, Book, Remark
from flightwire.actions.declarations.classes import Body, body_of, bound_of
from flightwire.actions.declarations.hints import Home
from flightwire.actions.declarations.jsdoc import jsdoc
from flightwire.actions.declarations.naming import Naming
from flightwire.actions.declarations.providers import (
    ProviderFacts,
    ReadProvider,
    declare_provider,
    read_provider,
)
from flightwire.actions.declarations.reading import Reader
from flightwire.actions.declarations.shapes import (
    ANY,
    MAX_LINE_CHARS,
    NULL,
    VOID,
    Fields,
    ListOf,
    Shape,
    Slot,
    Way,
    promise,
)
from flightwire.actions.registry import RESERVED_IN_JAVASCRIPT, Action
from flightwire.annotations import signature_of
from flightwire.wire.flight.declared import camel_case

_EMPTY: Final = Parameter.empty
HEADER: Final = "// Written by Flightwire from {file}. Changes made here are lost.\n"


@value
class Declared:
    """What a file declares.

    Attributes:
        text: of the `.d.ts`.
        types: the names of what it exports and pages use as types, sorted.
        remarks: what should be put right in the Python file.
    """

    text: str
    types: tuple[str, ...]
    remarks: tuple[Remark, ...]


@value
class _Signature:
    action: Action[Any, Any]
    parameters: tuple[tuple[str, Shape | None], ...]
    slots: tuple[Slot, ...]
    result: Shape
    names: Mapping[str, str]


@value
class _Provider:
    states: ReadProvider
    actions: Mapping[str, tuple[list[Slot], Shape]]


def declare_module(
    file: str,
    actions: Sequence[Action[Any, Any]],
    types: Mapping[str, Any],
    names: Mapping[str, Any],
    aliases: Aliases,
    *,
    providers: Mapping[str, ProviderFacts] | None = None,
) -> Declared:
    """Declare the actions of a file, every type that they mention, and the file's other public types.

    Arguments:
        file: its path in the app, `actions.py`.
        actions: what it exports, in order.
        types: name → type, of the types that it calls by a public name.
        names: everything that it has.
        aliases: of the app.
        providers: name → what `create_ai` made.
    """
    book = Book(aliases)
    home = Home(names)
    bodies: dict[tuple[int, Way], Body] = {}
    signatures = [_signature(each, book) for each in actions]
    read = {name: _read_provider(each, book) for name, each in (providers or {}).items()}
    _read_bodies(book, bodies, home)
    for each in types.values():
        if not any(key == id(each) for key, _ in bodies):
            book.refer(each, "out")
            _read_bodies(book, bodies, home)
    naming = Naming(book, bodies, types)
    lines = [*_declarations(book, bodies, naming), *_functions(signatures, naming), *naming.other_names()]
    for name, each in read.items():
        lines += declare_provider(name, each.states, each.actions, naming)
    imports = naming.imports()
    text = HEADER.format(file=file) + "\n".join([*imports, "", *lines, "export {};", ""])
    return Declared(text, tuple(sorted({*naming.exported(), *read})), tuple(book.remarks))


def _read_bodies(book: Book, bodies: dict[tuple[int, Way], Body], home: Home) -> None:
    while len(bodies) < len(book.wanted):  # reading a body may add to what is wanted
        key, way = book.wanted[len(bodies)]
        bodies[key, way] = body_of(book.things[key], way, book, home)


# --- functions -------------------------------------------------------------------------------------------------------


def _signature(action: Action[Any, Any], book: Book) -> _Signature:
    action.schema.check()
    home = Home(getattr(action.fn, "__globals__", {}), _local_names(action))
    takes = Reader(book, "in", home, action.name)
    gives = Reader(book, "out", home, action.name)
    signature = signature_of(action.fn)
    names: dict[str, str] = {}
    slots = []
    for parameter in signature.parameters.values():
        if parameter.kind is not Parameter.KEYWORD_ONLY and parameter.name not in action.schema.injected:
            names[parameter.name] = _parameter_name(parameter.name, names)
            slots.append(_slot(parameter, names[parameter.name], takes))
    result = _result(signature.return_annotation, gives)
    free = {**takes.free, **gives.free}
    parameters = tuple((each.__name__, bound_of(each, takes)) for each in free)
    return _Signature(action, parameters, tuple(slots), result, names)


def _read_provider(facts: ProviderFacts, book: Book) -> _Provider:
    signatures = {name: _signature(each, book) for name, each in facts.actions.items()}
    actions = {name: (list(each.slots), each.result) for name, each in signatures.items()}
    return _Provider(read_provider(facts, book), actions)


def _local_names(action: Action[Any, Any]) -> dict[str, Any]:
    own = {each.__name__: each for each in getattr(action.fn, "__type_params__", ())}
    return {**action.schema.local_names, **own}


def _parameter_name(name: str, taken: Mapping[str, str]) -> str:
    made = camel_case(name)
    return f"{made}_" if made in RESERVED_IN_JAVASCRIPT or made in taken.values() else made


def _slot(parameter: Parameter, name: str, reader: Reader) -> Slot:
    is_rest = parameter.kind is Parameter.VAR_POSITIONAL
    place = f"argument '{parameter.name}'"
    if parameter.annotation is _EMPTY:
        reader.book.remark(
            reader.about, f"{place} has no annotation, so a page may pass anything. Write its type."
        )
        shape: Shape = ANY
    else:
        shape = reader.read(parameter.annotation, place)
    return Slot(
        name, ListOf(shape) if is_rest else shape, not is_rest and parameter.default is not _EMPTY, is_rest
    )


def _result(annotation: Any, reader: Reader) -> Shape:
    if annotation is _EMPTY:
        reader.book.remark(
            reader.about, "has no return annotation, so pages see `any`. Write `-> str`, or what it returns."
        )
        return promise(ANY)
    shape = reader.read(annotation, "the result")
    return promise(VOID if shape == NULL else shape)  # `Promise<null>` would not do for <form action={…}>


def _functions(signatures: Sequence[_Signature], naming: Naming) -> Iterator[str]:
    for each in signatures:
        yield from jsdoc(each.action.docstring or "", parameters=each.names)
        opening = f"export function {each.action.name}{_generic(each.parameters, naming)}("
        slots = [slot.text(naming) for slot in each.slots]
        result = each.result.text(naming)
        line = f"{opening}{', '.join(slots)}): {result};"
        if len(line) <= MAX_LINE_CHARS or not slots:
            yield line
        else:
            yield opening
            yield from (f"  {slot}," for slot in slots)
            yield f"): {result};"
        yield ""


# --- types -----------------------------------------------------------------------------------------------------------


def _declarations(book: Book, bodies: Mapping[tuple[int, Way], Body], naming: Naming) -> Iterator[str]:
    for key, way in naming.declared():
        body = bodies[key, way]
        name = naming.name(key, way)
        export = "export " if not name.startswith("_") else ""
        yield from jsdoc(body.doc)
        head = f"{name}{_generic(body.parameters, naming)}"
        if isinstance(body.shape, Fields):
            yield from _interface(f"{export}interface {head}", body.shape, naming)
        else:
            yield from _alias(f"{export}type {head} =", body.shape, naming)
        yield ""


def _interface(head: str, fields: Fields, naming: Naming) -> Iterator[str]:
    yield f"{head} {{"
    for field in fields.fields:
        yield from jsdoc(field.doc, "  ")
        yield f"  {field.text(naming)};"
    if fields.is_open:
        yield "  [key: string]: unknown;"
    yield "}"


def _alias(head: str, shape: Shape, naming: Naming) -> Iterator[str]:
    text = shape.text(naming)
    if len(head) + len(text) < MAX_LINE_CHARS or not shape.parts():
        yield f"{head} {text};"
        return
    yield head
    texts = [each.text(naming) for each in shape.parts()] if " | " in text and shape.is_compound else []
    members = [f"  | {each}" for each in dict.fromkeys(texts)] or [f"  {text}"]
    yield from members[:-1]
    yield f"{members[-1]};"


def _generic(parameters: Sequence[tuple[str, Shape | None]], naming: Naming) -> str:
    texts = [name if bound is None else f"{name} extends {bound.text(naming)}" for name, bound in parameters]
    return f"<{', '.join(texts)}>" if texts else ""
