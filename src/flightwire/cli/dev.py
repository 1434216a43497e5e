"""`flightwire dev`: live pages and actions.

Owns: the order of a start, and the lines it prints. Refuses to know: how pages are compiled and reloaded.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from ..server.environment import load_environment
from .folders import check_app_folder
from .letters import log_to_terminal
from .listening import listen, url_of
from .tools import Answering, prepare_model, prepare_pages

Folder = Annotated[
    Path,
    typer.Argument(
        metavar="FOLDER", help="The app: a folder with page.tsx and actions.py.", show_default=False
    ),
]
Port = Annotated[
    int, typer.Option(envvar="PORT", min=0, max=65535, help="Where to listen; 0 takes a free port.")
]
Host = Annotated[str, typer.Option(envvar="HOST", help="Who may connect: 127.0.0.1 is this machine alone.")]

EXAMPLES = """\b
Examples:
  flightwire dev app/
  flightwire dev app/ --port 3001
  FLIGHTWIRE_MODEL=openai/gpt-5.4-mini flightwire dev app/
"""


def dev(folder: Folder, port: Port = 3000, host: Host = "127.0.0.1") -> None:
    """Serve an app while you write it: a save of a page or an action shows at once."""
    shown = folder
    folder = check_app_folder(folder)
    listener = listen(host, port, retry=f"flightwire dev {shown}")
    log_to_terminal()
    load_environment(folder)  # keys of models among it
    prepare_pages()
    answering = prepare_model()

    from .. import app as make_app
    from .serving import serve

    app = make_app(folder, mode="development")
    app.vite_host = host
    app.watches_signals = False
    serve(
        app,
        listener,
        on_ready=lambda: announce(url_of(listener), shown, answering),
        in_background=answering.warm_up,
    )


def announce(url: str, folder: Path, answering: Answering) -> None:
    """Say where the app is, which model answers and why."""
    console = Console(file=sys.stdout)
    rows = [("open", url, "bold cyan"), ("app", os.fspath(folder), ""), ("model", str(answering), "")]
    for label, text, style in rows:
        console.print(Text.assemble((f"  {label:<6}", "dim"), (text, style)), soft_wrap=True, highlight=False)
    console.print(Text("  Ctrl-C stops it.", "dim"))
    sys.stdout.flush()
