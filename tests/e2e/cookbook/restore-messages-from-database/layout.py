from flightwire import Node

from .actions import get_saved_messages
from .ai import AI


async def layout(children: Node) -> Node:
    return AI(children, initial_ai_state=await get_saved_messages(), initial_ui_state=[])
