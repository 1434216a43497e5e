"""`flightwire db`: the tables that chats are kept in.

Owns: showing and upgrading their version. Refuses to know: what is in them.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from ..storage.sql import SqlChatStore

cli = typer.Typer(
    help="The tables that chats are kept in: in DATABASE_URL, else in .flightwire/chats.db of the app folder.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
App = Annotated[str, typer.Argument(help="The app folder, where DATABASE_URL is not set.")]


@cli.command()
def status(app: App = ".") -> None:
    """Say which version the tables have, and whether that is the one needed."""
    found, wanted = asyncio.run(_store(app).versions())
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
    asyncio.run(_store(app).upgrade())
    print("up to date")


def _store(app: str) -> SqlChatStore:
    import os

    from ..storage.opening import DATABASE_VARIABLE, DEFAULT_FILE, STATE_FOLDER, sql_store

    if os.environ.get(DATABASE_VARIABLE, "").strip():
        return sql_store(None)
    return sql_store(f"sqlite:///{os.path.abspath(app)}/{STATE_FOLDER}/{DEFAULT_FILE}")  # noqa: PTH100 - no links resolved
