"""What the page shows of errors while an app is developed: the exception, where, in which action, and what to do."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Locator

from .conftest import Files, Tab, dev_server
from .running import Running

PAGE = """\
'use client';
import { useState } from 'react';
import { add, fail, failLater, giveBack } from './actions';
export default function Home() {
  const [isBroken, setBroken] = useState(false);
  const [count, setCount] = useState(0);
  if (isBroken) throw new TypeError('the component is broken');
  return <main>
    <p>count {count}</p>
    <button onClick={() => setCount(count + 1)}>count</button>
    <button onClick={() => add('three' as any)}>decode</button>
    <button onClick={() => fail()}>action</button>
    <button onClick={() => failLater()}>background</button>
    <button onClick={() => giveBack()}>encode</button>
    <button onClick={() => setBroken(true)}>render</button>
  </main>;
}
"""
ACTIONS = """\
from flightwire import action, start_soon


@action
async def add(count: int) -> int:
    return count + 1


@action
async def fail() -> None:
    prices = {}
    prices["ACME"]


async def pump() -> None:
    raise ConnectionError("the feed is gone") from TimeoutError("30 s")


@action
async def fail_later() -> str:
    start_soon(pump)
    return "started"


@action
async def give_back() -> object:
    return {"db": [object()]}
"""
SERVER_PAGE = """\
from flightwire import html


async def price() -> object:
    raise LookupError("no such share")


async def page() -> object:
    return html.main(html.h1("Prices"), price())
"""


@pytest.fixture
def folder(app_folder: Callable[[Files], Path]) -> Path:
    return app_folder({"page.tsx": PAGE, "actions.py": ACTIONS, "prices/page.py": SERVER_PAGE})


@pytest.fixture(scope="module")
def shared(app_folder: Callable[[Files], Path]) -> Iterator[Running]:
    """One server for the tests that leave the files alone."""
    folder = app_folder({"page.tsx": PAGE, "actions.py": ACTIONS})
    with dev_server(folder, {"FLIGHTWIRE_MODEL": "openai/x"}) as server:
        yield server


@pytest.fixture
def dev(folder: Path) -> Iterator[Running]:
    with dev_server(folder, {"FLIGHTWIRE_MODEL": "openai/x"}) as server:
        yield server


def panel(tab: Tab) -> Locator:
    return tab.page.get_by_role("alertdialog")


def text_of(tab: Tab) -> str:
    panel(tab).wait_for()
    return panel(tab).inner_text()


def press(tab: Tab, dev: Running, button: str) -> str:
    """Press a button of the page; give what the panel says."""
    tab.page.goto(dev.url)
    tab.page.get_by_role("button", name="count").click()
    tab.page.get_by_role("button", name=button).click()
    return text_of(tab)


def test_while_decoding_a_call(shared: Running, tab: Tab) -> None:
    said = press(tab, shared, "decode")
    assert "Action add" in said
    assert "ArgumentError" in said
    assert "count: expected a whole number, got 'three'" in said
    assert "actions.py:4 add" in said
    assert "The action did not run." in said
    tab.page.get_by_text("count 1").wait_for()


def test_in_an_action(shared: Running, tab: Tab) -> None:
    said = press(tab, shared, "action")
    assert "Action fail" in said
    assert "KeyError" in said
    assert "'ACME'" in said
    assert "actions.py:12 fail" in said
    assert "Correct actions.py:12" in said
    panel(tab).get_by_text('prices["ACME"]').wait_for()  # the source
    tab.page.get_by_text("count 1").wait_for()


def test_in_background_work_that_nobody_listens_to(shared: Running, tab: Tab) -> None:
    said = press(tab, shared, "background")
    assert "Action failLater, background work pump" in said
    assert "ConnectionError" in said
    assert "the feed is gone" in said
    assert "because of TimeoutError: 30 s" in said
    assert "actions.py:16 pump" in said


def test_while_encoding_a_result(shared: Running, tab: Tab) -> None:
    said = press(tab, shared, "encode")
    assert "Action giveBack" in said
    assert "EncodeError" in said
    assert "result['db'][0]" in said
    assert "actions.py:25 give_back" in said


def test_while_a_component_renders(shared: Running, tab: Tab) -> None:
    said = press(tab, shared, "render")
    assert "Rendering <Home>" in said
    assert "TypeError" in said
    assert "the component is broken" in said


def test_while_a_server_component_renders_and_a_save_mends_it(dev: Running, folder: Path, tab: Tab) -> None:
    tab.page.goto(f"{dev.url}/prices")
    said = text_of(tab)
    assert "LookupError" in said
    assert "no such share (in prices/page.py)" in said
    assert "prices/page.py:5 price" in said
    (folder / "prices/page.py").write_text(
        SERVER_PAGE.replace('raise LookupError("no such share")', 'return "42"')
    )
    tab.page.get_by_text("42").wait_for()
    assert panel(tab).count() == 0


def test_on_import_while_the_page_is_open_and_a_save_mends_it(dev: Running, folder: Path, tab: Tab) -> None:
    tab.page.goto(dev.url)
    tab.page.get_by_role("button", name="count").click()
    (folder / "actions.py").write_text(ACTIONS + "\nprint(no_such_name)\n")
    said = text_of(tab)
    assert "The app cannot be loaded" in said
    assert "NameError" in said
    assert "no_such_name" in said
    assert "actions.py:29" in said
    assert "Correct it and save" in said
    (folder / "actions.py").write_text(ACTIONS)
    panel(tab).wait_for(state="detached")
    tab.page.get_by_text("count 1").wait_for()


def test_on_import_before_the_page_is_opened(dev: Running, folder: Path, tab: Tab) -> None:
    (folder / "actions.py").write_text("from flightwire import action\n\ndef broken(\n")
    dev.wait_for_line("def broken")
    tab.page.goto(f"{dev.url}/prices")
    assert "actions.py:3" in text_of(tab)
    (folder / "actions.py").write_text(ACTIONS)
    tab.page.get_by_text("LookupError").first.wait_for()  # the page's own error, now that it runs


# --- the panel ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_panel_is_read_in_both_schemes_closed_by_key_and_copied(
    shared: Running, tab: Tab, scheme: str
) -> None:
    tab.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # spelled by the tests
    tab.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    press(tab, shared, "action")
    ink, paper = panel(tab).evaluate(
        "node => [getComputedStyle(node).color, getComputedStyle(node).backgroundColor]"
    )
    assert contrast(ink, paper) > 7
    assert panel(tab).get_by_role("alert").inner_text().startswith("'ACME'")
    panel(tab).get_by_role("button", name="Copy").click()
    panel(tab).get_by_role("button", name="Copied").wait_for()
    copied = tab.page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("Action fail: KeyError: 'ACME'")
    assert "  at actions.py:12 fail" in copied
    tab.page.keyboard.press("Escape")
    assert panel(tab).count() == 0


def contrast(first: str, second: str) -> float:
    """The ratio of WCAG 2.2, of two colours as `rgb(1, 2, 3)`."""
    lights = sorted(map(luminance, (first, second)))
    return (lights[1] + 0.05) / (lights[0] + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour.removeprefix("rgb(").rstrip(")").split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


# --- editing ------------------------------------------------------------------------------------------------------


LAYOUT = """\
from flightwire import Node, html

