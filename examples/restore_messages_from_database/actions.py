"""Chats that were saved, and going on with one of them."""

import json
from collections.abc import Sequence
from typing import Annotated, Literal, TypedDict, cast

from pydantic import Field

from flightwire import (
    Node,
    action,
    current_chat_id,
    generate_id,
    get_mutable_ai_state,
    html,
    stream_ui,
    ui_tool,
)
from flightwire.storage import ChatSummary, chat_store

from .components.stock import stock

chats = chat_store()  # SQLite beside the app, or DATABASE_URL


class ServerMessage(TypedDict):
    role: Literal["user", "assistant", "function"]
    content: str


class ClientMessage(TypedDict):
    id: str
    role: Literal["user", "assistant", "function"]
    display: Node


async def get_saved_messages(chat_id: str) -> list[ServerMessage]:
    return cast("list[ServerMessage]", await chats.load(chat_id) or [])


async def get_saved_chats() -> Sequence[ChatSummary]:
    return await chats.list(limit=8)


@action
async def continue_conversation(input: str) -> ClientMessage:
    history = get_mutable_ai_state()
    chat_id = current_chat_id()
    question: ServerMessage = {"role": "user", "content": input}

    async def render(content: str, *, done: bool) -> Node:
        if done:
            messages = [*history.get(), question, {"role": "assistant", "content": content}]
            await chats.save(chat_id, messages, title=messages[0]["content"][:80])
            history.done(messages)
        return html.div(content)

    @ui_tool
    async def show_stock_information(
        symbol: Annotated[str, Field(description="The stock symbol", max_length=8)],
        months: Annotated[int, Field(description="How many months of prices", ge=2, le=6)],
    ) -> Node:
        """Show the stock price of a company."""
        called = json.dumps({"symbol": symbol, "months": months})
        messages = [*history.get(), question, {"role": "function", "content": called}]
        await chats.save(chat_id, messages, title=messages[0]["content"][:80])
        history.done(messages)
        return stock(symbol, months)

    result = stream_ui(
        messages=[*(each for each in history.get() if each["role"] != "function"), question],
        text=render,
        tools=[show_stock_information],
        max_output_tokens=150,
    )

    return {"id": generate_id(), "role": "assistant", "display": result.value}
