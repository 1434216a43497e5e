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
from flightwire.actions.registry import Action
from flightwire.annotations import Namespace
from flightwire.wire.flight.values import ReceivedStream

Substitution = dict[Any, Any]

_PYDANTIC_KNOWS_TYPED_DICT: Final = sys.version_info >= (3, 12)
_STREAMS: Final = (collections.abc.AsyncIterable, collections.abc.AsyncIterator)
_ALIASES: Final = tuple(
    module.TypeAliasType for module in (typing_extensions, typing) if hasattr(module, "TypeAliasType")
)
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
        return self._generic(annotation) if inner is None else self.convert(inner)

    def _generic(self, annotation: Any) -> Any:
        origin, args = get_origin(annotation), get_args(annotation)
        if origin in _ACTIONS:
            return _an_action()
        if origin in _STREAMS:
            return _instance_of(ReceivedStream)
        if is_typeddict(origin):
            return self._typed_dict(origin, args)
        if origin is typing.Annotated:
            return _Annotated[(self.convert(args[0]), *annotation.__metadata__)]
        converted = tuple(self.convert(arg) for arg in args)
        return (Union if origin is types.UnionType else origin)[converted]

    def _class(self, cls: Any) -> Any:
        if is_typeddict(cls):
            return self._typed_dict(cls, ())
        if cls in _ACTIONS:
            return _an_action()
        if _is_ours(cls):
            return _instance_of(cls)
        return _instance_of(ReceivedStream) if cls in _STREAMS else self._dataclass(cls)

    def _must_convert(self, annotation: Any, seen: set[object]) -> bool:
        """Whether pydantic could not take this; what was seen on the way is a circle, which alone is no reason."""
        if isinstance(annotation, ForwardRef):
            return True
        origin = get_origin(annotation)
        if not _is_hashable(annotation) or origin is Literal or annotation in seen:
            return False
        seen.add(annotation)
        return any(self._must_convert(part, seen) for part in self._parts(annotation)) or self._is_foreign(
            origin or annotation
        )

    def _is_foreign(self, cls: Any) -> bool:
        if cls in _STREAMS:
            return True
        if not isinstance(cls, type):
            return False
        return self._is_odd_typed_dict(cls) if is_typeddict(cls) else _is_ours(cls)

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

    def _dataclass(self, cls: Any) -> Any:
        """A look-alike with converted fields: pydantic reads annotations from the class only."""
        if cls not in self._made:
            names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__}
            look_alike: Any = type(cls.__name__, (), names)
            self._made[cls] = look_alike
            hints = self._namespace.resolve_class(cls)
            fields = {name: field for name, field in cls.__dataclass_fields__.items() if name in hints}
            look_alike.__annotations__ = {name: self._field(hints[name]) for name in fields}
            for name, field in fields.items():
                setattr(look_alike, name, _copied(field))
            self.originals[dataclasses.dataclass(look_alike)] = cls
        return self._made[cls]

    def _field(self, annotation: Any) -> Any:
        if isinstance(annotation, dataclasses.InitVar):
            return dataclasses.InitVar(self.convert(annotation.type))
        return self.convert(annotation)


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


def _is_plain_dataclass(cls: type) -> bool:
    return dataclasses.is_dataclass(cls) and not hasattr(cls, "__pydantic_validator__")


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
