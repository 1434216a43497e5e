"""Somebody else's applications around one of ours, as the deployment guide shows them, each on a real server."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ..e2e.conftest import SEED_PAGE
from ..e2e.running import clean_environment, run_flightwire

GUIDE = Path(__file__).parents[2] / "docs" / "deployment.md"
HOSTS = ["fastapi_host", "starlette_host", "django_host", "litestar_host"]
ACTIONS = '''\
import asyncio, time
from pathlib import Path
from typing import TypedDict
from starlette.requests import Request
from flightwire import StreamableValue, action, create_streamable_value, start_soon

here = Path(__file__).parent


class Message(TypedDict):
    role: str
    content: str


class Reply(TypedDict):
    messages: list[Message]
    newMessage: StreamableValue[str]


@action
async def continue_conversation(history: list[Message]) -> Reply:
    stream = create_streamable_value("")

    async def pump():
        async with stream:
            for word in ("It ", "works ", "under ", "a ", "prefix."):
                stream.update(word)
                await asyncio.sleep(0.02)

    start_soon(pump)
    return {"messages": history, "newMessage": stream.value}


@action
async def ticks() -> StreamableValue[float]:
    """The time at which each was sent; when the caller goes away a file says so."""
    async def times():
        try:
            while True:
                yield time.time()
                await asyncio.sleep(1)
        finally:
            (here / "left").write_text("yes")

    stream = create_streamable_value()

    async def pump():
        async with stream:
            async for each in times():
                stream.update(each)

    start_soon(pump)
    return stream.value


@action
async def who(request: Request) -> list[str]:
    return [request.url.scheme, request.client.host]
'''
SETTINGS = 'SECRET_KEY = "x"\nALLOWED_HOSTS = ["127.0.0.1"]\nROOT_URLCONF = "shop.urls"\n'
URLS = """\
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("own/", lambda request: HttpResponse("Django's own"))]
"""
UNDER_MIDDLEWARE = """\
from starlette.middleware.gzip import GZipMiddleware
from fastapi_host import host

host.add_middleware(GZipMiddleware, minimum_size=1)


@host.middleware("http")
async def stamp(request, call_next):
    response = await call_next(request)
    response.headers["x-stamp"] = "yes"
    return response


@host.middleware("http")
async def read_first(request, call_next):
    request.state.body = await request.body()
    return await call_next(request)
"""
WITHOUT_LIFESPAN = """\
import flightwire
from fastapi import FastAPI

host = FastAPI()
host.mount("/ai", flightwire.app("app"))
"""


def shown_file(name: str) -> str:
    """A Python file as the deployment guide shows it."""
    found = re.search(
        rf"^```python\n# {re.escape(name)}\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found, f"the guide does not show {name}"
    return found[1]


@pytest.fixture(scope="module")
def hosts_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The hosts of the guide around one built app."""
    folder = tmp_path_factory.mktemp("hosts")
    for name in HOSTS:
        (folder / f"{name}.py").write_text(shown_file(f"{name}.py"))
    (folder / "under_middleware.py").write_text(UNDER_MIDDLEWARE)
    (folder / "without_lifespan.py").write_text(WITHOUT_LIFESPAN)
    for name, text in {"settings": SETTINGS, "urls": URLS, "__init__": ""}.items():
        (folder / "shop").mkdir(exist_ok=True)
        (folder / "shop" / f"{name}.py").write_text(text)
    (folder / "app").mkdir()
    (folder / "app" / "page.tsx").write_text(SEED_PAGE)
    (folder / "app" / "actions.py").write_text(ACTIONS)
    assert (done := run_flightwire("build", str(folder / "app"))).returncode == 0, done.stderr
    return folder


@contextmanager
def serving(folder: Path, host: str, *options: str) -> Iterator[str]:
    """Somebody's uvicorn with their application; gives the address of the app inside."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        f"{host}:host",
        "--port",
        str(port),
        "--log-level",
        "warning",
        *options,
    ]
    with subprocess.Popen(
        command, cwd=folder, env=clean_environment(), stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_for_port(port, process)
            yield f"http://127.0.0.1:{port}/ai"
        finally:
            process.terminate()
            _, said = process.communicate(timeout=20)
            print(said)
    assert "Traceback" not in said


def wait_for_port(port: int, process: subprocess.Popen[str]) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert process.poll() is None, process.communicate()[1]
        time.sleep(0.05)
    raise AssertionError("it does not listen")
