"""States as text, and back.

Owns: what of Python is JSON here, cleaning what databases refuse, the size limit. Refuses to know: tables.

PostgreSQL takes no NUL and no half surrogate, and models write both now and then: they become U+FFFD here, at the edge.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final, NoReturn

from flightwire.errors import InvalidArgumentError, StateTooLargeError
from flightwire.jsontypes import JSONValue, loads

_UNSTORABLE: Final = re.compile("[\x00\ud800-\udfff]")
_SHOWN_CHARS: Final = 60


def to_text(chat_id: str, state: object, *, max_state_bytes: int) -> str:
    """The state as JSON text that every database takes.

    Raises:
        InvalidArgumentError: it is not JSON; says where.
        StateTooLargeError: it is larger than allowed.
    """
    try:
        text = json.dumps(state, ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_refuse)
    except RecursionError:
        raise InvalidArgumentError(
            f"the state of chat '{chat_id}' is nested too deeply, or contains itself."
        ) from None
    except (TypeError, ValueError):
        text = ""
    # A key that is no text would come back as one: 1 → "1".
    if not text or _first_unstorable_key(state) is not None:
        raise InvalidArgumentError(_not_json(chat_id, state))
    if "\\u0000" in text or _UNSTORABLE.search(text):
        text = json.dumps(_cleaned(state), ensure_ascii=False, separators=(",", ":"))
    size = len(text.encode())
    if size > max_state_bytes:
        raise StateTooLargeError(chat_id, size, max_state_bytes)
    return text


def from_text(text: str) -> JSONValue:
    """The state of a text that `to_text` made."""
    return loads(text)


def _refuse(thing: object) -> NoReturn:
    raise TypeError(type(thing).__name__)


def _first_unstorable_key(state: object) -> object | None:
    if isinstance(state, dict):
        for key, item in state.items():
            if not isinstance(key, str):
                return (key,)
            if isinstance(item, (dict, list, tuple)) and (found := _first_unstorable_key(item)) is not None:
                return found
    elif isinstance(state, (list, tuple)):
        for item in state:
            if isinstance(item, (dict, list, tuple)) and (found := _first_unstorable_key(item)) is not None:
                return found
    return None


def _cleaned(state: object) -> object:
    if isinstance(state, str):
        return _UNSTORABLE.sub("\ufffd", state)
    if isinstance(state, Mapping):
        return {_UNSTORABLE.sub("\ufffd", key): _cleaned(item) for key, item in state.items()}
    if isinstance(state, Sequence):
        return [_cleaned(item) for item in state]
    return state


def _not_json(chat_id: str, state: object) -> str:
    place, thing = _culprit(state, "state", set()) or ("state", state)
    what = repr(thing) if isinstance(thing, float) else f"<{type(thing).__name__}>"
    return (
        f"chat '{chat_id}' cannot be saved: {place} is {what[:_SHOWN_CHARS]}, which is not JSON. Save text, numbers, lists "
        "and dicts with text keys; turn other objects into these first (model.model_dump(mode='json'))."
    )


def _culprit(thing: object, place: str, inside: set[int]) -> tuple[str, object] | None:
    """The first place that is not JSON, and what stands there."""
    if thing is None or isinstance(thing, (str, bool, int)):
        return None
    if isinstance(thing, float):
        return None if thing == thing and abs(thing) != float("inf") else (place, thing)  # noqa: PLR0124 - NaN
    if not isinstance(thing, (dict, list, tuple)) or id(thing) in inside:
        return place, thing
    inside = inside | {id(thing)}
    items = thing.items() if isinstance(thing, dict) else enumerate(thing)
    for key, item in items:
        if isinstance(thing, dict) and not isinstance(key, str):
            return f"a key of {place}", key
        if found := _culprit(item, f"{place}[{key!r}]", inside):
            return found
    return None
