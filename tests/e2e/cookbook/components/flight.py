import asyncio

from flightwire import Element, html


async def flight(flight_number: str) -> Element:
    await asyncio.sleep(0.05)
    return html.div(html.div(flight_number), html.div("On time"), html.div("SFO"), html.div("JFK"))
