from flightwire import Node

from .ai import AI
from .database import get_chat


async def layout(children: Node) -> Node:
    return AI(children, initial_ai_state=await get_chat(), initial_ui_state=[])
