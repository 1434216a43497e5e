"""`flightwire start`: a build, served.

Owns: its options, one process or several. Refuses to know: what is served, how a server runs.
"""

from __future__ import annotations

import logging
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from enum import StrEnum
from functools import partial
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Annotated

import typer

from .._frozen import value
from ..errors import FlightwireError
from .dev import Folder, Host, Port, announce
from .folders import CommandError, check_app_folder, has_page
from .letters import log_to_terminal, print_letter
from .listening import listen, listen_on_file, url_of
from .proxies import behind_proxy, check_root_path
from .tools import Answering, prepare_model


class ServerName(StrEnum):
    """The HTTP servers to choose from."""

    UVICORN = "uvicorn"
    GRANIAN = "granian"


class LogLevel(StrEnum):
    """How much is logged."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"
    DEBUG = "debug"


Uds = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE", help="Listen on a Unix socket instead of a port; for a proxy on this machine."
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        min=1,
        envvar="WEB_CONCURRENCY",
        help="Processes that share the port; each runs its own local model. One per core is a good start.",
    ),
]
Server = Annotated[
    ServerName, typer.Option(help="The HTTP server; granian needs pip install 'flightwire[granian]'.")
]
DrainTimeout = Annotated[
    float,
    typer.Option(
        min=0,
        max=3600,
        metavar="SECONDS",
        help="On SIGTERM or Ctrl-C, how long answers under way may go on; then they end with a note to their pages.",
    ),
]
RootPath = Annotated[
    str,
    typer.Option(
        metavar="PATH", help="The prefix under which a proxy serves the app, as /ai; it may strip it or not."
    ),
]
ForwardedAllowIps = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESSES",
        envvar="FORWARDED_ALLOW_IPS",
        help="Proxies whose X-Forwarded-For and -Proto are believed: addresses or networks, comma-separated, or '*'. "
        "Nobody's by default.",
    ),
]
Level = Annotated[LogLevel, typer.Option(help="What is logged: info has a line per call.")]

EXAMPLES = """\b
Examples:
  flightwire build app/ && flightwire start app/
  flightwire start app/ --host 0.0.0.0 --workers 4
  flightwire start app/ --uds /run/chat.sock --forwarded-allow-ips '*'       behind nginx on this machine
  flightwire start app/ --root-path /ai --forwarded-allow-ips 10.0.0.0/8     behind a proxy that serves it under /ai
\b
GET /_flightwire/live answers while the process runs, GET /_flightwire/ready while it takes calls.
SIGTERM and Ctrl-C stop it once answers under way have ended; a second one stops it at once.
It needs neither Node nor npm.
"""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@value
class Options:
    """What every process of one server is told."""

    server: str
    drain_timeout_s: float
    root_path: str
    forwarded_allow_ips: str | None
    log_level: str

    @property
    def level(self) -> int:
        """The level as `logging` counts it."""
        return logging.getLevelNamesMapping()[self.log_level.upper()]


def start(
    folder: Folder,
    *,
    port: Port = 3000,
    host: Host = "127.0.0.1",
    uds: Uds = None,
    workers: Workers = 1,
    server: Server = ServerName.UVICORN,
    drain_timeout_s: DrainTimeout = 25.0,
    root_path: RootPath = "",
    forwarded_allow_ips: ForwardedAllowIps = None,
    log_level: Level = LogLevel.INFO,
) -> None:
    """Serve a built app: behind a proxy, or with --host 0.0.0.0 to everyone who reaches this machine."""
    shown = folder
    folder = check_app_folder(folder)
    if has_page(folder) and not (folder / ".flightwire" / "build" / "manifest.json").is_file():
        raise CommandError(f"{shown} has no build yet. Make one: flightwire build {shown}")
    options = Options(
        server=server.value,
        drain_timeout_s=drain_timeout_s,
        root_path=check_root_path(root_path),
        forwarded_allow_ips=forwarded_allow_ips,
        log_level=log_level.value,
    )
    listener = listen(host, port, retry=f"flightwire start {shown}") if uds is None else listen_on_file(uds)
    log_to_terminal(options.level)
    try:
        _serve_all(options, folder, shown, listener, workers)
    finally:
        if uds is not None:
            uds.unlink(missing_ok=True)


def _serve_all(options: Options, folder: Path, shown: Path, listener: socket.socket, workers: int) -> None:
    answering = prepare_model()

    def on_ready() -> None:
        announce(f"{url_of(listener)}{options.root_path}", shown, answering)

    if workers == 1:
        _serve(options, folder, listener, answering, on_ready=on_ready, stop_signals=STOP_SIGNALS)
        return
    from .workers import serve_with_workers

    code = serve_with_workers(partial(_work, options), str(folder), listener, workers, on_ready=on_ready)
    if code:
        raise CommandError("The workers die as soon as they are started; what they said is above.")


def _work(options: Options, folder: str, listener: socket.socket, ready: Event) -> None:
    """Be one of several processes."""
    log_to_terminal(options.level)
    try:
        answering = prepare_model()
        _serve(options, Path(folder), listener, answering, on_ready=ready.set, stop_signals=[signal.SIGTERM])
    except FlightwireError as error:
        print_letter(error)
        sys.exit(1)


def _serve(
    options: Options,
    folder: Path,
    listener: socket.socket,
    answering: Answering,
    *,
    on_ready: Callable[[], None],
    stop_signals: Sequence[signal.Signals],
) -> None:
    from .. import app as make_app
    from .http_servers import HTTP_SERVERS
    from .serving import Serving, serve

    app = make_app(folder, mode="production", drain_timeout_s=options.drain_timeout_s)
    if app.load_error is not None:  # in development a save mends it; here nothing would
        raise app.load_error
    app.watches_signals = False
    how = Serving(
        server=HTTP_SERVERS[options.server],
        around=behind_proxy(root_path=options.root_path, trusted=options.forwarded_allow_ips),
        stop_signals=stop_signals,
    )
    serve(app, listener, on_ready=on_ready, in_background=answering.warm_up, how=how)
