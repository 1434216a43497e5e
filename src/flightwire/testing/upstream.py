"""A provider that follows a script: a real HTTP server on the loopback interface, with every fault one can order.

Owns: the server (a thread and a loop of its own, so that sync and async tests can use it), what it recorded.
Refuses to know: who calls it; the content of answers is made in `upstream_script`.
"""

from __future__ import annotations

import asyncio
import json
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeAlias, TypeVar, cast

from flightwire.testing.upstream_script import ChatAnswer, Delay, Ending, Step, document, event, event_stream

__all__ = ["Delay", "Ending", "Gate", "RecordedRequest", "ScriptedUpstream"]

Script: TypeAlias = Callable[["RecordedRequest"], Iterable[Step]]
T = TypeVar("T")
DEFAULT_TIMEOUT_S = 10.0


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


class Gate:
    """Holds a script until it is released, one passage at a time; early releases are remembered. Thread-safe."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._passages = 0
        self._is_open = False
        self._changed = asyncio.Event()

    def release(self, passages: int = 1) -> None:
        """Let the script pass so many times."""
        self._loop.call_soon_threadsafe(self._let, passages, False)

    def open(self) -> None:
        """Let everything pass from now on."""
        self._loop.call_soon_threadsafe(self._let, 0, True)

    def _let(self, passages: int, is_open: bool) -> None:
        self._passages += passages
        self._is_open |= is_open
        self._changed.set()

    async def wait(self) -> None:
        """Use up one passage."""
        while self._passages == 0 and not self._is_open:
            self._changed.clear()
            await self._changed.wait()
        self._passages -= 0 if self._is_open else 1


class ScriptedUpstream:
    """A scripted, OpenAI-compatible upstream.

        async with ScriptedUpstream() as up:          # or: with ScriptedUpstream() as up
            up.answer(tokens=["Hel", "lo"])
            model = openai("any", base_url=up.base_url, api_key="sk-test")
            ...
            assert up.requests[0].json["stream"] is True

    Every request takes the next script in line; the last one given with `times=None` answers for ever. A request for
    which there is none is answered with status 500, whose message says so.

    Attributes:
        base_url: `http://127.0.0.1:PORT/v1`.
        requests: what came, in order.
        gate: what `release` opens, and what `answer(gated=True)` waits at.
        connections_made: how many connections clients have opened.
    """

    base_url: str
    gate: Gate

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []
        self.connections_made = 0
        self._scripts: deque[tuple[Script, int | None]] = deque()
        self._lock = threading.Lock()
        self._awaited: list[tuple[int, Future[RecordedRequest]]] = []
        self._connections: set[_Connection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="scripted upstream", daemon=True)
        self._ready: Future[int] = Future()
        self._server: asyncio.Server | None = None

    # --- starting and stopping -----------------------------------------------------------------------------------

    def start(self) -> Self:
        """Listen on a free port of 127.0.0.1; returns when it does."""
        self._thread.start()
        self.base_url = f"http://127.0.0.1:{self._ready.result(DEFAULT_TIMEOUT_S)}/v1"
        self.gate = self.new_gate()
        return self

    def stop(self) -> None:
        """Close every connection and end the thread."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(DEFAULT_TIMEOUT_S)

    def __enter__(self) -> Self:
        """Start."""
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    async def __aenter__(self) -> Self:
        """Start."""
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _run(self) -> None:
        loop = self._loop
        asyncio.set_event_loop(loop)
        self._server = loop.run_until_complete(loop.create_server(lambda: _Connection(self), "127.0.0.1", 0))
        self._ready.set_result(self._server.sockets[0].getsockname()[1])
        loop.run_forever()
        self._server.close()
        loop.run_until_complete(self._end_connections())
        loop.close()

    async def _end_connections(self) -> None:
        tasks = [connection.end() for connection in list(self._connections)]
        await asyncio.gather(*(task for task in tasks if task is not None), return_exceptions=True)
        await asyncio.sleep(0)  # the transports' last callbacks

    # --- scripts -------------------------------------------------------------------------------------------------

    def answer(
        self,
        tokens: Iterable[str] = (),
        *,
        reasoning: Iterable[str] = (),
        tool_calls: Sequence[Mapping[str, object]] = (),
        finish_reason: str | None = "stop",
        usage: Mapping[str, object] | None = None,
        gated: bool = False,
        gate: Gate | None = None,
        ending: Ending | None = None,
        done: bool = True,
        split_bytes: int | None = None,
        tokens_per_write: int = 1,
        headers: Mapping[str, str] | None = None,
        times: int | None = 1,
    ) -> None:
        """Answer with a chat completion: as a stream, or as one document when the request does not ask for a stream.

        Args:
            tokens: pieces of text, one event each.
            reasoning: pieces of reasoning, before the text.
            tool_calls: `{"id": …, "name": …, "arguments": {…} or JSON text}`; each comes in three deltas.
            finish_reason: None leaves it out.
            usage: OpenAI's usage object; sent only to who asked for it, as OpenAI does.
            gated: send token n+1 only after `release()`.
            gate: the same, at a gate of its own (`new_gate()`).
            ending: break off there, after the tokens, instead of finishing.
            done: False leaves out the final `[DONE]`.
            split_bytes: send every event in pieces of this many bytes, an HTTP chunk and a write each.
            tokens_per_write: how many events to send at once.
            headers: of the response, besides its content type.
            times: for how many requests; None for all that follow.
        """
        chat = ChatAnswer(
            tokens=tuple(tokens) if times != 1 else tokens,
            reasoning=tuple(reasoning),
            tool_calls=tool_calls,
            finish_reason=finish_reason,
            usage=usage,
            gate=gate or (self.gate if gated else None),
            ending=ending,
            done=done,
            tokens_per_write=tokens_per_write,
        )

        def script(request: RecordedRequest) -> Iterable[Step]:
            body = request.json
            if not body.get("stream"):
                return document(json.dumps(chat.whole()), headers=headers)
            options = body.get("stream_options")
            with_usage = isinstance(options, dict) and options.get("include_usage") is True
            return event_stream(chat.stream(with_usage=with_usage), headers=headers, split_bytes=split_bytes)

        self.script(script, times=times)

    def refuse(
        self,
        status: int,
        message: str = "scripted failure",
        *,
        headers: Mapping[str, str] | None = None,
        body: str | None = None,
        content_type: str = "application/json",
        times: int | None = 1,
    ) -> None:
        """Answer with an error: OpenAI's error object with this message, or any other body."""
        error = {"error": {"message": message, "type": "scripted", "param": None, "code": None}}
        text = json.dumps(error) if body is None else body
        self.script(
            lambda _: document(text, status=status, headers=headers, content_type=content_type), times=times
        )

    def events(self, *events: str | bytes | Mapping[str, object] | Step, times: int | None = 1) -> None:
        """Answer with a stream of exactly these events (text, bytes and mappings become events), waits and endings."""
        pieces = [event(item) if isinstance(item, (str, bytes, Mapping)) else item for item in events]
        self.script(lambda _: event_stream(pieces), times=times)

    def play(self, *steps: Step, times: int | None = 1) -> None:
        """Answer with exactly these bytes, status line and headers included, waits and endings."""
        self.script(lambda _: steps, times=times)

    def script(self, script: Script, *, times: int | None = 1) -> None:
        """Answer with the steps that this function makes of the request; it runs in the server's thread."""
        with self._lock:
            self._scripts.append((script, times))

    def new_gate(self) -> Gate:
        """A gate of its own, for scripts that are held one by one."""
        return Gate(self._loop)

    def release(self, passages: int = 1) -> None:
        """Let the gated answer go on by so many tokens."""
        self.gate.release(passages)

    def _next_script(self) -> Script:
        with self._lock:
            if not self._scripts:
                return _nothing_scripted
            script, times = self._scripts.popleft()
            if times is None:
                self._scripts.appendleft((script, None))
            elif times > 1:
                self._scripts.appendleft((script, times - 1))
            return script

    # --- what came -----------------------------------------------------------------------------------------------

    async def received(self, index: int = 0, timeout_s: float = DEFAULT_TIMEOUT_S) -> RecordedRequest:
        """Wait for the request with this number, counted from 0."""
        return await _patiently(self._await_request(index), timeout_s)

    def wait_received(self, index: int = 0, timeout_s: float = DEFAULT_TIMEOUT_S) -> RecordedRequest:
        """As `received`, for sync tests."""
        return self._await_request(index).result(timeout_s)

    async def closed(self, request: RecordedRequest, timeout_s: float = DEFAULT_TIMEOUT_S) -> float:
        """Wait until the client has closed this request's connection; gives the moment (`time.monotonic()`)."""
        return await _patiently(request._closed, timeout_s)

    def _await_request(self, index: int) -> Future[RecordedRequest]:
        future: Future[RecordedRequest] = Future()
        with self._lock:
            if index < len(self.requests):
                future.set_result(self.requests[index])
            else:
                self._awaited.append((index, future))
        return future

    def _record(self, request: RecordedRequest) -> None:
        with self._lock:
            self.requests.append(request)
            count = len(self.requests)
            ready = [future for index, future in self._awaited if index < count]
            self._awaited = [(index, future) for index, future in self._awaited if index >= count]
        for future in ready:
            future.set_result(request)


