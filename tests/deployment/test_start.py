"""`flightwire start` from Python alone: no Node, one or several processes, ports, sockets, prefixes, trusted proxies."""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import os
import re
import signal
import socket
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import flightwire

from ..e2e.conftest import SEED_PAGE
from ..e2e.running import FLIGHTWIRE, Running, clean_environment, run_flightwire

pytestmark = pytest.mark.anyio

NO_MODEL = {"FLIGHTWIRE_MODEL": "openai/none", "OPENAI_API_KEY": "-"}
SERVERS = pytest.mark.parametrize("http", ["uvicorn", "granian"])
ACTIONS = """\
import os
from typing import TypedDict
from starlette.requests import Request
from flightwire import StreamableValue, action, create_streamable_value


class Message(TypedDict):
    role: str
    content: str


@action
async def continue_conversation(history: list[Message]) -> StreamableValue[str]:
    return create_streamable_value("ok").value


@action
async def worker() -> int:
    return os.getpid()


@action
async def who(request: Request) -> list[str]:
    return [request.url.scheme, request.client.host if request.client else "", request.scope["root_path"]]
"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A built app."""
    folder = tmp_path_factory.mktemp("shop") / "app"
    folder.mkdir()
    (folder / "page.tsx").write_text(SEED_PAGE)
    (folder / "actions.py").write_text(ACTIONS)
    (folder / "public").mkdir()
    (folder / "public" / "robots.txt").write_text("User-agent: *\n")
    assert (done := run_flightwire("build", str(folder))).returncode == 0, done.stderr
    return folder


@contextmanager
def started(app: Path, *options: str, env: dict[str, str] | None = None) -> Iterator[Running]:
    server = Running("start", str(app), "--port", "0", *options, env={**NO_MODEL, **(env or {})})
    try:
        yield server
    finally:
        server.stop(signal.SIGTERM)
        print(server.output)


class Raw:
    """An HTTP/1.1 exchange, byte for byte."""

    def __init__(
        self, where: str | tuple[str, int], target: str, headers: dict[str, str] | None = None
    ) -> None:
        family = socket.AF_UNIX if isinstance(where, str) else socket.AF_INET
        lines = [f"GET {target} HTTP/1.1", "host: localhost", "connection: close"]
        lines += [f"{name}: {text}" for name, text in (headers or {}).items()]
        with socket.socket(family) as connection:
            connection.settimeout(20)
            connection.connect(where)
            connection.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))
            received = b"".join(iter(lambda: connection.recv(65536), b""))
        head, _, self.body = received.partition(b"\r\n\r\n")
        first, *rest = head.decode("latin-1").split("\r\n")
        self.status = int(first.split()[1])
        self.headers = dict(line.lower().split(": ", 1) for line in rest)
        if self.headers.get("transfer-encoding") == "chunked":
            self.body = b"".join(chunk for chunk in re.split(rb"(?:^|\r\n)[0-9a-f]+\r\n", self.body))


def address(server: Running) -> tuple[str, int]:
    host, _, port = server.url.removeprefix("http://").partition(":")
    return host, int(port)


@SERVERS
def test_no_node_is_needed(app: Path, http: str, tmp_path: Path) -> None:
    elsewhere = {"PATH": str(tmp_path), "FLIGHTWIRE_CACHE": str(tmp_path / "empty"), "HOME": str(tmp_path)}
    with started(app, "--server", http, env=elsewhere) as server:
        page = Raw(address(server), "/", {"accept-encoding": "gzip"})
        script = re.search(r'src="(/assets/[^"]+\.js)"', _text(page))
        assert script
        asset = Raw(address(server), script[1], {"accept-encoding": "br"})
        assert server.children("node") == {}
    assert (page.status, asset.status) == (200, 200)
    assert asset.headers["content-encoding"] == "br"
    assert not (tmp_path / "empty").exists()


def _text(answer: Raw) -> str:
    return (
        gzip.decompress(answer.body) if answer.headers.get("content-encoding") == "gzip" else answer.body
    ).decode()


@SERVERS
def test_every_kind_of_response_says_how_long_it_may_be_kept(app: Path, http: str) -> None:
    with started(app, "--server", http) as server:
        at = address(server)
        script = re.search(r'src="(/assets/[^"]+\.js)"', _text(Raw(at, "/")))
        assert script
        kept = {
            name: Raw(at, target).headers["cache-control"]
            for name, target in {
                "page": "/",
                "asset": script[1],
                "public": "/robots.txt",
                "missing": "/nothing",
                "health": "/_flightwire/live",
            }.items()
        }
    assert kept == {
        "page": "no-store",
        "asset": "public, max-age=31536000, immutable",
        "public": "public, no-cache",
        "missing": "no-store",
        "health": "no-store",
    }


@SERVERS
@pytest.mark.parametrize(
    "target",
    [
        "/assets/../manifest.json",
        "/assets/..%2fmanifest.json",
        "/assets/%2e%2e/manifest.json",
        "/assets/..%5cmanifest.json",
        "/assets/....//manifest.json",
        "/assets//etc/passwd",
        "/assets/%00",
        "/assets/" + "a" * 5000,
        "/manifest.json",
        "/../actions.py",
        "/actions.py",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/.flightwire/secret-key",
        "/.flightwire/actions.json",
        "/public/robots.txt",
        "/public/..%2factions.py",
        "/robots.txt%00.html",
        "/C:/windows/win.ini",
        "//etc/passwd",
    ],
)
def test_no_path_leads_out_of_what_is_served(
    escaping: Callable[[str], dict[str, Raw]], http: str, target: str
) -> None:
    answer = escaping(target)[http]
    assert answer.status in (400, 404)
    assert b"root:" not in answer.body
    assert b"import os" not in answer.body
    assert b'"version"' not in answer.body


