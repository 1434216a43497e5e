"""An ASGI app, called in this process.

Owns: ASGI's side of one request at a time, a client that reads slowly or goes away. Refuses to know: actions, rows.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, Final, TypeAlias
from urllib.parse import urlsplit

from flightwire.client.calls import Timeouts
from flightwire.errors import ConnectionClosedError

Message: TypeAlias = MutableMapping[str, Any]
ASGIApp: TypeAlias = Callable[
    [MutableMapping[str, Any], Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]],
    Awaitable[None],
]

BODY_CHUNK_BYTES: Final = 64 * 1024
MAX_UNREAD_BYTES: Final = 64 * 1024
"""What a server holds for a slow client before `send` waits, as uvicorn does."""
END_TIMEOUT_S: Final = 15.0


class InProcess:
    """The transport to an app in this process.

    Arguments:
        app: any ASGI app.
        origin: where the app seems to be.
        prefix: what stands before the app's own paths: `/ai`.
        enter: called first in the context of each request.
    """

    def __init__(
        self, app: ASGIApp, *, origin: str, prefix: str, enter: Callable[[], object] = lambda: None
    ) -> None:
        self.page_origin: str | None = None  # what the page is, its headers say
        self._origin = origin
        self._app = app
        self._path = f"/{prefix.strip('/')}/".replace("//", "/")
        self._enter = enter
        self._exchanges: set[Exchange] = set()

    async def post(self, headers: Mapping[str, str], body: bytes, timeouts: Timeouts) -> Exchange:
        """Send one request; returns when the answer begins. What the app raises before that is raised here."""
        exchange = Exchange(self._app, self._scope(headers, len(body)), body, self._enter)
        self._exchanges.add(exchange)
        exchange.task.add_done_callback(lambda _: self._exchanges.discard(exchange))
        try:
            await exchange.begun()
        except BaseException:
            exchange.close()
            raise
        return exchange

    def _scope(self, headers: Mapping[str, str], body_bytes: int) -> dict[str, Any]:
        parts = urlsplit(self._origin)
        sent = {"host": parts.netloc, "content-length": str(body_bytes), **headers}
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": parts.scheme,
            "path": self._path,
            "raw_path": self._path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [
                (name.encode("latin-1"), content.encode("latin-1")) for name, content in sent.items()
            ],
            "client": ("127.0.0.1", 50000),
            "server": (parts.hostname, port),
        }

    def open_requests(self) -> set[asyncio.Task[None]]:
        """The requests whose answers are not complete."""
        return {exchange.task for exchange in self._exchanges if not exchange.is_complete}

    async def settle(self) -> None:
        """Wait until every request has ended, with what it does after its response."""
        while self._exchanges:
            await asyncio.wait({exchange.task for exchange in self._exchanges})

    async def aclose(self) -> None:
        """End every request: the client has gone, and the server stops."""
        for exchange in self._exchanges:
            exchange.close()
            if exchange.is_complete:
                exchange.task.cancel()
        tasks = {exchange.task for exchange in self._exchanges}
        if tasks:
            _, stubborn = await asyncio.wait(tasks, timeout=END_TIMEOUT_S)
            for task in stubborn:
                task.cancel()


class Exchange:
    """One request and its answer.

    Attributes:
        task: runs the app.
        is_complete: whether the whole answer was sent.
    """

    def __init__(self, app: ASGIApp, scope: dict[str, Any], body: bytes, enter: Callable[[], object]) -> None:
        self.url = f"{scope['scheme']}://{scope['server'][0]}{scope['path']}"
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.is_complete = False
        self._body = [body[at : at + BODY_CHUNK_BYTES] for at in range(0, len(body), BODY_CHUNK_BYTES)] or [
            b""
        ]
        self._chunks: deque[bytes] = deque()
        self._unread_bytes = 0
        self._has_left = False
        self._changed = asyncio.Event()
        context = contextvars.copy_context()
        context.run(enter)
        self.task = asyncio.get_running_loop().create_task(self._run(app, scope), context=context)
        self.task.add_done_callback(self._ended)

    async def _run(self, app: ASGIApp, scope: dict[str, Any]) -> None:
        await app(scope, self._receive, self._send)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.exception()  # told to whoever reads
        self._changed.set()

    # --- the app's side ------------------------------------------------------------------------------------------

    async def _receive(self) -> Message:
        if self._body and not self._has_left:
            chunk = self._body.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(self._body)}
        await self._until(lambda: self._has_left or self.is_complete)
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = [
                (name.decode("latin-1").lower(), content.decode("latin-1"))
                for name, content in message.get("headers", ())
            ]
        elif message["type"] == "http.response.body" and not self._has_left:
            chunk = bytes(message.get("body", b""))
            if chunk:
                self._chunks.append(chunk)
                self._unread_bytes += len(chunk)
            self.is_complete = not message.get("more_body", False)
        self._changed.set()
        await self._until(
            lambda: self._has_left or self.is_complete or self._unread_bytes <= MAX_UNREAD_BYTES
        )

    # --- the client's side ---------------------------------------------------------------------------------------

    async def begun(self) -> None:
        """Wait for the status and headers."""
        await self._until(lambda: self.status or self.task.done())
        if not self.status:
            self._tell()

    async def read(self) -> bytes:
        """What has come since the last read, or b"" at the end; what the app raises is raised here."""
        await self._until(lambda: self._chunks or self.is_complete or self.task.done())
        if not self._chunks and not self.is_complete:
            self._tell()
        data = b"".join(self._chunks)
        self._chunks.clear()
        self._unread_bytes = 0
        self._changed.set()
        return data

    def close(self) -> None:
        """Go away, as a browser whose tab is closed."""
        self._has_left = True
        self._changed.set()

    def _tell(self) -> None:
        """The app has ended before its answer had."""
        if not self.task.cancelled() and (error := self.task.exception()) is not None:
            raise error
        raise ConnectionClosedError("the app returned without completing its answer")

    async def _until(self, condition: Callable[[], object]) -> None:
        while not condition():
            self._changed.clear()
            await self._changed.wait()
