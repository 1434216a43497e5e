"""`flightwire start` when it is told to stop: what is under way may end, the rest is told, nothing new begins, exit code 0."""

from __future__ import annotations

import asyncio
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

import flightwire
from flightwire import read_streamable_value
from flightwire.errors import ActionInterruptedError, ServerStoppingError

from ..e2e.running import Running, clean_environment

pytestmark = pytest.mark.anyio

STREAMS = 50
NO_MODEL = {"FLIGHTWIRE_MODEL": "openai/none", "OPENAI_API_KEY": "-"}
ACTIONS = """\
import asyncio, os, pathlib, time
from flightwire import StreamableValue, action, after, create_streamable_value, start_soon

notes = pathlib.Path(__file__).parent / "notes"

@action
async def count(number: int, gap_s: float, name: str) -> StreamableValue[int]:
    stream = create_streamable_value(0)

    async def pump() -> None:
        async with stream:
            for each in range(1, number + 1):
                await asyncio.sleep(gap_s)
                stream.update(each)

    start_soon(pump)
    after(lambda: (notes / name).write_text("after"))
    return stream.value

@action
async def forever() -> int:
    await asyncio.Event().wait()

@action
async def worker() -> int:
    return os.getpid()
"""


@contextmanager
def started(tmp_path: Path, *options: str) -> Iterator[Running]:
    """`flightwire start` with an app of actions alone."""
    folder = tmp_path / "app"
    folder.mkdir()
    (folder / "notes").mkdir()
    (folder / "actions.py").write_text(ACTIONS)
    server = Running(
        "start",
        str(folder),
        "--port",
        "0",
        *options,
        env=NO_MODEL,
    )
    try:
        yield server
    finally:
        server.stop(signal.SIGKILL)
        print(server.output)


async def follow(
    client: flightwire.Client, number: int, gap_s: float, name: str
) -> tuple[int, BaseException | None]:
    """The last number that came, and how the stream ended."""
    last = 0
    try:
        async for each in read_streamable_value(await client.call("count", number, gap_s, name)):
            last = each
    except Exception as error:
        return last, error
    return last, None


async def until(condition: Any, timeout_s: float = 30) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not await asyncio.to_thread(condition):
        assert time.monotonic() < deadline_s, "it never happened"
        await asyncio.sleep(0.05)


