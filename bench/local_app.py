"""Flightwire with the local model, beside streams of another API: `python -m bench.local_app`."""

from __future__ import annotations

import flightwire
from bench.actions import generate
from bench.asgi import serve
from bench.local_actions import tell

app = flightwire.app(actions=[generate, tell])

if __name__ == "__main__":
    serve(app)
