"""Streamed UI in a real page: it mounts once, shows every update, and the wire carries what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import SERVERS, Files, Tab
from .running import Running

PAGE = """\
'use client';
import { useState, type ReactNode } from 'react';
import * as actions from './actions';

export default function Home() {
  const [shown, setShown] = useState<ReactNode[]>([]);
  return (
    <main>
      {Object.entries(actions).map(([name, action]) => (
        <button key={name} onClick={async () => {
          const node = await (action as () => Promise<ReactNode>)();
          if (node) setShown(before => [...before, node]);
        }}>{name}</button>
      ))}
      <section>{shown.map((node, index) => <article key={index}>{node}</article>)}</section>
    </main>
  );
}
"""
COMPONENTS = """\
'use client';
import { Component, useEffect, useRef, useState, type ReactNode } from 'react';

export function Mounted({ text, children }: { text?: string; children?: ReactNode }) {
  const [clicks, setClicks] = useState(0);
  const first = useRef(true);
  useEffect(() => {
    if (!first.current) return; // StrictMode would count twice
    first.current = false;
    (window as any).mounts = ((window as any).mounts ?? 0) + 1;
  }, []);
  return <p><b>{text}</b><button onClick={() => setClicks(clicks + 1)}>clicked {clicks}</button>{children}</p>;
}

export class Boundary extends Component<{ children: ReactNode }> {
  state = { caught: '' };
  static getDerivedStateFromError(error: Error) { return { caught: error.message || 'an error' }; }
  render() { return this.state.caught ? <p role="alert">caught: {this.state.caught}</p> : this.props.children; }
}
"""
ACTIONS = """\
import asyncio

from flightwire import Element, Node, Suspense, action, client_component, create_streamable_ui, html, start_soon

Mounted = client_component("parts.tsx", "Mounted")
Boundary = client_component("parts.tsx", "Boundary")
FILLER = [html.li("item ", n, " of a long list that nobody wants to send twice", key=n) for n in range(150)]


gates: list[asyncio.Event] = []


def gate() -> asyncio.Event:
    gates.append(asyncio.Event())
    return gates[-1]


@action
async def go_on() -> None:
    gates.pop(0).set()


@action
async def phases() -> Node:
    ui = create_streamable_ui(Mounted(text="one", key="m"))
    pressed = gate()

    async def go() -> None:
        async with ui:
            await pressed.wait()
            ui.update(Mounted(text="two", key="m"))
            await asyncio.sleep(0.1)
            ui.append(html.i("appended"))
            await asyncio.sleep(0.1)
            ui.update(html.i("appended, and changed"))

    start_soon(go)
    return ui.value


def tree(n: int) -> Element:
    return html.div(html.output(n), html.ul(FILLER), data_n=n)


def thousand(pause_s: float, count: int) -> Node:
    ui = create_streamable_ui(tree(0))

    async def go() -> None:
        async with ui:
            await asyncio.sleep(0.2)
            for n in range(1, count + 1):
                ui.update(tree(n))
                if pause_s or n % 500 == 0:
                    await asyncio.sleep(pause_s)

    start_soon(go)
    return ui.value


@action
async def burst() -> Node:
    return thousand(0, 1000)


@action
async def paced() -> Node:
    return thousand(0.02, 100)


@action
async def flood() -> Node:
    ui = create_streamable_ui(html.output(0))

    async def go() -> None:
        async with ui:
            for n in range(1, 20_001):
                ui.update(html.output(n))
                if n % 1000 == 0:
                    await asyncio.sleep(0)

    start_soon(go)
    return ui.value


@action
async def growing() -> Node:
    ui = create_streamable_ui(html.pre(""))

    async def go() -> None:
        text = ""
        async with ui:
            for n in range(300):
                text += f"word{n} "
                ui.update(html.pre(text))
                await asyncio.sleep(0.002)

    start_soon(go)
    return ui.value


@action
async def failing() -> Node:
    ui = create_streamable_ui("so far")

    async def go() -> None:
        await asyncio.sleep(0.2)
        ui.error(RuntimeError("the renderer broke"))

    start_soon(go)
    return Boundary(ui.value)


async def slow(text: str) -> Element:
    await asyncio.sleep(0.5)
    return html.output(text)


@action
async def waiting() -> Node:
    ui = create_streamable_ui(html.output("before"))

    async def go() -> None:
        async with ui:
            await asyncio.sleep(0.2)
            ui.update(html.div(slow("after")))

    start_soon(go)
    return ui.value


@action
async def rows() -> Node:
    ui = create_streamable_ui(html.ul([Mounted(text=name, key=name) for name in "abc"]))
    pressed = gate()

    async def go() -> None:
        async with ui:
            await pressed.wait()
            ui.update(html.ul([Mounted(text=name, key=name) for name in "xabyc"]))

    start_soon(go)
    return ui.value
