"""`typing.TypedDict` for pydantic on Python 3.11, which wants `typing_extensions.TypedDict` there (python/cpython#103699).

Owns: that one conversion. Refuses to know: schemas. It goes when 3.11 does.
"""

from __future__ import annotations

import sys
import types
import typing
from typing import Annotated, Any, Final, Literal, NotRequired, Required, Union, get_args, get_origin

import typing_extensions
from typing_extensions import is_typeddict

_PYDANTIC_KNOWS_TYPED_DICT: Final = sys.version_info >= (3, 12)


def pydantic_ready(annotation: Any) -> Any:
    """The annotation with every `typing.TypedDict` in it replaced by an equal one that pydantic takes.

    Raises:
        NameError: a field's annotation names something that cannot be found.
    """
    return annotation if _PYDANTIC_KNOWS_TYPED_DICT else _converted(annotation, {})


def _converted(annotation: Any, made: dict[Any, Any]) -> Any:
    if isinstance(annotation, type) and is_typeddict(annotation):
        return _typed_dict(annotation, made) if type(annotation).__module__ == "typing" else annotation
    origin, args = get_origin(annotation), get_args(annotation)
    if origin is None or origin is Literal:
        return annotation
    if origin is Annotated:
        return Annotated[(_converted(args[0], made), *annotation.__metadata__)]
    converted = tuple(_converted(arg, made) for arg in args)
    if all(new is old for new, old in zip(converted, args, strict=True)):
        return annotation
    return (Union if origin is types.UnionType else origin)[converted]


def _typed_dict(cls: Any, made: dict[Any, Any]) -> Any:
    if cls not in made:
        make: Any = typing_extensions.TypedDict
        new = made[cls] = make(cls.__name__, {})
        new.__module__, new.__qualname__, new.__doc__ = cls.__module__, cls.__qualname__, cls.__doc__
        required = set()
        for name, field in typing.get_type_hints(cls, include_extras=True).items():
            is_required, inner = name in cls.__required_keys__, field
            if get_origin(field) in (Required, NotRequired):
                # An annotation written as text has not told the class which of the two it is.
                is_required, inner = get_origin(field) is Required, get_args(field)[0]
            if is_required:
                required.add(name)
            inner = _converted(inner, made)
            new.__annotations__[name] = Required[inner] if is_required else NotRequired[inner]
        new.__required_keys__ = frozenset(required)
        new.__optional_keys__ = frozenset(new.__annotations__.keys() - required)
    return made[cls]
