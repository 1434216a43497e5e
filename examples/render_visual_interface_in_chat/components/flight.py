"""A server component in Python alone."""

import asyncio

from flightwire import Node, html


async def flight(flight_number: str) -> Node:
    await asyncio.sleep(0.5)  # stands for a request to an airport
    gate = sum(map(ord, flight_number)) % 40 + 1
    return html.section(
        html.header(flight_number, html.small("invented flight")),
        html.p("On time · Berlin to Lisbon · ", html.b(f"gate {gate}")),
        class_name="card",
    )