"""
FILES = {"page.tsx": PAGE, "parts.tsx": COMPONENTS, "actions.py": ACTIONS}


@pytest.fixture(scope="module")
def app(mode: str, app_folder: Callable[[Files], Path]) -> Iterator[Running]:
    with SERVERS[mode](app_folder(FILES)) as server:
        yield server


@pytest.fixture
def page(app: Running, tab: Tab) -> Tab:
    tab.page.goto(app.url)
    tab.page.get_by_role("button", name="phases").wait_for()
    return tab


def press(page: Tab, name: str) -> None:
    page.page.get_by_role("button", name=name, exact=True).click()


WATCH = """() => {
  window.states = [];
  const see = () => {
    const text = document.querySelector('output')?.textContent;
    if (text !== undefined && text !== window.states.at(-1)) window.states.push(text);
  };
  new MutationObserver(see).observe(document.querySelector('section'), { subtree: true, childList: true, characterData: true });
}"""
COUNT = """() => {
  window.bytes = 0;
  const fetching = window.fetch;
  window.fetch = async (...args) => {
    const response = await fetching(...args);
    const [ours, theirs] = response.body.tee();
    (async () => { for await (const chunk of ours) window.bytes += chunk.length; window.isRead = true; })();
    return new Response(theirs, { status: response.status, headers: response.headers });
  };
}"""


def test_a_component_mounts_once_across_update_append_and_a_second_message(page: Tab) -> None:
    press(page, "phases")
    page.page.get_by_text("one").wait_for()
    page.page.get_by_role("button", name="clicked 0").click()
    page.page.evaluate("() => { window.node = document.querySelector('article p'); }")
    press(page, "goOn")
    page.page.get_by_text("two").wait_for()
    page.page.get_by_text("appended, and changed").wait_for()
    press(page, "growing")
    page.page.get_by_text("word299").wait_for()
    assert page.page.evaluate(
        "window.node === document.querySelector('article p') && window.node.isConnected"
    )
    assert page.page.evaluate("() => window.mounts") == 1
    assert page.page.get_by_role("button", name="clicked 1").is_visible()
    assert page.errors == []


def test_a_thousand_updates_are_all_shown_and_cost_little(page: Tab) -> None:
    page.page.evaluate(COUNT)
    page.page.evaluate(WATCH)
    press(page, "burst")
    page.page.wait_for_function(
        "() => window.isRead && document.querySelector('output')?.textContent === '1000'"
    )
    assert page.page.evaluate("() => window.states") == [str(n) for n in range(1001)]
    size = len(page.page.content())
    total = page.page.evaluate("() => window.bytes")
    assert total - size < 100_000, f"{(total - size) / 1000:.0f} bytes each"
    assert page.errors == []


def test_updates_that_come_one_by_one_are_shown_one_by_one(page: Tab) -> None:
    page.page.evaluate(WATCH)
    press(page, "paced")
    page.page.wait_for_function("() => document.querySelector('output')?.textContent === '100'")
    assert page.page.evaluate("() => window.states") == [str(n) for n in range(101)]


def test_twenty_thousand_updates_overflow_nothing(page: Tab) -> None:
    press(page, "flood")
    page.page.wait_for_function(
        "() => document.querySelector('output')?.textContent === '20000'", timeout=60_000
    )
    assert page.errors == []


def test_text_inside_grows_by_suffixes(page: Tab) -> None:
    page.page.evaluate(COUNT)
    press(page, "growing")
    page.page.wait_for_function("() => window.isRead")
    text = page.page.locator("pre").text_content() or ""
    assert text == "".join(f"word{n} " for n in range(300))
    assert page.page.evaluate("() => window.bytes") < 100 * 300


def test_an_error_reaches_the_boundary_around(page: Tab) -> None:
    press(page, "failing")
    page.page.get_by_text("so far").wait_for()
    page.page.get_by_role("alert").filter(has_text="caught").wait_for()


def test_what_is_shown_stays_until_the_next_part_is_there(page: Tab) -> None:
    page.page.evaluate(WATCH)
    press(page, "waiting")
    page.page.get_by_text("after").wait_for()
    assert page.page.evaluate("() => window.states") == ["before", "after"]
    assert page.errors == []


def test_rows_with_keys_stay_mounted_when_others_come(page: Tab) -> None:
    press(page, "rows")
    page.page.get_by_text("c", exact=True).wait_for()
    page.page.evaluate("() => { window.kept = [...document.querySelectorAll('ul p')]; }")
    press(page, "goOn")
    page.page.get_by_text("y", exact=True).wait_for()
    kept = "() => window.kept.map(node => [...document.querySelectorAll('ul p')].indexOf(node))"
    assert page.page.evaluate(kept) == [1, 2, 4]
    assert page.page.evaluate("() => window.mounts") == 5
    assert page.errors == []
