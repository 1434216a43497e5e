"""pydantic adapters for values that came over Flight.

Owns: how strictly they are read, and TypedDicts that keep keys nobody declared. Refuses to know: actions, calls.
"""

from __future__ import annotations

import itertools
import sys
import types
import typing
from collections.abc import Mapping
from typing import Annotated, Any, ForwardRef, Literal, Union, get_args, get_origin

import typing_extensions
from pydantic import ConfigDict, TypeAdapter
from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticUserError

from flightwire.errors import InvalidArgumentError

_CONFIG = ConfigDict(extra="allow", arbitrary_types_allowed=False, strict=False)
_counter = itertools.count()


def adapter_for(annotation: Any, action: str, parameter: str) -> TypeAdapter[Any]:
    """An adapter for one parameter's annotation.

    Raises:
        InvalidArgumentError: the annotation is a type that cannot come from a page; names action and parameter.
    """
    converted = _OpenTypedDicts().convert(annotation)
    try:
        return _adapter(converted)
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation, PydanticUserError) as error:
        problem = str(error).partition("\n")[0]
        raise InvalidArgumentError(
            f"the parameter '{parameter}' of action '{action}' has a type that cannot come from a page: {problem} "
            "Use JSON types, datetime, bytes, Enum, TypedDict, dataclass or pydantic models."
        ) from error


def _adapter(annotation: Any) -> TypeAdapter[Any]:
    try:
        return TypeAdapter(annotation, config=_CONFIG)
    except PydanticUserError as error:
        if error.code != "type-adapter-config-unused":
            raise
        return TypeAdapter(annotation)  # a model or TypedDict at the top has a configuration of its own


class _OpenTypedDicts:
    """Replaces TypedDicts inside an annotation by ones that keep undeclared keys.

    A page may send more than an action declares (an `id`, a time stamp) and expects to get it back. pydantic
    also refuses `typing.TypedDict` before Python 3.12; the replacement is a `typing_extensions.TypedDict`.
    """

    def __init__(self) -> None:
        self._done: dict[type, Any] = {}
        self._module: types.ModuleType | None = None

    def convert(self, annotation: Any) -> Any:
        """The annotation with every TypedDict in it replaced."""
        if typing_extensions.is_typeddict(annotation):
            return self._typed_dict(annotation)
        origin = get_origin(annotation)
        if origin is None or origin is Literal:
            return annotation
        if typing_extensions.is_typeddict(origin):
            return self._typed_dict(origin, get_args(annotation))
        arguments = tuple(self.convert(argument) for argument in get_args(annotation))
        if arguments == get_args(annotation):
            return annotation
        return _rebuild(annotation, origin, arguments)

    def _typed_dict(self, original: Any, arguments: tuple[Any, ...] = ()) -> Any:
        key = original if not arguments else original[arguments]
        if key in self._done:
            return self._done[key]
        name = f"{original.__name__}_{next(_counter)}"
        self._done[key] = ForwardRef(name, module=self._namespace().__name__)
        fields = self._fields(original, dict(zip(_parameters(original), arguments, strict=False)))
        make: Any = typing_extensions.TypedDict  # made at run time, from what another one declares
        open_dict = make(name, fields)
        open_dict.__pydantic_config__ = ConfigDict(extra="allow")
        open_dict.__module__ = self._namespace().__name__
        open_dict.__doc__ = original.__doc__
        setattr(self._namespace(), name, open_dict)
        self._done[key] = open_dict
        return open_dict

    def _fields(self, original: Any, bound: Mapping[Any, Any]) -> dict[str, Any]:
        hints = typing_extensions.get_type_hints(original, include_extras=True)
        required = original.__required_keys__
        fields: dict[str, Any] = {}
        for name, hint in hints.items():
            bare = _without_qualifiers(hint)
            field = self.convert(_substitute(bare, bound))
            wrapper = typing_extensions.Required if name in required else typing_extensions.NotRequired
            fields[name] = wrapper[field]
        return fields

    def _namespace(self) -> types.ModuleType:
        """A module where forward references of recursive TypedDicts are found."""
        if self._module is None:
            self._module = types.ModuleType(f"flightwire._typed_dicts_{next(_counter)}")
            sys.modules[self._module.__name__] = self._module
        return self._module


def _rebuild(annotation: Any, origin: Any, arguments: tuple[Any, ...]) -> Any:
    if origin is Annotated:
        return Annotated[(arguments[0], *annotation.__metadata__)]
    if origin is Union or origin is types.UnionType:
        return Union[arguments]  # noqa: UP007 - made from a tuple
    if hasattr(annotation, "copy_with"):
        return annotation.copy_with(arguments)
    return origin[arguments]


def _without_qualifiers(hint: Any) -> Any:
    qualifiers = {typing_extensions.Required, typing_extensions.NotRequired, typing_extensions.ReadOnly}
    while get_origin(hint) in qualifiers:
        hint = get_args(hint)[0]
    return hint


def _parameters(original: Any) -> tuple[Any, ...]:
    return tuple(getattr(original, "__parameters__", ()) or typing.get_args(original))


def _substitute(hint: Any, bound: Mapping[Any, Any]) -> Any:
    if hint in bound:
        return bound[hint]
    parameters = getattr(hint, "__parameters__", ())
    return hint[tuple(bound.get(p, p) for p in parameters)] if parameters and bound else hint
