"""What a page says when an import cannot work: one sentence on the page and in the log, and the way back."""

from __future__ import annotations

import asyncio
import logging

import pytest

from flightwire.errors import AppLoadError, ToolchainError
from flightwire.server.vite import build

from .conftest import AppFolder, Tab

pytestmark = pytest.mark.browser

PAGE = "import {{ thing }} from '{source}';\nexport default function Home() {{ return <p>works {{String(thing)}}</p>; }}\n"
LETTERS = {
    "left-pad": ['page.tsx imports "left-pad", which is not installed', "npm install left-pad"],
    "@scope/kit/button": ['imports "@scope/kit/button"', "npm install @scope/kit "],
    "./chart": ['page.tsx imports "./chart", but there is no such file', ".py"],
    "next/link": ['page.tsx imports "next/link"', "not served by Next.js", '<a href="…">'],
    "@/lib/missing": ["there is no such file"],
}


@pytest.fixture
def page(app: AppFolder, request: pytest.FixtureRequest) -> AppFolder:
    app.write("page.tsx", PAGE.format(source=request.param))
    return app


@pytest.mark.parametrize(("page", "expected"), LETTERS.items(), indirect=["page"])
def test_an_import_that_cannot_be_resolved_gets_one_sentence(page, serve, tab: Tab, caplog, expected):
    with caplog.at_level(logging.INFO, "flightwire.vite"), serve("development") as server:
        tab.page.goto(server.url)
        dialog = tab.page.get_by_role("alertdialog")
        dialog.wait_for()
        for part in expected:
            assert part in dialog.inner_text()
        assert "    at " not in dialog.inner_text()
    errors = [record.message for record in caplog.records if record.levelno >= logging.WARNING]
    assert len(errors) == 1
    assert all(part in errors[0] for part in expected)
    assert "\n" not in errors[0]


@pytest.mark.parametrize(("page", "expected"), LETTERS.items(), indirect=["page"])
def test_a_build_fails_with_the_same_sentence(page, toolchain, expected):
    with pytest.raises(ToolchainError) as caught:
        in_a_thread(build(page.path, page.path / ".flightwire" / "build", **toolchain))
    assert all(part in str(caught.value) for part in expected)
    assert "    at " not in str(caught.value)


@pytest.mark.parametrize("page", ["./chart"], indirect=True)
def test_the_page_comes_when_the_missing_file_does(page, serve, tab: Tab):
    with serve("development") as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("alertdialog").wait_for()
        page.write("chart.tsx", "export const thing = 1;")
        tab.page.get_by_text("works 1").wait_for()
        assert tab.page.get_by_role("alertdialog").count() == 0


@pytest.mark.parametrize("page", ["./actions"], indirect=True)
def test_a_python_file_is_found_with_and_without_its_ending(page, serve, tab: Tab):
    page.write("actions.py", "")
    page.declare("thing")
    with serve("development") as server:
        tab.page.goto(server.url)
        tab.page.get_by_text("works").wait_for()
        page.edit("page.tsx", "./actions", "./actions.py")
        page.edit("page.tsx", "works", "still works")
        tab.page.get_by_text("still works").wait_for()
    assert tab.console == []


@pytest.mark.parametrize("page", ["./actions"], indirect=True)
def test_a_name_that_the_python_file_does_not_have_fails_where_it_is_called(page, serve, tab: Tab):
    page.write("actions.py", "")
    page.declare("other")
    page.edit("page.tsx", "<p>works {String(thing)}</p>", "<button onClick={() => thing()}>go</button>")
    with serve("development") as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("button", name="go").click()
        text = tab.page.get_by_role("alertdialog").inner_text()
    assert 'actions.py has no action "thing". It has: other.' in text
    assert "@action" in text


@pytest.mark.parametrize("page", ["./actions"], indirect=True)
def test_a_script_and_a_python_file_with_actions_of_one_name_are_not_guessed_at(page, serve, tab: Tab):
    page.write("actions.py", "")
    page.write("actions.ts", "export const thing = 'the original';")
    page.declare("thing")
    with serve("development") as server:
        tab.page.goto(server.url)
        dialog = tab.page.get_by_role("alertdialog")
        dialog.wait_for()
        assert "Remove actions.ts" in dialog.inner_text()
        page.edit("page.tsx", "./actions", "./actions.ts")
        tab.page.get_by_text("works the original").wait_for()


def test_an_app_that_cannot_be_imported_shows_why_over_its_page(app, serve, tab: Tab):
    app.write("page.tsx", "export default function Home() { return <p>still here</p>; }")
    error = AppLoadError("actions.py line 3: invalid syntax.", path=str(app.path / "actions.py"), line=3)
    with serve("development", load_error=lambda: error) as server:
        tab.page.goto(server.url)
        text = tab.page.get_by_role("alertdialog").inner_text()
        assert "invalid syntax" in text
        assert "actions.py:3" in text
        tab.page.get_by_text("still here").wait_for()


def in_a_thread(coroutine) -> None:
    """Run it beside Playwright, which occupies this thread's loop."""
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, coroutine).result()
