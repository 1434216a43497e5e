"""How every Python server under test is run: uvicorn with uvloop and httptools, one process."""

from __future__ import annotations

import os
import socket
from typing import Any

import uvicorn

PROFILE = "FLIGHTWIRE_BENCH_PROFILE"  # a file: the server counts where its time goes, see bench.sampling


def serve(app: Any) -> None:
    """Serve on a free port, and print it."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    if path := os.environ.get(PROFILE):
        from bench.sampling import Sampler

        Sampler(path).start()
    config = uvicorn.Config(app, loop="uvloop", http="httptools", log_level="warning", access_log=False)
    uvicorn.Server(config).run(sockets=[listener])
