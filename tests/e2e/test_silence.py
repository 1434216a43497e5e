"""A network that goes silent without a word: a proxy that keeps every connection open and passes nothing on any more."""

from __future__ import annotations

import os
import re
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from .conftest import Files, Tab, built_server
from .running import Running, descendants

ACTIONS = """\
import asyncio
from typing import Any

from flightwire import action, create_streamable_value, html, start_soon

endings: list[str] = []


@action
async def count(name: str, until: int) -> dict[str, Any]:
    stream = create_streamable_value("")

    async def work() -> None:
        try:
            async with stream:
                for number in range(until):
                    stream.append(f"{number} ")
                    await asyncio.sleep(0.05)
        finally:
            endings.append(name)

    async def shown() -> Any:
        await asyncio.Event().wait()

    start_soon(work)
    return {"text": stream.value, "display": html.p("here ", shown())}


@action
async def length(text: str) -> int:
    return len(text)


@action
async def ended() -> list[str]:
    return endings
"""

PAGE = """\
'use client';

import * as runtime from '@flightwire/client';
import { readStreamableValue } from '@ai-sdk/rsc';
import { count, ended, length } from './actions';

export default function Home() {
  Object.assign(window, { runtime, readStreamableValue, count, ended, length });
  return <button>Send Message</button>;
}
"""

READ = """async ([name, until, silenceTimeoutMs]) => {
  window.states = [];
  runtime.configure({ silenceTimeoutMs, onConnection: state => states.push(state) });
  window.reply = await count(name, until);
  window.seen = '';
  window.reading = (async () => {
    for await (const text of readStreamableValue(reply.text)) window.seen = text;
    return 'whole';
  })().catch(told);
  window.display = Promise.resolve(reply.display.props.children[1]._payload).catch(told);
}"""
TELL = """() => {
  window.told = ({ name, kind, message, silentForMs }) => ({ name, kind, message, silentForMs });
}"""
BEGUN = "() => window.seen.length > 10"
LIMIT_MS = 1500
LATE_MS = 2000  # a timer that is later than this has not seen what came meanwhile


class Line:
    """Passes everything on in both directions, until it is told to go silent.

    Attributes:
        url: where the browser finds the server.
        is_cut: whether all connections are silent.
        is_up: cleared while what the server says is held back.
        bytes_per_s: how fast it passes on what the browser sends.
        left: how many connections the browser has closed.
    """

    def __init__(self, server: Running) -> None:
        host, _, port = server.url.removeprefix("http://").partition(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self.is_cut, self.bytes_per_s, self.left = False, 1e9, 0
        self.is_up = threading.Event()
        self.is_up.set()
        self._heard = threading.Condition()
        self._speaking = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def forget(self) -> None:
        """The connection that spoke last goes silent, as in a router that has forgotten it; others do not."""
        self._speaking.set()

    def wait_left(self, number: int) -> None:
        """Until the browser has closed so many."""
        with self._heard:
            assert self._heard.wait_for(lambda: self.left >= number, 10), (
                "the browser kept the connection open"
            )

    def close(self) -> None:
        self.is_up.set()
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                browser, _ = self._listener.accept()
                server, silent = socket.create_connection(self._server), threading.Event()
                for passing in (self._up, self._down):
                    threading.Thread(target=passing, args=(browser, server, silent), daemon=True).start()

    def _up(self, browser: socket.socket, server: socket.socket, silent: threading.Event) -> None:
        with suppress(OSError):
            while data := browser.recv(65536):
                if not (silent.is_set() or self.is_cut):
                    time.sleep(len(data) / self.bytes_per_s)
                    server.sendall(data)
        with self._heard:
            self.left += 1
            self._heard.notify_all()
        with suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)

    def _down(self, browser: socket.socket, server: socket.socket, silent: threading.Event) -> None:
        with browser, server, suppress(OSError):
            while data := server.recv(65536):
                if not (silent.is_set() or self.is_cut):
                    self._speaking = silent
                    self.is_up.wait()
                    browser.sendall(data)


