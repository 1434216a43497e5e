"""What the Flight codecs understand besides plain Python values.

Owns: the kinds of a delta, slots, failures, references to server functions, and the JavaScript values that Python has no
type for. Refuses to know: rows and bytes, and who waits for what is pending.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Generator, Iterable, Iterator, Mapping, Sequence
from typing import Final, Literal, Protocol, TypeAlias, runtime_checkable

from flightwire._frozen import value
from flightwire.elements import UNDEFINED, UNSET
from flightwire.files import File as File  # noqa: PLC0414 - it is a value of calls and answers, and known as ours

DIFF: Final = 0
"""Text to append to what the reader has."""
CURR: Final = 1
"""A value that replaces what the reader has."""
DONE: Final = 2
"""The end, without a value."""
DONE_DIFF: Final = 3
"""The end, with text to append."""
DONE_CURR: Final = 4
"""The end, with a last value."""
ERROR: Final = 5
"""The end: the reader's loop throws the value."""

Delta: TypeAlias = tuple[int, object]
"""`(kind, value)`. Anything with the kind at [0] and the value at [1] will do; the value of DONE is ignored."""

SlotKind: TypeAlias = Literal["promise", "node", "streamable", "iterable"]

MAX_SAFE_INTEGER: Final = 2**53
"""The largest magnitude up to which every integer is a JavaScript number."""


LONG_TEXT_CHARS: Final = 1024
"""React's own threshold: longer texts get a row, where nothing is escaped."""

MAX_DEPTH: Final = 500
"""Levels in a result: clients up to 19.2 overflow between 1,000 and 3,000."""


class Slot:
    """A place in a response that is written later.

    Attributes:
        id: the row that the browser waits for.
        kind: "promise" and "node" are resolved once, a "streamable" is extended, an "iterable" is pushed to and closed.
        source: the object found in the value: what somebody has to wait for.
        path: where it was found, as Python would index it: `['display']`.
        is_open: whether it is still to be settled.
    """

    __slots__ = ("id", "is_open", "kind", "path", "source", "tail")

    def __init__(self, id: int, kind: SlotKind, source: object, path: str = "") -> None:
        self.id = id
        self.kind = kind
        self.source = source
        self.path = path
        self.is_open = True
        self.tail = b"%x" % id  # the row that the next value of a streamable goes into

    def __repr__(self) -> str:
        """`<Slot 3 promise>`."""
        return f"<Slot {self.id} {self.kind}{'' if self.is_open else ' settled'}>"


class Streamable:
    """The base of a streamable value: a first value, and more that follows through a slot.

    Written as the AI SDK's StreamableValue (`@ai-sdk/rsc` 3.0, `streamable-value.ts`).
    """

    __slots__ = ()

    @property
    def curr(self) -> object:
        """The value the reader starts with, or UNSET."""
        return UNSET

    @property
    def error(self) -> object:
        """What the reader's loop throws at once, or UNSET."""
        return UNSET

    @property
    def is_open(self) -> bool:
        """Whether more will follow."""
        raise NotImplementedError


class StreamableSource:
    """The base of what streamable values are made of: it goes to the browser as its `value`."""

    __slots__ = ()

    @property
    def value(self) -> Streamable:
        """A snapshot."""
        raise NotImplementedError


class LazyNode:
    """The base of an awaitable that stands for a part of the page: React suspends there until it is known."""

    __slots__ = ()

    def __await__(self) -> Generator[object, None, object]:
        """Wait for the node."""
        raise NotImplementedError


@value
class ServerReference:
    """A server function that the browser can call: its wire id and its bound arguments, if any."""

    id: str
    bound: Sequence[object] | None = None


@runtime_checkable
class SupportsReference(Protocol):
    """Anything that the browser may call."""

    def to_server_reference(self) -> ServerReference:
        """The reference to send in its place."""
        ...


Frame: TypeAlias = tuple[str, str, int, int, int, int, bool]
"""(function, file, line, column, line of the enclosing function, its column, whether it is async)"""


@value
class Failure:
    """An error as the browser may see it. Production gives only the digest.

    Attributes:
        digest: what to look for in the server's log.
        name: the kind of error.
        message: its text; empty in production.
        stack: the frames, innermost first; empty in production.
    """

    digest: str
    name: str = "Error"
    message: str = ""
    stack: tuple[Frame, ...] = ()


class BigInt(int):
    """An integer that goes to the browser as a JavaScript BigInt."""

    __slots__ = ()


