from typing import Annotated, Any, Literal, TypedDict

from flightwire import Node, action, generate_id, get_mutable_ai_state, html, stream_ui, ui_tool

from ..components.flight import flight
from ..components.stock import stock


class ServerMessage(TypedDict):
    role: Literal["user", "assistant"]
    content: str


class ClientMessage(TypedDict):
    id: str
    role: Literal["user", "assistant"]
    display: Node


@action
async def continue_conversation(input: str) -> ClientMessage:
    history: Any = get_mutable_ai_state()

    def add(content: str) -> None:
        history.done(lambda messages: [*messages, {"role": "assistant", "content": content}])

    def text(content: str, *, done: bool) -> Node:
        if done:
            add(content)
        return html.div(content)

    @ui_tool(name="showStockInformation")
    async def show_stock_information(
        symbol: Annotated[str, "The stock symbol to get information for"],
        num_of_months: Annotated[float, "The number of months to get historical information for"],
    ) -> Node:
        """Get stock information for symbol for the last numOfMonths months"""
        add(f"Showing stock information for {symbol}")
        return stock(symbol, num_of_months)

    @ui_tool(name="showFlightStatus")
    async def show_flight_status(
        flight_number: Annotated[str, "The flight number to get status for"],
    ) -> Node:
        """Get the status of a flight"""
        add(f"Showing flight status for {flight_number}")
        return flight(flight_number)

    result = stream_ui(
        messages=[*history.get(), {"role": "user", "content": input}],
        text=text,
        tools=[show_stock_information, show_flight_status],
    )
    return {"id": generate_id(), "role": "assistant", "display": result.value}
