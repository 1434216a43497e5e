"""Chats in SQLite or PostgreSQL.

Owns: the statements about chats. Refuses to know: connections (database.py), who asks, what a state means.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import ColumnElement, Row, delete, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from flightwire.errors import ChatConflictError, InvalidArgumentError
from flightwire.jsontypes import JSONValue
from flightwire.scope import current_scope
from flightwire.storage.base import Chat, ChatSummary, check_chat_id
from flightwire.storage.database import Database
from flightwire.storage.documents import from_text, to_text
from flightwire.storage.tables import chats

MAX_LISTED: Final = 1000


class SqlChatStore:
    """A `ChatStore` in a SQL database.

    Arguments:
        database: where.
        max_state_bytes: how large one chat may be, as JSON.
    """

    def __init__(self, database: Database, *, max_state_bytes: int) -> None:
        self._database = database
        self._max_state_bytes = max_state_bytes

    def __repr__(self) -> str:
        """Where it is; never the password."""
        return f"<chat store {self._database.shown}>"

    # --- reading -------------------------------------------------------------------------------------------------

    async def load(self, chat_id: str, *, owner: str | None = None) -> JSONValue:
        """What was last saved, or None when there is no such chat."""
        chat = await self.get(chat_id, owner=owner)
        return None if chat is None else chat.state

    async def get(self, chat_id: str, *, owner: str | None = None) -> Chat | None:
        """The chat with its version and times, or None."""
        return await self._database.read(lambda connection: _find(connection, *_key(chat_id, owner)))

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

        return await self._database.read(fetch)

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
        return await self._database.write(_Save(key, text, title, if_version))

    async def delete(self, chat_id: str, *, owner: str | None = None) -> bool:
        """Delete a chat; returns whether there was one."""
        where = _where(*_key(chat_id, owner))

        async def remove(connection: AsyncConnection) -> bool:
            done = await connection.execute(delete(chats).where(*where))
            return done.rowcount > 0

        return await self._database.write(remove)

    async def sweep(self, prefix: str, *, before_s: float) -> int:
        """Delete the chats of every owner whose ids begin so and that were last changed before this time; returns how many."""
        old = (chats.c.id.startswith(prefix, autoescape=True), chats.c.updated_at_us < round(before_s * 1e6))

        async def remove(connection: AsyncConnection) -> int:
            return (await connection.execute(delete(chats).where(*old))).rowcount

        return await self._database.write(remove)

    async def aclose(self) -> None:
        """Close the connections; the store can be used again afterwards."""
        await self._database.aclose()


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
