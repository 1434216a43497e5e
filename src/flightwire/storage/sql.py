"""Chats in SQLite or PostgreSQL.

Owns: the statements, when one is tried again, translating the driver's errors. Refuses to know: who asks, what a state means.
"""

from __future__ import annotations

import asyncio
import random
import time
import weakref
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, TypeVar

from sqlalchemy import URL, ColumnElement, Connection, Row, delete, insert, select, update
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from flightwire.errors import ChatConflictError, InvalidArgumentError, StorageError
from flightwire.jsontypes import JSONValue
from flightwire.scope import current_scope
from flightwire.storage import schema
from flightwire.storage.base import Chat, ChatSummary, check_chat_id
from flightwire.storage.documents import from_text, to_text
from flightwire.storage.engines import READ_ONLY, make_engine
from flightwire.storage.tables import chats

T = TypeVar("T")

ATTEMPTS: Final = 4
BACKOFF_S: Final = 0.1
MAX_LISTED: Final = 1000
# Serialization failure, deadlock, and the database going away or coming up (PostgreSQL, appendix A).
_TRANSIENT: Final = frozenset(
    {"40001", "40P01", "57P01", "57P02", "57P03", "08000", "08003", "08006", "08001"}
)


class SqlChatStore:
    """A `ChatStore` in a SQL database.

    Arguments:
        find_url: gives the database's address when it is first used.
        max_state_bytes: how large one chat may be, as JSON.
    """

    def __init__(self, find_url: Callable[[], URL], *, max_state_bytes: int) -> None:
        self._find_url = find_url
        self._max_state_bytes = max_state_bytes
        self._url: URL | None = None
        # Connections belong to an event loop; a process may have several (tests, sync scripts).
        self._engines: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncEngine] = (
            weakref.WeakKeyDictionary()
        )
        self._locks: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Lock] = (
            weakref.WeakKeyDictionary()
        )

    def __repr__(self) -> str:
        """Where it is; never the password."""
        return f"<chat store {self._shown() if self._url is not None else 'not used yet'}>"

    # --- reading -------------------------------------------------------------------------------------------------

    async def load(self, chat_id: str, *, owner: str | None = None) -> JSONValue:
        """What was last saved, or None when there is no such chat."""
        chat = await self.get(chat_id, owner=owner)
        return None if chat is None else chat.state

    async def get(self, chat_id: str, *, owner: str | None = None) -> Chat | None:
        """The chat with its version and times, or None."""
        return await self._read(lambda connection: _find(connection, *_key(chat_id, owner)))

    async def list(
        self, *, owner: str | None = None, limit: int = 50, before_s: float | None = None
    ) -> Sequence[ChatSummary]:
        """The owner's chats, the last changed first."""
        if not 1 <= limit <= MAX_LISTED:
            raise InvalidArgumentError(f"limit must be from 1 to {MAX_LISTED}, got {limit!r}.")
        columns = (chats.c.id, chats.c.title, chats.c.version, chats.c.created_at_us, chats.c.updated_at_us)
        query = (
            select(*columns)
            .where(chats.c.owner == _owner(owner))
            .order_by(chats.c.updated_at_us.desc(), chats.c.id)
        )
        if before_s is not None:
            query = query.where(chats.c.updated_at_us < round(before_s * 1e6))

        async def fetch(connection: AsyncConnection) -> tuple[ChatSummary, ...]:
            rows = (await connection.execute(query.limit(limit))).all()
            return tuple(
                ChatSummary(r.id, r.title, r.version, r.created_at_us / 1e6, r.updated_at_us / 1e6)
                for r in rows
            )

        return await self._read(fetch)

    # --- writing -------------------------------------------------------------------------------------------------

    async def save(
        self,
        chat_id: str,
        state: object,
        *,
        owner: str | None = None,
        title: str | None = None,
        if_version: int | None = None,
    ) -> Chat:
        """Save a chat, all of it; when this returns, it is on disk."""
        key = _key(chat_id, owner)
        text = to_text(chat_id, state, max_state_bytes=self._max_state_bytes)
        return await self._write(_Save(key, text, title, if_version))

    async def delete(self, chat_id: str, *, owner: str | None = None) -> bool:
        """Delete a chat; returns whether there was one."""
        where = _where(*_key(chat_id, owner))

        async def remove(connection: AsyncConnection) -> bool:
            done = await connection.execute(delete(chats).where(*where))
            return done.rowcount > 0

        return await self._write(remove)

    async def sweep(self, prefix: str, *, before_s: float) -> int:
        """Delete the chats of every owner whose ids begin so and that were last changed before this time; returns how many."""
        old = (chats.c.id.startswith(prefix, autoescape=True), chats.c.updated_at_us < round(before_s * 1e6))

        async def remove(connection: AsyncConnection) -> int:
            return (await connection.execute(delete(chats).where(*old))).rowcount

        return await self._write(remove)

    async def aclose(self) -> None:
        """Close the connections; the store can be used again afterwards."""
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

    # --- connections ---------------------------------------------------------------------------------------------

    async def _read(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async def run(engine: AsyncEngine) -> T:
            async with engine.connect() as connection:
                return await work(await connection.execution_options(**READ_ONLY))

        return await self._tried(run)

    async def _write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async def run(engine: AsyncEngine) -> T:
            async with engine.begin() as connection:
                return await work(connection)

        return await self._tried(run)

    async def _tried(
        self, run: Callable[[AsyncEngine], Awaitable[T]], engine: AsyncEngine | None = None
    ) -> T:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return await run(engine or await self._engine())
            except (SQLAlchemyError, OSError, TimeoutError) as error:
                if attempt == ATTEMPTS or not _is_transient(error):
                    raise StorageError(f"{self._shown()} {_said(error)}") from error
            await asyncio.sleep(BACKOFF_S * 2**attempt * random.uniform(0.5, 1.5))  # noqa: S311 - jitter
        raise AssertionError("unreachable")

    async def _engine(self) -> AsyncEngine:
        loop = asyncio.get_running_loop()
        engine = self._engines.get(loop)
        if engine is not None:
            return engine
        async with self._locks.setdefault(loop, asyncio.Lock()):
            if loop not in self._engines:
                self._engines[loop] = await self._prepared(self._bare_engine())
            return self._engines[loop]

    async def _prepared(self, engine: AsyncEngine) -> AsyncEngine:
        try:
            async with engine.begin() as connection:
                await connection.run_sync(schema.prepare, self._shown())
        except BaseException:
            with suppress(Exception):
                await engine.dispose()
            raise
        return engine

    def _shown(self) -> str:
        assert self._url is not None
        if self._url.get_backend_name() == "sqlite":
            return str(self._url.database)
        return self._url.set(drivername="postgresql").render_as_string(hide_password=True)


class _Save:
    """Saving one state; may run again when it is not known whether the first time came through."""

    def __init__(self, key: tuple[str, str], text: str, title: str | None, if_version: int | None) -> None:
        self._key = key
        self._text = text
        self._title = title
        self._if_version = if_version
        self._is_again = False

    async def __call__(self, connection: AsyncConnection) -> Chat:
        is_again, self._is_again = self._is_again, True
        row = await _row(connection, *self._key, for_update=True)
        version = 0 if row is None else int(row.version)
        if is_again and row is not None and self._if_version == version - 1 and row.state == self._text:
            return _chat(row)  # the first time had come through
        if self._if_version is not None and self._if_version != version:
            raise ChatConflictError(self._key[1], self._if_version, version)
        return await (self._insert(connection) if row is None else self._update(connection, row))

    async def _insert(self, connection: AsyncConnection) -> Chat:
        now = _now_us()
        values = {
            "state": self._text,
            "title": self._title,
            "version": 1,
            "created_at_us": now,
            "updated_at_us": now,
        }
        try:
            async with connection.begin_nested():
                await connection.execute(insert(chats).values(owner=self._key[0], id=self._key[1], **values))
        except IntegrityError:  # another writer was first; the row is there now
            row = await _row(connection, *self._key, for_update=True)
            if row is None:
                raise
            if self._if_version is not None:
                raise ChatConflictError(self._key[1], self._if_version, int(row.version)) from None
            return await self._update(connection, row)
        return _made(self._key[1], values)

    async def _update(self, connection: AsyncConnection, row: Row[Any]) -> Chat:
        values = {
            "state": self._text,
            "title": row.title if self._title is None else self._title,
            "version": int(row.version) + 1,
            "created_at_us": int(row.created_at_us),
            "updated_at_us": max(_now_us(), int(row.updated_at_us) + 1),  # a clock set back keeps the order
        }
        await connection.execute(update(chats).where(*_where(*self._key)).values(**values))
        return _made(self._key[1], values)


async def _find(connection: AsyncConnection, owner: str, id: str) -> Chat | None:
    row = await _row(connection, owner, id)
    return None if row is None else _chat(row)


async def _row(
    connection: AsyncConnection, owner: str, id: str, *, for_update: bool = False
) -> Row[Any] | None:
    query = select(chats).where(*_where(owner, id))
    return (await connection.execute(query.with_for_update() if for_update else query)).one_or_none()


def _where(owner: str, id: str) -> tuple[ColumnElement[bool], ...]:
    return chats.c.owner == owner, chats.c.id == id


def _chat(row: Row[Any]) -> Chat:
    return _made(row.id, row._asdict())


def _made(id: str, values: Mapping[str, Any]) -> Chat:
    return Chat(
        id=id,
        state=from_text(values["state"]),
        title=values["title"],
        version=values["version"],
        created_at_s=values["created_at_us"] / 1e6,
        updated_at_s=values["updated_at_us"] / 1e6,
    )


def _key(chat_id: str, owner: str | None) -> tuple[str, str]:
    return _owner(owner), check_chat_id(chat_id)


def _owner(owner: str | None) -> str:
    if owner is not None:
        return owner
    scope = current_scope()
    return (None if scope is None else scope.user_key()) or ""


def _now_us() -> int:
    return time.time_ns() // 1000


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
