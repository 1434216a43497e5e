import json

from flightwire import Node, create_ai, generate_id, get_ai_state

from ..components.stock import stock
from .actions import ClientMessage, ServerMessage, continue_conversation


async def restore() -> list[ClientMessage]:
    return [
        {"id": generate_id(), "role": each["role"], "display": displayed(each)} for each in get_ai_state()
    ]


def displayed(message: ServerMessage) -> Node:
    if message["role"] != "function":
        return message["content"]
    shown = json.loads(message["content"])
    return stock(shown["symbol"], shown["numOfMonths"])


AI = create_ai(actions=[continue_conversation], on_get_ui_state=restore)
