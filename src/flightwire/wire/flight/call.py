"""Calls from Python: arguments as React's `encodeReply` writes them.

Owns: which values become text, parts and references, and the letter for what cannot be an argument. Refuses to know: HTTP,
forms as bytes (`form.py`), waiting: a promise goes as what it has become. Format: react-server-dom-webpack 19.3.1; what
is written here `reply.py` and React's own server decode.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Final, TypeAlias
from uuid import UUID

from flightwire.elements import UNDEFINED, UNSET, Element, Symbol
from flightwire.errors import ArgumentEncodeError, EncodeError
from flightwire.wire.flight import values
from flightwire.wire.flight.declared import attribute_name, declared_form, has_declared_form, is_its_text
from flightwire.wire.flight.letters import TYPED_ARRAYS
from flightwire.wire.flight.model import safe_integer
from flightwire.wire.flight.parts import FileField, Part, TextField
from flightwire.wire.flight.pending import Pending
from flightwire.wire.flight.rows import dump, escape

__all__ = ["encode_call"]

_LETTERS: Final = {kind: (letter, item_bytes) for letter, (kind, item_bytes) in TYPED_ARRAYS.items()}


def encode_call(arguments: Sequence[object]) -> str | list[Part]:
    """Encode the arguments of a call.

    What goes to the browser one way goes to the server the same way: dataclasses and pydantic models in their declared
    form, enums as their values, aware datetimes as Dates, bytes as Uint8Array, sets as Sets. A server function is a
    `ServerReference`, or any action. An object that stands in two places arrives as one object, cycles included.

    Returns:
        The text of the body when JSON says it all, else the parts of a form, in the order React has.

    Raises:
        ArgumentEncodeError: a value that cannot be an argument; says where it is.
    """
    encoder = _Encoder()
    try:
        root = arguments if isinstance(arguments, list) else list(arguments)
        return encoder.finish(encoder.part(root, 0))
    except RecursionError:
        raise ArgumentEncodeError(_TOO_DEEP) from None
    except EncodeError as error:
        raise ArgumentEncodeError(error.problem, path=error.path) from None


class _Place(str):
    """The whole reference to a place, in the place of a name below another; a name may look just like one."""

    __slots__ = ()


class _Encoder:
    """Encodes one call."""

    def __init__(self) -> None:
        self.parts: list[Part] = []
        self._next_id = 1
        self._depth = 0
        self._written: dict[int, str] = {}  # id(object) → the reference that leads to it
        self._kept: list[object] = []  # what was made on the way: its identity must stay its own
        self._later: deque[Callable[[], None]] = deque()  # React writes what it waited for after the rest

    def finish(self, text: str) -> str | list[Part]:
        """The whole body, given the root's JSON."""
        if not self.parts and not self._later:
            return text
        self.parts.append(TextField("0", text))
        while self._later:
            self._later.popleft()()
        return self.parts

    def part(self, root: object, part_id: int) -> str:
        """The JSON of a part."""
        return dump(self.model(root, None, _Place(f"${part_id:x}"))).decode()

    def take_id(self) -> int:
        """A part id nobody has used."""
        taken = self._next_id
        self._next_id += 1
        return taken

    # the walk

    def model(self, value: Any, parent: str | None, key: object) -> object:
        """The model of a value; `parent` refers to what it is in, None when nothing can.

        Raises:
            EncodeError: it cannot be sent.
        """
        cls = type(value)
        if cls is str:
            return "$" + value if value[:1] == "$" else value
        if value is None or cls is bool:
            return value
        for kinds, write in _HANDLERS:
            if isinstance(value, kinds):
                return write(self, value, self._place(parent, key))
        return self._by_shape(value, self._place(parent, key))

    def _place(self, parent: str | None, key: object) -> str | None:
        """How others can refer to what is written here. No path has room for a name with a colon."""
        if parent is None or ":" in str(key):
            return str(key) if isinstance(key, _Place) else None
        return f"{parent}:{key}"

    def _by_shape(self, value: Any, place: str | None) -> object:
        if not isinstance(value, type):
            if hasattr(value, "to_server_reference"):
                return self.function(value, value.to_server_reference())
            if is_its_text(type(value)):
                return self.model(str(value), None, "")
            if has_declared_form(type(value)) and not isinstance(value, Awaitable | BaseException):
                return self._declared(value, place)
        raise EncodeError(_letter(value))

    def found(self, value: object, place: str | None) -> str | None:
        """The reference to what was written before; otherwise it is remembered here."""
        known = self._written.get(id(value))
        if known is None and place is not None:
            self._written[id(value)] = place
            self._kept.append(value)
        return known

    # containers

    def mapping(self, value: Mapping[Any, object], place: str | None) -> object:
        return self.found(value, place) or self._fields(value, place, "[{!r}]".format)

    def sequence(self, value: Sequence[object], place: str | None) -> object:
        """Lists have identity; tuples have none: Python shares equal ones."""
        known = None if isinstance(value, tuple) else self.found(value, place)
        return known or self._items(value, place)

    def _declared(self, value: Any, place: str | None) -> object:
        if (known := self.found(value, place)) is not None:
            return known
        form = declared_form(value)
        self._kept.append(form)
        if not isinstance(form, Mapping):
            return self.model(form, None, "" if place is None else _Place(place))
        return self._fields(form, place, lambda name: "." + attribute_name(type(value), name))

    def _fields(
        self, fields: Mapping[Any, object], place: str | None, step: Callable[[str], str]
    ) -> dict[str, object]:
        made: dict[str, object] = {}
        self._enter()
        for name, item in fields.items():
            text = _key(name)
            try:
                made[text] = self.model(item, place, text)
            except EncodeError as error:
                error.path = step(text) + error.path
                raise
        self._depth -= 1
        return made

    def _items(self, items: Iterable[object], place: str | None) -> list[object]:
        made: list[object] = []
        self._enter()
        for item in items:
            try:
                made.append(self.model(item, place, len(made)))
            except EncodeError as error:
                error.path = f"[{len(made)}]{error.path}"
                raise
        self._depth -= 1
        return made

    def _enter(self) -> None:
        self._depth += 1
        if self._depth > values.MAX_DEPTH:
            raise EncodeError(_TOO_DEEP)

    def outlined(self, letter: str, value: object, items: list[object], place: str | None) -> object:
        """A Map, Set or iterator: a part with its items."""
        if not isinstance(value, frozenset) and (known := self.found(value, place)) is not None:
            return known
        part_id = self.take_id()
        self._add(part_id, self.part(items, part_id))
        return f"${letter}{part_id:x}"

    # parts of their own

    def _add(self, part_id: int, text: str) -> None:
        self.parts.append(TextField(str(part_id), text))

    def binary(self, letter: str, data: Any) -> str:
        """Bytes, as a file called "blob". Sent once per place: React's server reads null where a path leads to bytes."""
        return self._file(letter, "blob", "", bytes(data))

    def file(self, value: values.Blob | values.File, place: str | None) -> object:
        filename = value.filename if isinstance(value, values.File) else "blob"
        return self.found(value, place) or self._file("B", filename, value.content_type, bytes(value.data))

    def _file(self, letter: str, filename: str, content_type: str, data: bytes) -> str:
        part_id = self.take_id()
        self.parts.append(FileField(str(part_id), filename, content_type, data))
        return f"${letter}{part_id:x}"

    def form(self, value: values.FormData, place: str | None) -> object:
        if (known := self.found(value, place)) is not None:
            return known
        part_id = self.take_id()
        for name, content in value.entries:
            self.parts.append(_field(f"_{part_id}_{_key(name)}", content))
        return f"$K{part_id:x}"

    def function(self, owner: object, reference: values.ServerReference) -> str:
        """A server function; every use of it refers to one part."""
        known = self._written.get(id(owner))
        if known is not None:
            return known
        bound = None
        if reference.bound is not None:
            bound_id = self.take_id()
            self._add(bound_id, self.part(list(reference.bound), bound_id))
            bound = f"$@{bound_id:x}"
        part_id = self.take_id()
        self._add(part_id, dump({"id": escape(reference.id), "bound": bound}).decode())
        self._kept.append(owner)
        self._written[id(owner)] = made = f"$h{part_id:x}"
        return made

    # what has been waited for

    def promise(self, value: Pending) -> str:
        """What a promise of the server's has become.

        Raises:
            EncodeError: nothing yet, or an error.
        """
        if value.state != "resolved":
            raise EncodeError(
                "a promise that has not come yet, or never will; `await` it and send what it gives"
            )
        known = self._written.get(id(value))
        if known is not None:
            return known
        part_id = self.take_id()
        self._later.append(lambda: self._add(part_id, self.part(value.value, part_id)))
        self._kept.append(value)
        self._written[id(value)] = made = f"$@{part_id:x}"
        return made

    def stream(self, value: values.ReceivedStream, place: str | None) -> str:
        """Items that are known: parts of one name, and an end."""
        known = self.found(value, place)
        if known is not None:
            return known
        part_id = self.take_id()
        self._later.append(lambda: self._stream_items(value, part_id))
        return f"$X{part_id:x}"

    def _stream_items(self, value: values.ReceivedStream, part_id: int) -> None:
        for item in value.items:
            text = dump(self.model(item, None, "")).decode()
            self.parts.append(TextField(f"S{part_id}", text))
        returned = "" if value.returned is UNDEFINED else dump(self.model(value.returned, None, "")).decode()
        self.parts.append(TextField(f"S{part_id}", f"C{returned}"))


