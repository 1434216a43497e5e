"""One React and one @ai-sdk/rsc, however a page gets at them."""

from __future__ import annotations

import json
import re

import pytest

from .conftest import AppFolder, Tab, send_rows

pytestmark = pytest.mark.browser

MODES = pytest.mark.parametrize("mode", ["development", "production"])
PREFIXES = pytest.mark.parametrize("prefix", ["", "/x/y"])

# The page asks for the whole tree below the provider, as a server component would send it.
AI_STATE_PAGE = """
    'use client';
    import * as React from 'react';
    import { jsx } from 'react/jsx-runtime';
    import { version } from 'react-dom';
    import { getTree } from './actions';

    export const maxDuration = 30;

    export default function Home() {
      const [tree, setTree] = React.useState<React.ReactNode>(null);
      Object.assign(window, { pageReact: React, jsx, version });
      return <main><button onClick={async () => setTree(await getTree())}>Load</button>{tree}</main>;
    }
"""
CHAT = """
    'use client';
    import * as React from 'react';
    import * as rsc from '@ai-sdk/rsc';

    export function Chat({ greeting }: { greeting: string }) {
      const [messages, setMessages] = rsc.useUIState();
      const { reply } = rsc.useActions();
      Object.assign(window, { chatReact: React, rsc });
      return <section>
        <h1>{greeting}</h1>
        <ul>{messages.map((text: string) => <li key={text}>{text}</li>)}</ul>
        <button onClick={async () => setMessages([...messages, await reply('hi')])}>Ask</button>
      </section>;
    }
"""
TREE = "\n".join(
    [
        '1:I["@ai-sdk/rsc",["@ai-sdk/rsc","@ai-sdk/rsc"],"InternalAIProvider"]',
        '2:I["components/chat.tsx",["components/chat.tsx","components/chat.tsx"],"Chat"]',
        '3:{"id":"ai#reply","bound":null}',
        '0:["$","$L1",null,{"wrappedActions":{"reply":"$h3"},"wrappedSyncUIState":"$undefined","initialUIState":["first"],'
        '"initialAIState":[],"initialAIStatePatch":"$undefined","children":["$","$L2",null,{"greeting":"Hello"},null,null,1]},null,null,1]',
    ]
)


@pytest.fixture
def chat(app: AppFolder) -> AppFolder:
    app.write("page.tsx", AI_STATE_PAGE)
    app.write("components/chat.tsx", CHAT)
    app.write("actions.py", "")
    app.declare("getTree")
    return app


async def answer(call, _body, send) -> None:
    if call["headers"]["rsc-action-id"] == "actions#getTree":
        await send_rows(send, TREE)
    else:
        await send_rows(send, '0:["$undefined","second"]')


@MODES
@PREFIXES
def test_ui_state_works_below_the_providers_own_component(chat, serve, tab: Tab, mode, prefix):
    with serve(mode, answer, prefix) as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("button", name="Load").click()
        tab.page.get_by_role("heading", name="Hello").wait_for()
        tab.page.get_by_role("button", name="Ask").click()
        tab.page.get_by_text("second").wait_for()
        assert tab.page.locator("li").all_inner_texts() == ["first", "second"]
        assert json.loads(server.calls[1]["body"])[0] == []  # the AI state goes first, as the AI SDK sends it
    assert tab.console == []


@MODES
def test_every_module_has_the_same_react_and_the_same_ai_sdk(chat, serve, tab: Tab, mode):
    tab.page.add_init_script(COUNT_RENDERERS)
    with serve(mode, answer) as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("button", name="Load").click()
        tab.page.get_by_role("heading", name="Hello").wait_for()
        assert tab.page.evaluate("pageReact.useState === chatReact.useState && pageReact.version === version")
        assert tab.page.evaluate("renderers.length") == 1
        assert tab.page.evaluate("[...new Set(renderers.map(each => each.version))]") == ["19.3.1"]
        assert tab.page.evaluate(PROVIDER_IS_OF_THE_SAME_MODULE) is True


def test_a_build_holds_one_copy_of_each(chat, serve):
    with serve("production") as server:
        assert server.pages is not None
    scripts = [path.read_text() for path in (chat.path / ".flightwire/build/assets").glob("*.js")]
    text = "\n".join(scripts)
    assert len(re.findall(r"for\([`\"']ui\.streamable\.value", text)) == 1
    assert len(re.findall(r"\.version\s*=\s*[\"'`]19\.3\.1", text)) == 2  # react and react-dom
    assert len(re.findall(r"\.useSyncExternalStore\s*=\s*function", text)) == 1
    assert len(re.findall(r"\.encodeReply\s*=\s*function", text)) == 1


@MODES
def test_a_react_in_the_apps_own_node_modules_is_not_used(chat, serve, tab: Tab, mode):
    chat.write("package.json", '{"name": "shop", "dependencies": {"react": "18.0.0", "left": "1.0.0"}}')
    for name, code in {
        "react": "module.exports = {version: '18.0.0'}",
        "zod": "exports.z = 'the app has its own zod'",
        "left": "exports.react = require('react')",
    }.items():
        chat.write(
            f"node_modules/{name}/package.json",
            f'{{"name": "{name}", "version": "1.0.0", "main": "index.js"}}',
        )
        chat.write(f"node_modules/{name}/index.js", code)
    chat.write("page.tsx", OWN_PACKAGES_PAGE)
    with serve(mode, answer) as server:
        tab.page.goto(server.url)
        assert tab.page.locator("p").inner_text() == "19.3.1, the app has its own zod, same: true"


OWN_PACKAGES_PAGE = """
    import * as React from 'react';
    import { z } from 'zod';
    import { react } from 'left';
    export default function Home() {
      return <p>{React.version}, {String(z)}, same: {String(react.useState === React.useState)}</p>;
    }
"""
# React DOM announces itself to a hook of this name, once per copy.
COUNT_RENDERERS = """
    window.renderers = [];
    window.__REACT_DEVTOOLS_GLOBAL_HOOK__ = {
      isDisabled: false, supportsFiber: true, renderers: new Map(), checkDCE() {},
      inject(renderer) { this.renderers.set(window.renderers.push(renderer), renderer); return window.renderers.length; },
      onScheduleFiberRoot() {}, onCommitFiberRoot() {}, onCommitFiberUnmount() {}, onPostCommitFiberRoot() {}, setStrictMode() {},
    };
"""
PROVIDER_IS_OF_THE_SAME_MODULE = """
    const registry = globalThis.__flightwire_modules__;
    registry.load('@ai-sdk/rsc').then(() => {
      const inner = registry.get('@ai-sdk/rsc');
      return inner.useUIState === rsc.useUIState && inner.readStreamableValue === rsc.readStreamableValue;
    })
"""
