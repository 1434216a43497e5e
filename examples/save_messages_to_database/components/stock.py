"""A server component: a function that makes elements of data."""

import random

from flightwire import Node, html


def stock(symbol: str, months: int) -> Node:
    """Show how a stock has done. The prices are invented."""
    draw = random.Random(f"{symbol}/{months}")  # noqa: S311  no secret
    prices = [draw.randint(20, 180) for _ in range(months)]
    rows = [
        html.li(html.small(f"{months - month} mo ago"), html.b(f"${price}"), key=month)
        for month, price in enumerate(prices)
    ]
    return html.section(
        html.header(symbol, html.small("invented prices")),
        html.ul(rows, class_name="prices"),
        class_name="card",
    )
