"""What the page's hooks share: the state of one chat, saved when an answer is done and shown again on a reload."""

import json

from flightwire import create_ai, current_chat_id, generate_id, get_ai_state
from flightwire.storage import chat_store

from .actions import ClientMessage, ServerMessage, continue_conversation
from .components.stock import stock

chats = chat_store()  # SQLite beside the app, or DATABASE_URL


async def save(state: list[ServerMessage], *, key: str | None, done: bool) -> None:
    if done:
        await chats.save(current_chat_id(), state, title=state[0]["content"][:80])


async def restore() -> list[ClientMessage]:
    return [
        {
            "id": generate_id(),
            "role": message["role"],
            "display": stock(**json.loads(message["content"]))
            if message["role"] == "function"
            else message["content"],
        }
        for message in get_ai_state()
    ]


AI = create_ai(
    actions=[continue_conversation],
    initial_ai_state=[],
    initial_ui_state=[],
    on_set_ai_state=save,
    on_get_ui_state=restore,
)
