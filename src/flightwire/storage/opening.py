"""Which database: what was asked for, DATABASE_URL, or a SQLite file of the app's own.

Owns: the choice and the spelling of addresses. Refuses to know: tables, drivers (they are imported on first use).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flightwire.errors import InvalidArgumentError, MissingExtraError
from flightwire.scope import current_scope
from flightwire.storage.base import MAX_STATE_BYTES, ChatStore

if TYPE_CHECKING:
    from sqlalchemy import URL

    from flightwire.storage.database import Database
    from flightwire.storage.sql import SqlChatStore
    from flightwire.storage.sql_approvals import SqlApprovalStore

DATABASE_VARIABLE: Final = "DATABASE_URL"
DEFAULT_FILE: Final = "chats.db"
STATE_FOLDER: Final = ".flightwire"
_DRIVERS: Final = {
    "sqlite": "sqlite+aiosqlite",
    "sqlite+aiosqlite": "sqlite+aiosqlite",
    "postgres": "postgresql+asyncpg",
    "postgresql": "postgresql+asyncpg",
    "postgresql+asyncpg": "postgresql+asyncpg",
}


def chat_store(url: str | None = None, *, max_state_bytes: int = MAX_STATE_BYTES) -> ChatStore:
    """A store of chats; it connects when it is first used.

    Arguments:
        url: `postgresql://user:password@host/database` or `sqlite:///path/to/chats.db`; by default DATABASE_URL, else
            `.flightwire/chats.db` in the app folder of the request that uses it first, or in the current folder.
        max_state_bytes: how large one chat may be, as JSON.

    Raises:
        InvalidArgumentError: the address is of another kind; says what to write.
        MissingExtraError: SQLAlchemy is not installed.
    """
    return sql_store(url, max_state_bytes=max_state_bytes)


def sql_store(url: str | None, *, max_state_bytes: int = MAX_STATE_BYTES) -> SqlChatStore:
    """As `chat_store`, with what only a SQL store has.

    Raises:
        InvalidArgumentError: the address is of another kind; says what to write.
        MissingExtraError: SQLAlchemy is not installed.
    """
    found = database(url, "chat_store()")
    from flightwire.storage.sql import SqlChatStore

    return SqlChatStore(found, max_state_bytes=max_state_bytes)


def approval_store(url: str | None = None) -> SqlApprovalStore:
    """Remembers which decisions on tool calls were used, for all processes: `Approvals(store=approval_store())`.

    Arguments:
        url: as in `chat_store`.

    Raises:
        InvalidArgumentError: the address is of another kind; says what to write.
        MissingExtraError: SQLAlchemy is not installed.
    """
    found = database(url, "approval_store()")
    from flightwire.storage.sql_approvals import SqlApprovalStore

    return SqlApprovalStore(found)


def database(url: str | None, who: str) -> Database:
    """The database of an address; it connects when it is first used.

    Raises:
        InvalidArgumentError: the address is of another kind; says what to write.
        MissingExtraError: SQLAlchemy is not installed; says for whom.
    """
    if url is not None:
        _checked_scheme(url, who)
    try:
        from flightwire.storage.database import Database
    except ModuleNotFoundError as error:
        raise MissingExtraError("storage", who) from error
    return Database(lambda: find_url(url, who))


def find_url(url: str | None, who: str = "chat_store()") -> URL:
    """The address of the database to use, with the driver that we use.

    Raises:
        InvalidArgumentError: DATABASE_URL or the argument is of another kind.
    """
    from sqlalchemy import URL, make_url

    given = url or os.environ.get(DATABASE_VARIABLE, "").strip()
    if not given:
        return URL.create("sqlite+aiosqlite", database=str(_default_file()))
    scheme = _checked_scheme(given, who if url else DATABASE_VARIABLE)
    rest = given.partition("://")[2]
    found = make_url(f"{_DRIVERS[scheme]}://{rest}")
    if scheme.startswith("sqlite") and found.database in (None, "", ":memory:"):
        raise InvalidArgumentError(
            "chats need a SQLite file: one in memory would end with its connection. Write sqlite:///chats.db, or "
            "sqlite:////var/lib/app/chats.db for an absolute path."
        )
    return found


def _checked_scheme(url: str, where: str) -> str:
    scheme, found, _ = url.lower().partition("://")
    if not found:
        scheme = ""  # all of it may be a password
    if scheme not in _DRIVERS:
        # The rest of an address may be a password.
        raise InvalidArgumentError(
            f"{where} names a database of the kind {scheme[:30]!r}. Write postgresql://user:password@host/database or "
            "sqlite:///path/to/chats.db."
        )
    return scheme


def _default_file() -> Path:
    scope = current_scope()
    folder = (
        scope.state_folder if scope is not None and scope.state_folder is not None else Path(STATE_FOLDER)
    )
    return folder.resolve() / DEFAULT_FILE
