"""Errors that nobody caught, shown on the page in development and never in production."""

from __future__ import annotations

import asyncio
import json

import pytest

from .conftest import SYMBOL, AppFolder, Tab, send_rows

pytestmark = pytest.mark.browser

PAGE = """
    'use client';
    import { useState } from 'react';
    import { readStreamableValue } from '@ai-sdk/rsc';
    import { ask } from './actions';
    export default function Home() {
      const [text, setText] = useState('nothing yet');
      const [isBroken, setBroken] = useState(false);
      if (isBroken) throw new Error('the component is broken');
      return <main>
        <p>{text}</p>
        <button onClick={async () => {
          for await (const value of readStreamableValue(await ask())) setText(String(value));
        }}>Ask</button>
        <button onClick={() => setBroken(true)}>Break</button>
        <button onClick={async () => { try { await ask() } catch (error) { setText(`caught ${error.message}`) } }}>Catch</button>
      </main>;
    }
"""


@pytest.fixture
def page(app: AppFolder) -> AppFolder:
    app.write("page.tsx", PAGE)
    app.write("actions.py", "")
    app.declare("ask")
    return app


def error_row(app: AppFolder, id: str = "0", **facts) -> str:
    stack = [
        ["ask", f"{app.path}/actions.py", 12, 5, 12, 5, False],
        ["run", "/usr/lib/python3/asyncio.py", 9, 1, 9, 1, False],
    ]
    error = {
        "digest": "d1",
        "name": "KeyError",
        "message": "'city'",
        "stack": stack,
        "env": "Server",
        "owner": None,
    }
    return f"{id}:E{json.dumps({**error, **facts})}"


def panel(tab: Tab):
    return tab.page.get_by_role("alertdialog")


def test_an_exception_in_an_action_shows_its_own_frames_and_keeps_the_page(page, serve, tab: Tab):
    async def fail(_call, _body, send) -> None:
        await send_rows(send, error_row(page), status=500)

    with serve("development", fail) as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("button", name="Ask").click()
        panel(tab).wait_for()
        text = panel(tab).inner_text()
        assert "KeyError" in text
        assert "'city'" in text
        assert "actions.py:12 ask" in text
        assert "asyncio.py" not in text
        assert "d1" in text
        assert tab.page.get_by_text("nothing yet").is_visible()
        tab.page.keyboard.press("Escape")
        assert panel(tab).count() == 0


def test_an_error_in_the_middle_of_a_stream_keeps_what_had_come(page, serve, tab: Tab):
    async def fail_later(_call, _body, send) -> None:
        first = f'0:{{"curr":"so far","next":"$@1","type":"{SYMBOL}"}}'
        await send_rows(send, first, error_row(page, "1"))

    with serve("development", fail_later) as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("button", name="Ask").click()
        panel(tab).wait_for()
        assert tab.page.get_by_text("so far").is_visible()
        tab.page.get_by_role("button", name="Close").click()
        assert panel(tab).count() == 0


def test_a_refused_call_shows_the_servers_letter(page, serve, tab: Tab):
    async def refuse(_call, _body, send) -> None:
        headers = [(b"content-type", b"text/plain; charset=utf-8")]
        await send({"type": "http.response.start", "status": 404, "headers": headers})
        await send({"type": "http.response.body", "body": b"There is no action 'ask' here. Reload the page."})

    with serve("development", refuse) as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("button", name="Ask").click()
        panel(tab).wait_for()
        assert "There is no action 'ask' here. Reload the page." in panel(tab).inner_text()


def test_a_connection_that_breaks_off_says_so(page, serve, tab: Tab):
    async def break_off(_call, _body, send) -> None:
        await send_rows(send, f'0:{{"curr":"so far","next":"$@1","type":"{SYMBOL}"}}')

    with serve("development", break_off) as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("button", name="Ask").click()
        panel(tab).wait_for()
        assert "connection to the server was lost" in panel(tab).inner_text()
        assert tab.page.get_by_text("so far").is_visible()


def test_an_error_that_the_page_catches_is_its_own_affair(page, serve, tab: Tab):
    async def fail(_call, _body, send) -> None:
        await send_rows(send, error_row(page))

    with serve("development", fail) as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("button", name="Catch").click()
        tab.page.get_by_text("caught 'city'").wait_for()
        assert panel(tab).count() == 0


def test_a_component_that_throws_is_shown_and_comes_back_when_corrected(page, serve, tab: Tab):
    with serve("development") as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("button", name="Break").click()
        panel(tab).wait_for()
        assert "the component is broken" in panel(tab).inner_text()
        page.edit("page.tsx", "nothing yet", "corrected")
        tab.page.get_by_text("corrected").wait_for()
        assert panel(tab).count() == 0


def test_leaving_the_page_in_the_middle_of_an_answer_shows_nothing(page, serve, tab: Tab):
    has_gone = asyncio.Event()

    async def hang(_call, _body, send) -> None:
        headers = [(b"content-type", b"text/x-component")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        row = f'0:{{"curr":"so far","next":"$@1","type":"{SYMBOL}"}}\n'
        await send({"type": "http.response.body", "body": row.encode(), "more_body": True})
        await has_gone.wait()

    with serve("development", hang) as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("button", name="Ask").click()
        tab.page.get_by_text("so far").wait_for()
        tab.page.goto("about:blank")
        server.run(has_gone.set)
    assert tab.console == []


def test_production_shows_no_panel(page, serve, tab: Tab):
    async def fail(_call, _body, send) -> None:
        await send_rows(send, error_row(page, name="Error", message="", stack=[]))

    with serve("production", fail) as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("button", name="Ask").click()
        tab.page.wait_for_function("() => document.querySelector('p')")
        tab.page.get_by_role("button", name="Catch").click()
        tab.page.get_by_text("caught").wait_for()
        assert panel(tab).count() == 0
        assert tab.page.get_by_text("city").count() == 0
    scripts = "".join(path.read_text() for path in (page.path / ".flightwire/build/assets").glob("*.js"))
    assert "alertdialog" not in scripts
