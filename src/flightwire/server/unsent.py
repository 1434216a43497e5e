"""Coroutines in values that are never sent.

Owns: closing them, because Python warns about each that nobody awaits, and the action cannot any more. Refuses to know: why
a value is not sent.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Container, Iterable, Mapping
from types import CoroutineType
from typing import Any, Final

from flightwire.elements import Element
from flightwire.wire.flight.declared import has_declared_form
from flightwire.wire.flight.values import (
    JSIterator,
    JSMap,
    JSSet,
    ReadableStream,
    ServerReference,
    Streamable,
)


def close_coroutines(value: object, kept: Container[int] = ()) -> None:
    """Close every coroutine inside a value that nobody has begun to await.

    Arguments:
        value: what was to be sent.
        kept: the `id` of each coroutine that will be awaited all the same.
    """
    seen: set[int] = set()
    todo = [value]
    while todo:
        each = todo.pop()
        if isinstance(each, CoroutineType):
            if id(each) not in kept and inspect.getcoroutinestate(each) == inspect.CORO_CREATED:
                each.close()
        elif id(each) not in seen and (inside := _inside(each)):
            seen.add(id(each))
            todo += inside


def _inside(value: Any) -> Iterable[object]:
    cls = type(value)
    if cls in _SCALARS:
        return ()
    for kinds, inside in _CONTAINERS:
        if isinstance(value, kinds):
            return inside(value)
    return _fields(value) if has_declared_form(cls) else ()


def _fields(value: Any) -> list[object]:
    names = (*getattr(type(value), "__dataclass_fields__", ()), *getattr(value, "__dict__", ()))
    return [getattr(value, name, None) for name in names]


_SCALARS: Final = frozenset((str, int, float, bool, bytes, type(None)))
_CONTAINERS: Final[tuple[tuple[Any, Callable[[Any], Iterable[object]]], ...]] = (
    (Mapping, lambda value: list(value.values())),
    ((list, tuple, set, frozenset), list),
    (Element, lambda value: [value.type, value.props]),
    (Streamable, lambda value: [value.curr, value.error]),
    (JSMap, lambda value: [part for entry in value.entries for part in entry]),
    ((JSSet, JSIterator), lambda value: value.items),
    (ServerReference, lambda value: value.bound or ()),
    (ReadableStream, lambda value: [value.source]),
)
