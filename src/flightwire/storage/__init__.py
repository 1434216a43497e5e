"""Chats in a database, and which approvals were used: SQLite and PostgreSQL behind one contract.

    from flightwire.storage import chat_store

    chats = chat_store()                      # DATABASE_URL, else a SQLite file in the app's state folder
    await chats.save(chat_id, messages)
    messages = await chats.load(chat_id)      # None: there is no such chat

Importing this loads no database driver; the first use does. SQLite needs the extra `storage`, PostgreSQL `postgres`.
"""

from __future__ import annotations

from flightwire.storage.base import Chat, ChatStore, ChatSummary
from flightwire.storage.opening import approval_store, chat_store

__all__ = ["Chat", "ChatStore", "ChatSummary", "approval_store", "chat_store"]
