"""A chat whose messages are saved: the AI state holds what was said, and ai.py saves it whenever an answer is done."""

import json
from typing import Annotated, Literal, TypedDict

from pydantic import Field

from flightwire import Node, action, generate_id, get_mutable_ai_state, html, stream_ui, ui_tool

from .components.stock import stock


class ServerMessage(TypedDict):
    role: Literal["user", "assistant", "function"]
    content: str


class ClientMessage(TypedDict):
    id: str
    role: Literal["user", "assistant", "function"]
    display: Node


@action
async def continue_conversation(
    input: str, choice: Literal["show_stock_information"] | None = None
) -> ClientMessage:
    history = get_mutable_ai_state()
    question: ServerMessage = {"role": "user", "content": input}

    def render(content: str, *, done: bool) -> Node:
        if done:
            history.done([*history.get(), question, {"role": "assistant", "content": content}])
        return html.div(content)

    @ui_tool
    async def show_stock_information(
        symbol: Annotated[str, Field(description="The stock symbol", max_length=8)],
        months: Annotated[int, Field(description="How many months of prices", ge=2, le=6)],
    ) -> Node:
        """Show the stock price of a company."""
        called = json.dumps({"symbol": symbol, "months": months})
        history.done([*history.get(), question, {"role": "function", "content": called}])
        return stock(symbol, months)

    result = stream_ui(
        messages=[*(each for each in history.get() if each["role"] != "function"), question],
        text=render,
        tools=[show_stock_information],
        tool_choice={"type": "tool", "tool_name": choice} if choice else "auto",
        max_output_tokens=150,
    )

    return {"id": generate_id(), "role": "assistant", "display": result.value}
