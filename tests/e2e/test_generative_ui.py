"""Streamed UI with everything in it, and the two scenarios of `@ai-sdk/rsc`'s own end-to-end tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flightwire.testing.upstream import ScriptedUpstream

from .conftest import SERVERS, Files, Tab, pointing_at
from .running import Running
from .test_streamed_ui import COMPONENTS, COUNT, PAGE, WATCH

ACTIONS = """\
import asyncio
from typing import Any

from flightwire import (
    UNDEFINED, Element, Fragment, Node, StreamableValue, StreamableValueSource, Suspense, action, client_component,
    create_streamable_ui, create_streamable_value, html, start_soon, stream_ui,
)

Mounted = client_component("parts.tsx", "Mounted")
Boundary = client_component("parts.tsx", "Boundary")
Read = client_component("read.tsx", "Read")
ClientInfo = client_component("read.tsx", "ClientInfo")
gates: list[asyncio.Event] = []


def gate() -> asyncio.Event:
    gates.append(asyncio.Event())
    return gates[-1]


@action
async def go_on() -> None:
    gates.pop(0).set()


@action
async def streamable_value() -> Node:
    streamable: StreamableValueSource[Any] = create_streamable_value("hello")

    async def go() -> None:
        for write in (
            lambda: streamable.append(", world"), lambda: streamable.append("!"),
            lambda: streamable.update({"value": "I am a JSON"}), lambda: streamable.done(["Finished"]),
        ):
            await asyncio.sleep(0)
            write()

    start_soon(go)
    return Read(value=streamable.value)


@action
async def streamable_ui() -> Node:
    ui = create_streamable_ui()

    async def go() -> None:
        for node in (html.p("I am a paragraph"), html.button("I am a button")):
            await asyncio.sleep(0)
            ui.update(ClientInfo(node))
        await asyncio.sleep(0)
        ui.done()

    start_soon(go)
    return ui.value


counts: dict[str, int] = {}


@action
async def count(name: str) -> str:
    counts[name] = counts.get(name, 0) + 1
    return f"{name} {counts[name]}"


@action
async def buttons() -> Node:
    Press = client_component("read.tsx", "Press")
    ui = create_streamable_ui(html.div(Press(action=count.bind("bound"), label="bound"), html.b("0")))
    pressed = gate()

    async def go() -> None:
        async with ui:
            await pressed.wait()
            ui.update(html.div(Press(action=count.bind("bound"), label="bound"), html.b("1")))
            ui.append(Press(action=count.bind("late"), label="late"))

    start_soon(go)
    return ui.value


async def later(text: str, seconds: float = 0.1) -> Element:
    await asyncio.sleep(seconds)
    return html.i(text)


@action
async def everything() -> Node:
    ui = create_streamable_ui()

    async def go() -> None:
        async with ui:
            ui.update(Fragment(html.u("one"), later("two"), key="f"))
            ui.append(Suspense(later("three", 0.3), fallback=html.s("waiting")))
            inner = create_streamable_ui("inner")
            ui.append(html.p(inner.value))
            await asyncio.sleep(0.05)
            inner.update("inner changed")
            inner.done()

    start_soon(go)
    return ui.value


@action
async def typed() -> Node:
    ui = create_streamable_ui(html.div(html.input(aria_label="note"), html.b(0)))

    async def go() -> None:
        async with ui:
            for n in range(1, 50):
                await asyncio.sleep(0.02)
                ui.update(html.div(html.input(aria_label="note"), html.b(n)))

    start_soon(go)
    return ui.value


@action
async def huge() -> Node:
    ui = create_streamable_ui("…")

    async def go() -> None:
        async with ui:
            rows = [html.li("x" * 1000, key=n) for n in range(1000)]
            ui.update(html.ul(rows))
            ui.update(html.ul([*rows, html.li(html.output("the last"), key="last")]))

    start_soon(go)
    return ui.value


@action
async def boundaries() -> Node:
    ui = create_streamable_ui("…")

    async def go() -> None:
        async with ui:
            ui.update([Suspense(later(f"part {n};", n / 1000), fallback=html.s("."), key=n) for n in range(200)])

    start_soon(go)
    return ui.value


