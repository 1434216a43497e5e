"""`flightwire start`: a build, served.

Owns: one process or several. Refuses to know: what is served.
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import Callable, Sequence
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import Annotated

import typer

from ..errors import FlightwireError
from .dev import Folder, Host, Port, announce
from .folders import CommandError, check_app_folder, has_page
from .letters import log_to_terminal, print_letter
from .listening import listen, url_of
from .tools import Answering, prepare_model

Workers = Annotated[
    int, typer.Option(min=1, help="Processes that share the port; each runs its own local model.")
]

EXAMPLES = """\b
Examples:
  flightwire build app/ && flightwire start app/
  flightwire start app/ --host 0.0.0.0 --workers 4
"""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE_S = 10  # answers under way may end; then the process does


def start(folder: Folder, port: Port = 3000, host: Host = "127.0.0.1", workers: Workers = 1) -> None:
    """Serve a built app: behind a proxy, or with --host 0.0.0.0 to everyone who reaches this machine."""
    shown = folder
    folder = check_app_folder(folder)
    if has_page(folder) and not (folder / ".flightwire" / "build" / "manifest.json").is_file():
        raise CommandError(f"{shown} has no build yet. Make one: flightwire build {shown}")
    listener = listen(host, port, retry=f"flightwire start {shown}")
    log_to_terminal()
    answering = prepare_model()

    def on_ready() -> None:
        announce(url_of(listener), shown, answering)

    if workers == 1:
        _serve(folder, listener, answering, on_ready, STOP_SIGNALS)
        return
    from .workers import serve_with_workers

    code = serve_with_workers(_work, str(folder), listener, workers, on_ready=on_ready)
    if code:
        raise CommandError("The workers die as soon as they are started; what they said is above.")


def _work(folder: str, listener: socket.socket, ready: Event) -> None:
    """Be one of several processes."""
    log_to_terminal()
    try:
        _serve(Path(folder), listener, prepare_model(), ready.set, [signal.SIGTERM])
    except FlightwireError as error:
        print_letter(error)
        sys.exit(1)


def _serve(
    folder: Path,
    listener: socket.socket,
    answering: Answering,
    on_ready: Callable[[], None],
    stop_signals: Sequence[signal.Signals],
) -> None:
    from .. import app as make_app
    from .serving import serve

    app = make_app(folder, mode="production")
    if app.load_error is not None:  # in development a save mends it; here nothing would
        raise app.load_error
    serve(
        app,
        listener,
        on_ready=on_ready,
        grace_s=GRACE_S,
        in_background=answering.warm_up,
        stop_signals=stop_signals,
    )
