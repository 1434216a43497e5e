"""Around the page: the chat that its address names."""

from flightwire import Node, Request

from .ai import AI, chats


async def layout(children: Node, request: Request) -> Node:
    chat_id = request.query_params.get("chat", "default")
    return await AI(children, chat_id=chat_id, initial_ai_state=await chats.load(chat_id))
