"""Waiting for another task, and going on in its turn.

Owns: what a task awaits that is to go on at once. Refuses to know: what comes.

Whoever waits for a future goes on in the next turn of the event loop, after everything that came meanwhile: with two hundred
streams a token would wait for two hundred others, twice. What awaits a `Waiter` goes on within `go_on`, as if the one who
has something called it. A task that calls stands aside so long, with the means that asyncio has for that
(https://docs.python.org/3/library/asyncio-extending.html).
"""

from __future__ import annotations

import asyncio
from asyncio.tasks import _enter_task, _leave_task
from collections.abc import Callable, Generator
from contextvars import Context
from typing import Any, Generic, TypeVar
from weakref import WeakValueDictionary

__all__ = ["Waiter"]

T = TypeVar("T")


class Waiter(Generic[T]):
    """What one task at a time awaits, again and again; to a task it is a future.

    `await` gives what was handed over, or None when it was woken without.

    Attributes:
        callback: lets the task go on that waits and was not woken yet; None when there is none.
        get_loop: what a task asks first. Code in C: a method here would be Python, for every token.
    """

    __slots__ = ("_asyncio_future_blocking", "_context", "_item", "_loop", "_news", "callback", "get_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._asyncio_future_blocking = False
        self._loop = loop
        self._news = _news_of(loop)
        self.get_loop = self._news.get_loop
        self.callback: Callable[[Any], object] | None = None
        self._context: Context | None = None
        self._item: T | None = None

    def go_on(self, item: T | None = None, caller: asyncio.Task[Any] | None = None) -> None:
        """Let who waits go on now, until it waits for something else.

        A caller that cannot stand aside (on 3.14 a task of a class in Python) lets it go on in the next turn, without the item.

        Arguments:
            item: what it gets.
            caller: the task that calls this; None for a callback of the loop.
        """
        callback, context = self.callback, self._context
        if callback is None or context is None:  # nobody waits, or was cancelled meanwhile
            return
        loop = self._loop
        if caller is not None:
            try:
                _leave_task(loop, caller)
            except RuntimeError:
                self.wake()
                return
        self.callback = self._context = None
        self._item = item
        try:
            context.run(callback, self._news.future)
        except (SystemExit, KeyboardInterrupt) as error:  # they are for the loop, not for the caller
            loop.call_soon(_raise, error)
        finally:
            if caller is not None:
                _enter_task(loop, caller)

    def wake(self) -> None:
        """Let who waits go on in the next turn of the loop."""
        callback, self.callback = self.callback, None
        context, self._context = self._context, None
        if callback is not None:
            self._loop.call_soon(callback, self._news.future, context=context)

    # --- what a task asks of a future --------------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, None, T | None]:
        self._asyncio_future_blocking = True
        yield self
        item, self._item = self._item, None
        return item

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Context | None = None) -> None:
        """Say what to call when it is woken; the task does."""
        self.callback, self._context = callback, context

    def cancel(self, msg: object = None) -> bool:
        """The task that waits is cancelled."""
        callback, self.callback = self.callback, None
        context, self._context = self._context, None
        if callback is None:
            return False
        self._loop.call_soon(callback, _Cancelled(msg), context=context)
        return True


class _News:
    """What the tasks of a loop are woken with: a future that is done. asyncio looks into its own without calling Python."""

    __slots__ = ("__weakref__", "future", "get_loop")

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.future: asyncio.Future[None] = loop.create_future()
        self.future.set_result(None)
        self.get_loop: Callable[[], asyncio.AbstractEventLoop] = self.future.get_loop


_news: WeakValueDictionary[int, _News] = WeakValueDictionary()  # by the loop's id, while somebody waits in it


def _news_of(loop: asyncio.AbstractEventLoop) -> _News:
    news = _news.get(id(loop))
    if news is None or news.get_loop() is not loop:
        news = _news[id(loop)] = _News(loop)
    return news


class _Cancelled:
    """What a task is woken with that was cancelled; the waiter may be another's by then."""

    def __init__(self, msg: object) -> None:
        self._said = () if msg is None else (msg,)

    def result(self) -> None:
        # Made here: one that we held would hold us, by its traceback.
        raise asyncio.CancelledError(*self._said)


def _raise(error: BaseException) -> None:
    raise error
