"""How each kind of value is written.

Owns: the table from Python classes to Flight's forms (react-server-dom-webpack 19.3.1, `renderModelDestructive`), and the
letter for what has none. Refuses to know: ids and identity, rows' bytes, awaiting.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from types import CoroutineType, GeneratorType
from typing import Any, Final
from uuid import UUID

from flightwire.elements import UNDEFINED, UNSET, ClientReference, Element, Symbol
from flightwire.errors import EncodeError
from flightwire.wire.flight import react, rows, values
from flightwire.wire.flight.declared import attribute_name, declared_form, has_declared_form, is_its_text
from flightwire.wire.flight.identity import Node
from flightwire.wire.flight.model import Handler, ModelEncoder, safe_integer

_TYPED_ARRAY_TAGS: Final = {
    "ArrayBuffer": b"A",
    "Int8Array": b"O",
    "Uint8Array": b"o",
    "Uint8ClampedArray": b"U",
    "Int16Array": b"S",
    "Uint16Array": b"s",
    "Int32Array": b"L",
    "Uint32Array": b"l",
    "Float32Array": b"G",
    "Float64Array": b"g",
    "BigInt64Array": b"M",
    "BigUint64Array": b"m",
    "DataView": b"V",
}
_ITEM_BYTES: Final = {"Int16Array": 2, "Uint16Array": 2, "Int32Array": 4, "Uint32Array": 4, "Float32Array": 4}
_ITEM_BYTES_8: Final = ("Float64Array", "BigInt64Array", "BigUint64Array")


# scalars


def _as_is(encoder: ModelEncoder, value: object, parent: Node | None, key: object) -> object:
    return value


def _text(encoder: ModelEncoder, value: str, parent: Node | None, key: object) -> object:
    return encoder.text(value if type(value) is str else str.__str__(value))


def _int(encoder: ModelEncoder, value: int, parent: Node | None, key: object) -> object:
    return safe_integer(value if type(value) is int else int(value))


def _float(encoder: ModelEncoder, value: float, parent: Node | None, key: object) -> object:
    if value - value == 0.0:  # finite
        return float(value)
    return "$NaN" if math.isnan(value) else "$Infinity" if value > 0 else "$-Infinity"


def _big_int(encoder: ModelEncoder, value: int, parent: Node | None, key: object) -> object:
    try:
        return f"$n{int(value)}"
    except ValueError:  # CPython writes at most 4,300 digits
        raise EncodeError("a BigInt of more than 4,300 digits; send it in pieces") from None


def _undefined(encoder: ModelEncoder, value: object, parent: Node | None, key: object) -> object:
    return "$undefined"


def _symbol(encoder: ModelEncoder, value: Symbol, parent: Node | None, key: object) -> object:
    return "$S" + value.name


def _datetime(encoder: ModelEncoder, value: datetime, parent: Node | None, key: object) -> object:
    if value.utcoffset() is None:
        raise EncodeError("a datetime without a time zone; use datetime.now(UTC), or .replace(tzinfo=…)")
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise EncodeError("a datetime that is outside the years 1 to 9999 in UTC") from None
    return f"$D{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _iso(encoder: ModelEncoder, value: date | time, parent: Node | None, key: object) -> object:
    return value.isoformat()


def _str(encoder: ModelEncoder, value: object, parent: Node | None, key: object) -> object:
    return encoder.text(str(value))


def _enum(encoder: ModelEncoder, value: Enum, parent: Node | None, key: object) -> object:
    return encoder.encode(value.value, parent, key)


# containers


def _declared(encoder: ModelEncoder, value: object, parent: Node | None, key: object) -> object:
    found = encoder.identity.find(value)
    if found is not None:
        return found
    form = declared_form(value)
    if not isinstance(form, Mapping):
        return encoder.encode(form, parent, key)
    model: dict[str, object] = {}
    encoder.fields(
        form,
        encoder.identity.register(value, parent, key, model),
        model,
        lambda name: "." + attribute_name(type(value), name),
    )
    return model


def _outlined(prefix: str, content: str = "") -> Handler:
    """A handler for what is a row with its content, and a prefix that makes something else of it.

    Args:
        prefix: of the reference.
        content: the attribute with the content; the value itself when empty.
    """
    step = f".{content}" if content else ""

    def write(encoder: ModelEncoder, value: Any, parent: Node | None, key: object) -> object:
        found = encoder.identity.find(value)
        if found is not None:
            return found
        encoder.identity.register(value, parent, key, prefix)
        with encoder.identity.unfinished(value):
            items = tuple(getattr(value, content) if content else value)
            return prefix + encoder.outline(items, parent, key, step)

    return write


# bytes


def _bytes(
    encoder: ModelEncoder, value: bytes | bytearray | memoryview, parent: Node | None, key: object
) -> object:
    return "$" + encoder.add_row(rows.bytes_row, b"o", bytes(value))


def _typed_array(encoder: ModelEncoder, value: values.TypedArray, parent: Node | None, key: object) -> object:
    item_bytes = 8 if value.kind in _ITEM_BYTES_8 else _ITEM_BYTES.get(value.kind, 1)
    data = bytes(value.data)
    if len(data) % item_bytes:
        raise EncodeError(
            f"a {value.kind} of {len(data)} bytes; its length must be a multiple of {item_bytes}"
        )
    return "$" + encoder.add_row(rows.bytes_row, _TYPED_ARRAY_TAGS[value.kind], data)


def _blob(
    encoder: ModelEncoder, value: values.Blob | values.File, parent: Node | None, key: object
) -> object:
    part = encoder.add_row(rows.bytes_row, b"o", bytes(value.data))
    return "$B" + encoder.add_row(rows.model_row, [rows.escape(value.content_type), "$" + part])


# what has no form


def _refuse(encoder: ModelEncoder, value: object, parent: Node | None, key: object) -> object:
    raise EncodeError(_letter(value))


def _letter(value: object) -> str:
    if value is UNSET:
        return "UNSET, which stands for an argument that was not given; send None or UNDEFINED"
    if isinstance(value, type):
        return f"the class {value.__name__}; send an instance that is a dataclass, or a dict"
    if isinstance(value, BaseException):
        return (
            f"an exception ({type(value).__name__}); raise it, or send what the browser should know about it"
        )
    if isinstance(value, GeneratorType):
        return "a generator; send list(…), or make it an async generator to stream its items"
    if callable(value) and hasattr(value, "__name__"):
        return "a function; decorate it with @action to let the browser call it, or send its result"
    return f"<{type(value).__name__}> is an object of a class; return JSON values, dataclasses, elements or streamables"


# the table

_EXACT: Final[dict[type, Handler]] = {
    type(None): _as_is,
    bool: _as_is,
    int: _int,
    float: _float,
    str: _text,
    dict: ModelEncoder.plain_object,
    list: ModelEncoder.array,
    tuple: ModelEncoder.array,
    type(UNDEFINED): _undefined,
    type(UNSET): _refuse,
    Element: react.element,
    Symbol: _symbol,
    ClientReference: react.client_reference,
}

_BY_BASE: Final[tuple[tuple[type | tuple[type, ...], Handler], ...]] = (
    (Element, react.element),
    (ClientReference, react.client_reference),
    (values.Streamable, react.streamable),
    (values.StreamableSource, react.streamable_source),
    (values.LazyNode, react.node),
    (Enum, _enum),
    (values.BigInt, _big_int),
    (int, _int),
    (float, _float),
    (str, _text),
    (Mapping, ModelEncoder.plain_object),
    ((list, tuple), ModelEncoder.array),
    ((set, frozenset), _outlined("$W")),
    ((bytes, bytearray, memoryview), _bytes),
    (datetime, _datetime),
    ((date, time), _iso),
    ((Decimal, UUID), _str),
    (values.JSMap, _outlined("$Q", "entries")),
    (values.FormData, _outlined("$K", "entries")),
    (values.JSSet, _outlined("$W", "items")),
    (values.JSIterator, _outlined("$i", "items")),
    (values.TypedArray, _typed_array),
    ((values.Blob, values.File), _blob),
    (values.ServerReference, react.server_reference),
    (values.TemporaryReference, react.temporary_reference),
    (values.Failure, react.failure),
    (values.ReadableStream, react.readable_stream),
    (CoroutineType, react.coroutine),
)

_BY_METHOD: Final[tuple[tuple[str, Handler], ...]] = (
    ("to_server_reference", react.action),
    ("__await__", react.promise),
    ("__aiter__", react.iterable),
)


class _Handlers(dict[type, Handler]):
    """How values of a class are written; looked up once per class."""

    def __missing__(self, cls: type) -> Handler:
        if len(self) > _MAX_CLASSES:  # somebody makes classes all the time
            self.clear()
            self.update(_EXACT)
        handler = self[cls] = _handler_of(cls)
        return handler


_MAX_CLASSES: Final = 4096


def _handler_of(cls: type) -> Handler:
    if issubclass(cls, BaseException | type):
        return _refuse
    for bases, handler in _BY_BASE:
        if issubclass(cls, bases):
            return handler
    for method, handler in _BY_METHOD:
        if hasattr(cls, method):
            return handler
    if is_its_text(cls):
        return _str
    return _declared if has_declared_form(cls) else _refuse


HANDLERS: Final = _Handlers(_EXACT)
