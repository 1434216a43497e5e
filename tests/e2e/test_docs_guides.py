"""The apps of docs/generative-ui.md and docs/ai-state.md: written down, started, built, and used."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flightwire.testing.upstream import ScriptedUpstream

from .conftest import SERVERS, Files, Tab, pointing_at
from .running import Running, run_flightwire

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```\w+\n(?://|#) app/(\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def files_of(page: str) -> Files:
    return dict(BLOCK.findall((DOCS / page).read_text(encoding="utf-8")))


UI, STATE = files_of("generative-ui.md"), files_of("ai-state.md")
FILES = {**UI, **{f"state/{name}": text for name, text in STATE.items()}}


@pytest.fixture(scope="module")
def folder(app_folder: Callable[[Files], Path]) -> Path:
    return app_folder(FILES)


@pytest.fixture(scope="module")
def app(mode: str, folder: Path, upstream: ScriptedUpstream) -> Iterator[Running]:
    database = {"DATABASE_URL": f"sqlite:///{folder.parent}/{mode}.db"}
    with SERVERS[mode](folder, {**pointing_at(upstream), **database}) as server:
        yield server


@pytest.fixture(autouse=True)
def nothing_is_left_to_say(upstream: ScriptedUpstream) -> None:
    upstream._scripts.clear()


def test_every_file_is_there() -> None:
    assert set(UI) == {"parts.py", "chart.tsx", "actions.py", "page.tsx"}
    assert set(STATE) == {"ai.py", "layout.py", "actions.py", "page.tsx", "chats.py"}


def test_a_model_answers_with_text_and_a_chart(app: Running, tab: Tab, upstream: ScriptedUpstream) -> None:
    upstream.answer(
        ["Look: "],
        tool_calls=[{"id": "call_1", "name": "show_stock", "arguments": {"symbol": "ACME", "months": 3}}],
        finish_reason="tool_calls",
    )
    page = tab.page
    page.goto(app.url)
    page.get_by_role("button", name="Ask").click()
    page.locator("article p.done", has_text="Look:").wait_for()
    page.get_by_text("ACME", exact=True).wait_for()
    page.get_by_role("button", name="100 → 107 → 114").click()
    page.get_by_role("button", name="100 → 107", exact=True).wait_for()
    assert tab.errors == []


def test_ui_changes_after_it_was_sent(app: Running, tab: Tab) -> None:
    tab.page.goto(app.url)
    tab.page.get_by_role("button", name="Deploy").click()
    tab.page.get_by_text("flightwire is built.").wait_for()
    tab.page.get_by_text("Tests run.").wait_for()
    assert tab.errors == []


def test_what_a_model_wrote_is_safe(app: Running, tab: Tab) -> None:
    tab.page.goto(app.url)
    tab.page.get_by_role("button", name="Sketch").click()
    tab.page.get_by_role("heading", name="Three nights in Rome").wait_for()
    tab.page.locator("strong", has_text="€250").wait_for()
    assert tab.page.locator("article script").count() == 0
    assert tab.page.locator("article a").get_attribute("href") is None
    assert tab.errors == []


def test_a_chat_is_there_again(
    app: Running, mode: str, new_tab: Callable[[], Tab], upstream: ScriptedUpstream
) -> None:
    upstream.answer(["Hello, ", "Ann."])
    tab = new_tab()
    page = tab.page
    page.goto(f"{app.url}/state?chat=docs")
    page.get_by_role("textbox").fill("I am Ann")
    page.get_by_role("button", name="Send").click()
    page.locator("p", has_text="assistant: Hello, Ann.").wait_for()
    page.get_by_text("2 messages").wait_for()
    app.wait_for_line("^2 messages")
    again = new_tab()
    again.page.goto(f"{app.url}/state?chat=docs")
    again.page.get_by_text("user: I am Ann").wait_for()
    again.page.get_by_text("assistant: Hello, Ann.").wait_for()
    again.page.get_by_role("button", name="Forget").click()
    again.page.get_by_text("0 messages").wait_for()
    again.page.wait_for_function("() => document.querySelectorAll('p').length === 0")
    assert (tab.errors, again.errors) == ([], [])


def test_types_fit(folder: Path) -> None:
    assert run_flightwire("types", str(folder), "--check").returncode in (0, 1)
    assert run_flightwire("types", str(folder)).returncode == 0
    assert "initialUIState?: ClientMessage[];" in (folder / ".flightwire/types/state/ai.d.ts").read_text()
