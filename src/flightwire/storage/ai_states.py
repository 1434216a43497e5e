"""Where `create_ai` keeps AI states when the app says nothing: in the database that chats are in.

Owns: keeping them apart from the app's own chats, forgetting those that nobody can reach any more. Refuses to know: what
a state is.
"""

from __future__ import annotations

import logging
import time
from typing import Final, Protocol

from flightwire.errors import MissingExtraError
from flightwire.jsontypes import JSONValue
from flightwire.sealing import SEAL_LIFETIME_S
from flightwire.storage.base import MAX_STATE_BYTES
from flightwire.storage.memory import MemoryStateStore
from flightwire.storage.opening import sql_store

SWEEP_EVERY_S: Final = 3600.0
_NAMESPACE: Final = "ai-state:"

log = logging.getLogger("flightwire.storage")


class _State(Protocol):
    @property
    def state(self) -> JSONValue: ...
    @property
    def version(self) -> int: ...


class _Store(Protocol):
    async def get(self, chat_id: str, *, owner: str | None = None) -> _State | None: ...
    async def save(
        self, chat_id: str, state: object, *, owner: str | None = None, if_version: int | None = None
    ) -> _State: ...
    async def sweep(self, prefix: str, *, before_s: float) -> int: ...


class AIStates:
    """A store of AI states in SQLite or PostgreSQL, as `chat_store()` finds it; in memory without the extra `storage`.

    Arguments:
        unnamed_prefix: begins the ids of chats that end with their page: they are forgotten when no page can have them any more.
    """

    def __init__(self, unnamed_prefix: str) -> None:
        self._unnamed_prefix = unnamed_prefix
        self._store: _Store | None = None
        self._swept_at_s = 0.0

    async def get(self, chat_id: str, *, owner: str | None = None) -> _State | None:
        """The state and its version, or None.

        Raises:
            StorageError: the database cannot be reached, or refuses.
        """
        return await self._found().get(chat_id, owner=_NAMESPACE + (owner or ""))

    async def save(
        self, chat_id: str, state: object, *, owner: str | None = None, if_version: int | None = None
    ) -> _State:
        """Save a state.

        Raises:
            ChatConflictError: it has another version by now.
            StorageError: the database cannot be reached, or refuses.
        """
        await self._sweep()
        return await self._found().save(
            chat_id, state, owner=_NAMESPACE + (owner or ""), if_version=if_version
        )

    def _found(self) -> _Store:
        if self._store is None:
            try:
                self._store = sql_store(None, max_state_bytes=MAX_STATE_BYTES)
            except MissingExtraError:
                log.warning(
                    "AI states are kept in this process's memory: a restart forgets them, and other workers do not know them. "
                    "Install pip install 'flightwire[storage]', or give create_ai(store=…)."
                )
                self._store = MemoryStateStore()
        return self._store

    async def _sweep(self) -> None:
        now_s = time.time()
        if now_s - self._swept_at_s > SWEEP_EVERY_S:
            self._swept_at_s = now_s
            await self._found().sweep(self._unnamed_prefix, before_s=now_s - SEAL_LIFETIME_S)
