"""Chromium, app folders, and servers started with the real command line; nothing may outlive a test."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from flightwire.testing.upstream import ScriptedUpstream
from flightwire.toolchain.chromium import ensure_chromium

from .running import Running, run_flightwire

EXAMPLES = Path(__file__).parents[2] / "examples"
SEED_PAGE = (Path(__file__).parent / "seed" / "page.tsx").read_text(encoding="utf-8")
SEED_ACTIONS = """\
from typing import Literal, TypedDict

from flightwire import StreamableValue, StreamableValueSource, action, create_streamable_value, start_soon, stream_text


class Message(TypedDict):
    role: Literal["user", "assistant"]
    content: str


class Reply(TypedDict):
    messages: list[Message]
    newMessage: StreamableValue[str]


@action
async def continue_conversation(history: list[Message]) -> Reply:
    stream: StreamableValueSource[str] = create_streamable_value()

    async def pump() -> None:
        async with stream:
            async for text in stream_text(instructions="Be brief.", messages=history, max_output_tokens=40).text_stream:
                stream.update(text)

    start_soon(pump)
    return {"messages": history, "newMessage": stream.value}
"""
SEED = {"page.tsx": SEED_PAGE, "actions.py": SEED_ACTIONS}
CHROMIUM_ARGS = [
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
TIMEOUT_MS = 20_000
expect.set_options(timeout=TIMEOUT_MS)  # its own five seconds are few for a machine that runs the model, too

Files = dict[str, str]
Serve = Callable[..., Any]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything that drives the browser."""
    for item in items:
        if Path(__file__).parent in item.path.parents and "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)


@pytest.fixture(
    scope="module"
)  # while Playwright lives, this thread counts as running a loop: no async tests beside it
def chromium() -> Iterator[Browser]:
    root = sys.platform != "win32" and os.geteuid() == 0
    args = [*CHROMIUM_ARGS, "--no-sandbox"] if root else CHROMIUM_ARGS
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(ensure_chromium()), args=args)
        yield browser
        browser.close()


class Tab:
    """A tab of the browser and what its console said; reads pages like the seed's.

    Attributes:
        page: Playwright's page.
        errors: console errors and uncaught exceptions, in order.
    """

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        page.set_default_timeout(TIMEOUT_MS)
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.errors.append(f"uncaught: {error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def open(self, url: str) -> Tab:
        """Go to an app and wait until its page is alive."""
        self.page.goto(url)
        self.page.get_by_role("button", name="Send Message").wait_for()
        return self

    def ask(self, text: str) -> None:
        """Type a question and send it."""
        self.page.get_by_role("textbox").fill(text)
        self.page.get_by_role("button", name="Send Message").click()

    def lines(self) -> list[str]:
        """The conversation, as "role: content"; whitespace as it is."""
        lines: list[str] = self.page.evaluate(LINES)
        return lines

    def wait_for_answer(self, text: str, *, turn: int = 1, timeout_ms: int = TIMEOUT_MS) -> None:
        """Wait until the answer of this turn reads exactly so."""
        line, at = f"assistant: {text}", 2 * turn - 1
        try:
            self.page.wait_for_function(
                f"([line, at]) => ({LINES})()[at] === line", arg=[line, at], timeout=timeout_ms
            )
        except Exception as error:
            raise AssertionError(
                f"expected {line[-200:]!r}; shown: {[shown[-200:] for shown in self.lines()]}"
            ) from error


LINES = "() => [...document.querySelectorAll('#root > div > div:first-child > div')].map(line => line.textContent)"


@pytest.fixture
def new_tab(chromium: Browser) -> Iterator[Callable[[], Tab]]:
    """Open tabs, each with cookies and storage of its own."""
    with ExitStack() as stack:

        def open_tab() -> Tab:
            context = chromium.new_context()
            stack.callback(context.close)
            return Tab(context.new_page())

        yield open_tab


@pytest.fixture
def tab(new_tab: Callable[[], Tab]) -> Tab:
    """One tab."""
    return new_tab()


@pytest.fixture(scope="module")
def app_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Files], Path]:
    """Write an app folder that holds these files and nothing else."""

    def write(files: Files) -> Path:
        folder = tmp_path_factory.mktemp("shop") / "app"
        for name, text in files.items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return folder

    return write


@pytest.fixture(scope="module")
def examples(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The gallery with its recipes, copied out of the repository: without what was built or saved there."""
    folder = tmp_path_factory.mktemp("repository") / "examples"
    shutil.copytree(EXAMPLES, folder, ignore=shutil.ignore_patterns(".*", "__pycache__"))
    return folder


@contextmanager
def dev_server(folder: Path, env: dict[str, str] | None = None) -> Iterator[Running]:
    """`flightwire dev`, until the block ends."""
    server = Running("dev", str(folder), "--port", "0", env=env)
    try:
        yield server
    finally:
        server.stop()
        print(server.output)  # shown when the test failed


@contextmanager
def built_server(folder: Path, env: dict[str, str] | None = None) -> Iterator[Running]:
    """`flightwire build` and `flightwire start`, until the block ends."""
    built = run_flightwire("build", str(folder))
    assert built.returncode == 0, built.stderr
    server = Running("start", str(folder), "--port", "0", env=env)
    try:
        yield server
    finally:
        server.stop()
        print(server.output)


SERVERS = {"development": dev_server, "production": built_server}


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    """An OpenAI-compatible API that follows a script."""
    with ScriptedUpstream() as scripted:
        yield scripted


def pointing_at(upstream: ScriptedUpstream) -> dict[str, str]:
    """The environment in which an app's default model is the scripted one."""
    return {
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": upstream.base_url,
        "FLIGHTWIRE_MODEL": "openai/scripted",
    }


@pytest.fixture(scope="module", params=["development", "production"])
def mode(request: pytest.FixtureRequest) -> str:
    """Both ways of serving an app; in development it is React's development build."""
    return str(request.param)


@pytest.fixture(scope="module")
def seed_app(mode: str, app_folder: Callable[[Files], Path], upstream: ScriptedUpstream) -> Iterator[Running]:
    """The page printed in the cookbook, byte for byte, in a folder of its own, answered by the scripted API."""
    with SERVERS[mode](app_folder(SEED), pointing_at(upstream)) as server:
        yield server
