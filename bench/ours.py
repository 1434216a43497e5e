"""Flightwire with nothing left out: `python -m bench.ours`."""

from __future__ import annotations

import flightwire
from bench.actions import generate, list_items, use_tool
from bench.asgi import serve

app = flightwire.app(actions=[generate, use_tool, list_items])

if __name__ == "__main__":
    serve(app)
