"""Streamable values: a value that is sent while it is still being made.

Owns: `create_streamable_value`, the source that a function writes to and the snapshot that it returns. Refuses to know:
rows, bytes, HTTP, how updates reach their readers (updates.py). Behaves like `createStreamableValue` of `@ai-sdk/rsc`
3.0.107 (`packages/rsc/src/streamable-value/create-streamable-value.ts`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Callable
from threading import get_ident
from types import TracebackType
from typing import Any, Generic, NoReturn, Self, TypeVar, overload

from flightwire.elements import UNDEFINED, UNSET, Unset
from flightwire.errors import InvalidArgumentError, StreamableAbandonedError, StreamableClosedError
from flightwire.rsc.packing import Link
from flightwire.rsc.updates import NO_JOB, NOBODY, Follower, Updates
from flightwire.scope import contained, current_job
from flightwire.wire.flight.values import (
    DONE,
    DONE_CURR,
    DONE_DIFF,
    ERROR,
    Streamable,
    StreamableSource,
)

T = TypeVar("T")

log = logging.getLogger("flightwire.rsc")

SLOW_UPDATE_WARNING_S = 15.0  # HANGING_STREAM_WARNING_TIME_MS of the original


class StreamableValue(Streamable, Generic[T]):
    """What an action returns of a streamable value: a snapshot, and everything that comes after it.

    Made by `StreamableValueSource.value`. In TypeScript it is `StreamableValue<T>` of `@ai-sdk/rsc`.
    """

    __slots__ = ("_curr", "_error", "_is_open", "_link", "_stream")

    def __init__(self, stream: Updates) -> None:
        self._stream = stream
        self._link = stream.newest()
        self._curr = stream.value()
        self._error = stream.error
        self._is_open = stream.is_open
        if isinstance(stream.error, BaseException):
            # An exception cannot be a value on the wire; it can reject the promise that would come next.
            self._link = [DONE, UNSET, [ERROR, stream.error, None]]
            self._curr, self._error, self._is_open = UNSET, UNSET, True
        stream.hold()

    def __del__(self) -> None:
        stream = getattr(self, "_stream", None)
        if stream is not None:
            stream.held -= 1

    @property
    def curr(self) -> object:
        """The value it starts with, or UNSET."""
        return self._curr

    @property
    def error(self) -> object:
        """The value it had already failed with, or UNSET."""
        return self._error

    @property
    def is_open(self) -> bool:
        """Whether anything comes after the first value."""
        return self._is_open

    def follow(
        self,
        wake: Callable[[], None],
        *,
        full: Callable[[], None] = lambda: None,
        max_unread_bytes: float = NOBODY,
    ) -> Follower:
        """Read on from the snapshot.

        Arguments:
            wake: called when an update has come since the last `take()`.
            full: called when more than `max_unread_bytes` of them wait.
            max_unread_bytes: see `full`.
        """
        return Follower(self._stream, self._link, wake, full, max_unread_bytes)

    def __repr__(self) -> str:
        """Says whether it is open; never the content."""
        return f"<StreamableValue {'open' if self._stream.is_open else 'ended'}>"


class StreamableValueSource(StreamableSource, Generic[T]):
    """The writing end of a streamable value. Used as a context manager it ends by itself.

    `async with stream:` (or `with stream:`) calls `done()` at the end of the block, or `error(exception)` when the block raises.
    """

    __slots__ = ("_locked", "_stream")

    def __init__(self, initial: T | Unset = UNSET) -> None:
        self._stream = Updates(initial)
        self._locked = False

    @property
    def value(self) -> StreamableValue[T]:
        """A snapshot to return from the action; it holds the current value and everything that comes later."""
        stream = self._stream
        if stream.unread_bytes and not stream.snapshots:
            _warn_late_snapshot(stream)
        stream.snapshots += 1
        return StreamableValue(stream)

    @property
    def is_open(self) -> bool:
        """Whether `done()` or `error()` has yet to be called."""
        return self._stream.is_open

    def update(self, value: T) -> StreamableValueSource[T]:
        """Replace the value. A text that begins with the current one is sent as the difference.

        Raises:
            StreamableClosedError: after `done()` or `error()`.
        """
        stream = self._stream
        if type(value) is str and current_job() is stream.updater and get_ident() == stream.thread:
            text: Any = value
            stream.fresh.append(text)  # as `add_fresh`, written out: once per token
            stream.unread_bytes += len(text) + 1
            if stream.unread_bytes > stream.alarm:
                stream.ring()
        elif get_ident() == stream.thread or not self._elsewhere(self.update, value):
            self._update(value)
        return self

    def append(self, text: str) -> StreamableValueSource[T]:
        """Add to a text; starts one when there is no value yet.

        Raises:
            StreamableClosedError: after `done()` or `error()`.
            InvalidArgumentError: when the current value or `text` is not text.
        """
        stream = self._stream
        if type(text) is str and current_job() is stream.appender and get_ident() == stream.thread:
            stream.fresh.append(text)  # as `add_fresh`, written out: once per token
            stream.unread_bytes += len(text) + 1
            if stream.unread_bytes > stream.alarm:
                stream.ring()
        elif get_ident() == stream.thread or not self._elsewhere(self.append, text):
            self._begin("append")
            self._append(text, current_job())
        return self

    def error(self, error: object) -> StreamableValueSource[T]:
        """End with an error. An exception reaches the browser as an Error with a digest; any other value as it is.

        Raises:
            StreamableClosedError: after `done()` or `error()`.
        """
        if get_ident() != self._stream.thread and self._elsewhere(self.error, error):
            return self
        if not self._stream.is_open or self._locked:
            self._refuse("error")
        self._stream.error = error
        self._stream.end(ERROR, error)
        return self

    def done(self, value: T | Unset = UNSET) -> StreamableValueSource[T]:
        """End, optionally with a last value. `done()` and `done(None)` are different.

        Raises:
            StreamableClosedError: after `done()` or `error()`.
        """
        if get_ident() != self._stream.thread and self._elsewhere(self.done, value):
            return self
        if not self._stream.is_open or self._locked:
            self._refuse("done")
        stream = self._stream
        if value is UNSET:
            stream.end(DONE, UNSET)
            return self
        before, stream.curr = stream.value(), value
        if isinstance(value, str) and isinstance(before, str) and value.startswith(before):
            stream.end(DONE_DIFF, value[len(before) :])
        else:
            stream.end(DONE_CURR, value)
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._leave(error)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._leave(error)

    def __del__(self) -> None:
        # The last one who could have finished it is gone.
        stream = getattr(self, "_stream", None)
        if stream is not None and stream.is_open and stream.snapshots and stream.loop is not None:
            _abandon(stream)

    def __repr__(self) -> str:
        """Says whether it is open; never the content."""
        return f"<StreamableValueSource {'open' if self._stream.is_open else 'ended'}>"

    # --- inside --------------------------------------------------------------------------------------------------

    def _refuse(self, method: str) -> NoReturn:
        why = (
            "this streamable value is fed by the async iterable it was created from."
            if self._stream.is_open
            else "the streamable value has already ended. What comes after .done() or .error() cannot be sent; call them "
            "last, and once."
        )
        raise StreamableClosedError(f".{method}(): {why}")

    def _adopt(self) -> None:
        """Remember who writes: if that task fails, this stream ends with its error."""
        job = current_job()
        if job is not None:
            self._stream.job = job
            job.written[self._stream] = None

    def _elsewhere(self, method: Callable[..., object], *args: object) -> bool:
        """Called from another thread: repeat the call on the loop (a sync action writes from its own thread)."""
        stream = self._stream
        if stream.loop is None:
            return False
        stream.loop.call_soon_threadsafe(_ignore_late, stream, method, *args)
        return True

    def _begin(self, method: str) -> None:
        """What is to be seen to before a write, if it is not the next one of the same kind by the same job."""
        if not self._stream.is_open or self._locked:
            self._refuse(method)
        if current_job() is not self._stream.job:
            self._adopt()

    def _update(self, value: object) -> None:
        self._begin("update")
        stream = self._stream
        if type(value) is str:
            stream.settle()
            stream.updater, stream.appender = current_job(), NO_JOB
            stream.add_fresh(value)
        else:
            stream.replace(value)

    def _append(self, text: str, who: object) -> None:
        """Append for the first time, or for the first time since something else was done."""
        if not isinstance(text, str):
            raise InvalidArgumentError(f".append() takes text, got {type(text).__name__}; use .update().")
        stream = self._stream
        stream.settle()
        if isinstance(stream.curr, str):
            stream.updater, stream.appender = NO_JOB, who
            stream.add_fresh(str.__str__(text))  # of a subclass, too, the text
        elif stream.curr is UNSET or stream.curr is UNDEFINED:
            stream.replace(text)
        else:
            raise InvalidArgumentError(
                f".append(): the current value is {type(stream.curr).__name__}, not text; use .update()."
            )

    def _leave(self, error: BaseException | None) -> None:
        if not self._stream.is_open:
            return
        if error is None:
            self.done()
        else:
            self.error(error)


@overload
def create_streamable_value(source: AsyncIterable[T]) -> StreamableValueSource[T]: ...
@overload
def create_streamable_value(source: T) -> StreamableValueSource[T]: ...
@overload
def create_streamable_value() -> StreamableValueSource[Any]: ...
def create_streamable_value(source: Any = UNSET) -> StreamableValueSource[Any]:
    """Create a value that an action can return now and go on changing.

    Arguments:
        source: the first value; nothing for `undefined`; or an async iterable: text from it is appended, any other
            value replaces, and the streamable ends with it.

    Raises:
        InvalidArgumentError: an async iterable was given where no event loop runs.
    """
    if isinstance(source, AsyncIterable):
        return _from_iterable(source)
    created: StreamableValueSource[Any] = StreamableValueSource(source)
    _watch_for_silence(created._stream)
    return created


def _from_iterable(source: AsyncIterable[Any]) -> StreamableValueSource[Any]:
    created: StreamableValueSource[Any] = StreamableValueSource()
    loop, scope = created._stream.loop, created._stream.scope
    if loop is None:
        raise InvalidArgumentError(
            "create_streamable_value(async iterable) needs a running event loop; call it inside an async function."
        )
    created._locked = True
    if scope is not None:
        scope.start_soon(_feed, created, source)
    else:
        task = loop.create_task(_feed(created, source))
        _feeding.add(task)
        task.add_done_callback(_feeding.discard)
    return created


_feeding: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references to tasks


async def _feed(created: StreamableValueSource[Any], source: AsyncIterable[Any]) -> None:
    stream = created._stream
    try:
        await contained(_take(created, source), "the source of a streamable value")
    except Exception as error:
        stream.fail(error)
        if stream.scope is not None:
            raise  # the scope reports it
        log.error("the source of a streamable value failed", exc_info=error)
    except BaseException as error:
        stream.fail(error)
        raise
    else:
        if stream.is_open:
            stream.end(DONE, UNSET)


async def _take(created: StreamableValueSource[Any], source: AsyncIterable[Any]) -> None:
    stream = created._stream
    async for value in source:
        if not stream.is_open:
            break
        if type(value) is str and stream.appender is source:
            stream.add_fresh(value)
        elif isinstance(value, str):
            created._append(value, source)
        else:
            stream.replace(value)


def _watch_for_silence(stream: Updates) -> None:
    """In development, warn once when an open value has not been updated for 15 seconds."""
    if stream.scope is None or not stream.scope.development:
        return
    loop = stream.scope.loop

    def check(seen: Link) -> None:
        if not stream.is_open or stream.scope is None or stream.scope.cancelled:
            return
        newest = stream.newest()
        if newest is seen:
            log.warning(
                "a streamable value of action '%s' has not been updated for %d s. A slow source, or a forgotten .done()?",
                stream.scope.action,
                SLOW_UPDATE_WARNING_S,
            )
        else:
            loop.call_later(SLOW_UPDATE_WARNING_S, check, newest)

    if get_ident() == stream.scope.thread:
        loop.call_later(SLOW_UPDATE_WARNING_S, check, stream.newest())
    else:
        loop.call_soon_threadsafe(lambda: loop.call_later(SLOW_UPDATE_WARNING_S, check, stream.newest()))


def _ignore_late(stream: Updates, method: Callable[..., object], *args: object) -> None:
    """An abandoned thread may still write after the client has gone; nobody reads that."""
    if stream.is_open:
        method(*args)


def _abandon(stream: Updates) -> None:
    """End a stream whose source was collected, on the loop's own thread."""
    loop = stream.loop
    if loop is None or loop.is_closed():
        return
    if get_ident() == stream.thread:
        stream.fail(_abandoned(stream))
    else:
        loop.call_soon_threadsafe(lambda: stream.fail(_abandoned(stream)))


def _abandoned(stream: Updates) -> BaseException:
    scope = stream.scope
    if scope is not None and scope.last_failure is not None:
        return scope.last_failure
    who = "its creator" if scope is None or not scope.action else f"action '{scope.action}'"
    return StreamableAbandonedError(
        f"{who} left a streamable value open that nobody can finish any more. "
        "Call .done(), or write `async with stream:` around the code that updates it."
    )


def _warn_late_snapshot(stream: Updates) -> None:
    if stream.scope is not None and stream.scope.development:
        log.warning(
            "action '%s' read .value after the first update: .value is a snapshot, what came before it is sent as "
            "one value. Take `stream.value` before the first update to send every step.",
            stream.scope.action,
        )
