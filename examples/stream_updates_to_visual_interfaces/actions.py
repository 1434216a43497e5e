"""A part of the page that goes on changing: the tool is a generator, and each node it yields takes the place of the last."""

import asyncio
from collections.abc import AsyncIterator
from typing import Annotated, Literal, TypedDict

from pydantic import Field

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
    repository_name: Annotated[
        str, Field(description="The name of the repository, example: vercel/ai-chatbot", max_length=40)
    ],
) -> AsyncIterator[Node]:
    """Deploy a repository."""
    yield html.div("Cloning repository ", html.b(repository_name), "…")
    await asyncio.sleep(1.5)
    for percent in range(0, 101, 5):
        yield html.div(
            "Building repository ",
            html.b(repository_name),
            "… ",
            html.progress(value=percent, max=100, aria_label="Build"),
        )
        await asyncio.sleep(0.1)
    yield html.div(html.b(repository_name), " deployed!")


@action
async def continue_conversation(input: str, choice: Literal["deploy"] | None = None) -> ClientMessage:
    history = get_mutable_ai_state()
    question: ServerMessage = {"role": "user", "content": input}

    history.update(lambda messages: [*messages, question])

    def render(content: str, *, done: bool) -> Node:
        if done and content:
            history.update(lambda messages: [*messages, {"role": "assistant", "content": content}])
        return html.div(content)

    result = stream_ui(
        messages=history.get(),
        text=render,
        tools=[deploy],
        tool_choice={"type": "tool", "tool_name": choice} if choice else "auto",
        on_end=lambda _: history.done(),  # however it ended, the state is kept
        max_output_tokens=150,
    )

    return {"id": generate_id(), "role": "assistant", "display": result.value}