async def layout(children: Node) -> Node:
    return html.div(html.b("first"), children)
"""


def test_editing_a_layout_shows_its_new_tree_and_keeps_the_state_of_components(
    app_folder: Callable[[Files], Path], tab: Tab
) -> None:
    folder = app_folder({"page.tsx": PAGE, "actions.py": ACTIONS, "layout.py": LAYOUT})
    with dev_server(folder, {"FLIGHTWIRE_MODEL": "openai/x"}) as server:
        tab.page.goto(server.url)
        tab.page.get_by_text("first").wait_for()
        tab.page.get_by_role("button", name="count").click()
        (folder / "layout.py").write_text(LAYOUT.replace("first", "second"))
        tab.page.get_by_text("second").wait_for()
        tab.page.get_by_text("count 1").wait_for()
        (folder / "layout.py").write_text(LAYOUT.replace("return", "retrun"))
        panel(tab).wait_for()
        (folder / "layout.py").write_text(LAYOUT.replace("first", "third"))
        tab.page.get_by_text("third").wait_for()
        tab.page.get_by_text("count 1").wait_for()
        assert panel(tab).count() == 0


def test_an_edited_action_costs_a_page_without_python_nothing(dev: Running, folder: Path, tab: Tab) -> None:
    tab.page.goto(dev.url)
    tab.page.get_by_role("button", name="count").click()
    requests: list[str] = []
    tab.page.on("request", lambda request: requests.append(request.url))
    (folder / "actions.py").write_text(ACTIONS.replace("the feed is gone", "the feed is away"))
    dev.wait_for_line("reloaded")
    tab.page.get_by_role("button", name="background").click()
    assert "the feed is away" in text_of(tab)
    assert [url for url in requests if "/@fs" not in url and "/_flightwire/" not in url] == [f"{dev.url}/"]
    tab.page.get_by_text("count 1").wait_for()


def test_a_changed_signature_is_in_the_types_within_a_second(dev: Running, folder: Path, tab: Tab) -> None:
    tab.page.goto(dev.url)
    (folder / "actions.py").write_text(ACTIONS.replace("count: int", "count: str"))
    deadline = time.monotonic() + 1
    while "count: string" not in (folder / ".flightwire/types/actions.d.ts").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_folder_that_is_added_is_a_page(dev: Running, folder: Path, tab: Tab) -> None:
    tab.page.goto(dev.url)
    for number in range(5):
        tab.page.goto("about:blank")  # an open page follows the files, and may reload just then
        (folder / f"new{number}" / "[id]").mkdir(parents=True)
        text = f"export default function New({{ params }}) {{ return <p>new {number} {{params.id}}</p>; }}"
        (folder / f"new{number}" / "[id]" / "page.tsx").write_text(text)
        tab.page.goto(f"{dev.url}/new{number}/x")
        tab.page.get_by_text(f"new {number} x").wait_for()
        tab.page.goto("about:blank")
        (folder / f"new{number}" / "page.py").write_text(f"def page(): return 'python {number}'\n")
        tab.page.goto(f"{dev.url}/new{number}")
        tab.page.get_by_text(f"python {number}").wait_for()
    assert tab.errors == []
