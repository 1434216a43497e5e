"""A switch that stops work from elsewhere: another request, another thread, a time limit.

Owns: `AbortController` and `AbortSignal`, the browser's pair of the same names. Refuses to know: what is stopped.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress

from flightwire.errors import AbortError

# Of all signals: it is held for a moment, and one for each would take memory in every answer. The garbage collector may come
# while it is held, and what it ends fires its own signal: so it can be taken twice.
_lock = threading.RLock()


class AbortSignal:
    """Tells when work is to stop. It is made by an `AbortController`; any thread may look at it.

    Attributes:
        aborted: whether the work is to stop.
        reason: why; the first reason that was given.
    """

    __slots__ = ("__weakref__", "_listeners", "aborted", "reason")

    def __init__(self) -> None:
        self.aborted = False
        self.reason: object = None
        self._listeners: list[Callable[[], object]] | None = None

    def throw_if_aborted(self) -> None:
        """Stop here if the work is to stop; for functions that run in a thread and cannot be cancelled.

        Raises:
            AbortError: it is; or the reason itself, when that is an exception.
        """
        if self.aborted:
            raise self.error()

    def error(self) -> BaseException:
        """What to raise: the reason, if it is an exception, else an AbortError with it."""
        return self.reason if isinstance(self.reason, BaseException) else AbortError(self.reason)

    def add_listener(self, listener: Callable[[], object]) -> Callable[[], None]:
        """Have a function called once, in the thread that aborts; at once if that has happened. Returns how to take it back."""
        with _lock:
            if not self.aborted:
                if self._listeners is None:
                    self._listeners = []
                self._listeners.append(listener)
                return lambda: self._remove(listener)
        listener()
        return _nothing_to_do

    async def wait(self) -> None:
        """Wait until the work is to stop."""
        loop = asyncio.get_running_loop()
        fired = asyncio.Event()

        def fire() -> None:
            with suppress(RuntimeError):  # the loop has been closed: nobody waits any more
                loop.call_soon_threadsafe(fired.set)

        remove = self.add_listener(fire)
        try:
            await fired.wait()
        finally:
            remove()

    def _remove(self, listener: Callable[[], object]) -> None:
        with _lock, suppress(ValueError):
            if self._listeners is not None:
                self._listeners.remove(listener)

    def _fire(self, reason: object) -> None:
        with _lock:
            if self.aborted:
                return
            self.reason = reason
            self.aborted = True
            listeners, self._listeners = self._listeners, None
        for listener in listeners or ():
            listener()


class AbortController:
    """Makes a signal and fires it: `controller = AbortController()`, `stream_text(abort_signal=controller.signal)`.

    Attributes:
        signal: what to hand to whoever is to be stopped.
    """

    __slots__ = ("__weakref__", "signal")

    def __init__(self) -> None:
        self.signal = AbortSignal()

    def abort(self, reason: object = None) -> None:
        """Fire the signal; from any thread, any number of times, the first reason wins.

        Arguments:
            reason: a text, or an exception that is raised in the place of an AbortError.
        """
        self.signal._fire(reason)


def _nothing_to_do() -> None:
    return None
