"""An app inside somebody's FastAPI application, under any prefix, served by uvicorn alone.

Owns: the application, its process. Refuses to know: what is in the app.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .running import clean_environment, run_flightwire

HOST = """\
from fastapi import FastAPI
import flightwire

host = FastAPI()

@host.get("/health")
async def health():
    return {{"ok": True}}

host.mount("{prefix}", flightwire.app("app"))
"""


@contextmanager
def mounted_server(folder: Path, mode: str, prefix: str, env: dict[str, str] | None = None) -> Iterator[str]:
    """uvicorn with a FastAPI application, as people start it; gives the inner app's address without the last slash."""
    (folder.parent / "host.py").write_text(HOST.format(prefix=prefix))
    if mode == "production":
        built = run_flightwire("build", str(folder))
        assert built.returncode == 0, built.stderr
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "host:host", "--port", str(port), "--log-level", "warning"]
    environment = clean_environment({**(env or {}), "PYTHONPATH": os.fspath(folder.parent)})
    process = subprocess.Popen([*command, "--lifespan", "off"], cwd=folder.parent, env=environment)
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}{prefix}"
    finally:
        process.terminate()
        process.wait(20)


def wait_for(url: str) -> None:
    """Wait until a server answers."""
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url).close()
        except OSError:
            assert time.monotonic() < deadline, f"{url} never answered"
            time.sleep(0.05)
        else:
            return
