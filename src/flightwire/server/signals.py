"""The signals that stop somebody else's server, overheard.

Owns: being told, before the server waits for its open responses. Refuses to know: what is done then.

Servers wait for open responses before they end the application's lifespan (uvicorn, granian and hypercorn alike), so that event
comes too late to end a response. We are told by the signal, and whoever handled it before handles it as before.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import Any, Protocol
from weakref import WeakKeyDictionary

Handler = Callable[[int, FrameType | None], Any]
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Listener(Protocol):
    """Somebody who wants to know."""

    def server_stops(self) -> None:
        """The server was told to stop; called on the listener's event loop."""
        ...


_listeners: WeakKeyDictionary[Listener, asyncio.AbstractEventLoop] = WeakKeyDictionary()
_handlers: dict[int, tuple[Handler, Handler]] = {}


def watch(listener: Listener) -> None:
    """Tell the listener, on this event loop, when the server is told to stop; safe to call again.

    Outside the main thread, and where no server handles the signals, nothing happens.
    """
    loop = asyncio.get_running_loop()
    if _listeners.get(listener) is loop:
        return
    _listeners[listener] = loop
    if threading.current_thread() is threading.main_thread() and _is_handled(signal.SIGTERM):
        for number in SIGNALS:
            _overhear(number)


def unwatch(listener: Listener) -> None:
    """Stop telling it; with the last one everything is as it was."""
    _listeners.pop(listener, None)
    if _listeners or threading.current_thread() is not threading.main_thread():
        return
    for number, (ours, theirs) in tuple(_handlers.items()):
        if signal.getsignal(number) is ours:
            signal.signal(number, theirs)
        del _handlers[number]


def _is_handled(number: int) -> bool:
    """Whether somebody waits for it; the system's default and Python's KeyboardInterrupt end the process at once."""
    handler = signal.getsignal(number)
    return callable(handler) and handler is not signal.default_int_handler


def _overhear(number: int) -> None:
    theirs = signal.getsignal(number)
    if number in _handlers or not _is_handled(number) or not callable(theirs):
        return

    def ours(number: int, frame: FrameType | None) -> Any:
        for listener, loop in tuple(_listeners.items()):
            if not loop.is_closed():
                loop.call_soon_threadsafe(listener.server_stops)
        return theirs(number, frame)

    signal.signal(number, ours)
    _handlers[number] = (ours, theirs)
