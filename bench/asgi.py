"""How every Python server under test is run: uvicorn with uvloop and httptools, one process."""

from __future__ import annotations

import asyncio
import os
import socket
from typing import Any

import uvicorn

PROFILE = "FLIGHTWIRE_BENCH_PROFILE"  # a file: the server counts where its time goes, see bench.sampling
NO_TICKS = "FLIGHTWIRE_BENCH_NO_TICKS"  # the server does nothing by itself, see bench.lines


def serve(app: Any) -> None:
    """Serve on a free port, and print it."""
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    if path := os.environ.get(PROFILE):
        from bench.sampling import Sampler

        Sampler(path).start()
    config = uvicorn.Config(app, loop="uvloop", http="httptools", log_level="warning", access_log=False)
    server = _Still(config) if os.environ.get(NO_TICKS) else uvicorn.Server(config)
    server.run(sockets=[listener])


class _Still(uvicorn.Server):
    """Looks ten times less often than others whether it should end, and at nothing else."""

    async def main_loop(self) -> None:
        while not self.should_exit:
            await asyncio.sleep(1.0)
