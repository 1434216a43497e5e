"""`flightwire db`: our tables: chats, and which approvals were used.

Owns: showing and upgrading their version. Refuses to know: what is in them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..storage.database import Database

cli = typer.Typer(
    help="The tables that chats are kept in: in DATABASE_URL, else in .flightwire/chats.db of the app folder.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
App = Annotated[str, typer.Argument(help="The app folder, where DATABASE_URL is not set.")]


@cli.command()
def status(app: App = ".") -> None:
    """Say which version the tables have, and whether that is the one needed."""
    found, wanted = asyncio.run(_database(app).versions())
    if found is None:
        print(f"no tables yet; the first use makes them (version {wanted})")
    elif found == wanted:
        print(f"version {found}, up to date")
    else:
        print(f"version {found}, and this release needs {wanted}: flightwire db upgrade")
        raise typer.Exit(1)


@cli.command()
def upgrade(app: App = ".") -> None:
    """Bring the tables to the version that this release needs. Make a backup first."""
    asyncio.run(_database(app).upgrade())
    print("up to date")


def _database(app: str) -> Database:
    import os

    from ..storage.opening import DATABASE_VARIABLE, DEFAULT_FILE, STATE_FOLDER, database

    if os.environ.get(DATABASE_VARIABLE, "").strip():
        return database(None, DATABASE_VARIABLE)
    return database(f"sqlite:///{os.path.abspath(app)}/{STATE_FOLDER}/{DEFAULT_FILE}", "flightwire db")  # noqa: PTH100 - no links resolved
