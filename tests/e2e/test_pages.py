"""Pages as people write them: routes, layouts, server components, and what is shown meanwhile, in every way an app is served."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page

from .conftest import Files, Tab
from .mounting import mounted_server

APP: Files = {
    "layout.py": """\
import asyncio
from flightwire import Node, html

metadata = {"title": {"default": "Shop", "template": "%s | Shop"}, "description": "Things."}

async def layout(children: Node) -> Node:
    await asyncio.sleep(0)
    return html.div(html.nav(html.a("Home", href="."), id="nav"), html.main(children))
""",
    "page.tsx": """\
'use client';
import './page.css';
import { useState } from 'react';
export const metadata = { title: 'Welcome', openGraph: { title: "</script><b>" } };
export default function Home({ searchParams }) {
  const [count, setCount] = useState(0);
  return <button onClick={() => setCount(count + 1)}>{searchParams.name ?? 'nobody'} {count}</button>;
}
""",
    "page.css": "button { color: rgb(1, 2, 3) }",
    "chat/[id]/page.tsx": """\
import { use } from 'react';
export default function Chat({ params, searchParams }) {
  return <p>chat {params.id} {use(params).id} {JSON.stringify(searchParams.tag)}</p>;
}
""",
    "prices/page.py": """\
import asyncio
from pathlib import Path
from flightwire import Node, Suspense, client_component, html

GATE = Path(__file__).parents[2] / "gate"
Counter = client_component("components/counter.tsx", "Counter")

async def generate_metadata(search_params):
    return {"title": f"Prices of {search_params.get('of', 'all')}"}

async def price(symbol: str) -> Node:
    while not GATE.exists():
        await asyncio.sleep(0.02)
    return html.b(f"{symbol}: 42", "</script><!--")

async def page(params, search_params, request) -> Node:
    return html.section(
        html.h1(f"Prices {request.url.path.endswith('prices')}"),
        Suspense(price("ACME"), fallback=html.i("waiting")),
        Counter(start_at=3, note="</script><!-- \\u2028", raw=b"\\xff\\xfe"),
    )
""",
    "components/counter.tsx": """\
'use client';
import { useState } from 'react';
import styles from './counter.module.css';
export function Counter({ startAt, note, raw }) {
  const [count, setCount] = useState(startAt);
  return <button className={styles.wide} onClick={() => setCount(count + 1)}>{count} {note.length} {raw[0]}</button>;
}
""",
    "components/counter.module.css": ".wide { padding: 7px }",
    "slow/loading.tsx": "export default function Loading() { return <p>loading…</p>; }",
    "slow/page.py": """\
import asyncio
from pathlib import Path
from flightwire import html

GATE = Path(__file__).parents[2] / "slow"

async def page():
    while not GATE.exists():
        await asyncio.sleep(0.02)
    return html.p("slow but there")
""",
    "broken/error.tsx": """\
'use client';
export default function Failed({ error, reset }) {
  return <p>caught {error.digest ? 'a digest' : error.message} <button onClick={() => reset()}>again</button></p>;
}
""",
    "broken/page.py": """\
from flightwire import html
tries = 0
def page():
    global tries
    tries += 1
    if tries % 2:
        raise RuntimeError("no bread")
    return html.p("bread")
""",
    "broken/client/page.tsx": """\