def status_of(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def refusal_of(url: str) -> tuple[int, Any]:
    request = urllib.request.Request(url, b"[]", {"rsc-action-id": "actions#worker"})
    try:
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.status, response.headers
    except urllib.error.HTTPError as error:
        error.close()
        return error.code, error.headers


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("http", ["uvicorn", "granian"])
async def test_open_streams_end_whole_or_are_told_and_the_exit_is_clean(
    tmp_path: Path, http: str, workers: str
):
    options = ["--server", http, "--workers", workers, "--drain-timeout-s", "2.5"]
    with started(tmp_path, *options) as server:
        async with flightwire.Client(server.url) as client:
            short = [asyncio.ensure_future(follow(client, 15, 0.1, f"short{n}")) for n in range(STREAMS // 2)]
            long = [
                asyncio.ensure_future(follow(client, 10_000, 0.1, f"long{n}")) for n in range(STREAMS // 2)
            ]
            await asyncio.sleep(1)  # they are under way; a call takes milliseconds
            server.process.send_signal(signal.SIGTERM)
            await until(lambda: status_of(f"{server.url}/_flightwire/ready") == 503)
            assert status_of(f"{server.url}/_flightwire/live") == 200
            status, headers = await asyncio.to_thread(refusal_of, server.url)
            assert (status, headers["retry-after"], headers["flightwire-error"]) == (
                503,
                "5",
                "ServerStoppingError",
            )
            with pytest.raises(ServerStoppingError):
                await client.call("worker")
            whole = await asyncio.gather(*short)
            told = await asyncio.gather(*long)
        code = await asyncio.to_thread(server.process.wait, 15)
    assert whole == [(15, None)] * (STREAMS // 2)
    assert {type(error) for _, error in told} == {ActionInterruptedError}
    assert all(last > 10 for last, _ in told)
    assert code == 0
    assert len(list((tmp_path / "app" / "notes").iterdir())) == STREAMS  # after() ran for each
    assert "Traceback" not in server.output


@pytest.mark.parametrize("http", ["uvicorn", "granian"])
@pytest.mark.parametrize("workers", ["1", "2"])
async def test_one_ctrl_c_stops_it_and_a_second_one_stops_it_at_once(tmp_path: Path, http: str, workers: str):
    with started(tmp_path, "--server", http, "--workers", workers, "--drain-timeout-s", "60") as server:
        async with flightwire.Client(server.url) as client:
            call = client.start("forever")
            waiting = asyncio.ensure_future(_result(call))
            await until(lambda: status_of(f"{server.url}/_flightwire/live") == 200)
            await asyncio.sleep(0.5)
            server.process.send_signal(signal.SIGINT)
            await asyncio.to_thread(server.wait_for_line, "waiting for 1 call")
            began_s = time.monotonic()
            server.process.send_signal(signal.SIGINT)
            code = await asyncio.to_thread(server.process.wait, 15)
            took_s = time.monotonic() - began_s
            await waiting
    assert took_s < 5
    assert code in (0, 130)


async def _result(call: Any) -> BaseException | None:
    try:
        await call
    except Exception as error:
        return error
    return None


@pytest.mark.parametrize("http", ["uvicorn", "granian"])
async def test_an_idle_server_stops_at_once(tmp_path: Path, http: str):
    with started(tmp_path, "--server", http) as server:
        async with flightwire.Client(server.url) as client:
            await client.call("worker")  # its connection stays open, idle
            began_s = time.monotonic()
            server.process.send_signal(signal.SIGINT)
            code = await asyncio.to_thread(server.process.wait, 15)
    assert code == 0
    assert time.monotonic() - began_s < 5


async def test_an_action_that_has_not_answered_yet_is_told_too(tmp_path: Path):
    with started(tmp_path, "--drain-timeout-s", "0") as server:
        async with flightwire.Client(server.url) as client:
            call = asyncio.ensure_future(client.call("forever"))
            await until(lambda: status_of(f"{server.url}/_flightwire/live") == 200)
            await asyncio.sleep(0.5)
            server.process.send_signal(signal.SIGTERM)
            with pytest.raises(ActionInterruptedError):
                await call
        assert await asyncio.to_thread(server.process.wait, 15) == 0


async def test_a_caller_that_sends_its_body_slowly_does_not_hold_the_server(tmp_path: Path):
    with started(tmp_path, "--drain-timeout-s", "1") as server:
        host, _, port = server.url.removeprefix("http://").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"POST / HTTP/1.1\r\nhost: x\r\nrsc-action-id: actions#worker\r\ncontent-length: 100\r\n\r\n["
        )
        await writer.drain()
        await asyncio.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        head = await reader.readuntil(b"\r\n")
        assert await asyncio.to_thread(server.process.wait, 15) == 0
        writer.close()
    assert b" 503 " in head


HOST = """\
from fastapi import FastAPI
import flightwire

app = flightwire.app("app", mode="production", drain_timeout_s=1)
host = FastAPI(LIFESPAN)
host.mount("/ai", app)
"""
COMMANDS = {
    "uvicorn": ["-m", "uvicorn", "host:host", "--log-level", "warning", "--port"],
    "uvicorn with a limit": [
        *[
            "-m",
            "uvicorn",
            "host:host",
            "--log-level",
            "warning",
            "--timeout-graceful-shutdown",
            "0",
            "--port",
        ],
    ],
    "granian": ["-m", "granian", "--interface", "asgi", "host:host", "--log-level", "warning", "--port"],
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_in_somebody_elses_server_open_answers_are_told_too(
    tmp_path: Path, command: str, number: signal.Signals
):
    (tmp_path / "app" / "notes").mkdir(parents=True)
    (tmp_path / "app" / "actions.py").write_text(ACTIONS)
    # A uvicorn with a limit cancels what is open and ends; only a lifespan makes it wait for what runs after a response.
    lifespan = "lifespan=app.lifespan" if command == "uvicorn with a limit" else ""
    (tmp_path / "host.py").write_text(HOST.replace("LIFESPAN", lifespan))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    started = [sys.executable, *COMMANDS[command], str(port)]
    with subprocess.Popen(
        started, cwd=tmp_path, stderr=subprocess.PIPE, env=clean_environment(NO_MODEL)
    ) as process:
        try:
            url = f"http://127.0.0.1:{port}/ai"
            await until(lambda: accepts(port))
            async with flightwire.Client(url) as client:
                streams = [asyncio.ensure_future(follow(client, 10_000, 0.05, f"n{n}")) for n in range(3)]
                await asyncio.sleep(0.5)
                process.send_signal(number)
                told = await asyncio.gather(*streams)
            code = await asyncio.to_thread(process.wait, 15)
        finally:
            process.kill()
        said = process.stderr.read().decode()
    assert {type(error) for _, error in told} == {ActionInterruptedError}
    assert len(list((tmp_path / "app" / "notes").iterdir())) == 3
    assert code in (0, -number, 128 + number)  # uvicorn raises the signal again when it has ended
    assert "flightwire" not in said or command == "uvicorn with a limit"  # it logs every cancellation


def accepts(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True
