"""Around the page: what its hooks read from."""

from flightwire import Node

from .ai import AI


async def layout(children: Node) -> Node:
    return await AI(children)