'use client';
import { useState } from 'react';
export default function Fragile() {
  const [isBroken, setBroken] = useState(false);
  if (isBroken) throw new Error('dropped it');
  return <button onClick={() => setBroken(true)}>drop</button>;
}
""",
    "not-found.tsx": "export default function Missing() { return <h1>nothing here</h1>; }",
    "public/robots.txt": "User-agent: *\n",
    "icon.svg": '<svg xmlns="http://www.w3.org/2000/svg"/>',
}


class Site(str):
    """The address of the app, without the last slash."""

    folder: Path

    def let_go(self, gate: str) -> None:
        """Let what waits for this gate go on."""
        (self.folder.parent / gate).touch()


@pytest.fixture(scope="module", params=["", "/x/y"], ids=["root", "prefix"])
def site(request: pytest.FixtureRequest, mode: str, app_folder: Callable[[Files], Path]) -> Iterator[Site]:
    """The app, live or built, at the root or under a prefix."""
    folder = app_folder(APP)
    with mounted_server(folder, mode, request.param) as address:
        site = Site(address)
        site.folder = folder
        yield site


@contextmanager
def requests_of(page: Page) -> Iterator[list[str]]:
    urls: list[str] = []
    listener = lambda request: urls.append(f"{request.method} {request.url}")  # noqa: E731
    page.on("request", listener)
    yield urls
    page.remove_listener("request", listener)


def test_a_page_in_a_layout_has_search_params_styles_and_a_title(site: Site, tab: Tab) -> None:
    tab.page.goto(f"{site}/?name=Ada")
    tab.page.get_by_role("button", name="Ada 0").click()
    tab.page.get_by_role("button", name="Ada 1").wait_for()
    assert tab.page.locator("div > nav#nav + main > button").count() == 1
    assert tab.page.title() == "Welcome | Shop"
    tab.page.wait_for_function(
        "() => getComputedStyle(document.querySelector('button')).color === 'rgb(1, 2, 3)'"
    )
    assert tab.page.locator("meta[name=description]").get_attribute("content") == "Things."
    assert tab.page.locator('meta[property="og:title"]').get_attribute("content") == "</script><b>"
    assert tab.errors == []


def test_params_are_read_at_once_or_as_promises(site: Site, tab: Tab) -> None:
    tab.page.goto(f"{site}/chat/a%20b?tag=1&tag=2")
    tab.page.get_by_text('chat a b a b ["1","2"]').wait_for()
    assert tab.page.title() == "Shop"
    assert tab.errors == []


def test_a_server_component_streams_into_the_document_without_another_request(site: Site, tab: Tab) -> None:
    with requests_of(tab.page) as requests:
        tab.page.goto(f"{site}/prices?of=bread", wait_until="commit")
        tab.page.get_by_text("waiting").wait_for()
        site.let_go("gate")
        tab.page.get_by_text("ACME: 42</script><!--").wait_for()
    assert [each for each in requests if site in each and "/assets/" not in each and "icon" not in each] == [
        f"GET {site}/prices?of=bread"
    ]
    tab.page.get_by_role("button", name="3 15 255").click()
    tab.page.get_by_role("button", name="4 15 255").wait_for()
    assert tab.page.title() == "Prices of bread | Shop"
    assert tab.page.get_by_role("heading").inner_text() == "Prices True"
    tab.page.wait_for_function("() => getComputedStyle(document.querySelector('button')).padding === '7px'")
    assert tab.errors == []


def test_loading_is_shown_until_the_page_is_there(site: Site, tab: Tab) -> None:
    tab.page.goto(f"{site}/slow", wait_until="commit")
    tab.page.get_by_text("loading…").wait_for()
    site.let_go("slow")
    tab.page.get_by_text("slow but there").wait_for()
    assert tab.page.get_by_text("loading…").count() == 0


def test_error_catches_what_the_server_raises_and_tries_again(site: Site, tab: Tab) -> None:
    answer = tab.page.goto(f"{site}/broken")
    assert answer is not None
    assert answer.status == 500
    tab.page.get_by_text("caught a digest").wait_for()
    assert "no bread" not in tab.page.locator("#root").inner_text()
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("button", name="again").click()
    tab.page.get_by_text("bread", exact=True).wait_for()


def test_error_catches_what_a_component_throws(site: Site, tab: Tab) -> None:
    tab.page.goto(f"{site}/broken/client")
    tab.page.get_by_role("button", name="drop").click()
    tab.page.get_by_text("caught dropped it").wait_for()
    tab.page.keyboard.press("Escape")
    tab.page.get_by_role("button", name="again").click()
    tab.page.get_by_role("button", name="drop").wait_for()


@pytest.mark.parametrize("path", ["/nowhere", "/chat", "/chat/1/2"])
def test_other_addresses_are_the_apps_own_not_found(site: Site, tab: Tab, path: str) -> None:
    answer = tab.page.goto(site + path)
    assert answer is not None
    assert answer.status == 404
    tab.page.get_by_role("heading", name="nothing here").wait_for()
    assert tab.page.locator("nav").count() == 1


def test_public_files_and_icons_are_served(site: Site, tab: Tab) -> None:
    with urllib.request.urlopen(f"{site}/robots.txt") as answer:
        assert answer.read() == b"User-agent: *\n"
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["cache-control"] == "public, no-cache"
    tab.page.goto(f"{site}/")
    icon = tab.page.locator("link[rel=icon]").evaluate("link => link.href")
    assert icon == f"{site}/icon.svg"
    with urllib.request.urlopen(icon) as answer:
        assert answer.headers["content-type"] == "image/svg+xml"


@pytest.mark.parametrize(
    "path",
    [
        "/page.tsx",
        "/layout.py",
        "/public/robots.txt",
        "/..%2flayout.py",
        "/%2e%2e/layout.py",
        "/.flightwire/pages.json",
    ],
)
def test_nothing_else_is(site: Site, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(site + path)
    with caught.value as answer:
        assert answer.code == 404
        assert b"import" not in re.sub(rb"<script.*?</script>", b"", answer.read(), flags=re.DOTALL)
