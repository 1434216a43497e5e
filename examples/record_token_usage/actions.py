"""What an answer cost: `on_end` is told the tokens of all steps, whichever way the answer ended."""

import asyncio
import logging
from collections.abc import AsyncIterator
from typing import Annotated, Literal, TypedDict

from pydantic import Field

from flightwire import (
    Node,
    StreamableValue,
    StreamableValueSource,
    StreamUIEnd,
    action,
    create_streamable_value,
    generate_id,
    get_mutable_ai_state,
    html,
    stream_ui,
    ui_tool,
)

log = logging.getLogger(__name__)


class Tokens(TypedDict):
    prompt: int
    completion: int
    total: int


class ClientMessage(TypedDict):
    id: str
    role: Literal["user", "assistant"]
    display: Node
    tokens: StreamableValue[Tokens | None]


@ui_tool
async def deploy(
    repository_name: Annotated[
        str, Field(description="The name of the repository, example: vercel/ai-chatbot", max_length=40)
    ],
) -> AsyncIterator[Node]:
    """Deploy a repository."""
    yield html.div(f"Cloning repository {repository_name}…")
    await asyncio.sleep(1)
    yield html.div(f"Building repository {repository_name}…")
    await asyncio.sleep(1)
    yield html.div(f"{repository_name} deployed!")


@action
async def continue_conversation(input: str, choice: Literal["deploy"] | None = None) -> ClientMessage:
    history = get_mutable_ai_state()
    tokens: StreamableValueSource[Tokens | None] = create_streamable_value(None)

    history.update(lambda messages: [*messages, {"role": "user", "content": input}])

    def render(content: str, *, done: bool) -> Node:
        if done and content:
            history.update(lambda messages: [*messages, {"role": "assistant", "content": content}])
        return html.div(content)

    def record(end: StreamUIEnd) -> None:
        # Your own logic, e.g. for billing
        prompt, completion = end.usage.input_tokens or 0, end.usage.output_tokens or 0
        log.info("tokens: %s for the prompt, %s for the answer", prompt, completion)
        history.done()
        tokens.done({"prompt": prompt, "completion": completion, "total": prompt + completion})

    result = stream_ui(
        messages=history.get(),
        text=render,
        tools=[deploy],
        tool_choice={"type": "tool", "tool_name": choice} if choice else "auto",
        on_end=record,
        max_output_tokens=150,
    )

    return {"id": generate_id(), "role": "assistant", "display": result.value, "tokens": tokens.value}
