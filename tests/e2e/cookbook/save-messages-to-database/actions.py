import json
from collections.abc import Sequence
from typing import Annotated, Literal, NotRequired, TypedDict

from flightwire import Node, action, generate_id, get_mutable_ai_state, html, stream_ui, ui_tool

from ..components.stock import stock


class ServerMessage(TypedDict):
    role: Literal["user", "assistant", "function"]
    content: str
    name: NotRequired[str]


class ClientMessage(TypedDict):
    id: str
    role: Literal["user", "assistant", "function"]
    display: Node


def for_the_model(messages: Sequence[ServerMessage]) -> list[dict[str, str]]:
    """Models know no role "function": what was shown is what the assistant did."""
    return [
        {"role": "assistant", "content": f"[showed {each['content']}]"}
        if each["role"] == "function"
        else {"role": each["role"], "content": each["content"]}
        for each in messages
    ]


@action
async def continue_conversation(input: str) -> ClientMessage:
    history = get_mutable_ai_state()

    def text(content: str, *, done: bool) -> Node:
        if done:
            history.done(
                [
                    *history.get(),
                    {"role": "user", "content": input},
                    {"role": "assistant", "content": content},
                ]
            )
        return html.div(content)

    @ui_tool(name="showStockInformation")
    async def show_stock_information(
        symbol: Annotated[str, "The stock symbol to get information for"],
        num_of_months: Annotated[float, "The number of months to get historical information for"],
    ) -> Node:
        """Get stock information for symbol for the last numOfMonths months"""
        shown = {"symbol": symbol, "numOfMonths": num_of_months}
        history.done(
            [
                *history.get(),
                {"role": "function", "name": "showStockInformation", "content": json.dumps(shown)},
            ]
        )
        return stock(symbol, num_of_months)

    result = stream_ui(
        messages=[*for_the_model(history.get()), {"role": "user", "content": input}],
        text=text,
        tools=[show_stock_information],
    )
    return {"id": generate_id(), "role": "assistant", "display": result.value}