# what each kind becomes

_Handler: TypeAlias = Callable[[_Encoder, Any, str | None], object]


def _enum(encoder: _Encoder, value: Enum, place: str | None) -> object:
    return encoder.model(value.value, None, "" if place is None else _Place(place))


def _big_int(encoder: _Encoder, value: int, place: str | None) -> object:
    try:
        return f"$n{int(value)}"
    except ValueError:  # CPython writes at most 4,300 digits
        raise EncodeError("a BigInt of more than 4,300 digits") from None


def _float(encoder: _Encoder, value: float, place: str | None) -> object:
    if math.isfinite(value):
        return "$-0" if value == 0 and math.copysign(1, value) < 0 else float(value)
    return "$NaN" if math.isnan(value) else "$Infinity" if value > 0 else "$-Infinity"


def _datetime(encoder: _Encoder, value: datetime, place: str | None) -> object:
    if value.utcoffset() is None:
        raise EncodeError("a datetime without a time zone; use datetime.now(UTC), or .replace(tzinfo=…)")
    try:
        moment = value.astimezone(UTC)
    except OverflowError:
        raise EncodeError("a datetime that is outside the years 1 to 9999 in UTC") from None
    return f"$D{moment.replace(tzinfo=None).isoformat(timespec='milliseconds')}Z"


