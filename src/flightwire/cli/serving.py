"""Running an ASGI app until somebody stops it.

Owns: the event loop, the server, signals, and the order in which things end. Refuses to know: which app, and what is printed.
"""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import uvicorn

__all__ = ["STOP_SIGNALS", "Service", "serve"]

UNWIND_TIMEOUT_S = 1.0
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Service(Protocol):
    """An ASGI app with a beginning and an end."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one connection."""
        ...

    async def startup(self) -> None:
        """Start what it needs."""
        ...

    async def aclose(self) -> None:
        """Stop what it started."""
        ...


def serve(
    app: Service,
    listener: socket.socket,
    *,
    on_ready: Callable[[], None],
    grace_s: int,
    in_background: Callable[[], Awaitable[None]],
    stop_signals: Sequence[signal.Signals] = STOP_SIGNALS,
) -> None:
    """Serve until a signal, then stop everything the app started and return; a second signal ends the process.

    Args:
        app: started here before the first request, closed here at the end.
        listener: from `listening.listen`.
        on_ready: called once requests are answered.
        grace_s: how long open responses may go on after the signal, in seconds.
        in_background: begun once requests are answered, cancelled at the end.
        stop_signals: the signals that end it.
    """
    with asyncio.Runner(loop_factory=_fast_loop()) as runner:
        config = uvicorn.Config(
            app,
            lifespan="off",  # begun and ended here
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            ws="none",
            timeout_graceful_shutdown=grace_s,
        )
        stop = asyncio.Event()
        _on_signals(stop_signals, stop, runner.get_loop())
        runner.run(
            _serve(app, _Server(config), listener, stop, on_ready=on_ready, in_background=in_background)
        )


class _Server(uvicorn.Server):
    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # uvicorn declares a generator
        return nullcontext()  # the signals are ours: they also stop a start-up, and the app's children


async def _serve(
    app: Service,
    server: uvicorn.Server,
    listener: socket.socket,
    stop: asyncio.Event,
    *,
    on_ready: Callable[[], None],
    in_background: Callable[[], Awaitable[None]],
) -> None:
    try:
        if await _unless_stopped(app.startup(), stop):
            on_ready()  # the listener queues what comes in the milliseconds until the server accepts
            background = asyncio.ensure_future(in_background())
            await _run_server(server, listener, stop)
            background.cancel()
    finally:
        await app.aclose()


async def _run_server(server: uvicorn.Server, listener: socket.socket, stop: asyncio.Event) -> None:
    running = asyncio.ensure_future(server.serve(sockets=[listener]))
    if not await _unless_stopped(running, stop):
        server.should_exit = True
        await running
        unwinding = list(server.server_state.tasks)  # cancelled by uvicorn, which does not wait for them
        if unwinding:
            await asyncio.wait(unwinding, timeout=UNWIND_TIMEOUT_S)


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
