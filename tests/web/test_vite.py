"""Vite's process: started once, gone when its owner is gone, and clear about why it cannot run."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from flightwire.errors import ToolchainError
from flightwire.server.vite import ViteProcess, build

from .conftest import AppFolder

pytestmark = pytest.mark.anyio

PAGE = "export default function Home() { return <p>hello</p>; }"


@pytest.fixture
def vite(app: AppFolder, toolchain: dict[str, Path]) -> ViteProcess:
    app.write("page.tsx", PAGE)
    return ViteProcess(app.path, **toolchain)


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=20) as response:
        return response.read().decode()


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + 20
    while is_alive(pid):
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.05)


SECRET_FILES = (".flightwire/secret-key", ".flightwire/chats.db", "actions.py", ".env", "deep/key.pem")


async def test_secrets_and_python_code_stay_on_the_server(app: AppFolder, vite: ViteProcess):
    for name in SECRET_FILES:
        app.write(name, "do-not-show")
    await vite.start()
    for name in SECRET_FILES:
        for place in (name, f"@fs{(app.path / name).as_posix()}"):
            for query in ("", "?raw", "?import&raw", "?url", "?inline", "?import&raw??"):
                url = f"{vite.url}/{place}{query}"
                assert "do-not-show" not in await asyncio.to_thread(answer, url), url
    await vite.aclose()


def answer(url: str) -> str:
    try:
        return fetch(url)
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


async def test_it_serves_modules_while_it_runs(vite: ViteProcess):
    url = await vite.start()
    assert url == vite.url
    assert "hello" in await asyncio.to_thread(fetch, f"{url}/page.tsx")
    await vite.aclose()
    with pytest.raises(OSError):
        await asyncio.to_thread(fetch, f"{url}/page.tsx")


async def test_concurrent_callers_share_one_process(vite: ViteProcess):
    urls = await asyncio.gather(*(vite.start() for _ in range(5)))
    assert len(set(urls)) == 1
    await vite.aclose()


async def test_closing_leaves_no_process_and_may_be_repeated(vite: ViteProcess):
    await vite.start()
    pid = vite.pid
    await vite.aclose()
    await vite.aclose()
    assert not is_alive(pid)
    with pytest.raises(ToolchainError, match="not running"):
        _ = vite.url


async def test_a_process_that_died_is_started_again(vite: ViteProcess):
    await vite.start()
    os.kill(vite.pid, signal.SIGKILL)
    while vite.is_running:
        await asyncio.sleep(0.01)
    url = await vite.start()
    assert "hello" in await asyncio.to_thread(fetch, f"{url}/page.tsx")
    await vite.aclose()


async def test_a_start_that_is_cancelled_leaves_no_process(vite: ViteProcess):
    task = asyncio.create_task(vite.start())
    while vite.pid is None:
        await asyncio.sleep(0.001)
    pid = vite.pid
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not is_alive(pid)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_it_does_not_outlive_a_parent_that_was_killed(app: AppFolder, toolchain: dict[str, Path]):
    app.write("page.tsx", PAGE)
    program = f"""
        import asyncio
        from pathlib import Path
        from flightwire.server.vite import ViteProcess

        async def main():
            vite = ViteProcess(Path({str(app.path)!r}), node=Path({str(toolchain["node"])!r}),
                               tools=Path({str(toolchain["tools"])!r}), plugin=Path({str(toolchain["plugin"])!r}))
            await vite.start()
            print(vite.pid, flush=True)
            await asyncio.sleep(60)

        asyncio.run(main())
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        parent.kill()
    wait_until_gone(pid)


async def test_a_program_that_is_not_node_is_named(app: AppFolder, toolchain: dict[str, Path]):
    vite = ViteProcess(app.path, **{**toolchain, "node": Path("/nowhere/node")})
    with pytest.raises(ToolchainError, match="/nowhere/node cannot be run"):
        await vite.start()


async def test_a_missing_tool_folder_is_said_with_what_node_said(app: AppFolder, toolchain: dict[str, Path]):
    vite = ViteProcess(app.path, **{**toolchain, "tools": app.path})
    with pytest.raises(ToolchainError, match="Cannot find module 'vite'"):
        await vite.start()


async def test_a_folder_that_cannot_be_in_an_address_is_said(tmp_path: Path, toolchain: dict[str, Path]):
    folder = AppFolder(tmp_path / "a#b")
    with pytest.raises(ToolchainError, match="Rename the folder"):
        await ViteProcess(folder.path, **toolchain).start()


async def test_a_port_in_use_is_said(app: AppFolder, toolchain: dict[str, Path]):
    first = ViteProcess(app.path, **toolchain)
    port = int((await first.start()).rsplit(":", 1)[1])
    second = ViteProcess(app.path, **toolchain, port=port)
    with pytest.raises(ToolchainError, match=f"{port} is already in use"):
        await second.start()
    await first.aclose()


async def test_a_build_with_a_syntax_error_names_file_and_line(
    app: AppFolder, toolchain: dict[str, Path], tmp_path: Path
):
    app.write("page.tsx", "export default function Home() {\n  return <p>;\n}")
    with pytest.raises(ToolchainError, match=r"cannot be built: .*Unexpected token[\s\S]*page\.tsx:3"):
        await build(app.path, tmp_path / "out", **toolchain)


async def test_two_builds_of_the_same_folder_are_the_same(
    app: AppFolder, toolchain: dict[str, Path], tmp_path: Path
):
    app.write("page.tsx", PAGE)
    for name in ("a", "b"):
        await build(app.path, tmp_path / name, **toolchain)
    a, b = ({path.name: path.read_bytes() for path in (tmp_path / name).rglob("*.*")} for name in ("a", "b"))
    assert a == b
