"""Connections to the two databases.

Owns: what each driver must be told, one engine per event loop. Refuses to know: tables, chats.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

from sqlalchemy import URL, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from flightwire.errors import MissingExtraError, StorageError

BUSY_TIMEOUT_S: Final = 5.0  # how long one writer of SQLite waits for another
CONNECT_TIMEOUT_S: Final = 10.0
POOL_SIZE: Final = 5
READ_ONLY: Final = {"flightwire_read_only": True}  # an execution option: this transaction will write nothing
_NETWORK: Final = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "fuse.s3fs", "afs"})


def make_engine(url: URL) -> AsyncEngine:
    """An engine for `sqlite+aiosqlite` or `postgresql+asyncpg`; connects when it is used.

    Raises:
        MissingExtraError: the driver is not installed.
        StorageError: a SQLite file where none can be.
    """
    return _sqlite(url) if url.get_backend_name() == "sqlite" else _postgres(url)


def _sqlite(url: URL) -> AsyncEngine:
    file = Path(url.database or "")
    _check_place(file)
    engine = _create(
        lambda: create_async_engine(url, pool_size=POOL_SIZE, connect_args={"timeout": BUSY_TIMEOUT_S}),
        "storage",
    )

    @event.listens_for(engine.sync_engine, "connect")
    def configure(connection: Any, _: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves, or a reader becomes a writer too late
        cursor = connection.cursor()
        # WAL with NORMAL: what was committed survives any end of the process; readers do not wait for a writer.
        for pragma in ("journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: Any) -> None:
        reads = connection.get_execution_options().keys() >= READ_ONLY.keys()
        # A transaction that reads first and writes later could not wait for another writer, only fail.
        connection.exec_driver_sql("BEGIN" if reads else "BEGIN IMMEDIATE")

    return engine


def _postgres(url: URL) -> AsyncEngine:
    return _create(
        lambda: create_async_engine(
            url,
            pool_size=POOL_SIZE,
            max_overflow=POOL_SIZE,
            pool_pre_ping=True,  # a database that was restarted costs no request
            # Behind PgBouncer another session may execute what this one prepared: never reuse a name.
            connect_args={
                "statement_cache_size": 0,
                "prepared_statement_cache_size": 0,
                "prepared_statement_name_func": lambda: f"flightwire_{uuid4().hex}",
                "timeout": CONNECT_TIMEOUT_S,
            },
        ),
        "postgres",
    )


def _create(make: Callable[[], AsyncEngine], extra: str) -> AsyncEngine:
    try:
        return make()
    except ModuleNotFoundError:
        raise MissingExtraError(extra, "A database") from None


def _check_place(file: Path) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"the folder of {file} cannot be made: {error.strerror}") from error
    if (kind := _file_system(file.parent)) in _NETWORK:
        raise StorageError(
            f"{file} is on a network file system ({kind}), where SQLite cannot lock reliably. Put it on a local disk, or set "
            "DATABASE_URL=postgresql://…"
        )


def _file_system(folder: Path) -> str | None:
    """The kind of file system, where the system says it (Linux)."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return None
    place = os.path.realpath(folder)
    above = [
        (len(at), kind) for _, at, kind, *_ in mounts if place == at or place.startswith(at.rstrip("/") + "/")
    ]
    return max(above)[1] if above else None
