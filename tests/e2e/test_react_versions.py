"""The older Reacts that are still cared for, in a real page: a chat, streamed UI, an AI state, an error."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flightwire.toolchain.cache import cache_folder
from flightwire.toolchain.node import find_or_install_node
from flightwire.toolchain.packages import ensure_npm_folder, ensure_packages

from .conftest import Files, Tab
from .running import Running, run_flightwire

REACTS = Path(__file__).parents[1] / "react"
OF_REACT = ("react", "react-dom", "react-server-dom-webpack", "scheduler")

PAGE = """\
'use client';
import { useState, version, type ReactNode } from 'react';
import { readStreamableValue, useActions, useAIState, useUIState } from '@ai-sdk/rsc';
import { AI } from './ai';

export default function Home() {
  const [text, setText] = useState('');
  const [conversation, setConversation] = useUIState<typeof AI>();
  const [state] = useAIState<typeof AI>();
  const { show, spell, fail } = useActions<typeof AI>();
  const put = async (action: () => Promise<ReactNode>) => {
    const node = await action();
    setConversation((before: ReactNode[]) => [...before, node]);
  };
  return (
    <main>
      <h1>React {version}</h1>
      <button onClick={async () => {
        for await (const value of readStreamableValue(await spell('Hello'))) setText(String(value));
      }}>spell</button>
      <button onClick={() => put(show)}>show</button>
      <button onClick={() => put(fail)}>fail</button>
      <output>{text}</output>
      <pre>{JSON.stringify(state)}</pre>
      {conversation.map((node: ReactNode, index: number) => <article key={index}>{node}</article>)}
    </main>
  );
}
"""
PARTS = """\
'use client';
import { Component, useEffect, useState, type ReactNode } from 'react';

export function Counter({ label }: { label: string }) {
  const [clicks, setClicks] = useState(0);
  useEffect(() => { (window as any).mounts = ((window as any).mounts ?? 0) + 1; }, []);
  return <button onClick={() => setClicks(clicks + 1)}>{label} {clicks}</button>;
}

export class Boundary extends Component<{ children: ReactNode }> {
  state = { caught: false };
  static getDerivedStateFromError() { return { caught: true }; }
  render() { return this.state.caught ? <p role="alert">caught</p> : this.props.children; }
}
"""
ACTIONS = """\
import asyncio

from flightwire import (
    Element, Node, StreamableValue, StreamableValueSource, Suspense, action, client_component, create_streamable_ui,
    create_streamable_value, get_mutable_ai_state, html, start_soon,
)

Counter = client_component("parts.tsx", "Counter")
Boundary = client_component("parts.tsx", "Boundary")


async def late(text: str) -> Element:
    await asyncio.sleep(0.1)
    return html.i(text)


@action
async def spell(word: str) -> StreamableValue[str]:
    stream: StreamableValueSource[str] = create_streamable_value("")

    async def go() -> None:
        async with stream:
            for letter in word:
                stream.append(letter)
                await asyncio.sleep(0.01)

    start_soon(go)
    return stream.value


@action
async def show() -> Node:
    history = get_mutable_ai_state()
    ui = create_streamable_ui(html.div(Counter(label="pressed"), html.b("0")))

    async def go() -> None:
        async with ui:
            for n in range(1, 30):
                await asyncio.sleep(0.01)
                ui.update(html.div(Counter(label="pressed"), html.b(n)))
            ui.append(Suspense(late("appended"), fallback="waiting"))
            history.done(lambda state: [*state, "shown"])

    start_soon(go)
    return ui.value


@action
async def fail() -> Node:
    ui = create_streamable_ui("so far")

    async def go() -> None:
        await asyncio.sleep(0.1)
        raise RuntimeError("broken")

    async def guarded() -> None:
        async with ui:
            await go()

    start_soon(guarded)
    return Boundary(ui.value)
"""
AI = """\
from flightwire import create_ai

from .actions import fail, show, spell

AI = create_ai(actions=[show, spell, fail], initial_ai_state=[], initial_ui_state=[])
"""
LAYOUT = """\
from flightwire import Node

from .ai import AI


def layout(children: Node) -> Node:
    return AI(children)
"""
FILES = {"page.tsx": PAGE, "parts.tsx": PARTS, "actions.py": ACTIONS, "ai.py": AI, "layout.py": LAYOUT}


def tools_with(version: str, cache: Path) -> Path:
    """A cache folder like the real one, with another React among the packages that pages are built with."""
    real = ensure_packages()
    find_or_install_node()
    ensure_npm_folder(REACTS)
    made = cache / "tools" / real.name / "node_modules"
    made.mkdir(parents=True)
    for tool in real.parent.iterdir():
        if tool != real:
            (cache / "tools" / tool.name).symlink_to(tool)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(real / name, made.parent)
    for package in (real / "node_modules").iterdir():
        if package.name not in (*OF_REACT, ".vite"):
            (made / package.name).symlink_to(package)
    for name in OF_REACT:
        nested = REACTS / version / "node_modules" / name
        shutil.copytree(nested if nested.exists() else REACTS / "node_modules" / name, made / name)
    for other in cache_folder().iterdir():
        if other.name not in ("tools", "locks"):
            (cache / other.name).symlink_to(other)
    return cache


@pytest.fixture(scope="module", params=["19.0.9", "19.1.10", "19.2.9"])
def version(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def app(
    version: str, app_folder: Callable[[Files], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    cache = tools_with(version, tmp_path_factory.mktemp("cache"))
    folder, env = app_folder(FILES), {"FLIGHTWIRE_CACHE": str(cache)}
    built = run_flightwire("build", str(folder), env=env)
    assert built.returncode == 0, built.stderr
    server = Running("start", str(folder), "--port", "0", env=env)
    try:
        yield server
    finally:
        server.stop()
        print(server.output)


def test_text_ui_and_state_are_streamed(app: Running, version: str, tab: Tab) -> None:
    page = tab.page
    page.goto(app.url)
    page.get_by_role("heading", name=f"React {version}", exact=True).wait_for()
    page.get_by_role("button", name="spell").click()
    page.locator("output", has_text="Hello").wait_for()
    page.get_by_role("button", name="show").click()
    page.get_by_role("button", name="pressed 0").click()
    page.locator("article b", has_text="29").wait_for()
    page.locator("article i", has_text="appended").wait_for()
    page.locator("pre", has_text='["shown"]').wait_for()
    page.get_by_role("button", name="pressed 1").wait_for()
    assert page.evaluate("() => window.mounts") == 1
    assert tab.errors == []
    page.get_by_role("button", name="fail").click()
    page.get_by_role("alert").filter(has_text="caught").wait_for()
    assert page.locator("article").count() == 2
