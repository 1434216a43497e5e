"""A server component: it fetches what it shows, and draws it with a component that runs in the browser."""

import asyncio
import random
from typing import TypedDict

from flightwire import Node, client_component, html

Chart = client_component("./chart.tsx", "Chart")


class Price(TypedDict):
    month: str
    value: int


async def fetch_prices(symbol: str, months: int) -> list[Price]:
    """Stand for a request to a stock exchange: the prices are invented."""
    await asyncio.sleep(0.5)
    draw = random.Random(symbol)  # noqa: S311  no secret
    return [
        {"month": f"{months - month} months ago" if month < months else "now", "value": draw.randint(80, 160)}
        for month in range(1, months + 1)
    ]


async def stock(symbol: str, num_of_months: int) -> Node:
    prices = await fetch_prices(symbol, num_of_months)
    return html.section(
        html.header(symbol, html.small("invented prices")),
        Chart(prices=prices),
        class_name="card",
    )
