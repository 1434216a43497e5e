"""The HTTP servers that can carry an app: uvicorn, and granian when it is installed.

Owns: how each is started on a listener of ours inside our event loop, and stopped. Refuses to know: signals, which app.

Granian runs embedded, one per process, because its own workers are killed without a cancellation when they take too long to end:
then no answer could say that it was interrupted.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Protocol

import uvicorn

from ..errors import MissingExtraError

__all__ = ["HTTP_SERVERS", "Granian", "HTTPServer", "Uvicorn"]

log = logging.getLogger("flightwire.cli")

UNWIND_TIMEOUT_S = 0.5
BACKLOG = 2048


class HTTPServer(Protocol):
    """A server that runs inside our event loop."""

    async def run(self) -> None:
        """Serve until `stop`, then let open responses end."""
        ...

    def stop(self, timeout_s: float) -> None:
        """Accept nothing more; `run` returns when open responses have ended, at the latest after `timeout_s` seconds."""
        ...


class Uvicorn:
    """uvicorn.

    Args:
        app: an ASGI app; it gets no lifespan events.
        listener: accepts already.
    """

    def __init__(self, app: Any, listener: socket.socket) -> None:
        self._listener = listener
        self._server = _QuietServer(
            uvicorn.Config(
                app,
                lifespan="off",  # begun and ended by serving.py
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws="none",
            )
        )

    async def run(self) -> None:
        """Serve."""
        await self._server.serve(sockets=[self._listener])
        unwinding = list(
            self._server.server_state.tasks
        )  # cancelled by uvicorn, which does not wait for them
        if unwinding:
            await asyncio.wait(unwinding, timeout=UNWIND_TIMEOUT_S)

    def stop(self, timeout_s: float) -> None:
        """Stop."""
        self._server.config.timeout_graceful_shutdown = math.ceil(timeout_s)  # read when it stops
        self._server.should_exit = True


class _QuietServer(uvicorn.Server):
    def capture_signals(self) -> AbstractContextManager[None]:  # type: ignore[override]  # uvicorn declares a generator
        return nullcontext()  # the signals are ours: they also stop a start-up, and the app's children


class Granian:
    """granian, embedded; the arguments are those of `Uvicorn`.

    Raises:
        MissingExtraError: granian is not installed, or too old to run inside an event loop.
    """

    def __init__(self, app: Any, listener: socket.socket) -> None:
        try:
            from granian._granian import SocketHolder
            from granian.constants import Interfaces
            from granian.server.embed import Server
        except ImportError as error:
            raise MissingExtraError("granian", "`--server granian`") from error

        class OnOurListener(Server):
            def _init_shared_socket(self) -> None:
                # Its own would take the port a second time; the descriptor is closed by granian.
                holder: Any = SocketHolder  # its declaration lacks the arguments
                self._ssp: Any = None
                self._shd = holder(os.dup(listener.fileno()), listener.family == socket.AF_UNIX, BACKLOG)

        logging.getLogger("_granian").setLevel(logging.ERROR)  # it warns that embedding is experimental
        self._timeout_s = 0.0
        self._server = OnOurListener(app, interface=Interfaces.ASGINL, log_enabled=False, websockets=False)
        self._is_stopping = asyncio.Event()

    async def run(self) -> None:
        """Serve."""
        serving = asyncio.ensure_future(self._server.serve())
        stopping = asyncio.ensure_future(self._is_stopping.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        done, _ = await asyncio.wait({serving}, timeout=self._timeout_s)
        if not done:
            if self._timeout_s:
                log.warning("granian still has open connections; the process ends without them")
            _expect_a_late_end(asyncio.get_running_loop())
            return
        await serving

    def stop(self, timeout_s: float) -> None:
        """Stop."""
        self._timeout_s = timeout_s
        self._server.stop()  # type: ignore[no-untyped-call] # it has no annotations
        self._is_stopping.set()


def _expect_a_late_end(loop: asyncio.AbstractEventLoop) -> None:
    """What granian waits for is cancelled with the loop; a last connection that closes in between says so to nobody."""
    said = loop.get_exception_handler() or (lambda loop, context: loop.default_exception_handler(context))

    def unless_late(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        if not isinstance(context.get("exception"), asyncio.InvalidStateError):
            said(loop, context)

    loop.set_exception_handler(unless_late)


HTTP_SERVERS: dict[str, Callable[[Any, socket.socket], HTTPServer]] = {"uvicorn": Uvicorn, "granian": Granian}
