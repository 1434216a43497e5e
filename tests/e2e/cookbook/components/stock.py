import asyncio

from flightwire import Element, html

TIMELINE = {"2024-01-01": 180, "2024-02-01": 190, "2024-03-01": 200}


async def stock(symbol: str, num_of_months: float) -> Element:
    await asyncio.sleep(0.05)  # where a real one asks its source
    timeline = list(TIMELINE.items())[: int(num_of_months)]
    return html.div(
        html.div(symbol),
        html.div(html.div(html.div(date), html.div(value), key=date) for date, value in timeline),
    )
