"""The decoder of one call: from the parts to the values.

Owns: references, what is in progress, every limit. Refuses to know: what the arguments should be.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Final

from flightwire.elements import UNDEFINED
from flightwire.errors import BodyTooLargeError, DecodeError
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
_Path = tuple[int, list[tuple[str, int]]]
_MAX_KNOWN: Final = 4096
_MISSING: Final = object()
_CONTAINERS: Final = frozenset((list, dict))
_TEXT: Final = re.compile(r'"[^"\\]*(?:\\.[^"\\]*)*+"?', re.DOTALL)  # never fails once it began: linear


class Decoder:
    """Decodes one call.

    Each part is decoded once, in place: what JSON gave becomes the value, so that a body is never held twice. What is in
    progress may be referred to as far as it has come, but not entered again.
    """

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
        self._max_depth = limits.max_depth
        self._nodes_left = limits.max_nodes
        self._objects_left = limits.max_objects
        self._done: dict[int, object] = {}  # part → its value
        self._roots: dict[int, object] = {}  # part in progress → its container, or None
        self._trail: dict[int, Any] = {}  # container in progress → the key we are at; outermost first
        self._trail_start = 0  # where the trail enters the part we are in
        self._passed: dict[
            int, tuple[set[str], Iterator[str]]
        ] = {}  # object in progress → keys already decoded
        self._known = dict(CONSTANTS)  # text → the value that it is in every place
        self._paths: dict[str, _Path] = {}
        self._indexes: dict[str, int] = {}  # step → the place in an array that it may be
        self._functions: dict[int, object] = {}
        self._consumed: set[int] = set()
        self._opaque: dict[int, object] = {}  # containers that are no plain object or array
        self._measures: dict[int, tuple[int, int]] = {}
        self._promise_chain = 0
        self._stored_bytes = 0

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
        raw = self._parsed(self._parts.model(part_id), part_id)
        self._count(1)
        self._roots[part_id] = raw if type(raw) in _CONTAINERS else None
        start, self._trail_start = self._trail_start, len(self._trail)
        value = self._value(raw, depth)
        self._trail_start = start
        del self._roots[part_id]
        self._done[part_id] = value
        return value

    def _parsed(self, text: str, part_id: int) -> object:
        """The JSON of a part; refused before it is read when it would fill the memory.

        No container costs less than a character of its own, so there are no more of them than opening brackets.
        """
        if text.count("[") + text.count("{") > self._nodes_left or text.count("{") > self._objects_left:
            bare = _TEXT.sub("", text)
            if bare.count("[") + bare.count("{") > self._nodes_left + 1:
                raise self._too_many("values", self._limits.max_nodes)
            if bare.count("{") > self._objects_left:
                raise self._too_many("objects", self._limits.max_objects)
        return _parse(text, part_id)

    def _value(self, raw: Any, depth: int) -> object:
        """The value of what stands at the top of a part or is the item of a stream."""
        cls = type(raw)
        if cls is list:
            self._fill_list(raw, depth)
            return raw
        if cls is dict:
            self._fill_dict(raw, depth)
            return raw
        if cls is str:
            return self._special(raw, depth) if raw[:1] == "$" else raw
        return json_number(raw) if cls is int or cls is float else raw

    def _count(self, nodes: int) -> None:
        self._nodes_left -= nodes
        if self._nodes_left < 0:
            raise self._too_many("values", self._limits.max_nodes)

    def _too_many(self, what: str, most: int) -> DecodeError:
        return DecodeError(f"The call holds more than {most} {what}.")

    # containers

    # Both turn what JSON gave into values, in place, and are the hot path: plain JSON costs them a look at each type.

    def _fill_list(self, items: list[Any], depth: int) -> None:
        if depth >= self._max_depth:
            raise self._too_deep()
        left = self._nodes_left = self._nodes_left - len(items)
        if left < 0:
            raise self._too_many("values", self._limits.max_nodes)
        trail, me = self._trail, id(items)
        for index, item in enumerate(items):
            cls = type(item)
            if cls is str:
                if item[:1] == "$":
                    trail[me] = index
                    items[index] = self._special(item, depth + 1)
            elif cls is list:
                if item or depth + 1 >= self._max_depth:
                    trail[me] = index
                    self._fill_list(item, depth + 1)
            elif cls is dict:
                trail[me] = index
                self._fill_dict(item, depth + 1)
            elif (cls is int and not -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER) or cls is float:
                items[index] = json_number(item)
        if me in trail:
            del trail[me]

    def _fill_dict(self, fields: dict[str, Any], depth: int) -> None:
        if depth >= self._max_depth:
            raise self._too_deep()
        self._count(len(fields))
        self._objects_left -= 1
        if self._objects_left < 0:
            raise self._too_many("objects", self._limits.max_objects)
        fields.pop("__proto__", None)  # as React since 19.2.4
        trail, me = self._trail, id(fields)
        undefined = []
        for key, item in fields.items():
            cls = type(item)
            if cls is str:
                if item[:1] == "$":
                    trail[me] = key
                    value = fields[key] = self._field(key, item, depth + 1)
                    if value is UNDEFINED:
                        undefined.append(key)
            elif cls is list:
                trail[me] = key
                self._fill_list(item, depth + 1)
            elif cls is dict:
                trail[me] = key
                self._fill_dict(item, depth + 1)
            elif (cls is int and not -MAX_SAFE_INTEGER <= item <= MAX_SAFE_INTEGER) or cls is float:
                fields[key] = json_number(item)
        if me in trail:
            del trail[me]
        for key in undefined:
            del fields[key]

    def _too_deep(self) -> DecodeError:
        return DecodeError(f"The call is nested more than {self._limits.max_depth} levels deep.")

    def _field(self, key: str, text: str, depth: int) -> object:
        if key == "then" and text[1:2] in ("h", "F"):
            raise DecodeError("The call holds a function under the key 'then'.")
        return self._special(text, depth)

    # strings that begin with `$`

    def _special(self, text: str, depth: int) -> object:
        if text[1:2] == "$":
            return text[1:]
        known = self._known.get(text, _MISSING)
        if known is not _MISSING:
            return known
        read = _READERS.get(text[1:2])
        return self._reference(text, depth) if read is None else read(self, text, depth)

    def _keep(self, text: str, value: object) -> object:
        """Remember what a text always is, so that a thousand of them cost as one."""
        if len(self._known) < _MAX_KNOWN:
            self._known[text] = value
        return value

    def _reference(self, text: str, depth: int) -> object:
        path = self._paths.get(text)
        if path is None:
            path = self._path(text)
        part_id, steps = path
        value = self._roots.get(part_id)  # as in `_refer`: most often we are inside it
        if value is None:
            value = self._refer(part_id, depth, is_whole=not steps)
        if not steps:
            return value
        self._nodes_left -= len(steps) - 1  # `_repeat` looks whether any are left
        trail, opaque = self._trail, self._opaque
        for step, index in steps:
            me = id(value)
            if type(value) is list and me not in trail and me not in opaque:  # the usual case of `_step`
                value = value[index] if 0 <= index < len(value) else _MISSING
            else:
                value = self._step(value, step, index)
            if value is _MISSING or value is UNDEFINED:
                raise DecodeError(f"The call refers to {text[:80]!r}, which is not there.")
        self._repeat(value, depth)
        return value

    def _path(self, text: str) -> _Path:
        """The part that a reference names, and its steps from there, each with the place in an array that it may be."""
        head, _, last = text.rpartition(":")
        near = self._paths.get(head)  # a neighbour has come before
        if near is not None:
            part_id, steps = near[0], [*near[1], (last, self._index(last))]
        else:
            row, *names = text[1:].split(":", self._limits.max_path_steps + 1)
            part_id, steps = _part_id(row, text), [(name, self._index(name)) for name in names]
        if len(steps) > self._limits.max_path_steps:
            raise DecodeError(
                f"The call refers to something more than {self._limits.max_path_steps} steps away."
            )
        path = (part_id, steps)
        if len(self._paths) < _MAX_KNOWN:
            self._paths[text] = path
            if near is None and steps:
                self._paths[head] = (part_id, steps[:-1])
        return path

    def _index(self, step: str) -> int:
        """The place in an array that a step is, or -1."""
        known = self._indexes.get(step)
        if known is None:
            known = int(step) if _is_index(step) else -1
            if len(self._indexes) < _MAX_KNOWN:  # long paths share most of their steps
                self._indexes[step] = known
        return known

    def _refer(self, part_id: int, depth: int, *, is_whole: bool = True) -> object:
        """The value of a part; one that was decoded before is paid for again."""
        root = self._roots.get(part_id)
        if root is not None:  # we are inside it
            return root
        is_known = part_id in self._done
        value = self.model(part_id, depth)
        if is_known and is_whole:
            self._repeat(value, depth)
        return value

    def _step(self, value: Any, step: str, index: int) -> object:
        """Only through plain objects by own keys and arrays by index: React's CVE-2025-55182 was a laxer walk."""
        cls, me = type(value), id(value)
        if me in self._opaque:
            return _MISSING
        if cls is dict:
            if me in self._trail and not self._has_passed(value, step):
                return _MISSING
            return value.get(step, _MISSING)
        if cls is list and 0 <= index < len(value):
            at = self._trail.get(me, len(value))
            return value[index] if index < at or (index == at and type(value[index]) is not str) else _MISSING
        return _MISSING

    def _has_passed(self, fields: dict[str, object], key: str) -> bool:
        """Whether a field of an object in progress has been decoded, or is the one that we are inside."""
        at = self._trail[id(fields)]
        if key == at:
            return type(fields[key]) is not str
        passed, keys = self._passed.setdefault(id(fields), (set(), iter(fields)))
        if at not in passed:
            for each in keys:
                passed.add(each)
                if each == at:
                    break
        return key in passed

    def _repeat(self, value: object, depth: int) -> None:
        """Pay for a value that stands in a second place: whoever copies, prints or checks the arguments will."""
        if not value or type(value) not in _CONTAINERS:
            height, nodes = int(type(value) in _CONTAINERS), 1
        elif id(value) in self._trail:  # a cycle
            height, nodes = 0, 1
        else:
            height, nodes = self._measure(value)
        self._nodes_left -= nodes
        if self._nodes_left < 0:
            raise self._too_many("values", self._limits.max_nodes)
        if depth + height > self._limits.max_depth:
            raise self._too_deep()

    def _measure(self, value: object) -> tuple[int, int]:
        """Levels and nodes of a finished value, written out; what is in progress is a cycle and counts where it stands."""
        me = id(value)
        if type(value) not in _CONTAINERS or me in self._trail:
            return 0, 1
        known = self._measures.get(me)
        if known is None:
            self._measures[me] = (0, 1)  # met again on the way down: a cycle
            children: Any = value if type(value) is list else value.values()  # type: ignore[attr-defined]
            height, nodes = 0, 1 + len(children)
            for child in children:
                if type(child) in _CONTAINERS:
                    child_height, child_nodes = self._measure(child)
                    nodes += child_nodes - 1
                    height = max(height, child_height)
            known = self._measures[me] = (height + 1, nodes)
        return known

    def _take(self, text: str, prefix_chars: int = 2) -> int:
        """The part that a reference consumes: a second Map, Set or stream of the same part is refused."""
        part_id = _part_id(text[prefix_chars:], text)
        if part_id in self._consumed:
            raise DecodeError(f"The call uses part {part_id} twice, for two values.")
        self._consumed.add(part_id)
        if len(self._consumed) > self._limits.max_parts:  # forms without fields need no part
            raise self._too_many("Maps, Sets, forms, streams and typed arrays", self._limits.max_parts)
        return part_id

    def _items(self, text: str, depth: int) -> list[object]:
        items = self._refer(self._take(text), depth)
        if type(items) is not list or id(items) in self._trail or id(items) in self._opaque:
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
        return self._keep(text, file_value(self._parts.file(_part_id(text[2:], text))))

    def _bytes(self, text: str, depth: int) -> object:
        part = self._parts.file(self._take(text))
        if part.stored is None:
            return bytes_of(text[1], part.data)
        self._stored_bytes += part.stored.size
        if self._stored_bytes > self._limits.max_stored_bytes:
            raise BodyTooLargeError(self._limits.max_stored_bytes)
        return bytes_of(text[1], part.stored.data)

    def _stream(self, text: str, depth: int) -> object:
        part_id = self._take(text)
        *chunks, end = self._parts.stream(part_id)
        self._count(len(chunks))
        items = [self._item(chunk, part_id, depth) for chunk in chunks]
        if text[1] == "r" and not all(isinstance(item, bytes) for item in items):
            raise DecodeError("The call holds a stream of bytes with other items.")
        return ReceivedStream(items, self._item(end, part_id, depth) if end else UNDEFINED)

    def _item(self, json: str, part_id: int, depth: int) -> object:
        return self._value(self._parsed(json, part_id), depth + 1)

    def _big_int(self, text: str, depth: int) -> object:
        return self._keep(text, big_int(text[2:], self._limits.max_bigint_digits))

    def _date(self, text: str, depth: int) -> object:
        return self._keep(text, date_value(text[2:]))

    def _temporary_reference(self, text: str, depth: int) -> object:
        if text != "$T" or not self._allow_temporary_references:
            raise DecodeError("The call holds something that only the browser can have, such as an element.")
        part_id = next(reversed(self._roots))
        steps = list(islice(self._trail.values(), self._trail_start, None))
        self._count(len(steps) - 1)
        return TemporaryReference((f"{part_id:x}", *map(str, steps)))


def _is_index(step: str) -> bool:
    """Whether a step is an index as JavaScript writes it."""
    return step.isdigit() and step.isascii() and (step[0] != "0" or step == "0") and len(step) < 10


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
