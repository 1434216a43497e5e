"""A team's own Vite project, which calls Python on another origin: its development server, its build, its types."""

from __future__ import annotations

import functools
import http.server
import os
import re
import shutil
import socket
import subprocess
import sys
import tarfile
import threading
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flightwire.toolchain.node import find_or_install_node, node_environment
from flightwire.toolchain.npm_package import pack_vite_plugin
from flightwire.toolchain.packages import ensure_packages

from ..e2e.conftest import Tab
from ..e2e.mounting import wait_for
from ..e2e.running import clean_environment, run_flightwire

GUIDE = Path(__file__).parents[2] / "docs" / "deployment.md"
FILES = {
    "backend/app/actions.py": '''\
import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TypedDict

from flightwire import StreamableValue, action, client_component, create_streamable_value
from flightwire.elements import Element

Badge = client_component("components/badge.tsx", "Badge")
stopped = Path(__file__).parent / "stopped"


class Message(TypedDict):
    role: str
    content: str


@action
async def echo(messages: list[Message]) -> StreamableValue[str]:
    """Say it again, word by word."""

    async def words() -> AsyncIterator[str]:
        for word in messages[-1]["content"].split():
            yield word + " "

    return create_streamable_value(words()).value


@action
async def badge(text: str) -> Element:
    return Badge(text=text)


@action
async def forever() -> StreamableValue[str]:
    async def words() -> AsyncIterator[str]:
        yield "begun"
        try:
            await asyncio.Event().wait()
        finally:
            stopped.write_text("yes")

    return create_streamable_value(words()).value


@action
async def size(file: bytes) -> int:
    return len(file)
''',
    "backend/app/components/badge.tsx": """\
'use client';
import { useState } from 'react';

export function Badge({ text }: { text: string }) {
  const [count, setCount] = useState(0);
  return <button onClick={() => setCount(count + 1)}>{text} {count}</button>;
}
""",
    "backend/main.py": """\
import sys
import flightwire
from fastapi import FastAPI

app = FastAPI()
app.mount("/ai", flightwire.app("app", allowed_origins=sys.argv[2:]))

if __name__ == "__main__":
    import uvicorn
    uvicorn.run(app, port=int(sys.argv[1]), log_level="warning")
""",
    "frontend/index.html": """\
<!doctype html>
<link rel="icon" href="data:,">
<div id="root"></div>
<script type="module" src="/src/main.tsx"></script>
""",
    "frontend/src/main.tsx": """\
import { createRoot } from 'react-dom/client';
import { App } from './App';

createRoot(document.getElementById('root')!).render(<App />);
""",
    "frontend/src/App.tsx": """\
import { readStreamableValue } from '@ai-sdk/rsc';
import { configure, describeError, stop } from '@flightwire/client';
import { type ReactNode, useState } from 'react';
import { badge, echo, forever, type Message, size } from '../../backend/app/actions';

configure({ headers: { 'x-tenant': 'a' } });

export function App() {
  const [shown, setShown] = useState<ReactNode>('');
  const trying = (work: () => Promise<void>) => () => work().catch(error => setShown(describeError(error)));
  const ask = async () => {
    const messages: Message[] = [{ role: 'user', content: 'why is the sky blue' }];
    let all = '';
    for await (const delta of readStreamableValue(await echo(messages))) setShown((all += delta));
  };
  const run = async () => {
    const reply = await forever();
    for await (const delta of readStreamableValue(reply)) {
      setShown(delta);
      setTimeout(() => stop(reply), 100);
    }
    setShown('stopped');
  };
  return (
    <>
      <button onClick={trying(ask)}>Ask</button>
      <button onClick={trying(async () => setShown(await badge('badge')))}>Badge</button>
      <button onClick={trying(async () => setShown(await size(new Uint8Array(70000))))}>Size</button>
      <button onClick={trying(run)}>Run</button>
      <p id="shown">{shown}</p>
    </>
  );
}
""",
    "frontend/package.json": '{"name": "team", "private": true, "type": "module"}',
}


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Team:
    """The project on disk, with what `npm install` would have put into it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.node = find_or_install_node()
        for name, text in FILES.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        self.frontend = folder / "frontend"
        (self.frontend / "vite.config.ts").write_text(
            shown_file("vite.config.ts").replace("8000/ai", f"{self.port}/ai")
        )
        (self.frontend / "tsconfig.json").write_text(shown_file("tsconfig.json"))
        self._install()
        assert run_flightwire("types", str(folder / "backend" / "app")).returncode == 0

    def _install(self) -> None:
        modules = self.frontend / "node_modules"
        ours = ensure_packages() / "node_modules"
        left_out = shutil.ignore_patterns("react-server-dom-webpack", "webpack", "webpack-sources", ".*")
        shutil.copytree(ours, modules, symlinks=True, copy_function=os.link, ignore=left_out)
        with tarfile.open(pack_vite_plugin(self.folder)) as package:
            safely: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # not before 3.11.4
            package.extractall(modules / "@flightwire", **safely)
        (modules / "@flightwire" / "package").rename(modules / "@flightwire" / "vite-plugin")

    def run(self, *command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.node, *command],
            cwd=self.frontend,
            env={**node_environment(self.node), **(env or {})},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )

    @contextmanager
    def backend(self, *origins: str) -> Iterator[None]:
        command = [sys.executable, "main.py", str(self.port), *origins]
        env = clean_environment({"FLIGHTWIRE_ENV": "production"})
        with subprocess.Popen(command, cwd=self.folder / "backend", env=env) as process:
            try:
                wait_for_port(self.port)
                yield
            finally:
                process.kill()

    @contextmanager
    def vite(self) -> Iterator[str]:
        port = free_port()
        command = [
            self.node,
            "node_modules/vite/bin/vite.js",
            "--port",
            str(port),
            "--host",
            "127.0.0.1",
            "--strictPort",
        ]
        with subprocess.Popen(command, cwd=self.frontend, env=node_environment(self.node)) as process:
            try:
                # Vite listens for a moment to see whether the port is free, and then again: only an answer tells.
                wait_for(f"http://127.0.0.1:{port}/@vite/client")
                yield f"http://127.0.0.1:{port}"
            finally:
                process.kill()

    @contextmanager
    def built(self, env: dict[str, str] | None = None) -> Iterator[str]:
        done = self.run("node_modules/vite/bin/vite.js", "build", env=env)
        assert done.returncode == 0, done.stdout + done.stderr
        handler = functools.partial(Quiet, directory=str(self.frontend / "dist"))
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://localhost:{server.server_port}"
            server.shutdown()


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


def wait_for_port(port: int) -> None:
    for _ in range(600):
        with socket.socket() as probe:
            probe.settimeout(0.1)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        threading.Event().wait(0.05)
    raise AssertionError(f"nobody listens on {port}")


def shown_file(name: str) -> str:
    """A file as the deployment guide shows it."""
    found = re.search(
        rf"^```\w+\n// {re.escape(name)}\n(.*?)^```$", GUIDE.read_text(), re.MULTILINE | re.DOTALL
    )
    assert found, f"the guide does not show {name}"
    return found[1]


@pytest.fixture(scope="module")
def team(tmp_path_factory: pytest.TempPathFactory) -> Team:
    return Team(tmp_path_factory.mktemp("team"))


def use(tab: Tab, url: str, team: Team) -> None:
    """Everything a page does: a stream, a component that Python names, an upload, a stop."""
    tab.page.goto(url)
    tab.page.get_by_role("button", name="Ask").click()
    tab.page.get_by_text("why is the sky blue").wait_for()
    tab.page.get_by_role("button", name="Badge").click()
    tab.page.get_by_role("button", name="badge 0").click()
    tab.page.get_by_role("button", name="badge 1").wait_for()
    tab.page.get_by_role("button", name="Size").click()
    tab.page.get_by_text("70000").wait_for()
    mark = team.folder / "backend" / "app" / "stopped"
    mark.unlink(missing_ok=True)
    tab.page.get_by_role("button", name="Run").click()
    tab.page.get_by_text("stopped", exact=True).wait_for()
    for _ in range(100):
        if mark.exists():
            break
        tab.page.wait_for_timeout(50)
    assert mark.exists(), "the stop did not reach Python"
    assert tab.errors == []


def test_in_development_calls_pass_through_vite(team: Team, tab: Tab) -> None:
    with team.backend(), team.vite() as url:
        use(tab, url, team)


def test_vite_shows_neither_the_secret_key_nor_python_code(
    team: Team,
) -> None:
    app = team.folder / "backend" / "app"
    secret = app / ".flightwire" / "key-of-a-test"
    secret.write_text("do-not-show")
    with team.vite() as url:
        for file in (secret, app / "actions.py"):
            for query in ("", "?raw", "?import&raw", "?url&inline"):
                place = urllib.parse.quote(f"/@fs{file.resolve().as_posix()}", safe="/@")
                assert not re.search("do-not-show|asyncio", answer(f"{url}{place}{query}")), query
    secret.unlink()


def answer(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=20) as response:
            return str(response.read(), "utf-8")
    except urllib.error.HTTPError as error:
        with error:
            return error.read().decode()


def test_a_build_calls_the_other_origin(team: Team, tab: Tab) -> None:
    with team.built({"VITE_FLIGHTWIRE_SERVER": f"http://127.0.0.1:{team.port}/ai"}) as url, team.backend(url):
        asked: list[str] = []
        tab.page.on(
            "request", lambda request: asked.append(request.url) if request.method == "POST" else None
        )
        use(tab, url, team)
    assert set(asked) == {f"http://127.0.0.1:{team.port}/ai/"}


def test_an_origin_that_is_not_listed_gets_no_answer(team: Team, tab: Tab) -> None:
    with team.built() as url, team.backend("https://other.example"):
        tab.page.goto(url)
        tab.page.get_by_role("button", name="Ask").click()
        tab.page.get_by_text("The server cannot be reached").wait_for()


def test_a_wrong_argument_is_a_compile_error(team: Team, new_file: Callable[[str, str], None]) -> None:
    compiler = "node_modules/typescript/bin/tsc"
    assert (done := team.run(compiler, "--noEmit", "-p", ".")).returncode == 0, done.stdout
    new_file("src/Wrong.ts", "import { echo } from '../../backend/app/actions';\nvoid echo('why');\n")
    done = team.run(compiler, "--noEmit", "-p", ".")
    assert "src/Wrong.ts(2,11): error TS2345" in done.stdout


@pytest.fixture
def new_file(team: Team) -> Iterator[Callable[[str, str], None]]:
    made: list[Path] = []

    def write(name: str, text: str) -> None:
        made.append(team.frontend / name)
        made[-1].write_text(text)

    yield write
    for path in made:
        path.unlink()


def test_a_build_that_calls_this_machine_is_warned_about(team: Team) -> None:
    done = team.run("node_modules/vite/bin/vite.js", "build")
    assert "which is the visitor's own machine. Set VITE_FLIGHTWIRE_SERVER" in done.stdout + done.stderr


def test_an_app_that_python_has_not_read_is_a_letter(team: Team) -> None:
    manifest = team.folder / "backend" / "app" / ".flightwire" / "actions.json"
    hidden = manifest.rename(manifest.with_name("hidden.json"))
    try:
        done = team.run("node_modules/vite/bin/vite.js", "build")
    finally:
        hidden.rename(manifest)
    assert done.returncode != 0
    assert "type: flightwire types" in done.stdout + done.stderr


def test_a_folder_that_is_not_there_is_a_letter(team: Team, new_file: Callable[[str, str], None]) -> None:
    config = (team.frontend / "vite.config.ts").read_text().replace("../backend/app", "../backend/nothing")
    new_file("other.config.ts", config)
    done = team.run("node_modules/vite/bin/vite.js", "build", "--config", "other.config.ts")
    assert "there is no folder" in done.stdout + done.stderr


def test_the_package_is_the_same_bytes_each_time(tmp_path: Path) -> None:
    assert pack_vite_plugin(tmp_path / "a").read_bytes() == pack_vite_plugin(tmp_path / "b").read_bytes()


def test_the_command_prints_where_it_is(tmp_path: Path) -> None:
    done = run_flightwire("vite-plugin", "--out", str(tmp_path))
    assert Path(done.stdout.strip()).parent == tmp_path
    assert tarfile.is_tarfile(done.stdout.strip())