async def _patiently(future: Future[T], timeout_s: float) -> T:
    """Wait from any loop; giving up leaves the future to others."""
    return await asyncio.wait_for(asyncio.shield(asyncio.wrap_future(future)), timeout_s)


def _nothing_scripted(request: RecordedRequest) -> Iterable[Step]:
    message = (
        f"nothing is scripted for {request.method} {request.path}: call answer(), refuse() or play() first"
    )
    return document(
        json.dumps({"error": {"message": message}}), status=500, headers={"x-should-retry": "false"}
    )


class _Connection(asyncio.Protocol):
    """One connection: requests in, the steps of a script out."""

    def __init__(self, upstream: ScriptedUpstream) -> None:
        self._upstream = upstream
        self._buffer = bytearray()
        self._request: RecordedRequest | None = None
        self._task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._ended_by_us = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's do not inherit from it
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._upstream._connections.add(self)
        self._upstream.connections_made += 1

    def connection_lost(self, error: Exception | None) -> None:
        self._client_gone()
        self._upstream._connections.discard(self)
        self._writable.set()
        if self._task is not None:
            self._task.cancel()

    def eof_received(self) -> bool:
        self._client_gone()
        return False

    def _client_gone(self) -> None:
        if self._request is not None and not self._ended_by_us:
            self._request._close()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._task is None or self._task.done():
            self._next_request()

    def _next_request(self) -> None:
        request = _parse(self._buffer)
        if request is not None:
            self._request = request
            self._upstream._record(request)
            script = self._upstream._next_script()
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
