"""Annotations in the words that pydantic understands.

Owns: what pydantic cannot take as it is written: `typing.TypedDict` before Python 3.12 (which does not know its bases,
python/cpython#103699), our own values (files, forms, Maps), aliases that mention themselves. Refuses to know: arguments,
core schemas.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import sys
import types
import typing
from collections.abc import Iterable
from typing import (
    Any,
    Final,
    ForwardRef,
    Literal,
    NewType,
    NotRequired,
    Required,
    TypeVar,
    Union,
    get_args,
    get_origin,
)

import typing_extensions
from typing_extensions import ReadOnly, is_typeddict

from flightwire.actions.bound import BoundAction
from flightwire.actions.declarations.hints import unpacked
from flightwire.actions.registry import Action
from flightwire.annotations import Namespace, own_annotations
from flightwire.wire.flight.values import ReceivedStream

Substitution = dict[Any, Any]

_PYDANTIC_KNOWS_TYPED_DICT: Final = sys.version_info >= (3, 12)
_STREAMS: Final = (collections.abc.AsyncIterable, collections.abc.AsyncIterator)
_ALIASES: Final = tuple(
    module.TypeAliasType for module in (typing_extensions, typing) if hasattr(module, "TypeAliasType")
)
# Of an Iterable, pydantic checks the items while the action reads them: too late.
_READ_AS: Final[dict[Any, Any]] = {collections.abc.Iterable: list}
_ACTIONS: Final[tuple[Any, ...]] = (Action, BoundAction)
_Annotated: Any = typing.Annotated


class WireTypes:
    """Converts the annotations of one action.

    Attributes:
        originals: for each dataclass that was replaced by a look-alike, the class whose values are wanted.
    """

    def __init__(self, namespace: Namespace) -> None:
        self.originals: dict[type, type] = {}
        self._namespace = namespace
        self._made: dict[object, Any] = {}  # classes may mention themselves, so each is converted once

    def convert(self, annotation: Any) -> Any:
        """The annotation to give to pydantic; itself when there is nothing to convert.

        Raises:
            NameError: a name in a TypedDict or dataclass cannot be found.
        """
        if not self._must_convert(annotation, set()):
            return annotation
        if isinstance(annotation, ForwardRef):
            return Any  # in `JSON = dict[str, "JSON"] | str`, what is inside is not checked
        if isinstance(annotation, type):
            return self._class(annotation)
        inner = _inside_alias(annotation)
        return self._generic(annotation) if inner is None else self._alias(annotation, inner)

    def _alias(self, alias: Any, inner: Any) -> Any:
        """What a named alias stands for; inside of itself, what it will stand for when it is converted."""
        if alias not in self._made:
            later = _Later()
            self._made[alias] = _Annotated[(Any, later)]
            later.alias = typing_extensions.TypeAliasType("Alias", self.convert(inner))
            self._made[alias] = later.alias
        return self._made[alias]

    def _generic(self, annotation: Any) -> Any:
        origin, args = get_origin(annotation), get_args(annotation)
        if origin in _ACTIONS:
            return _an_action()
        if origin in _STREAMS:
            return _instance_of(ReceivedStream)
        if is_typeddict(origin) or _is_plain_dataclass(origin):
            return self._typed_dict(origin, args) if is_typeddict(origin) else self._dataclass(origin, args)
        if origin is typing.Annotated:
            return _Annotated[(self.convert(args[0]), *annotation.__metadata__)]
        if _is_starred(annotation):
            return _Annotated[(tuple, _Places(*self._places(args)))]
        if origin is types.UnionType:
            origin = Union
        return _READ_AS.get(origin, origin)[tuple(self.convert(arg) for arg in args)]

    def _class(self, cls: Any) -> Any:
        if is_typeddict(cls):
            return self._typed_dict(cls, ())
        if cls in _ACTIONS:
            return _an_action()
        if _is_ours(cls):
            return _instance_of(cls)
        if cls in _READ_AS:
            return _READ_AS[cls]
        return _instance_of(ReceivedStream) if cls in _STREAMS else self._dataclass(cls, ())

    def _must_convert(self, annotation: Any, seen: set[object]) -> bool:
        """Whether pydantic could not take this; what was seen on the way is a circle, which alone is no reason."""
        if isinstance(annotation, ForwardRef):
            return True
        origin = get_origin(annotation)
        if not _is_hashable(annotation) or origin is Literal or annotation in seen:
            return False
        seen.add(annotation)
        return (
            any(self._must_convert(part, seen) for part in self._parts(annotation))
            or self._is_foreign(origin or annotation)
            or _is_starred(annotation)
        )

    def _is_foreign(self, cls: Any) -> bool:
        if cls in _STREAMS or cls in _READ_AS:
            return True
        if not isinstance(cls, type):
            return False
        return self._is_odd_typed_dict(cls) if is_typeddict(cls) else _is_ours(cls) or _is_odd_dataclass(cls)

    def _is_odd_typed_dict(self, cls: type) -> bool:
        """One that pydantic refuses, warns about (ReadOnly), or does not know the inherited type arguments of."""
        if type(cls).__module__ == "typing" and not _PYDANTIC_KNOWS_TYPED_DICT:
            return True
        if any(get_origin(base) is not None or self._is_odd_typed_dict(base) for base in _bases(cls)):
            return True
        return any(ReadOnly in _unqualified(each)[1] for each in self._namespace.resolve_class(cls).values())

    def _parts(self, annotation: Any) -> Iterable[Any]:
        """What stands inside an annotation."""
        origin = get_origin(annotation)
        if origin is typing.Annotated:
            return [annotation.__origin__]
        if (inner := _inside_alias(annotation)) is not None:
            return [inner]
        cls = origin or annotation
        own = get_args(annotation)
        if isinstance(cls, type) and (is_typeddict(cls) or _is_plain_dataclass(cls)) and not _is_ours(cls):
            return [*own, *(_unqualified(each)[0] for each in self._namespace.resolve_class(cls).values())]
        return own

    def _places(self, args: tuple[Any, ...]) -> tuple[list[Any], int | None]:
        """What is in the places of `tuple[int, *tuple[str, ...]]`, and which of them is any number of places."""
        places: list[Any] = []
        rest = None
        for each in args:
            inner = unpacked(each)
            own = () if inner is None else get_args(inner)
            if own[1:] == (...,):
                rest = len(places)
                places.append(self.convert(own[0]))
            elif inner is None:
                places.append(self.convert(each))
            else:
                more, inner_rest = self._places(own)
                rest = rest if inner_rest is None else len(places) + inner_rest
                places += more
        return places, rest

    # --- TypedDict -----------------------------------------------------------------------------------------------

    def _typed_dict(self, cls: Any, args: tuple[Any, ...]) -> Any:
        key = (cls, args)
        if key not in self._made:
            make: Any = typing_extensions.TypedDict
            converted = self._made[key] = make(cls.__name__, {})
            converted.__module__, converted.__qualname__ = cls.__module__, cls.__qualname__
            fields = self._fields(cls, _given(cls, args))
            converted.__annotations__ = fields
            required = {name for name, field in fields.items() if get_origin(field) is Required}
            converted.__required_keys__ = frozenset(required)
            converted.__optional_keys__ = frozenset(fields.keys() - required)
            if hasattr(cls, "__pydantic_config__"):
                converted.__pydantic_config__ = cls.__pydantic_config__
        return self._made[key]

    def _fields(self, cls: Any, given: Substitution) -> dict[str, Any]:
        """Name → Required[…] or NotRequired[…], converted."""
        fields = {}
        for name, annotation in self._fields_as_written(cls, given).items():
            inner, qualifiers = _unqualified(annotation)
            # An annotation written as text has not told the class which of the two it is (before Python 3.14).
            is_required = Required in qualifiers or (
                name in cls.__required_keys__ and NotRequired not in qualifiers
            )
            fields[name] = (Required if is_required else NotRequired)[self.convert(inner)]
        return fields

    def _fields_as_written(self, cls: Any, given: Substitution) -> dict[str, Any]:
        """The annotations of a TypedDict, with the type variables of its bases filled in."""
        fields = {name: _filled(each, given) for name, each in self._namespace.resolve_class(cls).items()}
        for base in _bases(cls):
            if (origin := get_origin(base) or base) is not base or _bases(origin):
                args = tuple(_filled(arg, given) for arg in get_args(base))
                fields.update(self._fields_as_written(origin, _given(origin, args)))
        return fields

    # --- dataclasses ---------------------------------------------------------------------------------------------

    def _dataclass(self, cls: Any, args: tuple[Any, ...]) -> Any:
        """A look-alike with converted fields: pydantic reads annotations from the class only."""
        key = (cls, args)
        if key not in self._made:
            names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
            look_alike: Any = type(cls.__name__, (), names)
            self._made[key] = look_alike
            hints = self._dataclass_hints(cls, _given(cls, args))
            fields = {name: field for name, field in cls.__dataclass_fields__.items() if name in hints}
            look_alike.__annotations__ = {name: self._field(hints[name]) for name in fields}
            for name, field in fields.items():
                setattr(look_alike, name, _copied(field))
            self.originals[dataclasses.dataclass(look_alike)] = cls
        return self._made[key]

    def _dataclass_hints(self, cls: Any, given: Substitution) -> dict[str, Any]:
        """The annotations of a dataclass, with the type variables of its bases filled in."""
        hints = {name: _filled(each, given) for name, each in self._namespace.resolve_class(cls).items()}
        own = own_annotations(cls)
        for base in reversed(cls.__dict__.get("__orig_bases__", cls.__bases__)):
            if _is_plain_dataclass(origin := get_origin(base) or base):
                args = tuple(_filled(arg, given) for arg in get_args(base))
                inherited = self._dataclass_hints(origin, _given(origin, args))
                hints.update({name: each for name, each in inherited.items() if name not in own})
        return hints

    def _field(self, annotation: Any) -> Any:
        if isinstance(annotation, dataclasses.InitVar):
            return dataclasses.InitVar(self.convert(annotation.type))
        return self.convert(annotation)


class _Later:
    """Stands for an alias inside of what it is an alias of."""

    alias: Any = None

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return handler.generate_schema(self.alias)


class _Places:
    """Tells pydantic what is in a tuple in which one place may be any number of them; it reads no stars itself."""

    def __init__(self, places: list[Any], rest: int | None) -> None:
        self._places = places
        self._rest = rest

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        items = [handler.generate_schema(each) for each in self._places]
        made = {"type": "tuple", "items_schema": items}
        return made if self._rest is None else {**made, "variadic_item_index": self._rest}


def _is_starred(annotation: Any) -> bool:
    return get_origin(annotation) is tuple and any(
        unpacked(each) is not None for each in get_args(annotation)
    )


def _copied(field: dataclasses.Field[Any]) -> Any:
    options: dict[str, Any] = {"init": field.init, "kw_only": field.kw_only, "metadata": field.metadata}
    if field.default is not dataclasses.MISSING:
        options["default"] = field.default
    if field.default_factory is not dataclasses.MISSING:
        options["default_factory"] = field.default_factory
    return dataclasses.field(**options)


def _instance_of(cls: Any) -> Any:
    import pydantic

    instance_of: Any = pydantic.InstanceOf
    return instance_of[cls]


def _an_action() -> Any:
    return Union[tuple(_instance_of(each) for each in _ACTIONS)]  # noqa: UP007 - made of a tuple


def _is_ours(cls: type) -> bool:
    return cls.__module__.startswith("flightwire.") and not is_typeddict(cls)


def _is_odd_dataclass(cls: Any) -> bool:
    """One with type arguments in its bases, which pydantic does not pass on: their fields would take anything."""
    if not _is_plain_dataclass(cls):
        return False
    bases = cls.__dict__.get("__orig_bases__", cls.__bases__)
    return any(
        _is_plain_dataclass(get_origin(base) or base) and (get_args(base) or _is_odd_dataclass(base))
        for base in bases
    )


def _is_plain_dataclass(cls: Any) -> bool:
    return (
        isinstance(cls, type) and dataclasses.is_dataclass(cls) and not hasattr(cls, "__pydantic_validator__")
    )


def _is_hashable(annotation: object) -> bool:
    try:
        hash(annotation)
    except TypeError:
        return False
    return True


def _inside_alias(annotation: Any) -> Any:
    """What a `type` alias or a NewType stands for, or None."""
    if isinstance(annotation, NewType):
        return annotation.__supertype__
    if isinstance(annotation, _ALIASES):
        return annotation.__value__
    origin = get_origin(annotation)
    if isinstance(origin, _ALIASES):
        given = dict(zip(origin.__type_params__, get_args(annotation), strict=False))
        return _filled(origin.__value__, given)
    return None


def _bases(cls: Any) -> list[Any]:
    """The TypedDicts that one inherits from: `Box[int]`. Before 3.12 only those with type arguments are known."""
    written = cls.__dict__.get("__orig_bases__", ())
    return [base for base in written if is_typeddict(get_origin(base) or base)]


def _given(cls: Any, args: tuple[Any, ...]) -> Substitution:
    return dict(zip(getattr(cls, "__parameters__", ()), args, strict=False))


def _filled(annotation: Any, given: Substitution) -> Any:
    """An annotation with type variables replaced by what is given for them."""
    if isinstance(annotation, TypeVar):
        return given.get(annotation, annotation)
    inner, qualifiers = _unqualified(annotation)
    parameters = () if isinstance(inner, type) else getattr(inner, "__parameters__", ())
    if isinstance(inner, TypeVar):
        inner = given.get(inner, inner)
    elif parameters:
        inner = inner[tuple(given.get(each, each) for each in parameters)]
    for qualifier in qualifiers:
        inner = qualifier[inner]
    return inner


def _unqualified(annotation: Any) -> tuple[Any, set[Any]]:
    """What is inside Required, NotRequired and ReadOnly; and which of them there were."""
    found: set[Any] = set()
    metadata: tuple[Any, ...] = ()
    while (origin := get_origin(annotation)) in (typing.Annotated, Required, NotRequired, ReadOnly):
        if origin is typing.Annotated:
            metadata = (*annotation.__metadata__, *metadata)
            annotation = annotation.__origin__
        else:
            found.add(origin)
            annotation = get_args(annotation)[0]
    return (_Annotated[(annotation, *metadata)] if metadata else annotation), found
