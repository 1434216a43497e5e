"""The seed's page inside a FastAPI application, under a prefix, live and built, with uvicorn alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flightwire.testing.upstream import ScriptedUpstream

from .conftest import SEED, Files, Tab, pointing_at
from .running import clean_environment, run_flightwire

HOST = """\
from fastapi import FastAPI
import flightwire

host = FastAPI()

@host.get("/health")
async def health():
    return {"ok": True}

host.mount("/x/y", flightwire.app("app"))
"""


@pytest.fixture(scope="module")
def mounted(mode: str, app_folder: Callable[[Files], Path], upstream: ScriptedUpstream) -> Iterator[str]:
    """uvicorn with somebody's FastAPI application, as they would start it; gives the address of the inner app."""
    folder = app_folder(SEED)
    (folder.parent / "host.py").write_text(HOST)
    if mode == "production":
        assert run_flightwire("build", str(folder)).returncode == 0
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "host:host", "--port", str(port), "--log-level", "warning"]
    environment = clean_environment({**pointing_at(upstream), "PYTHONPATH": os.fspath(folder.parent)})
    process = subprocess.Popen([*command, "--lifespan", "off"], cwd=folder.parent, env=environment)
    try:
        wait_for(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}/x/y/"
    finally:
        process.terminate()
        process.wait(20)


def wait_for(url: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url).close()
        except OSError:
            assert time.monotonic() < deadline, f"{url} never answered"
            time.sleep(0.05)
        else:
            return


def test_the_page_works_under_the_prefix(mounted: str, upstream: ScriptedUpstream, tab: Tab) -> None:
    upstream.answer(["Under", " a", " prefix."])
    tab.open(mounted).ask("Where are you?")
    tab.wait_for_answer("Under a prefix.")
    assert tab.errors == []


def test_the_hosts_own_routes_are_untouched(mounted: str) -> None:
    with urllib.request.urlopen(mounted.replace("/x/y/", "/health")) as answer:
        assert answer.read() == b'{"ok":true}'
