from flightwire import Node

from .ai import AI


def layout(children: Node) -> Node:
    return AI(children)
