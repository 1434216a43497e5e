"""Serving until a signal; in a process of its own, because signals and exit codes are the point."""

from __future__ import annotations

import asyncio
import http.client
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from flightwire.cli.http_servers import _expect_a_late_end

PROGRAM = """
import asyncio, sys
from flightwire.cli.letters import log_to_terminal
from flightwire.cli.listening import listen
from flightwire.cli.http_servers import Granian, Uvicorn
from flightwire.cli.serving import Serving, serve

class App:
    drain_timeout_s = {grace_s}
    async def drain(self):
        print("draining", flush=True)
        await asyncio.sleep({drain_s})
    async def startup(self):
        {startup}
    async def aclose(self):
        print("closed", flush=True)
    async def __call__(self, scope, receive, send):
        try:
            await send({{"type": "http.response.start", "status": 200, "headers": []}})
            await send({{"type": "http.response.body", "body": b"first", "more_body": True}})
            {handle}
            await send({{"type": "http.response.body", "body": b"last"}})
        except asyncio.CancelledError:
            print("cancelled", flush=True)
            raise

def leave_now(error):
    raise error("no")

async def leave(error):
    leave_now(error)

async def in_background():
    print("warm", flush=True)
    await asyncio.Event().wait()

log_to_terminal()
listener = listen("127.0.0.1", 0, retry="")
print(listener.getsockname()[1], flush=True)
serve(App(), listener, on_ready=lambda: print("ready", flush=True), in_background=in_background, how=Serving(server={server}))
print("returned", flush=True)
"""
FOR_EVER = "await asyncio.Event().wait()"


class Process:
    """The program under test; lines are read as they are waited for."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def stop(self, number: signal.Signals) -> tuple[list[str], float]:
        """Send a signal; give what it still printed, and how long it took to end, in seconds."""
        began_s = time.monotonic()
        self.process.send_signal(number)
        out, _ = self.process.communicate(timeout=10)
        return out.split(), time.monotonic() - began_s


@contextmanager
def running(
    startup: str = "pass", handle: str = "pass", grace_s: int = 0, drain_s: int = 0, server: str = "Uvicorn"
) -> Iterator[Process]:
    code = textwrap.dedent(PROGRAM).format(
        startup=startup, handle=handle, grace_s=grace_s, drain_s=drain_s, server=server
    )
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield Process(process, int(process.stdout.readline()))
        finally:
            process.kill()


@contextmanager
def asking(port: int) -> Iterator[http.client.HTTPResponse]:
    """A response of which the first part has come."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", "/")
        with connection.getresponse() as response:
            assert response.read(5) == b"first"
            yield response


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("http", ["Uvicorn", "Granian"])
def test_a_signal_closes_the_app_and_returns(number: signal.Signals, http: str) -> None:
    with running(server=http) as server:
        assert [server.line(), server.line()] == ["ready", "warm"]
        with asking(server.port) as response:
            response.read()
        said, took_s = server.stop(number)
    assert said == ["draining", "closed", "returned"]
    assert server.process.returncode == 0
    assert took_s < 2


def test_a_signal_ends_an_open_response_at_once_in_development() -> None:
    with running(handle=FOR_EVER) as server:
        server.line()
        with asking(server.port):
            said, took_s = server.stop(signal.SIGINT)
    assert said[-3:] == ["cancelled", "closed", "returned"]
    assert took_s < 2


@pytest.mark.parametrize("http", ["Uvicorn", "Granian"])
def test_an_open_response_may_end_within_its_grace(http: str) -> None:
    with running(handle="await asyncio.sleep(0.5)", grace_s=8, server=http) as server:
        server.line()
        with asking(server.port) as response:
            server.process.send_signal(signal.SIGTERM)
            assert response.read() == b"last"
        assert server.process.wait(10) == 0


@pytest.mark.parametrize("http", ["Uvicorn", "Granian"])
@pytest.mark.parametrize("error", ["SystemExit", "KeyboardInterrupt"])
def test_an_app_whose_tasks_want_to_end_the_process_is_served_on(error: str, http: str) -> None:
    handle = (
        f"asyncio.get_running_loop().call_soon(leave_now, {error}); await asyncio.sleep(0.01); "
        f"await asyncio.wait([asyncio.create_task(leave({error}))])"
    )
    with running(handle=handle, server=http) as server:
        assert [server.line(), server.line()] == ["ready", "warm"]
        for _ in range(2):
            with asking(server.port) as response:
                assert response.read() == b"last"
        server.process.send_signal(signal.SIGINT)
        said, errors = server.process.communicate(timeout=10)
    assert said.split() == ["draining", "closed", "returned"]
    assert server.process.returncode == 0
    assert errors.count(f"the app tried to end the process ({error}); it goes on") == 4


def test_a_signal_stops_a_start_up() -> None:
    with running(startup=f"print('starting', flush=True); {FOR_EVER}") as server:
        assert server.line() == "starting"
        said, _ = server.stop(signal.SIGINT)
    assert said == ["closed", "returned"]


def test_a_second_signal_ends_it_at_once() -> None:
    with running(handle=FOR_EVER, grace_s=60, drain_s=60) as server:
        assert [server.line(), server.line()] == ["ready", "warm"]
        with asking(server.port):
            server.process.send_signal(signal.SIGINT)
            assert server.line() == "draining"
            said, took_s = server.stop(signal.SIGINT)
    assert server.process.returncode == 130
    assert "returned" not in said
    assert took_s < 2


def test_a_connection_that_never_ends_does_not_outlive_granian() -> None:
    with running(handle=FOR_EVER, grace_s=1, server="Granian") as server:
        server.line()
        with asking(server.port):
            server.process.send_signal(signal.SIGTERM)
            assert server.process.wait(20) == 0


def test_a_thread_that_nobody_can_end_does_not_hold_the_process() -> None:
    with running(
        handle="import time; asyncio.get_running_loop().run_in_executor(None, time.sleep, 600)"
    ) as server:
        server.line()
        with asking(server.port) as response:
            response.read()
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(20) == 0


@pytest.mark.parametrize("http", ["Uvicorn", "Granian"])
def test_nothing_is_written_to_standard_error(http: str) -> None:
    with running(handle=FOR_EVER, server=http) as server:
        server.line()
        with asking(server.port):
            server.process.send_signal(signal.SIGINT)
            _, errors = server.process.communicate(timeout=10)
    assert errors == ""


def test_only_what_granian_ends_too_late_is_passed_over() -> None:
    said: list[object] = []
    with closing(asyncio.new_event_loop()) as loop:
        loop.set_exception_handler(lambda _, context: said.append(context["exception"]))
        _expect_a_late_end(loop)
        cancelled: asyncio.Future[None] = loop.create_future()
        cancelled.cancel()
        wrong = ValueError("not granian's")
        loop.call_soon(cancelled.set_result, None)
        loop.call_soon(_raise, wrong)
        loop.run_until_complete(asyncio.sleep(0.01))
    assert said == [wrong]


def _raise(error: Exception) -> None:
    raise error