@action
async def answered() -> Node:
    def text(content: str, *, done: bool) -> Node:
        return html.section(html.h4("The answer"), html.div(content, class_name="done" if done else "going"))

    return stream_ui(prompt="Go on", text=text).value


@action
async def failing_text() -> Node:
    def text(content: str) -> Node:
        if "two" in content:
            raise RuntimeError("the renderer broke")
        return html.output(content)

    return Boundary(stream_ui(prompt="Go on", text=text).value)
"""
READ = """\
'use client';
import { useEffect, useState, type ReactNode } from 'react';
import { readStreamableValue, type StreamableValue } from '@ai-sdk/rsc';

export function Read({ value }: { value: StreamableValue<unknown> }) {
  const [log, setLog] = useState('');
  useEffect(() => {
    const values: unknown[] = [];
    (async () => {
      for await (const each of readStreamableValue(value)) {
        values.push(each);
        setLog(JSON.stringify(values));
      }
    })();
  }, [value]);
  return <pre>{log}</pre>;
}

export function ClientInfo({ children }: { children: ReactNode }) {
  return <div className="info">{children}</div>;
}

export function Press({ action, label }: { action: () => Promise<string>; label: string }) {
  const [said, setSaid] = useState('');
  return <button onClick={async () => setSaid(await action())}>{label}: {said}</button>;
}
"""
FILES = {"page.tsx": PAGE, "parts.tsx": COMPONENTS, "read.tsx": READ, "actions.py": ACTIONS}


@pytest.fixture(scope="module")
def app(mode: str, app_folder: Callable[[Files], Path], upstream: ScriptedUpstream) -> Iterator[Running]:
    with SERVERS[mode](app_folder(FILES), pointing_at(upstream)) as server:
        yield server


@pytest.fixture
def tabbed(app: Running, tab: Tab) -> Tab:
    tab.page.goto(app.url)
    tab.page.get_by_role("button", name="everything").wait_for()
    return tab


def press(tab: Tab, name: str) -> None:
    tab.page.get_by_role("button", name=name, exact=True).click()


def wait_for(tab: Tab, selector: str, text: str) -> None:
    tab.page.wait_for_function(
        "([selector, text]) => document.querySelector(selector)?.textContent === text", arg=[selector, text]
    )


def test_the_values_of_a_streamable_value(tabbed: Tab) -> None:
    press(tabbed, "streamableValue")
    wait_for(
        tabbed,
        "article pre",
        '["hello","hello, world","hello, world!",{"value":"I am a JSON"},["Finished"]]',
    )
    assert tabbed.errors == []


def test_a_button_inside_a_client_component_at_the_end_of_a_streamable_ui(tabbed: Tab) -> None:
    press(tabbed, "streamableUi")
    tabbed.page.locator("article .info button").get_by_text("I am a button").wait_for()
    wait_for(tabbed, "article", "I am a button")
    assert tabbed.errors == []


def test_actions_inside_can_be_called_after_updates(tabbed: Tab, mode: str) -> None:
    page = tabbed.page
    press(tabbed, "buttons")
    page.get_by_role("button", name="bound:").click()
    page.get_by_text("bound: bound 1").wait_for()
    press(tabbed, "goOn")
    page.locator("article b", has_text="1").wait_for()
    page.get_by_role(
        "button", name="bound: bound 1"
    ).click()  # what it said is still there: it stayed mounted
    page.get_by_text("bound: bound 2").wait_for()
    page.get_by_role("button", name="late:").click()
    page.get_by_text("late: late 1").wait_for()
    assert tabbed.errors == []


def test_fragments_suspense_async_components_and_ui_inside_ui(tabbed: Tab) -> None:
    press(tabbed, "everything")
    wait_for(tabbed, "article", "onetwothreeinner changed")
    assert tabbed.errors == []


def test_what_is_typed_into_it_stays_and_so_does_the_focus(tabbed: Tab) -> None:
    press(tabbed, "typed")
    tabbed.page.get_by_label("note").press_sequentially("still here", delay=30)
    wait_for(tabbed, "article b", "49")
    assert tabbed.page.get_by_label("note").input_value() == "still here"
    assert tabbed.page.evaluate("() => document.activeElement?.ariaLabel") == "note"
    assert tabbed.errors == []


def test_a_megabyte_travels_once(tabbed: Tab) -> None:
    tabbed.page.evaluate(COUNT)
    press(tabbed, "huge")
    tabbed.page.wait_for_function("() => window.isRead && document.querySelector('output')")
    assert tabbed.page.locator("article li").count() == 1001
    assert tabbed.page.evaluate("() => window.bytes") < 1_200_000
    assert tabbed.errors == []


def test_two_hundred_boundaries_resolve(tabbed: Tab) -> None:
    press(tabbed, "boundaries")
    wait_for(tabbed, "article", "".join(f"part {n};" for n in range(200)))
    assert tabbed.errors == []


def test_a_renderer_around_the_text_costs_what_is_new(tabbed: Tab, upstream: ScriptedUpstream) -> None:
    upstream._scripts.clear()
    words = [f"word{n} " for n in range(400)]
    upstream.answer(words)
    tabbed.page.evaluate(COUNT)
    press(tabbed, "answered")
    wait_for(tabbed, "article .done", "".join(words))
    tabbed.page.wait_for_function("() => window.isRead")
    assert tabbed.page.evaluate("() => window.bytes") < 100 * len(words) + 1000
    assert tabbed.errors == []


def test_updates_are_shown_while_the_tab_is_hidden(tabbed: Tab) -> None:
    tabbed.page.evaluate(WATCH)
    press(tabbed, "typed")
    other = tabbed.page.context.new_page()  # a tab in front of it
    other.goto("about:blank")
    other.bring_to_front()
    tabbed.page.wait_for_function(
        "() => document.querySelector('article b')?.textContent === '49'", polling=100
    )
    assert tabbed.errors == []


def test_a_renderer_that_fails_reaches_the_boundary_around(tabbed: Tab, upstream: ScriptedUpstream) -> None:
    upstream._scripts.clear()
    gate = upstream.new_gate()
    upstream.answer(["one ", "two ", "three "], gate=gate)
    press(tabbed, "failingText")
    wait_for(tabbed, "article output", "one ")
    gate.release()
    tabbed.page.get_by_role("alert").filter(has_text="caught").wait_for()


def test_stopping_an_action_closes_the_connection_to_the_model(
    app: Running, tabbed: Tab, upstream: ScriptedUpstream
) -> None:
    upstream._scripts.clear()
    first = len(upstream.requests)
    gate = upstream.new_gate()
    upstream.answer(["so far", "never"], gate=gate)
    press(tabbed, "answered")
    wait_for(tabbed, "article .going", "so far")
    tabbed.page.goto("about:blank")
    upstream.requests[first]._closed.result(20)
    app.wait_for_line("answered client gone")


ERROR_FILES = {
    **FILES,
    "broken/page.tsx": PAGE.replace("./actions", "../actions"),
    "broken/error.tsx": """\
'use client';
export default function Failed({ error, reset }: { error: Error; reset: () => void }) {
  return <p role="alert">page failed <button onClick={reset}>again</button></p>;
}
""",
}


def test_errors_reach_the_error_file_of_the_page(
    mode: str, app_folder: Callable[[Files], Path], upstream: ScriptedUpstream, tab: Tab
) -> None:
    files = {**ERROR_FILES, "actions.py": ACTIONS.replace("return Boundary(stream_ui", "return (stream_ui")}
    with SERVERS[mode](app_folder(files), pointing_at(upstream)) as server:
        upstream._scripts.clear()
        upstream.answer(["one ", "two ", "three "])
        tab.page.goto(f"{server.url}/broken")
        press(tab, "failingText")
        tab.page.get_by_role("alert").filter(has_text="page failed").wait_for()
        tab.page.get_by_role("button", name="again").click()
        tab.page.get_by_role("button", name="everything", exact=True).wait_for()
