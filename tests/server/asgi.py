"""Driving an ASGI app in process, with a client that can go away."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any


class Exchange:
    """One request and what came back; `leave()` closes the connection as a browser would."""

    def __init__(
        self,
        app: Any,
        *,
        method: str = "POST",
        path: str = "/",
        headers: Mapping[str, str] | None = None,
        body: bytes | list[bytes] = b"",
        root_path: str = "",
    ) -> None:
        self.messages: list[dict] = []
        self._chunks = [body] if isinstance(body, bytes) else list(body)
        self._left = asyncio.Event()
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": root_path + path,
            "raw_path": (root_path + path).encode(),
            "query_string": b"",
            "root_path": root_path,
            "headers": [(k.lower().encode(), v.encode()) for k, v in (headers or {}).items()],
            "client": ("127.0.0.1", 50000),
            "server": ("localhost", 3000),
        }
        self.task = asyncio.ensure_future(app(scope, self._receive, self._send))

    async def _receive(self) -> dict:
        if self._chunks:
            chunk = self._chunks.pop(0)
            return {"type": "http.request", "body": chunk, "more_body": bool(self._chunks)}
        await self._left.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: dict) -> None:
        self.messages.append(message)

    def leave(self) -> None:
        self._left.set()

    async def finish(self) -> Exchange:
        async with asyncio.timeout(20):
            await self.task
        return self

    async def until(self, condition: Callable[[Exchange], object]) -> None:
        async with asyncio.timeout(20):
            while not condition(self):
                await asyncio.sleep(0.001)

    @property
    def status(self) -> int:
        return self.messages[0]["status"]

    @property
    def headers(self) -> dict[str, str]:
        return {k.decode(): v.decode() for k, v in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(m.get("body", b"") for m in self.messages if m["type"] == "http.response.body")

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def root(self) -> Any:
        """The JSON of row 0."""
        line = next(line for line in self.text.splitlines() if line.startswith("0:"))
        return json.loads(line[2:].lstrip("E"))


def call(
    app: Any, action_id: str, *args: object, headers: Mapping[str, str] | None = None, **options: Any
) -> Exchange:
    """Call an action as a browser on the same origin does."""
    sent = {
        "host": "localhost:3000",
        "rsc-action-id": action_id,
        "content-type": "text/plain;charset=UTF-8",
        "sec-fetch-site": "same-origin",
        **(headers or {}),
    }
    body = options.pop("body", json.dumps(list(args)).encode())
    return Exchange(app, headers=sent, body=body, **options)