@pytest.fixture(scope="module")
def escaping(app: Path) -> Iterator[Callable[[str], dict[str, Raw]]]:
    with started(app) as uvicorn, started(app, "--server", "granian") as granian:
        servers = {"uvicorn": address(uvicorn), "granian": address(granian)}
        yield lambda target: {name: Raw(at, target) for name, at in servers.items()}


@SERVERS
async def test_workers_share_the_port(app: Path, http: str) -> None:
    with started(app, "--server", http, "--workers", "2") as server:
        answered: set[int] = set()
        for _ in range(200):
            async with flightwire.Client(server.url) as client:  # a connection of its own
                answered |= set(await asyncio.gather(*(client.call("worker") for _ in range(4))))
            if len(answered) == 2:
                break
    assert len(answered) == 2
    assert server.process.pid not in answered


@SERVERS
def test_a_unix_socket(app: Path, http: str, tmp_path: Path) -> None:
    file = tmp_path / "chat.sock"
    with socket.socket(socket.AF_UNIX) as left_behind:
        left_behind.bind(str(file))  # by a process that was killed
    server = _on_file(app, file, "--server", http)
    try:
        assert Raw(str(file), "/_flightwire/ready").body == b"ready\n"
        assert stat.S_IMODE(file.stat().st_mode) == 0o666
        second = run_flightwire("start", str(app), "--uds", str(file), env=NO_MODEL)
        assert (second.returncode, "another process listens on it" in second.stderr) == (1, True)
    finally:
        server.send_signal(signal.SIGTERM)
        assert server.wait(20) == 0
    assert not file.exists()


def _on_file(app: Path, file: Path, *options: str) -> subprocess.Popen[bytes]:
    command = [FLIGHTWIRE, "start", str(app), "--uds", str(file), *options]
    process = subprocess.Popen(command, env=clean_environment(NO_MODEL), stdout=subprocess.DEVNULL)
    for _ in range(600):
        with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as probe:
            probe.connect(str(file))
            return process
        time.sleep(0.05)
    raise AssertionError("it does not listen")


@SERVERS
async def test_a_prefix_whether_the_proxy_strips_it_or_not(app: Path, http: str) -> None:
    with started(app, "--server", http, "--root-path", "/ai/") as server:
        host, port = address(server)[0], int(server.url.rsplit(":", 1)[1].partition("/")[0])
        assert server.wait_for_line(r"http://\S+/ai")
        for target in ("/", "/ai/"):
            page = _text(Raw((host, port), target))
            assert 'src="/ai/assets/' in page
        for url in (f"http://{host}:{port}", f"http://{host}:{port}/ai"):
            async with flightwire.Client(url) as client:
                assert (await client.call("who"))[2] == "/ai"


@SERVERS
async def test_forwarded_headers_are_believed_only_of_proxies_that_were_named(app: Path, http: str) -> None:
    forged = {"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https"}
    for options, expected in {
        (): ["http", "127.0.0.1"],
        ("--forwarded-allow-ips", "10.0.0.0/8"): ["http", "127.0.0.1"],
        ("--forwarded-allow-ips", "127.0.0.0/8"): ["https", "203.0.113.7"],
    }.items():
        with started(app, "--server", http, *options) as server:
            async with flightwire.Client(server.url, headers=forged) as client:
                assert (await client.call("who"))[:2] == expected


def test_the_log_has_the_level_that_was_asked_for(app: Path) -> None:
    with started(app, "--log-level", "warning") as server:
        Raw(address(server), "/_flightwire/live")
        asyncio.run(_call_once(server.url))
    assert "worker done" not in server.output


async def _call_once(url: str) -> None:
    async with flightwire.Client(url) as client:
        await client.call("worker")


@pytest.mark.parametrize(
    ("options", "letter"),
    [
        (["--root-path", "ai"], "--root-path is 'ai'; write the path"),
        (["--root-path", "/a?b"], "--root-path is"),
        (["--server", "hypercorn"], "'hypercorn' is not one of"),
        (["--workers", "0"], "Input should be greater than or equal to 1"),
        (["--drain-timeout-s", "-1"], "Input should be greater than or equal to 0"),
    ],
)
def test_options_that_cannot_be_are_letters(app: Path, options: list[str], letter: str) -> None:
    done = run_flightwire("start", str(app), *options, env={**NO_MODEL, "COLUMNS": "200"})
    assert done.returncode != 0
    assert letter in done.stderr
    assert "Traceback" not in done.stderr


def test_help_teaches() -> None:
    said = run_flightwire("start", "--help", env={"COLUMNS": "140"}).stdout
    for word in (
        "--workers",
        "--server",
        "--drain-timeout-s",
        "--uds",
        "--root-path",
        "--forwarded-allow-ips",
        "--log-level",
    ):
        assert word in said
    assert "needs neither Node nor npm" in said
    assert "_flightwire/ready" in said


def test_a_start_costs_little_of_the_processor(app: Path) -> None:
    before = os.times()
    with started(app) as server:
        Raw(address(server), "/")
    after = os.times()
    spent_s = after.children_user + after.children_system - before.children_user - before.children_system
    assert spent_s < 5  # about 1 on an idle machine
