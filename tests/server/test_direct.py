"""A token that comes alone leaves in the turn of the loop in which it came, where the server allows it; and when it cannot."""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Any

import pytest
from uvicorn.protocols.http import h11_impl, httptools_impl
from uvicorn.protocols.http.flow_control import FlowControl

import flightwire
from flightwire import (
    StreamableValue,
    StreamableValueSource,
    action,
    create_streamable_value,
    read_streamable_value,
    start_soon,
    stream_text,
)
from flightwire.events import ProviderFinish, ProviderPart, StreamStart, TextDelta, TextEnd, TextStart, Usage
from flightwire.providers.base import ModelCall
from flightwire.server.direct import (
    Rest,
    can_send_at_once,
    known_cycle,
    send_at_once,
    send_body_at_once,
    send_head,
)

from ..test_client import serving

pytestmark = pytest.mark.anyio
TOKENS = [f"{number:02}" for number in range(40)]


class OneByOne:
    """A model whose tokens come alone."""

    provider = model_id = "one-by-one"
    ended = "not begun"

    async def stream(self, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
        self.ended = "open"
        try:
            yield [StreamStart(), TextStart("0")]
            for token in TOKENS:
                for _ in range(4):
                    await asyncio.sleep(0)
                yield [TextDelta("0", token)]
            yield [TextEnd("0"), ProviderFinish("stop", Usage())]
        finally:
            self.ended = "closed"

    async def generate(self, call: ModelCall) -> Any:
        raise NotImplementedError


class Server:
    """As uvicorn's cycle: its `send` may be run by anybody. Refuses to end before `more` is set, from `slow_from` on."""

    def __init__(self, *, slow_from: int = 10**9, fails_at: int = 10**9) -> None:
        self.sent: list[bytes] = []
        self.tasks: list[str] = []
        self.more = asyncio.Event()
        self.waits = 0
        self._slow_from = slow_from
        self._fails_at = fails_at

    async def send(self, message: dict[str, Any]) -> None:
        if len(self.sent) >= self._fails_at:
            raise OSError("the client has gone")
        if len(self.sent) >= self._slow_from and not self.more.is_set():
            self.waits += 1
            await self.more.wait()
        task = asyncio.current_task()
        self.tasks.append("" if task is None else task.get_name())
        self.sent.append(message.get("body", b""))

    def tokens(self) -> list[str]:
        return [json.loads(text) for text in re.findall(rb'"curr":("\d+")', b"".join(self.sent))]


Server.__module__ = "uvicorn.protocols.http.none_of_its_own"


async def nothing() -> None:
    pass


async def call(
    server: Server,
    model: OneByOne,
    *,
    pause: Callable[[], Awaitable[None]] = nothing,
    after: Callable[[], Awaitable[None]] = nothing,
) -> None:
    @action
    async def generate() -> StreamableValue[str]:
        stream: StreamableValueSource[str] = create_streamable_value()

        async def write() -> None:
            async with stream:
                async for text in stream_text(model=model, prompt="x").text_stream:
                    await pause()
                    stream.update(text)
                    await after()

        start_soon(write)
        return stream.value

    messages = iter([{"type": "http.request", "body": b"[]"}])

    async def receive() -> dict[str, Any]:
        return next(messages, None) or await asyncio.Future()

    headers = [(b"rsc-action-id", generate.id.encode()), (b"content-type", b"text/plain;charset=UTF-8")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/",
        "headers": headers,
        "query_string": b"",
        "scheme": "http",
    }
    await flightwire.app(actions=[generate])(scope, receive, server.send)


async def test_a_token_leaves_in_the_turn_in_which_it_came() -> None:
    server = Server()
    await call(server, OneByOne())
    assert server.tokens() == TOKENS
    assert server.tasks.count("flightwire one-by-one") > len(TOKENS) // 2


async def test_a_token_that_a_producer_keeps_for_a_while_leaves_with_it() -> None:
    server = Server()
    await call(server, OneByOne(), pause=lambda: asyncio.sleep(0))
    assert server.tokens() == TOKENS
    assert server.tasks.count("write") > len(TOKENS) // 2


async def test_a_producer_that_waits_for_something_else_has_sent_its_token() -> None:
    server = Server()
    seen: list[int] = []

    async def look() -> None:
        await asyncio.sleep(0)
        seen.append(len(server.tokens()))

    await call(server, OneByOne(), after=look)
    assert seen[2:] == list(range(3, len(TOKENS) + 1))  # the first wait for the response to begin


async def test_a_server_that_lets_us_wait_gets_every_token_once_and_in_order() -> None:
    server, model = Server(slow_from=10), OneByOne()
    calling = asyncio.ensure_future(call(server, model))
    while not server.waits:
        await asyncio.sleep(0)
    for _ in range(200):
        await asyncio.sleep(0)
    assert server.waits == 1  # nothing is sent beside it
    server.more.set()
    await calling
    assert server.tokens() == TOKENS


async def test_a_call_that_ends_while_the_server_lets_us_wait_ends_everything() -> None:
    server, model = Server(slow_from=10), OneByOne()
    calling = asyncio.ensure_future(call(server, model))
    while not server.waits:
        await asyncio.sleep(0)
    calling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await calling
    assert model.ended == "closed"


async def test_a_send_that_fails_ends_the_call_and_not_the_action_s_loop() -> None:
    server, model = Server(fails_at=10), OneByOne()
    with pytest.raises(OSError, match="the client has gone"):
        await call(server, model)
    assert model.ended == "closed"
    assert len(server.sent) == 10


async def test_what_is_left_of_a_send_hears_what_its_task_is_told() -> None:
    heard: list[object] = []

    async def send(message: Any) -> None:
        try:
            heard.append(await asyncio.get_running_loop().run_in_executor(None, lambda: "first"))
            await asyncio.Future()
        except asyncio.CancelledError:
            heard.append("cancelled")
            raise

    rest = send_at_once(send, {})
    assert isinstance(rest, Rest)

    async def finish() -> None:
        await rest

    task = asyncio.ensure_future(finish())
    await asyncio.sleep(0)  # it has begun, also where the thread was done before (Python 3.14)
    while not heard:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert heard == ["first", "cancelled"]


async def test_only_a_server_s_own_send_is_run_by_anybody() -> None:
    async def around(message: Any) -> None: ...

    assert can_send_at_once(Server().send)
    assert not can_send_at_once(around)
    assert not can_send_at_once(OneByOne().generate)


def test_uvicorn_is_such_a_server() -> None:
    for module in (h11_impl, httptools_impl):
        assert module.RequestResponseCycle.__module__.startswith("uvicorn.protocols.http.")


# --- past uvicorn's own `send` -------------------------------------------------------------------------------------

START = {"type": "http.response.start", "status": 200, "headers": []}
LAST = {"type": "http.response.body", "body": b"", "more_body": False}
STATES = {
    "a response that goes on": [START],
    "one with a length": [{**START, "headers": [(b"content-length", b"9")]}],
    "one that is complete": [START, LAST],
    "none yet": [],
}


class Transport(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.writes = 0

    def write(self, data: Any) -> None:
        self.written += data
        self.writes += bool(data)


def cycle_of(transport: Transport, method: str = "POST") -> Any:
    """What uvicorn makes for a request."""
    return httptools_impl.RequestResponseCycle(
        {"type": "http", "method": method, "headers": []},  # type: ignore[typeddict-item] # all it looks at
        transport,
        FlowControl(transport),
        logging.getLogger(),
        logging.getLogger(),
        access_log=False,
        default_headers=[],
        message_event=asyncio.Event(),
        expect_100_continue=False,
        keep_alive=True,
        on_response=lambda: None,
    )


@pytest.mark.parametrize("method", ["POST", "HEAD"])
@pytest.mark.parametrize("state", STATES)
async def test_what_is_written_past_uvicorn_s_send_is_what_it_would_write(state: str, method: str) -> None:
    outcomes = []
    for is_past in (True, False):
        transport = Transport()
        cycle = cycle_of(transport, method)
        for message in STATES[state]:
            await cycle.send(message)
        known = known_cycle(cycle.send) if is_past else None
        outcomes.append((str(send_body_at_once(cycle.send, known, b"0:[]\n")), transport.written))
    assert outcomes[0] == outcomes[1]
    assert (b"5\r\n0:[]\n\r\n" in outcomes[0][1]) == (state == "a response that goes on" and method == "POST")


async def test_a_client_that_does_not_read_or_has_gone_gets_nothing_past_uvicorn_s_send() -> None:
    transport = Transport()
    cycle = cycle_of(transport)
    await cycle.send(START)
    begun = transport.written
    cycle.flow.pause_writing()
    rest = send_body_at_once(cycle.send, cycle, b"a")
    assert isinstance(rest, Rest)
    assert transport.written == begun
    cycle.flow.resume_writing()
    await rest
    assert transport.written == begun + b"1\r\na\r\n"
    cycle.disconnected = True
    assert send_body_at_once(cycle.send, cycle, b"b") is None
    assert transport.written == begun + b"1\r\na\r\n"


HEADS = {"chunks": START, "a length": {**START, "headers": [(b"content-length", b"5")]}}


@pytest.mark.parametrize("method", ["POST", "HEAD"])
@pytest.mark.parametrize("head", HEADS)
async def test_a_head_and_the_first_rows_leave_in_one_write_as_uvicorn_would_write_them(
    head: str, method: str
) -> None:
    outcomes = []
    for is_known in (True, False):
        transport = Transport()
        cycle = cycle_of(transport, method)
        message = {**HEADS[head], "headers": [*HEADS[head]["headers"], (b"Vary", b"Accept")]}
        has_left = await send_head(cycle.send, cycle if is_known else None, message, b"0:[]\n")
        assert has_left == (is_known and head == "chunks" and method == "POST")
        assert transport.writes == 1
        if not has_left:
            await cycle.send({"type": "http.response.body", "body": b"0:[]\n", "more_body": True})
        await cycle.send(LAST)
        assert cycle.transport is transport
        outcomes.append(transport.written)
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].count(b"0:[]\n") == (method == "POST")


async def test_a_head_that_cannot_be_sent_raises_what_the_server_says_and_nothing_is_written() -> None:
    transport = Transport()
    cycle = cycle_of(transport)
    with pytest.raises(RuntimeError, match="Invalid HTTP header"):
        await send_head(cycle.send, cycle, {**START, "headers": [(b"x-broken", b"a\r\nb")]}, b"a")
    assert transport.written == b""
    assert cycle.transport is transport


async def test_a_head_waits_for_a_client_that_does_not_read_and_goes_nowhere_when_it_has_gone() -> None:
    transport = Transport()
    cycle = cycle_of(transport)
    cycle.flow.pause_writing()
    waiting = asyncio.ensure_future(send_head(cycle.send, cycle, START, b"a"))
    await asyncio.sleep(0)
    assert transport.written == b""
    cycle.flow.resume_writing()
    assert not await waiting
    assert transport.written.startswith(b"HTTP/1.1 200 OK")
    gone = cycle_of(Transport())
    gone.disconnected = True
    assert not await send_head(gone.send, gone, START, b"a")
    assert gone.transport.written == b""


async def test_a_head_that_waits_for_something_else_is_awaited() -> None:
    class Slow(httptools_impl.RequestResponseCycle):
        async def send(self, message: Any) -> None:
            self.transport.write(b"early ")
            await asyncio.sleep(0)
            await super().send(message)

    cycle = cycle_of(Transport())
    cycle.__class__ = Slow
    assert not await send_head(cycle.send, cycle, START, b"a")
    assert cycle.transport.written.startswith(b"early HTTP/1.1 200 OK")


async def test_only_the_send_that_we_know_is_passed_by() -> None:
    async def around(message: Any) -> None: ...

    class Other(httptools_impl.RequestResponseCycle):
        pass

    cycle = cycle_of(Transport())
    assert known_cycle(cycle.send) is cycle
    assert known_cycle(Server().send) is None
    assert known_cycle(around) is None
    cycle.__class__ = Other  # what somebody makes of it
    assert known_cycle(cycle.send) is None
    cycle = cycle_of(Transport())
    del cycle.flow  # another version
    assert known_cycle(cycle.send) is None


@pytest.mark.parametrize("http", ["httptools", "h11"])
async def test_every_token_arrives_through_uvicorn_and_few_through_its_send(
    http: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = 0
    implementation = {"httptools": httptools_impl, "h11": h11_impl}[http].RequestResponseCycle
    send = implementation.send

    async def counted(self: Any, message: Any) -> None:
        nonlocal calls
        calls += 1
        await send(self, message)

    monkeypatch.setattr(implementation, "send", counted)

    @action
    async def generate() -> StreamableValue[str]:
        stream: StreamableValueSource[str] = create_streamable_value()

        async def write() -> None:
            async with stream:
                async for text in stream_text(model=OneByOne(), prompt="x").text_stream:
                    stream.update(text)

        start_soon(write)
        return stream.value

    app = flightwire.app(actions=[generate], mode="production")
    async with serving(app, http=http) as url, flightwire.Client(url) as client:
        seen = [text async for text in read_streamable_value(await client.call(generate.id))]
    assert seen == TOKENS
    assert calls < 15 if http == "httptools" else calls > len(TOKENS)
