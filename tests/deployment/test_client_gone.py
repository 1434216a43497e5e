"""A client that goes away ends the work and closes the connection to the model within half a second, whatever is going on.

Real servers, real sockets: what a browser does when a tab is closed, a fetch aborted, or `stop()` called.
"""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator

import pytest

from flightwire.testing.upstream import Ending, ScriptedUpstream
from flightwire.testing.upstream_script import head

from ..e2e.conftest import pointing_at
from ..e2e.running import Running

MAX_CLOSE_S = 0.5
ACTIONS = """\
import asyncio
from collections.abc import AsyncIterator
from contextlib import contextmanager

from flightwire import Node, action, create_streamable_value, generate_text, html, is_step_count, start_soon, stream_text
from flightwire import stream_ui, tool, ui_tool


@contextmanager
def ending(what: str):
    try:
        yield
    finally:
        print("ended", what, flush=True)


async def for_ever(what: str) -> None:
    with ending(what):
        print("begun", what, flush=True)
        await asyncio.Event().wait()


@tool
async def wait() -> str:
    await for_ever("tool")
    return ""


@tool
async def look() -> str:
    return "seen"


@ui_tool
async def show() -> AsyncIterator[Node]:
    yield html.p("wait")
    await for_ever("tool")


async def think(step) -> None:
    if step.step_number:
        await for_ever("step")


@action
async def whole() -> str:
    with ending("action"):
        return (await generate_text(prompt="Hi", tools=[wait, look], stop_when=is_step_count(3))).text


@action
async def value() -> object:
    start_soon(for_ever("action"))
    result = stream_text(prompt="Hi", tools=[wait, look], stop_when=is_step_count(3))
    return create_streamable_value(result.text_stream).value


@action
async def ui() -> Node:
    start_soon(for_ever("action"))
    return stream_ui(prompt="Hi", tools=[show, look], stop_when=is_step_count(3)).value


@action
async def steps() -> object:
    start_soon(for_ever("action"))
    result = stream_text(prompt="Hi", tools=[look], stop_when=is_step_count(3), prepare_step=think)
    return create_streamable_value(result.text_stream).value
"""
Script = Callable[[ScriptedUpstream], None]


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as scripted:
        yield scripted


@pytest.fixture(scope="module", params=["uvicorn", "granian"])
def running(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, upstream: ScriptedUpstream
) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("shop") / "app"
    folder.mkdir()
    (folder / "actions.py").write_text(ACTIONS)
    server = Running(
        "start", str(folder), "--port", "0", "--server", request.param, env=pointing_at(upstream)
    )
    try:
        yield server
    finally:
        server.stop()
        print(server.output)


class Server:
    """A running server, and what it says from now on."""

    def __init__(self, running: Running) -> None:
        self.url = running.url
        self._running = running
        self._said = len(running.output)

    def wait_for(self, line: str) -> None:
        deadline_s = time.monotonic() + 20
        while line not in self._running.output[self._said :]:
            assert time.monotonic() < deadline_s, f"it never said {line!r}"
            time.sleep(0.01)


@pytest.fixture
def server(running: Running) -> Server:
    return Server(running)


def called(server: Server, action: str, *, receive_buffer_bytes: int | None = None) -> socket.socket:
    """A call whose answer is not read."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    connection = socket.socket()
    connection.settimeout(20)
    if receive_buffer_bytes is not None:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
    connection.connect((host, int(port)))
    lines = [
        "POST / HTTP/1.1",
        f"host: {host}:{port}",
        f"origin: {server.url}",
        f"rsc-action-id: actions#{action}",
        "x-flightwire-runtime: 1",
        "content-type: text/plain;charset=UTF-8",
        "content-length: 2",
    ]
    connection.sendall("\r\n".join([*lines, "", "[]"]).encode())
    return connection


def silence(up: ScriptedUpstream) -> None:
    up.play(Ending.HANG)


def headers_alone(up: ScriptedUpstream) -> None:
    up.play(head(200, {"content-type": "text/event-stream"}), Ending.HANG)


def half_an_answer(up: ScriptedUpstream) -> None:
    up.answer(["Half"], ending=Ending.HANG)


def call_of(name: str) -> Script:
    call = {"id": "call-1", "name": name, "arguments": {}}
    return lambda up: up.answer(tool_calls=[call], finish_reason="tool_calls")


@pytest.mark.parametrize("action", ["whole", "value", "ui"])
@pytest.mark.parametrize("script", [silence, headers_alone, half_an_answer])
@pytest.mark.parametrize("step", [1, 2])
def test_while_the_model_answers(
    action: str, script: Script, step: int, server: Server, upstream: ScriptedUpstream
) -> None:
    if action == "whole" and script is half_an_answer:
        script = headers_alone
    number = len(upstream.requests)
    if step == 2:
        call_of("look")(upstream)
    script(upstream)
    with called(server, action) as connection:
        asked = upstream.wait_received(number + step - 1)
        if script is half_an_answer:
            received = b""
            while b"Half" not in received:
                received += connection.recv(65536)
    left_s = time.monotonic()
    assert asked.wait_closed() - left_s < MAX_CLOSE_S
    server.wait_for("ended action")


@pytest.mark.parametrize(
    ("action", "tool"), [("whole", "wait"), ("value", "wait"), ("ui", "show"), ("steps", "look")]
)
def test_while_a_tool_runs_or_the_next_step_is_prepared(
    action: str, tool: str, server: Server, upstream: ScriptedUpstream
) -> None:
    what = "step" if action == "steps" else "tool"
    number = len(upstream.requests)
    call_of(tool)(upstream)
    with called(server, action):
        server.wait_for(f"begun {what}")
    left_s = time.monotonic()
    server.wait_for(f"ended {what}")
    server.wait_for("ended action")
    assert time.monotonic() - left_s < MAX_CLOSE_S
    assert len(upstream.requests) == number + 1  # nothing was asked afterwards


@pytest.mark.parametrize("action", ["value", "ui"])
def test_while_nobody_reads(action: str, server: Server, upstream: ScriptedUpstream) -> None:
    sent = 0

    def for_ever() -> Iterator[str]:
        nonlocal sent
        while True:
            sent += 1
            yield "x" * 1000

    number = len(upstream.requests)
    upstream.answer(for_ever())
    with called(server, action, receive_buffer_bytes=4096):
        asked = upstream.wait_received(number)
        before = -1
        while before != sent:  # until the model is held back
            before = sent
            time.sleep(0.3)
    left_s = time.monotonic()
    assert asked.wait_closed() - left_s < MAX_CLOSE_S
    server.wait_for("ended action")
