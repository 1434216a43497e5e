"""Real parts for the tests of pages: Node, Vite, Chromium, and a small server with hand-made rows."""

from __future__ import annotations

import asyncio
import json
import socket
import textwrap
import threading
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.applications import Starlette
from starlette.routing import Mount

from flightwire.server.pages import Pages
from flightwire.server.vite import ViteProcess, build
from flightwire.toolchain.chromium import ensure_chromium
from flightwire.toolchain.node import find_or_install_node
from flightwire.toolchain.packages import ensure_packages, web_root

CHROMIUM_ARGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
FLIGHT = [(b"content-type", b"text/x-component"), (b"cache-control", b"no-store, no-transform")]
SYMBOL = "$Sui.streamable.value"

Call = Callable[[dict[str, Any], bytes, Callable[..., Awaitable[None]]], Awaitable[None]]


@pytest.fixture(scope="session")
def toolchain() -> dict[str, Path]:
    """What `ViteProcess` and `build` need."""
    return {"node": find_or_install_node(), "tools": ensure_packages(), "plugin": web_root() / "vite-plugin"}


@pytest.fixture(
    scope="module"
)  # while it lives, this thread counts as running an event loop: no async tests beside it
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(ensure_chromium()), args=CHROMIUM_ARGS)
        yield browser
        browser.close()


class Tab:
    """A page of the browser, and everything its console said."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.console: list[str] = []
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.console.append(f"uncaught {error}"))

    def _hear(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.console.append(f"{message.type} {message.text}")


@pytest.fixture
def tab(browser: Browser) -> Iterator[Tab]:
    context = browser.new_context()
    context.set_default_timeout(20_000)
    tab = Tab(context.new_page())
    yield tab
    print("console:", *tab.console, sep="\n  ")  # shown when the test failed
    context.close()


class AppFolder:
    """An app folder that holds what a test puts there, and the Python side of its state folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text), encoding="utf-8")

    def edit(self, name: str, old: str, new: str) -> None:
        text = (self.path / name).read_text(encoding="utf-8")
        assert old in text
        (self.path / name).write_text(text.replace(old, new), encoding="utf-8")

    def declare(self, *names: str, types: tuple[str, ...] = (), file: str = "actions.py") -> None:
        """Write `actions.json`, as Python does for the actions of one file."""
        module = file.removesuffix(".py")
        exports = {name: f"{module}#{name}" for name in names}
        document = {"version": 1, "modules": {file: {"exports": exports, "types": list(types)}}}
        draft = self.path / ".flightwire" / "actions.json.tmp"
        draft.parent.mkdir(exist_ok=True)
        draft.write_text(json.dumps(document))
        draft.rename(draft.with_suffix(""))


@pytest.fixture
def app(tmp_path: Path) -> AppFolder:
    return AppFolder(tmp_path / "shop")


class Server:
    """Pages of one folder on a free port, in a thread of its own; calls are answered by the test."""

    def __init__(self, pages: Callable[[], Awaitable[Pages]], call: Call, prefix: str = "") -> None:
        self._make_pages = pages
        self._call = call
        self._prefix = prefix
        self.calls: list[dict[str, Any]] = []
        self._ready = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(60), "the server did not start"
        if self._failure is not None:
            raise self._failure
        return self

    def __exit__(self, *_: object) -> None:
        self._uvicorn.should_exit = True
        self._thread.join(30)
        assert not self._thread.is_alive(), "the server did not stop"

    def run(self, do: Callable[[], object]) -> None:
        """Do it in the server's own loop."""
        self._loop.call_soon_threadsafe(do)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}{self._prefix}/"

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as failure:
            self._failure = failure
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.pages = await self._make_pages()
        app: Any = self._answer
        if self._prefix:
            app = Starlette(routes=[Mount(self._prefix, app=self._answer)])
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # from now on a browser may come; it waits until uvicorn accepts
        self.port = listener.getsockname()[1]
        config = uvicorn.Config(
            app, interface="asgi3", log_level="error", lifespan="off", timeout_graceful_shutdown=1
        )
        self._uvicorn = uvicorn.Server(config)
        try:
            await self.pages.startup()
            self._ready.set()
            await self._uvicorn.serve(sockets=[listener])
        finally:
            await self.pages.aclose()
            listener.close()

    async def _answer(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["method"] != "POST":
            await self.pages(scope, receive, send)
            return
        body = b""
        while True:
            message = await receive()
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        headers = {str(key, "latin-1"): str(value, "latin-1") for key, value in scope["headers"]}
        self.calls.append({"path": scope["path"], "headers": headers, "body": body})
        await self._call(self.calls[-1], body, send)


async def send_rows(send: Any, *rows: str | bytes, status: int = 200) -> None:
    """Answer with these rows, each in its own chunk."""
    await send({"type": "http.response.start", "status": status, "headers": FLIGHT})
    for row in rows:
        data = row if isinstance(row, bytes) else f"{row}\n".encode()
        await send({"type": "http.response.body", "body": data, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def chain(deltas: list[str]) -> list[str]:
    """A streamable value under the root's `newMessage`, updated to each of `deltas`, as our writer sends it."""
    rows = [f'0:{{"messages":[],"newMessage":{{"next":"$@1","type":"{SYMBOL}"}}}}']
    texts = [json.dumps(f"${delta}" if delta.startswith("$") else delta) for delta in deltas]
    rows += [f'{n:x}:{{"curr":{text},"next":"$@{n + 1:x}"}}' for n, text in enumerate(texts, 1)]
    return [*rows, f"{len(deltas) + 1:x}:{{}}"]


async def no_call(_call: dict[str, Any], _body: bytes, send: Any) -> None:
    await send_rows(send, "0:null")


@pytest.fixture
def serve(app: AppFolder, toolchain: dict[str, Path]) -> Callable[..., Server]:
    """Serve the folder: `with serve("development", call, prefix="/x/y") as server: …`."""

    def start(mode: str, call: Call = no_call, prefix: str = "", **options: Any) -> Server:
        async def pages() -> Pages:
            if mode == "production":
                await build(app.path, app.path / ".flightwire" / "build", **toolchain)
            vite = ViteProcess(app.path, **toolchain) if mode == "development" else None
            return Pages(app.path, mode=mode, vite=vite, **options)  # type: ignore[arg-type] # spelled by the tests

        return Server(pages, call, prefix)

    return start
