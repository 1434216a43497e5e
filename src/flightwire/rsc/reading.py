"""Reading a streamable value in Python.

Owns: `read_streamable_value`, for values of this process and for decoded responses. Refuses to know: rows and bytes.
Behaves like `readStreamableValue` of `@ai-sdk/rsc` 3.0.107 (`packages/rsc/src/streamable-value/read-streamable-value.tsx`).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any, NoReturn, TypeVar

from flightwire.elements import UNDEFINED, UNSET, Symbol
from flightwire.errors import InvalidArgumentError, StreamableFailedError
from flightwire.rsc.streamable import StreamableValue
from flightwire.wire.flight.values import DIFF, DONE, DONE_CURR, DONE_DIFF, ERROR

T = TypeVar("T")

TYPE_SYMBOL = Symbol("ui.streamable.value")


def is_streamable_value(value: object) -> bool:
    """Whether `value` is what `.value` returns, here or as decoded from a response."""
    if isinstance(value, StreamableValue):
        return True
    return isinstance(value, dict) and value.get("type") == TYPE_SYMBOL


async def read_streamable_value(value: StreamableValue[T] | Mapping[str, Any]) -> AsyncGenerator[T, None]:
    """Read a streamable value: the current value unless there is none yet, then the value after each update.

    Behaves like `readStreamableValue` of `@ai-sdk/rsc` 3.0.107 (`read-streamable-value.tsx`).

    Arguments:
        value: what `.value` returned, or what a call from Python returned in its place.

    Raises:
        InvalidArgumentError: `value` is not a streamable value.
        BaseException: the exception it ended with; StreamableFailedError when it ended with another value.
    """
    if isinstance(value, StreamableValue):
        rows = _local_rows(value)
    elif is_streamable_value(value):
        rows = _remote_rows(value)
    else:
        raise InvalidArgumentError(
            f"read_streamable_value takes what `.value` of create_streamable_value returned, got {type(value).__name__}."
        )
    async with aclosing(rows):
        async for row in rows:
            yield row


def _raise(error: object) -> NoReturn:
    raise error if isinstance(error, BaseException) else StreamableFailedError(error)


async def _local_rows(value: StreamableValue[Any]) -> AsyncGenerator[Any, None]:
    if value.error is not UNSET:
        _raise(value.error)
    current: Any = value.curr
    if current is not UNSET and current is not UNDEFINED:
        yield current
    if not value.is_open:
        return
    awake = asyncio.Event()
    follower = value.follow(awake.set)
    try:
        while True:
            awake.clear()
            for kind, item, *_ in follower.take():
                if kind == DONE:
                    return
                if kind == ERROR:
                    _raise(item)
                current = current + item if kind in (DIFF, DONE_DIFF) else item
                yield current
                if kind in (DONE_DIFF, DONE_CURR):
                    return
            await awake.wait()
    finally:
        follower.close()


async def _remote_rows(row: Mapping[str, Any]) -> AsyncGenerator[Any, None]:
    current = row.get("curr", UNSET)
    first = True
    while True:
        if row.get("error", UNDEFINED) is not UNDEFINED:
            _raise(row["error"])
        if "diff" in row:
            current += row["diff"][1]
        elif "curr" in row:
            current = row["curr"]
        if ("curr" in row or "diff" in row) and not (first and current in (UNSET, UNDEFINED)):
            yield current
        following = row.get("next", UNDEFINED)
        if following is UNDEFINED:
            return
        first = False
        row = following if isinstance(following, dict) else await following
