"""The contract of a place where chats are kept.

Owns: what a chat is, what every store promises. Refuses to know: SQL, files, who asks.

The promises, held by one suite of tests for every backend (tests/storage/): what `save` returned for is on disk, and no end
of the process takes it away; a chat is its owner's, others see no chat at all; two writers that look before they write
(`if_version`) never overwrite each other; a save that fails leaves what was there.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Protocol

from flightwire._frozen import value
from flightwire.errors import InvalidArgumentError
from flightwire.jsontypes import JSONValue

MAX_STATE_BYTES: Final = 4 * 1024 * 1024
_CHAT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@value
class ChatSummary:
    """A chat without its content. Times are Unix time in seconds."""

    id: str
    title: str | None
    version: int
    created_at_s: float
    updated_at_s: float


@value
class Chat:
    """A chat as it was saved; `version` counts its saves from 1. Times are Unix time in seconds."""

    id: str
    state: JSONValue
    title: str | None
    version: int
    created_at_s: float
    updated_at_s: float


class ChatStore(Protocol):
    """Keeps chats: JSON by owner and id. Made once, at import time; it connects when it is first used.

    Every method takes the `owner`: a text that stands for a user. Left out it is the user of the current request (what the
    app's `auth` returned), or nobody in particular without one. The same id with two owners is two chats.

    Every method raises `StorageError` when the database cannot be reached or refuses, `SchemaError` when its tables are of
    another version, and `InvalidArgumentError` for an id that is none (letters, digits, `-` and `_`, 64 at most).
    """

    async def load(self, chat_id: str, *, owner: str | None = None) -> JSONValue:
        """What was last saved, or None when there is no such chat."""
        ...

    async def get(self, chat_id: str, *, owner: str | None = None) -> Chat | None:
        """The chat with its version and times, or None."""
        ...

    async def save(
        self,
        chat_id: str,
        state: object,
        *,
        owner: str | None = None,
        title: str | None = None,
        if_version: int | None = None,
    ) -> Chat:
        """Save a chat, all of it; when this returns, it is on disk.

        Arguments:
            chat_id: its id.
            state: what JSON can hold: usually the list of messages.
            owner: see the class.
            title: for lists of chats; None leaves the title that is there.
            if_version: save only if this is still the version; 0 is "only if there is none yet".

        Raises:
            ChatConflictError: the chat has another version by now.
            StateTooLargeError: the state is larger than the store's `max_state_bytes`.
            InvalidArgumentError: the state is not JSON; says where.
        """
        ...

    async def delete(self, chat_id: str, *, owner: str | None = None) -> bool:
        """Delete a chat; returns whether there was one."""
        ...

    async def list(
        self, *, owner: str | None = None, limit: int = 50, before_s: float | None = None
    ) -> Sequence[ChatSummary]:
        """The owner's chats, the last changed first.

        Arguments:
            owner: see the class.
            limit: how many at most, up to 1,000.
            before_s: only those last changed before this time: the next page of a long list.
        """
        ...

    async def aclose(self) -> None:
        """Close the connections; the store can be used again afterwards."""
        ...


def check_chat_id(chat_id: object) -> str:
    """Let an id through, or refuse it: ids come from addresses of pages.

    Raises:
        InvalidArgumentError: it is none.
    """
    if not isinstance(chat_id, str) or not _CHAT_ID.fullmatch(chat_id):
        raise InvalidArgumentError(
            f"{str(chat_id)[:80]!r} is no id of a chat: expected 1 to 64 letters, digits, '-' or '_', "
            "as generate_id() makes them."
        )
    return chat_id
