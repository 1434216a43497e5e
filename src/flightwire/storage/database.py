"""One database: its connections, its tables' version, when work on it is tried again.

Owns: one engine per event loop, retries, translating the driver's errors. Refuses to know: what is in the tables.
"""

from __future__ import annotations

import asyncio
import random
import weakref
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final, TypeVar

from sqlalchemy import URL, Connection
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flightwire.errors import StorageError
from flightwire.storage import schema
from flightwire.storage.engines import READ_ONLY, make_engine

T = TypeVar("T")

ATTEMPTS: Final = 4
BACKOFF_S: Final = 0.1
# Serialization failure, deadlock, and the database going away or coming up (PostgreSQL, appendix A).
_TRANSIENT: Final = frozenset(
    {"40001", "40P01", "57P01", "57P02", "57P03", "08000", "08003", "08006", "08001"}
)

_open: Final[weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, weakref.WeakSet[AsyncEngine]]] = (
    weakref.WeakKeyDictionary()
)


async def close_idle_connections() -> None:
    """Close what this loop has open and nobody uses; databases open it again when they need it."""
    for engine in list(_open.get(asyncio.get_running_loop(), ())):
        await engine.dispose()


class Database:
    """SQLite or PostgreSQL; connects when it is first used, and makes the tables where there are none.

    Arguments:
        find_url: gives its address then.

    Every method raises `StorageError` when the database cannot be reached or refuses, and `SchemaError` when its tables are
    of another version.
    """

    def __init__(self, find_url: Callable[[], URL]) -> None:
        self._find_url = find_url
        self._url: URL | None = None
        # Connections belong to an event loop; a process may have several (tests, sync scripts).
        self._engines: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncEngine] = (
            weakref.WeakKeyDictionary()
        )
        self._locks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            weakref.WeakKeyDictionary()
        )

    @property
    def shown(self) -> str:
        """Where it is; never the password."""
        if self._url is None:
            return "not used yet"
        if self._url.get_backend_name() == "sqlite":
            return str(self._url.database)
        return self._url.set(drivername="postgresql").render_as_string(hide_password=True)

    async def read(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Do something that writes nothing; it may be done again."""

        async def run(engine: AsyncEngine) -> T:
            async with engine.connect() as connection:
                return await work(await connection.execution_options(**READ_ONLY))

        return await self._tried(run)

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """Do something in a transaction; it may be done again, also after it came through unnoticed."""

        async def run(engine: AsyncEngine) -> T:
            async with engine.begin() as connection:
                return await work(connection)

        return await self._tried(run)

    async def aclose(self) -> None:
        """Close the connections; the database can be used again afterwards."""
        engine = self._engines.pop(asyncio.get_running_loop(), None)
        if engine is not None:
            await engine.dispose()

    # --- the tables ----------------------------------------------------------------------------------------------

    async def versions(self) -> tuple[str | None, str]:
        """The version of the tables there, None without any, and the one that this release works with."""
        return await self._tried_with(self._bare_engine(), schema.current_version), schema.newest_version()

    async def upgrade(self) -> None:
        """Bring the tables to the newest version; all of it, or nothing when it fails."""
        await self._tried_with(self._bare_engine(), schema.upgrade)

    def _bare_engine(self) -> AsyncEngine:
        if self._url is None:
            self._url = self._find_url()
        return make_engine(self._url)

    async def _tried_with(self, engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
        async def run(_: AsyncEngine) -> T:
            async with engine.begin() as connection:
                return await connection.run_sync(work)

        try:
            return await self._tried(run, engine)
        finally:
            await engine.dispose()

    # --- connections -------------------------------------------------------------------------------------------------

    async def _tried(
        self, run: Callable[[AsyncEngine], Awaitable[T]], engine: AsyncEngine | None = None
    ) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await run(engine or await self._engine())
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                if attempt == ATTEMPTS or not _is_transient(error):
                    raise StorageError(f"{self.shown} {_said(error)}") from error
            await asyncio.sleep(BACKOFF_S * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
        raise AssertionError("unreachable")

    async def _engine(self) -> AsyncEngine:
        loop = asyncio.get_running_loop()
        engine = self._engines.get(loop)
        if engine is not None:
            return engine
        async with self._locks.setdefault(loop, asyncio.Lock()):
            if loop not in self._engines:
                engine = self._engines[loop] = await self._prepared(self._bare_engine())
                _open.setdefault(loop, weakref.WeakSet()).add(engine)
            return self._engines[loop]

    async def _prepared(self, engine: AsyncEngine) -> AsyncEngine:
        try:
            async with engine.begin() as connection:
                await connection.run_sync(schema.prepare, self.shown)
        except BaseException:
            with suppress(Exception):
                await engine.dispose()
            raise
        return engine


def _is_transient(error: BaseException) -> bool:
    if isinstance(error, (OSError, TimeoutError)):
        return isinstance(error, ConnectionError)
    if not isinstance(error, DBAPIError):
        return False
    if error.connection_invalidated:
        return True
    state = getattr(error.orig, "sqlstate", None)
    return state in _TRANSIENT or "database is locked" in str(error.orig)


def _said(error: BaseException) -> str:
    """What went wrong and what to do, without the statement and its parameters: they hold what people wrote."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    text = " ".join(str(cause).split())[:300] or type(cause).__name__
    if isinstance(cause, OSError) or "connect" in text.lower():
        return f"cannot be reached: {text}. Is the database running, and is DATABASE_URL right?"
    if "locked" in text:
        return f"is locked by another program: {text}."
    if "readonly" in text or "read-only" in text:
        return f"cannot be written: {text}. May this user write the file and its folder?"
    if "full" in text:
        return f"cannot be written: {text}. Is the disk full?"
    return f"refused: {text}"