def _typed_array(encoder: _Encoder, value: values.TypedArray, place: str | None) -> object:
    letter, item_bytes = _LETTERS[value.kind]
    if len(value.data) % item_bytes:
        raise EncodeError(f"a {value.kind} of {len(value.data)} bytes; write a multiple of {item_bytes}")
    return encoder.binary(letter, value.data)


def _refuse(encoder: _Encoder, value: object, place: str | None) -> object:
    raise EncodeError(_letter(value))


# The first that fits: an Enum may be an int, a BigInt is one, a datetime is a date.
_HANDLERS: Final[tuple[tuple[type | tuple[type, ...], _Handler], ...]] = (
    ((Element, type, BaseException, type(UNSET)), _refuse),
    (type(UNDEFINED), lambda encoder, value, place: "$undefined"),
    (Enum, _enum),
    (values.BigInt, _big_int),
    (int, lambda encoder, value, place: safe_integer(int(value))),
    (float, _float),
    (str, lambda encoder, value, place: escape(str.__str__(value))),
    (Mapping, lambda encoder, value, place: encoder.mapping(value, place)),
    ((list, tuple), lambda encoder, value, place: encoder.sequence(value, place)),
    ((set, frozenset), lambda encoder, value, place: encoder.outlined("W", value, list(value), place)),
    (
        (bytes, bytearray, memoryview),
        lambda encoder, value, place: encoder.binary("o", value),
    ),
    (datetime, _datetime),
    ((date, time), lambda encoder, value, place: value.isoformat()),
    ((Decimal, UUID), lambda encoder, value, place: str(value)),
    (
        values.JSMap,
        lambda encoder, value, place: encoder.outlined("Q", value, [list(e) for e in value.entries], place),
    ),
    (
        values.JSSet,
        lambda encoder, value, place: encoder.outlined("W", value, list(value.items), place),
    ),
    (
        values.JSIterator,
        lambda encoder, value, place: encoder.outlined("i", value, list(value.items), place),
    ),
    (values.TypedArray, _typed_array),
    ((values.Blob, values.File), lambda encoder, value, place: encoder.file(value, place)),
    (values.FormData, lambda encoder, value, place: encoder.form(value, place)),
    (values.ServerReference, lambda encoder, value, place: encoder.function(value, value)),
    (values.ReceivedStream, lambda encoder, value, place: encoder.stream(value, place)),
    (Pending, lambda encoder, value, place: encoder.promise(value)),
    (
        (Symbol, values.TemporaryReference),
        lambda encoder, value, place: "$T",
    ),  # as React: its place says what it is
)


def _field(name: str, content: object) -> Part:
    if isinstance(content, str):
        return TextField(name, content)
    if isinstance(content, values.Blob | values.File):
        filename = content.filename if isinstance(content, values.File) else "blob"
        return FileField(name, filename, content.content_type, bytes(content.data))
    raise EncodeError(
        f"a FormData with a field that is {type(content).__name__}; fields are text, File or Blob"
    )


def _key(name: object) -> str:
    if not isinstance(name, str):
        raise EncodeError(
            f"a key of a dict is {type(name).__name__}, and JavaScript objects have text keys only; "
            "use str(key), or JSMap to send a Map"
        )
    if name == "__proto__":
        raise EncodeError("a key '__proto__', which no server reads; use another")
    return str.__str__(name)


_TOO_DEEP: Final = f"it is nested more than {values.MAX_DEPTH} levels deep; send it in flatter pieces"


def _letter(value: object) -> str:
    for kinds, letter in _REFUSED:
        if isinstance(value, kinds):
            return letter
    if isinstance(value, type):
        return f"the class {value.__name__}; send an instance that is a dataclass, or a dict"
    if callable(value) and hasattr(value, "__name__"):
        return "a function; only actions can be arguments"
    return f"<{type(value).__name__}> is an object of a class; send JSON values, dataclasses, files or forms"


_REFUSED: Final[tuple[tuple[type | tuple[type, ...], str], ...]] = (
    (type(UNSET), "UNSET, which stands for an argument that was not given; send UNDEFINED, or leave it out"),
    (Element, "an element, which only a server makes; send what it should show"),
    (
        (values.Streamable, values.StreamableSource),
        "a streamable value of this process; send the value it has now",
    ),
    (
        AsyncIterable,
        "a stream, which is not read here; send [item async for item in …], or ReceivedStream of that",
    ),
    (Awaitable, "an awaitable; `await` it and send what it gives"),
)
