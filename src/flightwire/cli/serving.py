"""Running an ASGI app until somebody stops it.

Owns: the event loop, signals, and the order in which things end. Refuses to know: which app, which HTTP server, what is printed.
"""

from __future__ import annotations

import asyncio
import io
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, Protocol

from .._frozen import value
from .http_servers import HTTPServer, Uvicorn

__all__ = ["STOP_SIGNALS", "Service", "Serving", "serve"]

log = logging.getLogger("flightwire.cli")

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
MIN_CLOSE_S = 1.0  # for last chunks to leave, when the calls took all the time there was
EXIT_TIMEOUT_S = 0.5  # for threads of the app's own that nobody can end


class Service(Protocol):
    """An ASGI app with a beginning and an end.

    Attributes:
        drain_timeout_s: how long what is under way may go on after the signal, in seconds.
    """

    drain_timeout_s: float

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        ...

    async def startup(self) -> None:
        """Start what it needs."""
        ...

    async def drain(self) -> None:
        """Let what is under way end, taking nothing new."""
        ...

    async def aclose(self) -> None:
        """Stop what it started."""
        ...


@value
class Serving:
    """How an app is served.

    Attributes:
        server: makes the HTTP server.
        around: wraps the app for the server; what begins and ends it goes past the wrapper.
        stop_signals: the signals that end it.
    """

    server: Callable[[Any, socket.socket], HTTPServer] = Uvicorn
    around: Callable[[Any], Any] = lambda app: app
    stop_signals: Sequence[signal.Signals] = STOP_SIGNALS


def serve(
    app: Service,
    listener: socket.socket,
    *,
    on_ready: Callable[[], None],
    in_background: Callable[[], Awaitable[None]],
    how: Serving | None = None,
) -> None:
    """Serve until a signal, then stop everything the app started and return; a second signal ends the process.

    Args:
        app: started here before the first request, drained and closed here at the end.
        listener: from `listening.listen`.
        on_ready: called once requests are answered.
        in_background: begun once requests are answered, cancelled at the end.
        how: see `Serving`.
    """
    how = how or Serving()
    _print_line_by_line()
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        server = how.server(how.around(app), listener)
        stop = asyncio.Event()
        _on_signals(how.stop_signals, stop, runner.get_loop())
        try:
            _run(
                runner.get_loop(),
                _serve(app, server, stop, on_ready=on_ready, in_background=in_background),
            )
        finally:
            _exit_anyway()


def _print_line_by_line() -> None:
    """What the app prints is seen when it is printed, in a container's log and through a pipe as in a terminal."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True)


def _run(loop: asyncio.AbstractEventLoop, work: Coroutine[Any, Any, None]) -> None:
    """Run the loop until the work is done, whatever a task or a callback of the app's own raises in it.

    Python lets SystemExit and KeyboardInterrupt through every task and event loop. Signals are ours, so here they are never a
    Ctrl-C: one call must not end all others.
    """
    task = loop.create_task(work)
    while True:
        try:
            return loop.run_until_complete(task)
        except (SystemExit, KeyboardInterrupt) as error:
            if task.done():
                raise
            log.exception("the app tried to end the process (%s); it goes on", type(error).__name__)


async def _serve(
    app: Service,
    server: HTTPServer,
    stop: asyncio.Event,
    *,
    on_ready: Callable[[], None],
    in_background: Callable[[], Awaitable[None]],
) -> None:
    try:
        if await _unless_stopped(app.startup(), stop):
            on_ready()  # the listener queues what comes in the milliseconds until the server accepts
            background = asyncio.ensure_future(in_background())
            running = asyncio.ensure_future(server.run())
            if not await _unless_stopped(running, stop):
                began_s = time.monotonic()
                await app.drain()
                left_s = app.drain_timeout_s - (time.monotonic() - began_s)
                server.stop(max(left_s, MIN_CLOSE_S) if app.drain_timeout_s else 0)
                await running
            background.cancel()
    finally:
        await app.aclose()


async def _unless_stopped(
    work: Coroutine[Any, Any, None] | asyncio.Future[None], stop: asyncio.Event
) -> bool:
    """Wait for some work; say whether it finished before the stop. A coroutine is cancelled by the stop, a future is not."""
    task = asyncio.ensure_future(work)
    waiting = asyncio.ensure_future(stop.wait())
    await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    if task.done():
        await task
        return not stop.is_set()
    if task is not work:
        task.cancel()
        await asyncio.wait({task})
    return False


def _exit_anyway() -> None:
    """A function of the app that still runs in a thread would keep the process alive for as long as it likes."""
    sys.stdout.flush()
    sys.stderr.flush()
    timer = threading.Timer(EXIT_TIMEOUT_S, os._exit, [0])
    timer.daemon = True
    timer.start()


def _on_signals(
    numbers: Sequence[signal.Signals], stop: asyncio.Event, loop: asyncio.AbstractEventLoop
) -> None:
    def begin_or_force(number: int) -> None:
        if stop.is_set():
            os._exit(128 + number)  # our children end with the pipes they read from
        stop.set()

    for number in numbers:
        try:
            loop.add_signal_handler(number, begin_or_force, number)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda number, _: loop.call_soon_threadsafe(begin_or_force, number))


def _fast_loop() -> Callable[[], asyncio.AbstractEventLoop] | None:
    if sys.platform == "win32":
        return None
    try:
        import uvloop
    except ImportError:
        return None
    return uvloop.new_event_loop
