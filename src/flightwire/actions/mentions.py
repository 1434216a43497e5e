"""What an annotation mentions, anywhere inside it.

Owns: going through unions, containers, aliases and the fields of classes, each once. Refuses to know: what is looked for.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import Any, NewType, get_args, get_origin

import typing_extensions
from typing_extensions import is_typeddict

from flightwire.annotations import Namespace

ALIASES = tuple(
    module.TypeAliasType for module in (typing_extensions, typing) if hasattr(module, "TypeAliasType")
)


def mentioned(annotation: Any, namespace: Namespace) -> Iterator[Any]:
    """The annotation, every type in it, and what `Annotated` says beside them.

    Fields whose names cannot be found are passed over: whoever checks the values reports them.
    """
    seen: list[Any] = []
    waiting = [annotation]
    while waiting:
        each = waiting.pop()
        if any(each is known for known in seen):
            continue
        seen.append(each)
        yield each
        waiting += _inside(each, namespace)


def _inside(annotation: Any, namespace: Namespace) -> list[Any]:
    origin = get_origin(annotation)
    if origin is typing.Annotated:
        return [annotation.__origin__, *annotation.__metadata__]
    if isinstance(annotation, NewType):
        return [annotation.__supertype__]
    if isinstance(annotation, ALIASES):
        return [annotation.__value__]
    own = [part for arg in get_args(annotation) for part in (arg if isinstance(arg, list) else [arg])]
    cls = origin or annotation
    return [*own, *_fields(cls, namespace), *([origin] if origin is not None else [])]


def _fields(cls: Any, namespace: Namespace) -> list[Any]:
    if not isinstance(cls, type):
        return []
    model_fields = getattr(cls, "model_fields", None)
    if isinstance(model_fields, dict):  # pydantic's, which is not imported here
        return [part for field in model_fields.values() for part in (field.annotation, *field.metadata)]
    if is_typeddict(cls) or dataclasses.is_dataclass(cls):
        try:
            return list(namespace.resolve_class(cls).values())
        except Exception:
            return []
    return []
