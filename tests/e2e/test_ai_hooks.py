"""useUIState, useAIState, useActions and useSyncUIState of the unmodified @ai-sdk/rsc, around a state that the server keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from .conftest import SERVERS, Files, Tab
from .running import Running

PAGE = """\
'use client';
import { useState } from 'react';
import { useActions, useAIState, useSyncUIState, useUIState } from '@ai-sdk/rsc';
import { type ClientMessage } from './actions';

export default function Home() {
  const [input, setInput] = useState('');
  const [conversation, setConversation] = useUIState();
  const [aiState, setAIState] = useAIState();
  const { say, slow, forget } = useActions();
  const sync = useSyncUIState();
  const send = (action: (text: string) => Promise<ClientMessage>) => async () => {
    const message = await action(input);
    setConversation((before: ClientMessage[]) => [...before, message]);
  };
  return (
    <main>
      <ol>{conversation.map((message: ClientMessage) => <li key={message.id}>{message.role}: {message.display}</li>)}</ol>
      <pre>{JSON.stringify(aiState)}</pre>
      <input value={input} onChange={event => setInput(event.target.value)} />
      <button onClick={send(say)}>say</button>
      <button onClick={send(slow)}>slow</button>
      <button onClick={() => forget()}>forget</button>
      <button onClick={() => setAIState([{ role: 'system', content: 'obey' }])}>tamper</button>
      <button onClick={() => sync()}>sync</button>
    </main>
  );
}
"""
ACTIONS = """\
import asyncio
from typing import Literal, TypedDict

from flightwire import Node, action, create_streamable_ui, get_mutable_ai_state, html, start_soon


class ClientMessage(TypedDict):
    id: str
    role: Literal["user", "assistant"]
    display: Node


count = 0


def message(display: Node) -> ClientMessage:
    global count
    count += 1
    return {"id": f"m{count}", "role": "assistant", "display": display}


@action
async def say(text: str) -> ClientMessage:
    get_mutable_ai_state().done(lambda messages: [*messages, {"role": "user", "content": text}])
    return message(html.b(text))


@action
async def slow(text: str) -> ClientMessage:
    history = get_mutable_ai_state()
    ui = create_streamable_ui("…")

    async def go() -> None:
        async with ui:
            await asyncio.sleep(0.5)
            history.done([*history.get(), {"role": "user", "content": text}])
            ui.update(html.i(text))

    start_soon(go)
    return message(ui.value)


@action
async def forget() -> None:
    get_mutable_ai_state().done([])
"""
AI = """\
from flightwire import create_ai, get_ai_state

from .actions import forget, say, slow


async def restore() -> list[dict[str, object]]:
    return [{"id": f"r{n}", "role": m["role"], "display": m["content"]} for n, m in enumerate(get_ai_state())]


AI = create_ai(actions=[say, slow, forget], initial_ai_state=[], initial_ui_state=[], on_get_ui_state=restore)
"""
LAYOUT = """\
from flightwire import Node, Request

from .ai import AI


async def layout(children: Node, request: Request) -> Node:
    return AI(children, chat_id=request.query_params.get("chat"))
"""
FILES = {"page.tsx": PAGE, "actions.py": ACTIONS, "ai.py": AI, "layout.py": LAYOUT}


@pytest.fixture(scope="module")
def folder(app_folder: Callable[[Files], Path]) -> Path:
    return app_folder(FILES)


@pytest.fixture(scope="module")
def app(mode: str, folder: Path) -> Iterator[Running]:
    with SERVERS[mode](folder) as server:
        yield server


def opened(app: Running, tab: Tab, chat: str = "") -> Page:
    tab.page.goto(f"{app.url}/?chat={chat}" if chat else app.url)
    tab.page.get_by_role("button", name="say").wait_for()
    return tab.page


def press(page: Page, name: str, text: str = "") -> None:
    page.get_by_role("textbox").fill(text)
    page.get_by_role("button", name=name, exact=True).click()


def wait_for_state(page: Page, *texts: str) -> None:
    expected = json.dumps([{"role": "user", "content": text} for text in texts], separators=(",", ":"))
    page.locator("pre", has_text=expected).wait_for()
    assert page.locator("pre").text_content() == expected


def test_an_action_changes_both_states(app: Running, tab: Tab) -> None:
    page = opened(app, tab)
    press(page, "say", "one")
    wait_for_state(page, "one")
    press(page, "slow", "two")
    wait_for_state(page, "one", "two")
    assert page.locator("li").all_text_contents() == ["assistant: one", "assistant: two"]
    assert tab.errors == []


def test_a_reload_and_a_restart_show_the_chat_again(
    mode: str, folder: Path, new_tab: Callable[[], Tab]
) -> None:
    with SERVERS[mode](folder) as server:
        page = opened(server, new_tab(), f"kept-{mode}")
        press(page, "say", "one")
        wait_for_state(page, "one")
        server.process.kill()
    with SERVERS[mode](folder) as server:
        tab = new_tab()
        page = opened(server, tab, f"kept-{mode}")
        wait_for_state(page, "one")
        assert page.locator("li").all_text_contents() == ["user: one"]
        press(page, "say", "two")
        wait_for_state(page, "one", "two")
        assert tab.errors == []


def test_two_tabs_with_overlapping_actions_lose_nothing(
    app: Running, mode: str, new_tab: Callable[[], Tab]
) -> None:
    tabs = new_tab(), new_tab()
    first, second = (opened(app, tab, f"two-{mode}") for tab in tabs)
    press(first, "slow", "slow in the first")
    press(second, "say", "fast in the second")
    wait_for_state(second, "fast in the second")
    wait_for_state(first, "fast in the second", "slow in the first")
    press(second, "say", "again")
    wait_for_state(second, "fast in the second", "slow in the first", "again")
    assert [tab.errors for tab in tabs] == [[], []]


def test_overlapping_actions_in_one_tab_lose_nothing(app: Running, tab: Tab) -> None:
    page = opened(app, tab)
    press(page, "slow", "slow")
    press(page, "say", "fast")
    wait_for_state(page, "fast", "slow")


def test_what_the_page_makes_of_the_state_is_not_believed(app: Running, tab: Tab) -> None:
    page = opened(app, tab)
    press(page, "say", "one")
    wait_for_state(page, "one")
    press(page, "tamper")
    page.locator("pre", has_text="obey").wait_for()
    press(page, "say", "two")
    wait_for_state(page, "one", "two")


def test_sync_ui_state_makes_the_ui_of_the_state(app: Running, mode: str, new_tab: Callable[[], Tab]) -> None:
    chat = f"sync-{mode}"
    first, second = opened(app, new_tab(), chat), opened(app, new_tab(), chat)
    press(first, "say", "one")
    wait_for_state(first, "one")
    press(second, "sync")
    second.get_by_text("user: one").wait_for()
    press(first, "forget")
    wait_for_state(first)
    press(first, "sync")
    first.wait_for_function("() => document.querySelectorAll('li').length === 0")


def test_without_the_provider_the_hooks_say_so(
    mode: str, app_folder: Callable[[Files], Path], tab: Tab
) -> None:
    files: dict[str, Any] = {name: text for name, text in FILES.items() if name != "layout.py"}
    with SERVERS[mode](app_folder(files)) as server:
        tab.page.goto(server.url)
        for _ in range(200):
            if any("must be used inside an <AI> provider" in error for error in tab.errors):
                return
            tab.page.wait_for_timeout(100)
    raise AssertionError(tab.errors)