@pytest.fixture(scope="module")
def server(app_folder: Callable[[Files], Path]) -> Iterator[Running]:
    with built_server(app_folder({"page.tsx": PAGE, "actions.py": ACTIONS})) as running:
        yield running


@pytest.fixture
def line(server: Running) -> Iterator[Line]:
    line = Line(server)
    yield line
    line.close()


@pytest.fixture
def page(line: Line, tab: Tab) -> Any:
    tab.open(line.url).page.evaluate(TELL)
    return tab.page


def test_an_answer_whose_network_goes_silent_ends_and_says_so(page: Any, line: Line) -> None:
    page.evaluate(READ, ["silent", 100_000, LIMIT_MS])
    page.wait_for_function(BEGUN)
    left = line.left
    line.forget()
    error = page.evaluate("reading")
    assert (error["name"], error["kind"]) == ("ActionError", "lost")
    assert LIMIT_MS <= error["silentForMs"] < LIMIT_MS + LATE_MS
    assert re.search(r"before the answer was complete: nothing came for [2-4] seconds\.$", error["message"])
    assert page.evaluate("display") == error
    assert page.evaluate("seen").startswith("0 1 2 ")  # what had come stays
    line.wait_left(left + 1)
    page.wait_for_function("async () => (await ended()).includes('silent')")  # and the server heard of it


def test_the_connection_is_lost_and_found_again(page: Any, line: Line) -> None:
    page.evaluate(READ, ["states", 100_000, LIMIT_MS])
    page.wait_for_function(BEGUN)
    line.forget()
    page.evaluate("reading")
    page.wait_for_function("() => states.at(-1) === 'online'")
    assert page.evaluate("states") == ["lost", "connecting", "online"]


def test_a_call_that_nobody_hears_is_unreachable(page: Any, line: Line) -> None:
    line.is_cut = True
    error = page.evaluate(
        "async ms => await runtime.withOptions(length, { silenceTimeoutMs: ms })('x').catch(told)", LIMIT_MS
    )
    assert error["kind"] == "unreachable"
    assert re.search(r"^The server did not answer: nothing came for [2-4] seconds\.$", error["message"])
    assert LIMIT_MS <= error["silentForMs"] < LIMIT_MS + LATE_MS


def test_what_is_long_on_its_way_is_not_silence(page: Any, line: Line) -> None:
    line.bytes_per_s = 150_000
    began_s = time.monotonic()
    size = page.evaluate(
        "async ms => await runtime.withOptions(length, { silenceTimeoutMs: ms })('x'.repeat(600_000))",
        LIMIT_MS,
    )
    assert size == 600_000
    assert 1000 * (time.monotonic() - began_s) > 2 * LIMIT_MS


def hold_up(page: Any) -> None:
    """A script of the page does not let go."""
    page.evaluate("() => { const end = performance.now() + 5000; while (performance.now() < end); }")


def suspend(_: Any) -> None:
    """The computer sleeps, for all that the page can tell."""
    renderers = [pid for pid, command in descendants(os.getpid()).items() if "--type=renderer" in command]
    assert renderers
    for number in (signal.SIGSTOP, signal.SIGCONT):
        for pid in renderers:
            os.kill(pid, number)
        if number == signal.SIGSTOP:
            time.sleep(5)


@pytest.mark.parametrize("sleep", [hold_up, suspend])
def test_a_page_that_slept_reads_what_came_meanwhile(
    sleep: Callable[[Any], None], page: Any, line: Line
) -> None:
    page.evaluate(READ, ["slept", 180, LIMIT_MS])
    page.wait_for_function(BEGUN)
    line.is_up.clear()
    sleep(page)
    time.sleep(0.5)  # the network comes back a little later than the page
    line.is_up.set()
    assert page.evaluate("reading") == "whole"
    assert page.evaluate("seen").endswith(" 178 179 ")
    line.forget()  # the element has not come, so the answer is open
    assert page.evaluate("display")["kind"] == "lost"