class JSMap:
    """A JavaScript Map: keys of any kind, in order."""

    __slots__ = ("entries",)

    def __init__(self, entries: Mapping[object, object] | Iterable[tuple[object, object]] = ()) -> None:
        self.entries = list(entries.items() if isinstance(entries, Mapping) else entries)

    def __eq__(self, other: object) -> bool:
        """Equal entries in the same order."""
        return isinstance(other, JSMap) and self.entries == other.entries

    __hash__ = None  # type: ignore[assignment]  # mutable, as a dict is

    def __repr__(self) -> str:
        """`JSMap([(1, 'a')])`."""
        return f"JSMap({self.entries!r})"


class JSSet:
    """A JavaScript Set, in order; unlike Python's it may hold dicts and lists."""

    __slots__ = ("items",)

    def __init__(self, items: Iterable[object] = ()) -> None:
        self.items = list(items)

    def __eq__(self, other: object) -> bool:
        """Equal items in the same order."""
        return isinstance(other, JSSet) and self.items == other.items

    __hash__ = None  # type: ignore[assignment]  # mutable, as a set is

    def __repr__(self) -> str:
        """`JSSet([1, 'a'])`."""
        return f"JSSet({self.items!r})"


class JSIterator:
    """A JavaScript iterator over items that are known already."""

    __slots__ = ("items",)

    def __init__(self, items: Iterable[object]) -> None:
        self.items = list(items)


class ReadableStream:
    """A JavaScript ReadableStream over what an async iterable will yield."""

    __slots__ = ("source",)

    def __init__(self, source: object) -> None:
        self.source = source


TypedArrayKind: TypeAlias = Literal[
    "ArrayBuffer",
    "Int8Array",
    "Uint8Array",
    "Uint8ClampedArray",
    "Int16Array",
    "Uint16Array",
    "Int32Array",
    "Uint32Array",
    "Float32Array",
    "Float64Array",
    "BigInt64Array",
    "BigUint64Array",
    "DataView",
]


@value
class TypedArray:
    """A JavaScript typed array, ArrayBuffer or DataView: little-endian bytes. Plain `bytes` go as a Uint8Array."""

    kind: TypedArrayKind
    data: bytes


@value
class Blob:
    """Bytes with a media type. The browser does not learn a file's name."""

    data: bytes
    content_type: str = ""


class FormData:
    """A JavaScript FormData: names and values in order, names may repeat."""

    __slots__ = ("entries",)

    def __init__(self, entries: Iterable[tuple[str, object]] = ()) -> None:
        self.entries = list(entries)

    def __iter__(self) -> Iterator[str]:
        """The names, in order, each once."""
        return iter(dict(self.entries))

    def __contains__(self, name: object) -> bool:
        """Whether a field has this name."""
        return any(name == field for field, _ in self.entries)

    def __getitem__(self, name: str) -> object:
        """The first value of a name.

        Raises:
            KeyError: no field has this name.
        """
        for field, content in self.entries:
            if field == name:
                return content
        raise KeyError(name)

    def get(self, name: str, default: object = None) -> object:
        """The first value of a name, or the default."""
        return next((content for field, content in self.entries if field == name), default)

    def get_all(self, name: str) -> list[object]:
        """Every value of a name, in order."""
        return [content for field, content in self.entries if field == name]

    def __len__(self) -> int:
        """How many fields there are, repeated names counted."""
        return len(self.entries)

    def __eq__(self, other: object) -> bool:
        """Equal fields in the same order."""
        return isinstance(other, FormData) and self.entries == other.entries

    __hash__ = None  # type: ignore[assignment]  # mutable, as a dict is

    def __repr__(self) -> str:
        """`FormData(['name', 'file'])`: never the values, which may be private."""
        return f"FormData({list(self)!r})"


class ReceivedStream:
    """A stream or async iterable that the browser sent: it was read to its end before the call.

    Attributes:
        items: what it yielded.
        returned: the return value of a JavaScript iterator, else UNDEFINED.
    """

    __slots__ = ("items", "returned")

    def __init__(self, items: Iterable[object], returned: object = UNDEFINED) -> None:
        self.items = list(items)
        self.returned = returned

    def __repr__(self) -> str:
        """`<ReceivedStream of 3 items>`: never the items, which may be large or private."""
        return f"<ReceivedStream of {len(self.items)} items>"

    async def __aiter__(self) -> AsyncIterator[object]:
        """The items, in order."""
        for item in self.items:
            yield item


@value
class TemporaryReference:
    """A value the browser kept for itself: usable only to send it back. `steps` lead to its place in the call."""

    steps: tuple[str, ...]
