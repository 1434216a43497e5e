"""What the page's hooks share; what is shown at first is made of the messages that were saved."""

import json

from flightwire import create_ai, generate_id, get_ai_state

from .actions import ClientMessage, continue_conversation
from .components.stock import stock


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
    actions=[continue_conversation], initial_ai_state=[], initial_ui_state=[], on_get_ui_state=restore
)
