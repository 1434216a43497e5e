from typing import Any, cast

from flightwire.storage import chat_store

chats = chat_store()
CHAT_ID = "cookbook"


async def get_chat() -> list[Any]:
    return cast("list[Any]", await chats.load(CHAT_ID) or [])


async def save_chat(state: list[Any]) -> None:
    await chats.save(CHAT_ID, state)
