"""The app of docs/pages.md: its files are written down, started, built, and looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import SERVERS, Files, Tab
from .running import Running, run_flightwire

GUIDE = Path(__file__).parents[2] / "docs" / "pages.md"
BLOCK = re.compile(r"^```\w+\n(?://|#|/\*) app/(\S+)(?: \*/)?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
FILES: Files = dict(BLOCK.findall(GUIDE.read_text(encoding="utf-8")))


@pytest.fixture(scope="module")
def guide(mode: str, app_folder: Callable[[Files], Path]) -> Iterator[Running]:
    with SERVERS[mode](app_folder(FILES), {"FLIGHTWIRE_MODEL": "openai/x"}) as server:
        yield server


def test_every_block_is_a_file() -> None:
    assert len(FILES) == GUIDE.read_text(encoding="utf-8").count("\n```") // 2 == 8


def test_the_page_calls_its_action(guide: Running, tab: Tab) -> None:
    tab.page.goto(f"{guide.url}/?name=Ada")
    tab.page.get_by_role("button", name="Greet").click()
    tab.page.get_by_text("Hello, Ada!").wait_for()
    assert tab.page.title() == "Welcome | Shares"
    assert tab.page.get_by_role("navigation", name="Main").count() == 1
    assert tab.errors == []


def test_the_server_component_brings_its_chart(guide: Running, tab: Tab) -> None:
    tab.page.goto(guide.url)
    tab.page.get_by_role("link", name="ACME").click()
    tab.page.get_by_role("heading", name="Acme Corporation").wait_for()
    tab.page.get_by_text("ACME: 3 → 5 → 4").wait_for()
    assert tab.page.title() == "Acme Corporation | Shares"
    assert tab.errors == []


def test_it_redirects_and_does_not_find(guide: Running, tab: Tab) -> None:
    tab.page.goto(f"{guide.url}/shares/acme")
    assert tab.page.url == f"{guide.url}/shares/ACME"
    for path in ("/shares/NONE", "/nowhere"):
        answer = tab.page.goto(guide.url + path)
        assert answer is not None
        assert answer.status == 404
        tab.page.get_by_role("heading", name="No such page").wait_for()


def test_types_fit(app_folder: Callable[[Files], Path]) -> None:
    folder = app_folder(FILES)
    assert run_flightwire("types", str(folder), "--check").returncode in (0, 1)
    assert run_flightwire("types", str(folder)).returncode == 0
    assert "greet(name: string): Promise<string>" in (folder / ".flightwire/types/actions.d.ts").read_text()
