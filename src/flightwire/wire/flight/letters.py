"""What some letters mean in calls and in responses alike, one value at a time.

Owns: how numbers, dates, bytes, files and Maps become Python values. Refuses to know: references, parts.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import isinf, isnan
from typing import Final

from flightwire.elements import UNDEFINED
from flightwire.errors import DecodeError
from flightwire.files import base_name
from flightwire.wire.flight.parts import FileField
from flightwire.wire.flight.values import (
    MAX_SAFE_INTEGER,
    BigInt,
    File,
    JSMap,
    TypedArray,
    TypedArrayKind,
)

TYPED_ARRAYS: Final[dict[str, tuple[TypedArrayKind, int]]] = {
    "A": ("ArrayBuffer", 1),
    "O": ("Int8Array", 1),
    "o": ("Uint8Array", 1),
    "U": ("Uint8ClampedArray", 1),
    "S": ("Int16Array", 2),
    "s": ("Uint16Array", 2),
    "L": ("Int32Array", 4),
    "l": ("Uint32Array", 4),
    "G": ("Float32Array", 4),
    "g": ("Float64Array", 8),
    "M": ("BigInt64Array", 8),
    "m": ("BigUint64Array", 8),
    "V": ("DataView", 1),
}
"""Letter → (kind, bytes per item)."""

CONSTANTS: Final[dict[str, object]] = {
    "$undefined": UNDEFINED,
    "$NaN": float("nan"),
    "$Infinity": float("inf"),
    "$-Infinity": float("-inf"),
    "$-0": -0.0,
}
"""What is the same in every place."""

_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z", re.ASCII)


def json_number(number: float) -> object:
    """A JSON number as JavaScript has it: an int beyond 2**53 is a double there.

    Raises:
        DecodeError: it is too large for a double.
    """
    if type(number) is int and not -MAX_SAFE_INTEGER <= number <= MAX_SAFE_INTEGER:
        try:
            number = float(number)
        except OverflowError:
            number = float("inf")
    if isinf(number):
        raise DecodeError("A number is too large.")
    return number


def big_int(digits: str, max_digits: int) -> BigInt:
    """A BigInt from its decimal digits.

    Raises:
        DecodeError: these are no digits, or too many.
    """
    unsigned = digits.removeprefix("-")
    if len(unsigned) > max_digits or not (unsigned.isdigit() and unsigned.isascii()):
        raise DecodeError(f"A BigInt is not a number of at most {max_digits} digits.")
    return BigInt(digits)


def date_value(text: str) -> datetime:
    """A Date, in UTC.

    Raises:
        DecodeError: it is not written as JavaScript does, or is outside the years 1 to 9999.
    """
    if _DATE.fullmatch(text):
        try:
            return datetime.fromisoformat(text).astimezone(UTC)
        except ValueError:
            pass
    raise DecodeError("A date is not like 2024-01-02T03:04:05.678Z.")


def bytes_of(letter: str, data: bytes) -> bytes | TypedArray:
    """Bytes for a Uint8Array or an ArrayBuffer, else a TypedArray.

    Raises:
        DecodeError: the bytes do not divide into items.
    """
    kind, item_bytes = TYPED_ARRAYS[letter]
    if len(data) % item_bytes:
        raise DecodeError(f"A {kind} has {len(data)} bytes, no multiple of {item_bytes}.")
    return data if kind in ("Uint8Array", "ArrayBuffer") else TypedArray(kind, data)


def file_value(part: FileField) -> File:
    """A file; of its name only what follows the last slash."""
    return part.stored or File(base_name(part.filename), part.content_type, part.data)


def map_value(entries: list[object]) -> dict[object, object] | JSMap:
    """A dict, or a JSMap when Python's dict cannot hold the keys as JavaScript's Map does.

    Raises:
        DecodeError: the entries are no pairs.
    """
    pairs: list[tuple[object, object]] = []
    for entry in entries:
        if not isinstance(entry, list) or len(entry) != 2:
            raise DecodeError("A Map has an entry that is no pair.")
        pairs.append((entry[0], entry[1]))
    if all(_is_plain_key(key) for key, _ in pairs):
        made = dict(pairs)
        if len(made) == len(pairs) or len(made) == len({(type(key) is bool, key) for key, _ in pairs}):
            return made
    return JSMap(pairs)


def _is_plain_key(key: object) -> bool:
    """Keys that hash safely: a BigInt could be chosen so that all keys collide."""
    return key is None or type(key) in (str, bool, int) or (type(key) is float and not isnan(key))
