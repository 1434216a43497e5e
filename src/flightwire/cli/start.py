"""`flightwire start`: a build, served.

Owns: one process or several. Refuses to know: what is served.
"""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Annotated, Any

import typer

from .dev import Folder, Host, Port, announce
from .folders import CommandError, check_app_folder, has_page
from .letters import log_to_terminal
from .listening import listen, url_of
from .tools import prepare_model

Workers = Annotated[
    int, typer.Option(min=1, help="Processes that share the port; each runs its own local model.")
]

EXAMPLES = """\b
Examples:
  flightwire build app/ && flightwire start app/
  flightwire start app/ --host 0.0.0.0 --workers 4
"""
GRACE_S = 10  # answers under way may end; then the process does
FOLDER_VARIABLE = "FLIGHTWIRE_START_FOLDER"  # how workers, which are new processes, learn what to serve


def start(folder: Folder, port: Port = 3000, host: Host = "127.0.0.1", workers: Workers = 1) -> None:
    """Serve a built app: behind a proxy, or with --host 0.0.0.0 to everyone who reaches this machine."""
    shown = folder
    folder = check_app_folder(folder)
    if has_page(folder) and not (folder / ".flightwire" / "build" / "manifest.json").is_file():
        raise CommandError(f"{shown} has no build yet. Make one: flightwire build {shown}")
    listener = listen(host, port, retry=f"flightwire start {shown}")
    log_to_terminal()
    answering = prepare_model()
    if workers > 1:
        announce(url_of(listener), shown, answering)
        _serve_with_workers(folder, listener, workers)
        return

    from .serving import serve

    app = _make_app(folder)
    serve(
        app,
        listener,
        on_ready=lambda: announce(url_of(listener), shown, answering),
        grace_s=GRACE_S,
        in_background=answering.warm_up,
    )


def worker_app() -> Any:
    """Make the app inside a worker process; uvicorn imports this by name."""
    log_to_terminal()
    return _make_app(Path(os.environ[FOLDER_VARIABLE]))


def _make_app(folder: Path) -> Any:
    from .. import app as make_app

    app = make_app(folder, mode="production")
    if app.load_error is not None:  # in development a save mends it; here nothing would
        raise app.load_error
    return app


def _serve_with_workers(folder: Path, listener: socket.socket, workers: int) -> None:
    import uvicorn

    from .serving import server_settings

    host, port = listener.getsockname()[:2]
    listener.close()  # uvicorn's public interface binds for itself
    os.environ[FOLDER_VARIABLE] = str(folder)
    name = f"{__name__}:worker_app"
    uvicorn.run(name, factory=True, host=host, port=port, workers=workers, **server_settings(grace_s=GRACE_S))
