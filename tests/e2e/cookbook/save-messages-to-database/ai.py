import json
from collections.abc import Sequence

from flightwire import Node, create_ai, generate_id, get_ai_state

from ..components.stock import stock
from .actions import ClientMessage, ServerMessage, continue_conversation
from .database import save_chat


async def save(state: list[ServerMessage], *, key: str | None, done: bool) -> None:
    if done:
        await save_chat(state)


async def restore() -> Sequence[ClientMessage]:
    return [
        {"id": generate_id(), "role": each["role"], "display": displayed(each)} for each in get_ai_state()
    ]


def displayed(message: ServerMessage) -> Node:
    if message["role"] != "function":
        return message["content"]
    shown = json.loads(message["content"])
    return stock(shown["symbol"], shown["numOfMonths"])


AI = create_ai(actions=[continue_conversation], on_set_ai_state=save, on_get_ui_state=restore)
