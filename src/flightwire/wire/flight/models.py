"""From the JSON of a row to values, with holes where another row is needed.

Owns: what `$…` strings mean in responses. Refuses to know: when rows come. (In calls the same letters mean other things:
`reply.py` has a reader of its own.)
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final, cast

from flightwire.elements import UNDEFINED, Element, Symbol
from flightwire.errors import DecodeError, RemoteError
from flightwire.wire.flight.letters import CONSTANTS, big_int, date_value, json_number, map_value
from flightwire.wire.flight.pending import Pending
from flightwire.wire.flight.values import Blob, FormData, ServerReference, TemporaryReference

MAX_BIGINT_DIGITS: Final = 4300  # what CPython reads

_ID: Final = re.compile(r"[0-9a-fA-F]{1,7}", re.ASCII)
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)


class Hole:
    """A place in a model that another row fills. Until then it stands there itself.

    Attributes:
        row_id: the row it needs.
        needs_whole: whether that row must have no holes left.
        waiting: called once it is filled.
    """

    __slots__ = ("_container", "_key", "_kind", "_steps", "needs_whole", "row_id", "waiting")

    def __init__(self, text: str, kind: str, container: Any, key: Any) -> None:
        row, *steps = text.split(":")
        if not _ID.fullmatch(row):
            raise DecodeError(f"The response refers to {text[:80]!r}, which is no row.")
        self.row_id = int(row, 16)
        self.needs_whole = kind != ""
        self.waiting: list[Callable[[], None]] = []
        self._kind = kind
        self._steps = steps
        self._container = container
        self._key = key

    def resolve(self, value: Any) -> Any:
        """What fills it, given the value of its row; or the hole or `Pending` that must be filled first.

        Raises:
            DecodeError: the row is not what it should be.
        """
        for step in self._steps:
            if isinstance(value, Hole):
                return value
            value = _step(value, step)
        return value if isinstance(value, Hole) or not self._kind else _MAKERS[self._kind](value)

    def fill(self, value: Any) -> None:
        """Put the value in its place."""
        if isinstance(self._container, Element):
            if self._key == "type":
                self._container.type = value
            else:
                self._container.props = value
        elif value is UNDEFINED and isinstance(self._container, dict):
            del self._container[self._key]
        else:
            self._container[self._key] = value
        waiting, self.waiting = self.waiting, []
        for retry in waiting:
            retry()


class Reviver:
    """Revives one model, in place.

    Args:
        pending_of: gives what a row id was promised as.

    Attributes:
        holes: what was left open.
    """

    __slots__ = ("_pending_of", "_todo", "holes")

    def __init__(self, pending_of: Callable[[int], Pending]) -> None:
        self._pending_of = pending_of
        self._todo: list[Any] = []
        self.holes: list[Hole] = []

    def revive(self, raw: object) -> list[object]:
        """A list with the revived value as its only item: so that a root may be a hole, too.

        Raises:
            DecodeError: a text that begins with `$` means nothing.
        """
        root = [raw]
        self._todo.append(root)
        while self._todo:
            container = self._todo.pop()
            if type(container) is dict:
                container.pop("__proto__", None)
            fields = enumerate(container) if type(container) is list else list(container.items())
            for key, item in fields:
                if type(item) is str:
                    if item[:1] == "$":
                        self._put(container, key, self._text(item, container, key))
                elif type(item) is list or type(item) is dict:
                    self._contain(container, key, item)
                elif type(item) in (int, float):
                    container[key] = json_number(item)
        return root

    def _put(self, container: Any, key: Any, value: object) -> None:
        if value is UNDEFINED and type(container) is dict:
            del container[key]
        else:
            container[key] = value

    def _contain(self, container: Any, key: Any, item: Any) -> None:
        if type(item) is list and item and item[0] == "$":
            container[key] = self._element(item)
        else:
            self._todo.append(item)

    def _element(self, item: list[Any]) -> Element:
        if len(item) < 4 or not isinstance(item[1], str):
            raise DecodeError("The response has an element that is none.")
        key, props = item[2], item[3]
        element = Element("", {}, key[1:] if isinstance(key, str) and key[:2] == "$$" else key)
        text = item[1][:1] + item[1][2:] if item[1][:2] == "$L" else item[1]  # a component is its import
        element.type = cast("Any", self._text(text, element, "type") if text[:1] == "$" else text)
        element.props = cast("Any", self._text(props, element, "props") if isinstance(props, str) else props)
        if type(props) is dict:
            self._todo.append(props)
        return element

    def _text(self, text: str, container: Any, key: Any) -> object:
        letter = text[1:2]
        if text in CONSTANTS:
            return CONSTANTS[text]
        if text == "$Z":
            return RemoteError("")
        if letter in _PLAIN:
            return _PLAIN[letter](text[2:])
        if letter in ("@", "L"):
            return self._pending_of(row_id_of(text[2:]))
        kind = letter if letter in _MAKERS else ""
        hole = Hole(text[1 + len(kind) :], kind, container, key)
        self.holes.append(hole)
        return hole


def row_id_of(text: str) -> int:
    """The number of a row from its hex digits.

    Raises:
        DecodeError: these are none.
    """
    if not _ID.fullmatch(text):
        raise DecodeError(f"The response refers to {text[:80]!r}, which is no row.")
    return int(text, 16)


def _step(value: Any, step: str) -> Any:
    if type(value) is dict and step in value:
        return value[step]
    if type(value) is list and _INDEX.fullmatch(step) and int(step) < len(value):
        return value[int(step)]
    if isinstance(value, Element) and step in ("type", "key", "props"):
        return {"type": value.type, "key": value.key, "props": value.props}[step]
    raise DecodeError(f"The response refers to {step[:80]!r} of something that has none.")


def _function(described: Any) -> Any:
    if type(described) is not dict or not isinstance(described.get("id"), str):
        raise DecodeError("The response has a function without an id.")
    bound = described.get("bound")
    if isinstance(bound, Pending):
        if bound.state == "pending":
            return bound
        bound = bound.result()
    if bound is not None and type(bound) is not list:
        raise DecodeError("The response has a function whose bound arguments are no list.")
    return ServerReference(described["id"], bound)


def _error(described: Any) -> RemoteError:
    facts = described if type(described) is dict else {}
    return RemoteError(
        str(facts.get("digest") or ""),
        name=str(facts.get("name") or "Error"),
        message=str(facts.get("message") or ""),
    )


def _form(fields: Any) -> FormData:
    entries = _list(fields)
    if not all(type(entry) is list and len(entry) == 2 and isinstance(entry[0], str) for entry in entries):
        raise DecodeError("The response has a form with a field that is none.")
    return FormData((name, content) for name, content in entries)


def _blob(parts: Any) -> Blob:
    content_type, *data = _list(parts) or [None]
    if not isinstance(content_type, str) or not all(isinstance(part, bytes) for part in data):
        raise DecodeError("The response has a Blob that is none.")
    return Blob(b"".join(data), content_type)


def _list(items: Any) -> list[Any]:
    if type(items) is not list:
        raise DecodeError("The response has something other than a list where a list must be.")
    return list(items)


_PLAIN: Final[dict[str, Callable[[str], Any]]] = {
    "$": lambda rest: "$" + rest,
    "S": Symbol,
    "n": lambda rest: big_int(rest, MAX_BIGINT_DIGITS),
    "D": date_value,
    "T": lambda rest: TemporaryReference(tuple(rest.split(":"))),
}
"""Letters whose value stands right behind them."""

_MAKERS: Final[dict[str, Callable[[Any], Any]]] = {
    "Q": lambda entries: map_value(_list(entries)),
    "W": _list,
    "i": _list,
    "K": _form,
    "B": _blob,
    "h": _function,
    "Z": _error,
}
"""Letters that make something of a row."""
