"""Flightwire with nothing left out: `python -m bench.ours`."""

from __future__ import annotations

import flightwire
from bench.actions import generate
from bench.asgi import serve

app = flightwire.app(actions=[generate])

if __name__ == "__main__":
    serve(app)
