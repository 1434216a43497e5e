"""AI states as plain JSON.

Owns: what a state may hold, its size, copies that nobody else changes. Refuses to know: who keeps it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

from flightwire.elements import UNDEFINED
from flightwire.errors import InvalidArgumentError, StateTooLargeError
from flightwire.jsontypes import JSONValue

MAX_STATE_BYTES: Final = 1024 * 1024
_DEPTH: Final = 100
_LEFT_OUT: Final = "__proto__"  # browsers drop it, and a state must be the same on both sides


def plain(state: object, *, max_state_bytes: int) -> JSONValue:
    """A copy of the state that holds plain JSON only; messages and other values of ours in their JSON form.

    Raises:
        InvalidArgumentError: something in it is not JSON; says where.
        StateTooLargeError: it is larger than allowed.
    """
    copied = _copied(state, "state", 0)
    size = len(json.dumps(copied, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass"))
    if size > max_state_bytes:
        raise StateTooLargeError(None, size, max_state_bytes)
    return copied


def _copied(thing: object, place: str, depth: int) -> JSONValue:
    if thing is None or isinstance(thing, (str, bool)):
        return thing
    if isinstance(thing, (int, float)):
        return _number(thing, place)
    if depth > _DEPTH:
        raise InvalidArgumentError(
            f"{place[:200]}… of the AI state is nested too deeply, or contains itself."
        )
    if isinstance(thing, Mapping):
        return _object(thing, place, depth)
    if isinstance(thing, Sequence) and not isinstance(thing, (bytes, bytearray, memoryview)):
        return [_copied(item, f"{place}[{index}]", depth + 1) for index, item in enumerate(thing)]
    for name in ("to_json", "model_dump"):
        to_json = getattr(thing, name, None)
        if callable(to_json) and not isinstance(thing, type):
            dumped = to_json() if name == "to_json" else to_json(mode="json", by_alias=True)
            return _copied(dumped, place, depth + 1)
    raise InvalidArgumentError(
        f"{place} is <{type(thing).__name__}>, which is not JSON. An AI state is kept as JSON: text, numbers, lists and dicts "
        "with text keys."
    )


def _number(number: float, place: str) -> JSONValue:
    if isinstance(number, int):
        if abs(number) > 2**53:
            raise InvalidArgumentError(f"{place} is {number}, which JavaScript would round. Keep it as text.")
        return int(number)
    if number != number or abs(number) == float("inf"):  # noqa: PLR0124 - NaN
        raise InvalidArgumentError(f"{place} is {number}, which is not JSON.")
    return float(number)


def _object(thing: Mapping[object, object], place: str, depth: int) -> JSONValue:
    made: dict[str, JSONValue] = {}
    for key, item in thing.items():
        if not isinstance(key, str):
            raise InvalidArgumentError(f"a key of {place} is {key!r}; JSON has text keys only.")
        if item is not UNDEFINED and key != _LEFT_OUT:
            made[key] = _copied(item, f"{place}[{key!r}]", depth + 1)
    return made
