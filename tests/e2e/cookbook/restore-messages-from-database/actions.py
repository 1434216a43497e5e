from typing import Any, Literal, TypedDict, cast

from flightwire import Node, action, generate_id, get_mutable_ai_state, html, stream_ui
from flightwire.storage import chat_store

chats = chat_store()
CHAT_ID = "restored"


class ServerMessage(TypedDict):
    role: Literal["user", "assistant", "function"]
    content: str


class ClientMessage(TypedDict):
    id: str
    role: Literal["user", "assistant", "function"]
    display: Node


async def get_saved_messages() -> list[ServerMessage]:
    return cast("Any", await chats.load(CHAT_ID) or [])


@action
async def continue_conversation(input: str) -> ClientMessage:
    history = get_mutable_ai_state()

    async def text(content: str, *, done: bool) -> Node:
        if done:
            messages = [
                *history.get(),
                {"role": "user", "content": input},
                {"role": "assistant", "content": content},
            ]
            await chats.save(CHAT_ID, messages)
            history.done(messages)
        return html.div(content)

    result = stream_ui(messages=[*history.get(), {"role": "user", "content": input}], text=text)
    return {"id": generate_id(), "role": "assistant", "display": result.value}
