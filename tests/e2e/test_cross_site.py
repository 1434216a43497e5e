"""A page of another site tries everything that browsers let it try; nothing changes on the server."""

from __future__ import annotations

import http.server
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from .conftest import Files, Tab, dev_server
from .running import Running

ACTIONS = """\
from flightwire import action

count = 0


@action
async def change() -> int:
    global count
    count += 1
    return count


@action
async def read() -> int:
    return count
"""
PAGE = """\
'use client';
import { useState } from 'react';
import { change, read } from './actions';

export default function Home() {
  const [count, setCount] = useState<number | null>(null);
  return <>
    <button onClick={async () => setCount(await change())}>Change</button>
    <button onClick={async () => setCount(await read())}>Read</button>
    <output>{String(count)}</output>
  </>;
}
"""

ATTACKS = {
    "fetch": "fetch(target, { method: 'POST', headers, body: '[]', credentials: 'include' })",
    "fetch without the header": "fetch(target, { method: 'POST', body: '[]', credentials: 'include' })",
    "no-cors fetch": "fetch(target, { method: 'POST', mode: 'no-cors', headers, body: '[]', credentials: 'include' })",
    "alias header": "fetch(target, { method: 'POST', headers: { 'next-action': 'actions#change' }, body: '[]' })",
    "beacon": "navigator.sendBeacon(target, '[]')",
    "beacon with a form": "navigator.sendBeacon(target, new FormData())",
    "id in the query": "fetch(target + '?rsc-action-id=actions%23change', { method: 'POST', mode: 'no-cors', body: '[]' })",
    "redirect": "fetch('/redirect', { method: 'POST', headers, body: '[]' })",
    "xhr": """new Promise(done => { const x = new XMLHttpRequest(); x.withCredentials = true; x.open('POST', target);
        x.setRequestHeader('rsc-action-id', 'actions#change'); x.onloadend = done; x.send('[]'); })""",
    "get": "fetch(target + '?rsc-action-id=actions%23change', { mode: 'no-cors', credentials: 'include' })",
}


class OtherSite(http.server.BaseHTTPRequestHandler):
    """The attacker's pages; POSTs to /redirect are sent on to the target, headers and body kept."""

    target = ""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.end_headers()
        form = f"""<form method="post" enctype="text/plain" action="{self.target}/"><input name="[" value="]"></form>
            <form method="post" enctype="multipart/form-data" action="{self.target}/">
            <input name="$ACTION_ID_actions#change" value=""><input name="0" value="[]"></form>"""
        frame = (
            "<iframe sandbox='allow-scripts allow-forms' src='/plain'></iframe>"
            if "frame" in self.path
            else ""
        )
        self.wfile.write(f"<!doctype html><title>other</title>{form}{frame}".encode())

    def do_POST(self) -> None:
        self.send_response(307)
        self.send_header("location", f"{self.target}/")
        self.end_headers()

    def log_message(self, *args: Any) -> None: ...


@pytest.fixture(scope="module")
def server(app_folder: Callable[[Files], Path]) -> Iterator[Running]:
    with dev_server(app_folder({"actions.py": ACTIONS, "page.tsx": PAGE})) as running:
        yield running


@pytest.fixture(scope="module")
def other_site(server: Running) -> Iterator[str]:
    OtherSite.target = server.url
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), OtherSite) as site:
        threading.Thread(target=site.serve_forever, daemon=True).start()
        yield f"http://localhost:{site.server_port}"
        site.shutdown()


@pytest.fixture
def victim(server: Running, tab: Tab) -> Tab:
    """A browser that is signed in: it has a cookie of the app's."""
    tab.page.context.add_cookies([{"name": "session", "value": "secret", "url": server.url}])
    return tab


def count_of(tab: Tab, server: Running, button: str) -> int:
    tab.page.goto(server.url)
    tab.page.get_by_role("button", name=button).click()
    expect(tab.page.locator("output")).not_to_have_text("null")
    return int(tab.page.locator("output").inner_text())


def test_the_apps_own_page_changes_it(victim: Tab, server: Running) -> None:
    before = count_of(victim, server, "Read")
    assert count_of(victim, server, "Change") == before + 1


@pytest.mark.parametrize("where", ["page", "sandboxed frame"])
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda name: name.replace(" ", "-"))
def test_scripts_of_another_site_change_nothing(
    victim: Tab, server: Running, other_site: str, attack: str, where: str
) -> None:
    before = count_of(victim, server, "Read")
    victim.page.goto(f"{other_site}/{'frame' if where != 'page' else 'plain'}")
    frame = victim.page.main_frame if where == "page" else victim.page.frames[1]
    script = f"""async target => {{ const headers = {{ 'rsc-action-id': 'actions#change' }};
        try {{ await ({ATTACKS[attack]}); }} catch {{ }} }}"""
    frame.evaluate(script, server.url + "/")
    assert count_of(victim, server, "Read") == before


@pytest.mark.parametrize("form", [0, 1])
@pytest.mark.parametrize("where", ["page", "sandboxed frame"])
def test_forms_of_another_site_change_nothing(
    victim: Tab, server: Running, other_site: str, form: int, where: str
) -> None:
    before = count_of(victim, server, "Read")
    victim.page.goto(f"{other_site}/{'frame' if where != 'page' else 'plain'}")
    frame = victim.page.main_frame if where == "page" else victim.page.frames[1]
    with victim.page.expect_response(lambda response: response.request.method == "POST") as answered:
        frame.evaluate("n => { document.forms[n].submit(); }", form)
    assert answered.value.status == 403
    if where == "page":  # the answer takes the page's place; the next address would interrupt that
        victim.page.wait_for_url(lambda url: url.startswith(server.url))
    assert count_of(victim, server, "Read") == before
