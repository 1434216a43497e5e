"""The `flightwire` command.

Owns: its sub-commands, and that mistakes end in a letter and an exit code, never in a traceback. Refuses to know: what they do.
"""

from __future__ import annotations

import sys
from importlib.metadata import version
from typing import Annotated

import typer

from ..errors import FlightwireError
from . import build, db, dev, doctor, models, start, types, vite_plugin
from .letters import print_letter

HELP = """Streaming AI interfaces served from Python: React pages that call Python functions.

\b
  flightwire dev app/               live pages and actions while you write them
  flightwire build app/             compile the pages for production
  flightwire start app/             serve that build
  flightwire types app/             declare actions in TypeScript; --check for CI
  flightwire models pull            fetch the file of the local model
  flightwire doctor                 explain this installation
  flightwire vite-plugin            for a Vite project of your own that calls Python
  flightwire db status              the tables that chats are kept in

An app is a folder with a page.tsx and an actions.py.

Which model answers: the one that an action names, else FLIGHTWIRE_MODEL=provider/model, else OpenAI's if OPENAI_API_KEY
is set, else local/smollm2 on this machine, which needs no key.
"""

cli = typer.Typer(
    name="flightwire",
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
cli.command("dev", short_help="Live pages and actions while you write them.", epilog=dev.EXAMPLES)(dev.dev)
cli.command("build", short_help="Compile the pages for production.")(build.build)
cli.command("start", short_help="Serve that build.", epilog=start.EXAMPLES)(start.start)
cli.command("types", short_help="Declare actions in TypeScript.", epilog=types.EXAMPLES)(types.types)
cli.command("doctor", short_help="Explain this installation.", epilog=doctor.EXAMPLES)(doctor.doctor)
cli.command("vite-plugin", short_help="For a Vite project of your own.", epilog=vite_plugin.EXAMPLES)(
    vite_plugin.vite_plugin
)
cli.add_typer(models.cli, name="models")
cli.add_typer(db.cli, name="db")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"flightwire {version('flightwire')}")
        raise typer.Exit


@cli.callback()
def _options(
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and leave."
        ),
    ] = False,
) -> None:
    pass


def main() -> None:
    """Run the command line; the console script and `python -m flightwire` come here."""
    try:
        cli()
    except FlightwireError as error:
        print_letter(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
