"""A chat that answers with parts of the page: each tool of the model shows a component."""

from typing import Annotated, Literal, TypedDict

from pydantic import Field

from flightwire import Node, action, generate_id, get_mutable_ai_state, html, stream_ui, ui_tool

from .components.flight import flight
from .components.stock import stock

Tool = Literal["show_stock_information", "show_flight_status"]


class ServerMessage(TypedDict):
    role: Literal["user", "assistant"]
    content: str


class ClientMessage(TypedDict):
    id: str
    role: Literal["user", "assistant"]
    display: Node


@action
async def continue_conversation(input: str, choice: Tool | None = None) -> ClientMessage:
    history = get_mutable_ai_state()
    question: ServerMessage = {"role": "user", "content": input}

    def remember(content: str) -> None:
        history.done(lambda messages: [*messages, question, {"role": "assistant", "content": content}])

    def render(content: str, *, done: bool) -> Node:
        if done:
            remember(content)
        return html.div(content)

    @ui_tool
    async def show_stock_information(
        symbol: Annotated[str, Field(description="The stock symbol", max_length=8)],
        num_of_months: Annotated[int, Field(description="How many months of prices", ge=2, le=12)],
    ) -> Node:
        """Show the stock price of a company."""
        remember(f"Showing stock information for {symbol}")
        return await stock(symbol, num_of_months)

    @ui_tool
    async def show_flight_status(
        flight_number: Annotated[str, Field(description="The flight number", max_length=8)],
    ) -> Node:
        """Show the status of a flight."""
        remember(f"Showing flight status for {flight_number}")
        return await flight(flight_number)

    result = stream_ui(
        messages=[*history.get(), question],
        text=render,
        tools=[show_stock_information, show_flight_status],
        tool_choice={"type": "tool", "tool_name": choice} if choice else "auto",
        max_output_tokens=150,
    )

    return {"id": generate_id(), "role": "assistant", "display": result.value}
