"""One connection to a scripted upstream, and the requests that came on it.

Owns: HTTP/1.1 as far as a script needs it, and noticing the moment the client goes. Refuses to know: scripts' content.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future
from typing import Protocol, TypeAlias, cast

from flightwire.testing.upstream_script import Delay, Ending, Step

Script: TypeAlias = Callable[["RecordedRequest"], Iterable[Step]]
DEFAULT_TIMEOUT_S = 10.0


class Listener(Protocol):
    """What a connection tells its server."""

    def opened(self, connection: Connection) -> None:
        """A client has connected."""
        ...

    def gone(self, connection: Connection) -> None:
        """The connection is closed."""
        ...

    def script_for(self, request: RecordedRequest) -> Script:
        """A request is complete; what shall be answered?"""
        ...


class RecordedRequest:
    """One request as it came, and what became of its connection. Times are `time.monotonic()`, in seconds.

    Attributes:
        method: "POST".
        path: with its query.
        headers: names in lower case.
        body: the bytes.
        received_at_s: when it was complete.
        closed_at_s: when the client closed the connection; None while it has not.
        bytes_sent: how much of the answer the client's side has taken, give or take socket buffers.
        answered: whether the script has been played to its end.
        broken_off: whether the script closed or reset the connection.
    """

    def __init__(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
        self.method = method
        self.path = path
        self.headers = headers
        self.body = body
        self.received_at_s = time.monotonic()
        self.closed_at_s: float | None = None
        self.bytes_sent = 0
        self.answered = False
        self.broken_off = False
        self._closed: Future[float] = Future()

    @property
    def json(self) -> dict[str, object]:
        """The body, which is a JSON object."""
        body = json.loads(self.body)
        assert isinstance(body, dict)
        return body

    def wait_closed(self, timeout_s: float = DEFAULT_TIMEOUT_S) -> float:
        """Wait until the client has closed the connection; gives the moment. For sync tests."""
        return self._closed.result(timeout_s)

    def _close(self) -> None:
        if self.closed_at_s is None:
            self.closed_at_s = time.monotonic()
            self._closed.set_result(self.closed_at_s)


class Connection(asyncio.Protocol):
    """One connection: requests in, the steps of a script out."""

    def __init__(self, upstream: Listener) -> None:
        self._upstream = upstream
        self._buffer = bytearray()
        self._request: RecordedRequest | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._ended_by_us = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client has connected."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit from it
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._upstream.opened(self)

    def connection_lost(self, error: Exception | None) -> None:
        """The connection is over."""
        self._client_gone()
        self._upstream.gone(self)
        self._writable.set()
        if self._task is not None:
            self._task.cancel()

    def eof_received(self) -> bool:
        """The client will send no more: it is going."""
        self._client_gone()
        return False

    def _client_gone(self) -> None:
        if self._request is not None and not self._ended_by_us:
            self._request._close()

    def pause_writing(self) -> None:
        """The client does not keep up."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        """Bytes have come."""
        self._buffer += data
        if self._task is None or self._task.done():
            self._next_request()

    def _next_request(self) -> None:
        request = _parse(self._buffer)
        if request is not None:
            self._request = request
            script = self._upstream.script_for(request)
            self._task = asyncio.get_running_loop().create_task(self._play(request, script))

    async def _play(self, request: RecordedRequest, script: Script) -> None:
        for step in script(request):
            if isinstance(step, bytes):
                self._transport.write(step)
                request.bytes_sent += len(step)
                await asyncio.sleep(0)
                await self._writable.wait()
            elif isinstance(step, Delay):
                await asyncio.sleep(step.seconds)
            elif isinstance(step, Ending):
                await self._break_off(step)
                return
            else:
                await step.wait()
        request.answered = True
        if self._buffer:
            asyncio.get_running_loop().call_soon(self._next_request)

    async def _break_off(self, ending: Ending) -> None:
        if ending is Ending.HANG:
            await asyncio.Event().wait()  # until connection_lost cancels
        self._ended_by_us = True
        if ending is Ending.RESET:
            sock = self._transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self._transport.abort()
        else:
            self._transport.close()
        if self._request is not None:
            self._request.broken_off = True

    def end(self) -> asyncio.Task[None] | None:
        """Close the connection because the server stops."""
        self._ended_by_us = True
        self._transport.abort()
        if self._task is not None:
            self._task.cancel()
        return self._task


def _parse(buffer: bytearray) -> RecordedRequest | None:
    """Take one request off the buffer, if it is complete."""
    head_end = buffer.find(b"\r\n\r\n")
    if head_end < 0:
        return None
    start, *lines = buffer[:head_end].decode("latin-1").split("\r\n")
    headers = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines)}
    body_start = head_end + 4
    body_end = body_start + int(headers.get("content-length", "0"))
    if len(buffer) < body_end:
        return None
    body = bytes(buffer[body_start:body_end])
    del buffer[:body_end]
    method, path, _ = start.split(" ", 2)
    return RecordedRequest(method, path, headers, body)
