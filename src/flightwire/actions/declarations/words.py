"""What Python's own classes and ours are in TypeScript.

Owns: the table, for both directions: what the page receives (`wire.flight.encoders`) and what may be given for it
(`strictness.py`, `wire.flight.reply`). Refuses to know: annotations with something inside, classes of the app.
"""

from __future__ import annotations

import collections
import collections.abc
import datetime
import decimal
import ipaddress
import pathlib
import re
import types
import uuid
from typing import Any, Final, get_args

from flightwire import elements, events, markup
from flightwire._frozen import value
from flightwire.actions.declarations.shapes import (
    ANY,
    BOOLEAN,
    NULL,
    NUMBER,
    STRING,
    UNDEFINED_WORD,
    UNKNOWN,
    Field,
    Fields,
    Function,
    Global,
    Imported,
    Shape,
    Slot,
    Way,
    Word,
    union,
)
from flightwire.wire.flight import values


@value
class Entry:
    """A class in both directions; None where its values do not travel."""

    into: Shape | None
    out: Shape | None

    def shape(self, way: Way) -> Shape | None:
        """The type in one direction."""
        return self.into if way == "in" else self.out


def _both(shape: Shape) -> Entry:
    return Entry(shape, shape)


NODE: Final = Imported("ReactNode", "react")
NODE_MEMBERS: Final = frozenset(get_args(markup.Node))
NODE_HOLDS: Final = (NULL, UNDEFINED_WORD, STRING, NUMBER, BOOLEAN)
_BYTES: Final = Entry(
    union(Global("Uint8Array"), Global("ArrayBuffer")), Global("Uint8Array", (Global("ArrayBuffer"),))
)
_TEXT_IN: Final = Entry(STRING, None)
_TYPED_ARRAY: Final = union(Global("ArrayBufferView"), Global("ArrayBuffer"))
_ANY_FUNCTION: Final = Function((Slot("args", Word("any[]"), is_rest=True),), Global("Promise", (ANY,)))
_STREAM_IN: Final = union(Global("AsyncIterable", (ANY,)), Global("ReadableStream", (ANY,)))

EXACT: Final[dict[Any, Entry]] = {
    object: _both(UNKNOWN),
    Any: _both(ANY),
    type(None): _both(NULL),
    bool: _both(BOOLEAN),
    elements.Undefined: _both(UNDEFINED_WORD),
    elements.Unset: Entry(None, None),
}

# The order of `wire.flight.encoders`: a class is what its first base here is.
BY_BASE: Final[tuple[tuple[type | tuple[type, ...], Entry], ...]] = (
    (elements.Element, Entry(None, NODE)),
    (elements.Symbol, _both(Word("symbol"))),
    (elements.ClientReference, Entry(None, ANY)),
    (values.LazyNode, Entry(None, NODE)),
    (values.BigInt, _both(Word("bigint"))),
    (int, _both(NUMBER)),
    (float, _both(NUMBER)),
    (str, _both(STRING)),
    (bytes, _BYTES),
    ((bytearray, memoryview), Entry(None, _BYTES.out)),
    (datetime.datetime, _both(Global("Date"))),
    (datetime.date, _both(STRING)),
    (datetime.time, _both(STRING)),
    (datetime.timedelta, Entry(union(STRING, NUMBER), None)),
    (decimal.Decimal, Entry(union(NUMBER, STRING), STRING)),
    (uuid.UUID, _both(STRING)),
    (pathlib.PurePath, _both(STRING)),
    (re.Pattern, _TEXT_IN),
    *(
        (each, _both(STRING))
        for each in (
            ipaddress.IPv4Address,
            ipaddress.IPv6Address,
            ipaddress.IPv4Network,
            ipaddress.IPv6Network,
            ipaddress.IPv4Interface,
            ipaddress.IPv6Interface,
        )
    ),
    (values.JSMap, _both(Global("Map", (ANY, ANY)))),
    (values.FormData, _both(Global("FormData"))),
    (values.JSSet, _both(Global("Set", (ANY,)))),
    (values.JSIterator, Entry(None, Global("IterableIterator", (ANY,)))),
    (values.TypedArray, _both(_TYPED_ARRAY)),
    (values.Blob, _both(Global("Blob"))),
    (values.File, Entry(union(Global("File"), Global("Blob")), Global("Blob"))),
    (values.ServerReference, Entry(ANY, _ANY_FUNCTION)),
    (values.TemporaryReference, Entry(ANY, ANY)),
    (values.Failure, Entry(None, Global("Error"))),
    (values.ReadableStream, Entry(None, Global("ReadableStream", (ANY,)))),
    (values.ReceivedStream, Entry(_STREAM_IN, Global("AsyncIterable", (ANY,)))),
    (types.CoroutineType, Entry(None, Global("Promise", (ANY,)))),
    (types.FunctionType, Entry(ANY, _ANY_FUNCTION)),
)

LISTS: Final = frozenset(
    {
        list,
        collections.abc.Sequence,
        collections.abc.MutableSequence,
        collections.abc.Iterable,
        collections.abc.Collection,
        collections.abc.Container,
        collections.abc.Reversible,
    }
)
LISTS_IN: Final = frozenset(
    {collections.deque, collections.abc.Iterator, collections.abc.Generator, collections.abc.ValuesView}
)
"""What an argument may be taken as, and a result must not be."""
SETS: Final = (set, frozenset, collections.abc.Set)
PROMISES: Final = (collections.abc.Awaitable, collections.abc.Coroutine, types.CoroutineType)
ASYNC_ITERABLES: Final = {
    collections.abc.AsyncIterable: "AsyncIterable",
    collections.abc.AsyncIterator: "AsyncIterableIterator",
    collections.abc.AsyncGenerator: "AsyncIterableIterator",
}


def word_of(cls: type) -> Entry | None:
    """The type of a class that has nothing inside, or None."""
    if cls in EXACT:
        return EXACT[cls]
    return next((entry for base, entry in BY_BASE if issubclass(cls, base)), None)


def _counts(**fields: Shape) -> Fields:
    return Fields(tuple(Field(name, shape, is_optional=True) for name, shape in fields.items()))


# The forms that `to_json` gives. What a provider did not say is left out.
OUR_FORMS: Final[dict[type, Fields]] = {
    events.Usage: Fields(
        (
            Field("inputTokens", NUMBER, is_optional=True),
            Field(
                "inputTokenDetails",
                _counts(noCacheTokens=NUMBER, cacheReadTokens=NUMBER, cacheWriteTokens=NUMBER),
            ),
            Field("outputTokens", NUMBER, is_optional=True),
            Field("outputTokenDetails", _counts(textTokens=NUMBER, reasoningTokens=NUMBER)),
            Field("totalTokens", NUMBER, is_optional=True),
        )
    ),
}
