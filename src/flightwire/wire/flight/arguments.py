"""The decoder of one call: from the parts to the values.

Owns: references, what is in progress, every limit. Refuses to know: what the arguments should be.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from flightwire.elements import UNDEFINED
from flightwire.errors import DecodeError
from flightwire.jsontypes import loads
from flightwire.wire.flight.letters import (
    CONSTANTS,
    TYPED_ARRAYS,
    big_int,
    bytes_of,
    date_value,
    file_value,
    json_number,
    map_value,
)
from flightwire.wire.flight.limits import Limits
from flightwire.wire.flight.parts import Parts, TextField
from flightwire.wire.flight.values import (
    MAX_SAFE_INTEGER,
    FormData,
    ReceivedStream,
    ServerReference,
    TemporaryReference,
)

ReferenceResolver = Callable[[ServerReference], object]
"""Gives what a server function in an argument becomes, or None when there is no such function."""

_ID: Final = re.compile(r"0|[1-9a-f][0-9a-f]{0,6}", re.ASCII)
_INDEX: Final = re.compile(r"0|[1-9][0-9]{0,8}", re.ASCII)


class Decoder:
    """Decodes one call. Each part is decoded once; what is in progress may be referred to, but not entered again."""

    def __init__(
        self,
        parts: Parts,
        limits: Limits,
        resolve_reference: ReferenceResolver | None,
        allow_temporary_references: bool,
    ) -> None:
        self._parts = parts
        self._limits = limits
        self._resolve_reference = resolve_reference
        self._allow_temporary_references = allow_temporary_references
        self._nodes_left = limits.max_nodes
        self._done: dict[int, object] = {}  # part → its value
        self._roots: dict[int, object] = {}  # part in progress → its container, filled so far; or None
        self._functions: dict[int, object] = {}
        self._consumed: set[int] = set()
        self._opaque: dict[
            int, object
        ] = {}  # containers that are no plain object or array: no path enters them
        self._open: set[int] = set()
        self._measures: dict[int, tuple[int, int]] = {}
        self._promise_chain = 0
        self._steps: list[object] = []  # where we are, for temporary references

    # parts

    def model(self, part_id: int, depth: int) -> object:
        """The value of a part."""
        if part_id in self._done:
            return self._done[part_id]
        if part_id in self._roots:
            root = self._roots[part_id]
            if root is None:
                raise DecodeError(f"Part {part_id} of the call is defined by itself.")
            return root
        raw = _parse(self._parts.model(part_id), part_id)
        self._roots[part_id] = None
        self._count(1)
        steps, self._steps = self._steps, [f"{part_id:x}"]
        value = self._root(part_id, raw, depth)
        self._steps = steps
        del self._roots[part_id]
        self._done[part_id] = value
        return value

    def _root(self, part_id: int, raw: object, depth: int) -> object:
        cls = type(raw)
        if cls is list or cls is dict:
            container: Any = cls()
            self._roots[part_id] = container
            self._fill(container, raw, depth)
            return container
        return self._scalar(raw, depth)

    def _count(self, nodes: int) -> None:
        self._nodes_left -= nodes
        if self._nodes_left < 0:
            raise DecodeError(f"The call holds more than {self._limits.max_nodes} values.")

    # containers

    def _fill(self, container: Any, raw: Any, depth: int) -> None:
        """Fill a new container, which is in its place already, so that what is inside may refer to it."""
        if depth >= self._limits.max_depth:
            raise DecodeError(f"The call is nested more than {self._limits.max_depth} levels deep.")
        self._count(len(raw))
        self._open.add(id(container))
        if type(raw) is list:
            self._fill_list(container, raw, depth + 1)
        else:
            self._fill_dict(container, raw, depth + 1)
        self._open.discard(id(container))

    def _fill_list(self, container: list[object], raw: list[object], depth: int) -> None:
        for index, item in enumerate(raw):
            cls = type(item)
            if cls is list or cls is dict:
                child: Any = cls()
                container.append(child)
                self._fill_at(index, child, item, depth)
            elif _is_final(item, cls):
                container.append(item)
            else:
                container.append(self._scalar_at(index, item, depth))

    def _fill_dict(self, container: dict[str, object], raw: dict[str, object], depth: int) -> None:
        for key, item in raw.items():
            if key == "__proto__":  # as React since 19.2.4
                continue
            if key == "then" and isinstance(item, str) and item[:2] in ("$h", "$F"):
                raise DecodeError("The call holds a function under the key 'then'.")
            cls = type(item)
            if cls is list or cls is dict:
                child: Any = cls()
                container[key] = child
                self._fill_at(key, child, item, depth)
            elif _is_final(item, cls):
                container[key] = item
            else:
                value = self._scalar_at(key, item, depth)
                if value is not UNDEFINED:
                    container[key] = value

    def _fill_at(self, key: object, container: Any, raw: Any, depth: int) -> None:
        self._steps.append(key)
        self._fill(container, raw, depth)
        self._steps.pop()

    def _scalar_at(self, key: object, raw: object, depth: int) -> object:
        self._steps.append(key)
        value = self._scalar(raw, depth)
        self._steps.pop()
        return value

    def _scalar(self, raw: object, depth: int) -> object:
        if isinstance(raw, str):
            return self._special(raw, depth) if raw[:1] == "$" else raw
        return json_number(raw) if isinstance(raw, int | float) else raw

    # strings that begin with `$`

    def _special(self, text: str, depth: int) -> object:
        if text[1:2] == "$":
            return text[1:]
        if text in CONSTANTS:
            return CONSTANTS[text]
        read = _READERS.get(text[1:2])
        if read is not None:
            return read(self, text, depth)
        return self._reference(text, depth)

    def _reference(self, text: str, depth: int) -> object:
        row, *steps = text[1:].split(":")
        value = self._refer(_part_id(row, text), depth, is_whole=not steps)
        if not steps:
            return value
        if len(steps) > self._limits.max_path_steps:
            raise DecodeError(
                f"The call refers to something more than {self._limits.max_path_steps} steps away."
            )
        for step in steps:
            value = self._step(value, step, text)
        self._repeat(value, depth)
        return value

    def _refer(self, part_id: int, depth: int, *, is_whole: bool = True) -> object:
        """The value of a part; one that was decoded before is paid for again."""
        is_known = part_id in self._done
        value = self.model(part_id, depth)
        if is_known and is_whole:
            self._repeat(value, depth)
        return value

    def _step(self, value: object, step: str, text: str) -> object:
        """Only through plain objects by own keys and arrays by index: React's CVE-2025-55182 was a laxer walk."""
        if id(value) not in self._opaque:
            if type(value) is dict and step in value:
                return value[step]
            if type(value) is list and _INDEX.fullmatch(step) and int(step) < len(value):
                return value[int(step)]
        raise DecodeError(f"The call refers to {text[:80]!r}, which is not there.")

    def _repeat(self, value: object, depth: int) -> None:
        """Pay for a value that stands in a second place: whoever copies, prints or checks the arguments will."""
        height, nodes = self._measure(value)
        self._count(nodes)
        if depth + height > self._limits.max_depth:
            raise DecodeError(f"The call is nested more than {self._limits.max_depth} levels deep.")

    def _measure(self, value: object) -> tuple[int, int]:
        """Levels and nodes of a finished value, written out; what is in progress is a cycle and counts where it stands."""
        if type(value) not in (list, dict) or id(value) in self._open:
            return 0, 1
        known = self._measures.get(id(value))
        if known is None:
            self._measures[id(value)] = (0, 1)  # met again on the way down: a cycle
            children: Any = value if type(value) is list else value.values()  # type: ignore[attr-defined]
            height, nodes = 0, 1
            for child in children:
                child_height, child_nodes = self._measure(child)
                height, nodes = max(height, child_height), nodes + child_nodes
            known = self._measures[id(value)] = (height + 1, nodes)
        return known

    def _take(self, text: str, prefix_chars: int = 2) -> int:
        """The part that a reference consumes: a second Map, Set or stream of the same part is refused."""
        part_id = _part_id(text[prefix_chars:], text)
        if part_id in self._consumed:
            raise DecodeError(f"The call uses part {part_id} twice, for two values.")
        self._consumed.add(part_id)
        return part_id

    def _items(self, text: str, depth: int) -> list[object]:
        items = self._refer(self._take(text), depth)
        if type(items) is not list or id(items) in self._open or id(items) in self._opaque:
            raise DecodeError(f"The call refers to {text[:80]!r}, whose part is no array of its own.")
        return items

    def _closed(self, value: object) -> object:
        """Remember a container that no path may enter."""
        self._opaque[id(value)] = value
        return value

    # what the letters mean

    def _promise(self, text: str, depth: int) -> object:
        part_id = _part_id(text[2:], text)
        if part_id in self._roots:
            raise DecodeError(f"The call holds a promise, part {part_id}, that waits for itself.")
        self._promise_chain += 1
        if self._promise_chain > self._limits.max_promise_chain:
            raise DecodeError(f"The call holds more than {self._limits.max_promise_chain} promises in a row.")
        value = self._refer(part_id, depth)
        self._promise_chain -= 1
        return value

    def _function(self, text: str, depth: int) -> object:
        part_id = _part_id(text[2:], text)
        if part_id not in self._functions:
            self._functions[part_id] = self._resolve(part_id, depth)
        return self._functions[part_id]

    def _resolve(self, part_id: int, depth: int) -> object:
        if part_id in self._roots:
            raise DecodeError("The call holds a function inside its own bound arguments.")
        described = self._refer(part_id, depth)
        function_id = described.get("id") if type(described) is dict else None
        if not isinstance(function_id, str):
            raise DecodeError("The call holds a function without an id.")
        bound = described.get("bound")  # type: ignore[attr-defined]  # a dict, or it had no id
        if bound is not None and type(bound) is not list:
            raise DecodeError("The call holds a function whose bound arguments are no list.")
        if bound is not None and len(bound) > self._limits.max_bound_arguments:
            raise DecodeError(f"The call binds more than {self._limits.max_bound_arguments} arguments.")
        if self._resolve_reference is None:
            raise DecodeError("The call holds a function, and none is accepted here.")
        function = self._resolve_reference(ServerReference(function_id, bound))
        if function is None:
            raise DecodeError("The call holds a function that does not exist here.")
        return function

    def _map(self, text: str, depth: int) -> object:
        return self._closed(map_value(self._items(text, depth)))

    def _list(self, text: str, depth: int) -> object:
        return self._closed(list(self._items(text, depth)))

    def _form_data(self, text: str, depth: int) -> object:
        fields = self._parts.form(self._take(text))
        self._count(len(fields))
        return FormData(
            (key, part.text if isinstance(part, TextField) else file_value(part)) for key, part in fields
        )

    def _file(self, text: str, depth: int) -> object:
        return file_value(self._parts.file(_part_id(text[2:], text)))

    def _bytes(self, text: str, depth: int) -> object:
        return bytes_of(text[1], self._parts.file(self._take(text)).data)

    def _stream(self, text: str, depth: int) -> object:
        part_id = self._take(text)
        *chunks, end = self._parts.stream(part_id)
        self._count(len(chunks))
        items = [self._item(chunk, part_id, depth) for chunk in chunks]
        if text[1] == "r" and not all(isinstance(item, bytes) for item in items):
            raise DecodeError("The call holds a stream of bytes with other items.")
        return ReceivedStream(items, self._item(end, part_id, depth) if end else UNDEFINED)

    def _item(self, json: str, part_id: int, depth: int) -> object:
        raw = _parse(json, part_id)
        cls = type(raw)
        if cls is list or cls is dict:
            container: Any = cls()
            self._fill(container, raw, depth + 1)
            return container
        return self._scalar(raw, depth + 1)

    def _big_int(self, text: str, depth: int) -> object:
        return big_int(text[2:], self._limits.max_bigint_digits)

    def _date(self, text: str, depth: int) -> object:
        return date_value(text[2:])

    def _temporary_reference(self, text: str, depth: int) -> object:
        if text != "$T" or not self._allow_temporary_references:
            raise DecodeError("The call holds something that only the browser can have, such as an element.")
        return TemporaryReference(tuple(str(step) for step in self._steps))


