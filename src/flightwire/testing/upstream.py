"""A provider that follows a script: a real HTTP server on the loopback interface, with every fault one can order.

Owns: the server (a thread and a loop of its own, so that sync and async tests can use it), what it recorded.
Refuses to know: who calls it; the content of answers is made in `upstream_script`.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from types import TracebackType
from typing import Self, TypeVar

from flightwire.testing.upstream_connection import DEFAULT_TIMEOUT_S, Connection, RecordedRequest, Script
from flightwire.testing.upstream_responses import ResponsesAnswer
from flightwire.testing.upstream_script import ChatAnswer, Delay, Ending, Step, document, event, event_stream

__all__ = ["Delay", "Ending", "Gate", "RecordedRequest", "ScriptedUpstream"]

T = TypeVar("T")

_ACCEPT_TURNS = 5
"""What asyncio takes from accepting a connection to telling its protocol; a server that is closed in between never closes it."""


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
        self._connections: set[Connection] = set()
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
        self._server = loop.run_until_complete(loop.create_server(lambda: Connection(self), "127.0.0.1", 0))
        self._ready.set_result(self._server.sockets[0].getsockname()[1])
        loop.run_forever()
        loop.run_until_complete(_turns(_ACCEPT_TURNS))
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
        """Answer as a stream, or as one document when the request does not ask for a stream.

        Who posts to `…/responses` is answered in OpenAI's Responses API, everybody else with a chat completion.

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
            if request.path.partition("?")[0].endswith("/responses"):
                responses = ResponsesAnswer(chat)
                if not body.get("stream"):
                    return document(json.dumps(responses.whole()), headers=headers)
                return event_stream(responses.stream(), headers=headers, split_bytes=split_bytes)
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

    # --- what connections tell -------------------------------------------------------------------------------------

    def opened(self, connection: Connection) -> None:
        """A client has connected."""
        self._connections.add(connection)
        self.connections_made += 1

    def gone(self, connection: Connection) -> None:
        """A connection is closed."""
        self._connections.discard(connection)

    def script_for(self, request: RecordedRequest) -> Script:
        """A request has come: record it, and take the next script."""
        self._record(request)
        return self._next_script()

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


async def _turns(number: int) -> None:
    for _ in range(number):
        await asyncio.sleep(0)


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
