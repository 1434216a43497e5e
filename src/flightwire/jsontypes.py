"""JSON as Python sees it.

Owns: the alias, and reading JSON from strangers with limits. Refuses to know: what the JSON is for.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from typing import NoReturn, TypeAlias

JSONValue: TypeAlias = bool | int | float | str | Sequence["JSONValue"] | Mapping[str, "JSONValue"] | None
JSONObject: TypeAlias = Mapping[str, JSONValue]

MAX_INT_DIGITS = (
    4300  # CPython's own limit, because its int() is quadratic; an application may have lifted it
)


def dumps(value: JSONValue) -> str:
    """Write compact JSON; NaN and infinities are refused rather than written as something else.

    Raises:
        ValueError: for NaN and infinities.
        TypeError: for values that are not JSON.
    """
    return _write(value)


def loads(text: str | bytes) -> JSONValue:
    """Read JSON; `NaN`, `Infinity` and numbers of more than 4,300 digits are refused.

    Raises:
        ValueError: for anything that is not JSON (`json.JSONDecodeError` is one), and for JSON nested too deeply.
    """
    read = _read if 0 < sys.get_int_max_str_digits() <= MAX_INT_DIGITS else _read_counting_digits
    try:
        if isinstance(text, bytes):
            text = text.decode(json.detect_encoding(text), "surrogatepass")
        return read(text)  # type: ignore[no-any-return]
    except RecursionError:
        raise ValueError("JSON is nested too deeply") from None


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _parse_int(digits: str) -> int:
    if len(digits) > MAX_INT_DIGITS:
        raise ValueError(f"a number of {len(digits)} digits; at most {MAX_INT_DIGITS} are read")
    return int(digits)


_write = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode
_read = json.JSONDecoder(parse_constant=_refuse_constant).decode
_read_counting_digits = json.JSONDecoder(parse_constant=_refuse_constant, parse_int=_parse_int).decode
