import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal, TypedDict

from flightwire import Node, action, generate_id, get_mutable_ai_state, html, stream_ui, ui_tool


class ServerMessage(TypedDict):
    role: Literal["user", "assistant"]
    content: str


class ClientMessage(TypedDict):
    id: str
    role: Literal["user", "assistant"]
    display: Node


@ui_tool
async def deploy(
    repository_name: Annotated[str, "The name of the repository, example: vercel/ai-chatbot"],
) -> AsyncIterator[Node]:
    """Deploy repository to vercel"""
    yield html.div("Cloning repository ", repository_name, "...")
    await asyncio.sleep(0.3)
    yield html.div("Building repository ", repository_name, "...")
    await asyncio.sleep(0.3)
    yield html.div(repository_name, " deployed!")


@action
async def continue_conversation(input: str) -> ClientMessage:
    history = get_mutable_ai_state()

    def text(content: str, *, done: bool) -> Node:
        if done:
            history.done(lambda messages: [*messages, {"role": "assistant", "content": content}])
        return html.div(content)

    result = stream_ui(
        messages=[*history.get(), {"role": "user", "content": input}],
        text=text,
        tools=[deploy],
    )
    return {"id": generate_id(), "role": "assistant", "display": result.value}
