"""What the page shows, while an app is developed, of mistakes around streamed UI, AI states and their database."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import Files, Tab, dev_server
from .running import Running

PAGE = """\
'use client';
import { useState, type ReactNode } from 'react';
import { useActions, useAIState } from '@ai-sdk/rsc';

export default function Home() {
  const [shown, setShown] = useState<ReactNode>('');
  const actions = useActions();
  const [state] = useAIState();
  return <main>
    {['say', 'flood', 'late', 'prop'].map(name => (
      <button key={name} onClick={async () => setShown(await actions[name]())}>{name}</button>
    ))}
    <pre>{JSON.stringify(state)}</pre>
    <section>{shown}</section>
  </main>;
}
"""
FAILED = """\
'use client';
export default function Failed() { return <p>the part failed</p>; }
"""
ACTIONS = """\
import asyncio

from flightwire import Node, action, create_ai, create_streamable_ui, get_mutable_ai_state, html, start_soon


@action
async def say() -> None:
    get_mutable_ai_state().done(["kept"])


@action
async def flood() -> None:
    get_mutable_ai_state().done(["x" * 1000])


@action
async def late() -> Node:
    ui = create_streamable_ui("…")
    ui.done("ended")
    ui.update("too late")
    return ui.value


@action
async def prop() -> Node:
    ui = create_streamable_ui("so far")

    async def go() -> None:
        await asyncio.sleep(0.1)
        ui.done(html.p(object()))

    start_soon(go)
    return ui.value


AI = create_ai(actions=[say, flood, late, prop], initial_ai_state=[], max_state_bytes=500)
"""
LAYOUT = """\
from flightwire import Node

from .actions import AI


async def layout(children: Node) -> Node:
    return AI(children, chat_id="chat")
"""
FILES = {"page.tsx": PAGE, "error.tsx": FAILED, "actions.py": ACTIONS, "layout.py": LAYOUT}


@pytest.fixture(scope="module")
def dev(app_folder: Callable[[Files], Path]) -> Iterator[Running]:
    with dev_server(app_folder(FILES), {"FLIGHTWIRE_MODEL": "openai/x"}) as server:
        yield server


def text_of(tab: Tab) -> str:
    panel = tab.page.get_by_role("alertdialog")
    panel.wait_for()
    return panel.inner_text()


def press(tab: Tab, dev: Running, *buttons: str) -> str:
    tab.page.goto(dev.url)
    for name in buttons:
        tab.page.get_by_role("button", name=name, exact=True).click()
        if name == "say":
            tab.page.locator("main pre", has_text='["kept"]').wait_for()
    return text_of(tab)


def test_a_state_over_its_limit_and_what_was_saved_stays(dev: Running, tab: Tab) -> None:
    said = press(tab, dev, "say", "flood")
    assert "max_state_bytes" in said
    assert tab.page.locator("main pre").text_content() == '["kept"]'
    tab.page.reload()
    tab.page.locator("main pre", has_text='["kept"]').wait_for()


def test_a_stream_that_has_ended(dev: Running, tab: Tab) -> None:
    said = press(tab, dev, "late")
    assert "Action late" in said
    assert "the streamable UI has already ended" in said
    assert "call them last, and once" in said


def test_a_prop_that_cannot_be_sent(dev: Running, tab: Tab) -> None:
    said = press(tab, dev, "prop")
    assert "cannot be sent to the browser" in said
    tab.page.get_by_text("the part failed").wait_for()


@pytest.mark.parametrize(
    ("url", "letter"),
    [
        ("mysql://me:hunter2@host/db", "Write postgresql://user:password@host/database"),
        ("postgresql://me:hunter2@127.0.0.1:1/chats", "Is the database running, and is DATABASE_URL right?"),
    ],
)
def test_a_database_that_cannot_be_used(
    url: str, letter: str, app_folder: Callable[[Files], Path], tab: Tab
) -> None:
    with dev_server(app_folder(FILES), {"FLIGHTWIRE_MODEL": "openai/x", "DATABASE_URL": url}) as server:
        tab.page.goto(server.url)
        said = text_of(tab)
        assert letter in said
        assert "hunter2" not in said
        assert "hunter2" not in server.output
