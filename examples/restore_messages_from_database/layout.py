"""Around the page: the chat that its address names, and the way to the others."""

from flightwire import Node, Request, html

from .actions import get_saved_chats, get_saved_messages
from .ai import AI


async def layout(children: Node, request: Request) -> Node:
    saved = await get_saved_chats()
    chat_id = request.query_params.get("chat") or (saved[0].id if saved else "default")
    links = [
        html.li(
            html.a(
                chat.title or chat.id,
                href=f"?chat={chat.id}",
                aria_current="page" if chat.id == chat_id else None,
            ),
            key=chat.id,
        )
        for chat in saved
    ]
    return [
        html.nav(
            html.h2("Saved chats"),
            html.ul(links or html.li("None yet: what you say here will be the first.")),
            class_name="chats",
            aria_label="Saved chats",
            key="chats",
        ),
        await AI(children, chat_id=chat_id, initial_ai_state=await get_saved_messages(chat_id), key="chat"),
    ]