def _is_final(item: Any, cls: type) -> bool:
    """Whether a scalar is in JSON what it is in Python: what nearly every scalar is."""
    if cls is str:
        return bool(item[:1] != "$")
    return item is None or cls is bool or (cls is int and -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER)


_Reader = Callable[[Decoder, str, int], object]

_READERS: Final[dict[str, _Reader]] = {
    "@": Decoder._promise,
    "h": Decoder._function,
    "F": Decoder._function,  # before 19.0.2, 19.1.3, 19.2.2
    "Q": Decoder._map,
    "W": Decoder._list,
    "i": Decoder._list,
    "K": Decoder._form_data,
    "B": Decoder._file,
    "R": Decoder._stream,
    "r": Decoder._stream,
    "X": Decoder._stream,
    "x": Decoder._stream,
    "n": Decoder._big_int,
    "D": Decoder._date,
    "T": Decoder._temporary_reference,
    **dict.fromkeys(TYPED_ARRAYS, Decoder._bytes),
}


def _part_id(digits: str, text: str) -> int:
    if not _ID.fullmatch(digits):
        raise DecodeError(f"The call refers to {text[:80]!r}, which React does not write.")
    return int(digits, 16)


def _parse(text: str, part_id: int) -> object:
    try:
        return loads(text)
    except ValueError as error:
        raise DecodeError(f"Part {part_id} of the call cannot be read: {error}.") from None
