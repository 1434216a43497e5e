"""Editing a page keeps its state; editing an action's body reaches neither page nor bundler."""

from __future__ import annotations

import time

import pytest

from .conftest import AppFolder, Tab, send_rows

pytestmark = pytest.mark.browser

COUNTER = """
    'use client';
    import { useState } from 'react';
    import { increment, Message } from './actions';
    export const maxDuration = 30;
    export default function Home() {
      const [count, setCount] = useState(0);
      return <button onClick={async () => setCount(await increment(count))}>clicks: {count}</button>;
    }
"""


async def increment(_call, body, send) -> None:
    await send_rows(send, f"0:{int(body.strip(b'[]')) + 1}")


@pytest.fixture
def counter(app: AppFolder) -> AppFolder:
    app.write("page.tsx", COUNTER)
    app.write("actions.py", "def increment(count): return count + 1")
    app.declare("increment", types=("Message",))
    return app


@pytest.fixture
def clicked(counter: AppFolder, serve, tab: Tab):
    """A page whose state is 1, and which would show that it was loaded anew."""
    with serve("development", increment) as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("button", name="clicks: 0").click()
        tab.page.get_by_role("button", name="clicks: 1").wait_for()
        tab.page.evaluate("window.isSameDocument = true")
        yield server


def is_same_document(tab: Tab) -> bool:
    return tab.page.evaluate("window.isSameDocument === true")


def test_editing_the_component_keeps_its_state(clicked, counter, tab: Tab):
    counter.edit("page.tsx", "clicks:", "pressed:")
    tab.page.get_by_role("button", name="pressed: 1").wait_for()
    assert is_same_document(tab)
    assert tab.console == []


@pytest.mark.parametrize(
    "new", ["export const maxDuration = 60;", "export const metadata = { title: 'Shop' };", ""]
)
def test_editing_what_the_page_exports_for_the_server_keeps_its_state(clicked, counter, tab: Tab, new):
    counter.edit("page.tsx", "export const maxDuration = 30;", new)
    counter.edit("page.tsx", "clicks:", "pressed:")
    tab.page.get_by_role("button", name="pressed: 1").wait_for()
    assert is_same_document(tab)


def test_the_server_learns_a_new_max_duration(clicked, counter, tab: Tab):
    assert clicked.pages.max_duration_s("page.tsx") == 30
    counter.edit("page.tsx", "30", "45")
    counter.edit("page.tsx", "clicks:", "pressed:")
    tab.page.get_by_role("button", name="pressed: 1").wait_for()
    assert clicked.pages.max_duration_s("page.tsx") == 45


def test_editing_an_actions_body_changes_nothing_in_the_browser(clicked, counter, tab: Tab):
    requests: list[str] = []
    tab.page.on("request", lambda request: requests.append(request.url))
    counter.edit("actions.py", "count + 1", "count + 2")
    counter.declare("increment", types=("Message",))  # Python writes what it found, which is the same
    counter.edit(
        "page.tsx", "clicks:", "pressed:"
    )  # a later update has arrived, so an earlier one would have
    tab.page.get_by_role("button", name="pressed: 1").wait_for()
    assert not [url for url in requests if "actions" in url]
    assert is_same_document(tab)


def test_a_new_export_reaches_the_page_with_its_state(clicked, counter, tab: Tab):
    counter.declare("increment", "increase", types=("Message",))
    counter.edit("page.tsx", "increment, Message", "increase, Message")
    counter.edit("page.tsx", "await increment(", "await increase(")
    counter.edit("page.tsx", "clicks:", "pressed:")
    tab.page.get_by_role("button", name="pressed: 1").click()
    tab.page.get_by_role("button", name="pressed: 2").wait_for()
    assert clicked.calls[-1]["headers"]["rsc-action-id"] == "actions#increase"
    assert is_same_document(tab)


def test_an_action_that_moved_is_called_at_its_new_place(clicked, counter, tab: Tab):
    draft = counter.path / ".flightwire/actions.json.tmp"  # whole at once, as Python writes it
    draft.write_text(
        '{"version": 1, "modules": {"actions.py": {"exports": {"increment": "actions#renamed"}, "types": ["Message"]}}}'
    )
    draft.rename(draft.with_suffix(""))
    deadline = time.monotonic() + 20
    while clicked.calls[-1]["headers"]["rsc-action-id"] != "actions#renamed":
        assert time.monotonic() < deadline
        count = len(clicked.calls)
        tab.page.get_by_role("button").click()
        tab.page.get_by_role("button", name=f"clicks: {count + 1}").wait_for()
    assert is_same_document(tab)


def test_a_save_that_empties_the_file_first_does_not_break_the_page(clicked, counter, tab: Tab):
    text = (counter.path / "page.tsx").read_text()
    for number in range(5):
        with (counter.path / "page.tsx").open("w") as file:
            file.flush()
            time.sleep(0.03)  # how an editor saves, in slow motion
            file.write(text.replace("clicks:", f"version {number}:"))
        tab.page.get_by_role("button", name=f"version {number}: 1").wait_for()
    assert is_same_document(tab)
    assert tab.console == []


def test_a_new_client_file_does_not_reload_the_page(clicked, counter, tab: Tab):
    counter.write("components/badge.tsx", "'use client';\nexport function Badge() { return <b>new</b>; }")
    tab.page.wait_for_function(
        "globalThis.__flightwire_modules__.load('components/badge.tsx').then(() => true, () => false)"
    )
    assert is_same_document(tab)


def test_a_page_that_did_not_compile_comes_back_when_it_is_corrected(counter, serve, tab: Tab):
    counter.edit("page.tsx", "return <button", "return <buttton x=")
    with serve("development", increment) as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("alertdialog").wait_for()
        counter.edit("page.tsx", "return <buttton x=", "return <button")
        tab.page.get_by_role("button", name="clicks: 0").wait_for()
        assert tab.page.get_by_role("alertdialog").count() == 0
