"""An answer that breaks off at any byte: what had come stays, what had not ends in an error that says so; nothing waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flightwire.testing.upstream import ScriptedUpstream

from .conftest import SERVERS, Files, Tab, pointing_at
from .running import Running

ACTIONS = """\
import asyncio
from collections.abc import AsyncIterator
from typing import Any

from flightwire import Element, action, create_streamable_value, start_soon


@action
async def everything() -> dict[str, Any]:
    stream = create_streamable_value("")

    async def pump() -> None:
        async with stream:
            for text in ("Hel", "lo"):
                await asyncio.sleep(0.01)
                stream.append(text)

    async def later() -> Any:
        await asyncio.sleep(0.02)
        return {"text": "late", "bytes": b"123", "long": "x" * 1100}

    async def shown() -> Element:
        await asyncio.sleep(0.03)
        return Element("b", {"children": "shown"})

    async def items() -> AsyncIterator[str]:
        for item in ("one", "two"):
            await asyncio.sleep(0.01)
            yield item

    start_soon(pump)
    return {"text": stream.value, "later": later(), "items": items(), "display": Element("p", {"children": ["so ", shown()]})}
"""

PAGE = """\
'use client';

import { Component, Suspense, useState, type ReactNode } from 'react';
import * as runtime from '@flightwire/client';
import { readStreamableValue } from '@ai-sdk/rsc';
import { everything } from './actions';

class Boundary extends Component<{ children: ReactNode }> {
  override state = { kind: '' };
  static getDerivedStateFromError(error: any) {
    return { kind: runtime.isActionError(error) ? error.kind : String(error) };
  }
  override render() {
    return this.state.kind || this.props.children;
  }
}

export default function Home() {
  const [[number, display], show] = useState<[number, ReactNode]>([0, null]);
  Object.assign(window, { runtime, everything, readStreamableValue, show: (node: ReactNode) => show(([n]) => [n + 1, node]) });
  return (
    <div>
      <button>Send Message</button>
      <output><Boundary key={number}><Suspense fallback="waiting">{display}</Suspense></Boundary></output>
    </div>
  );
}
"""

SETUP = """async () => {
  const real = window.fetch;
  window.whole = null;
  window.fetch = async (...args) => {
    if (args[1]?.method !== 'POST') return real(...args);
    if (!whole) {
      const response = await real(...args);
      window.whole = new Uint8Array(await response.clone().arrayBuffer());
      return response;
    }
    const { at, how } = window.cut;
    const body = new ReadableStream({
      start(controller) {
        controller.enqueue(whole.slice(0, at));
        if (how === 'close') controller.close();
        else setTimeout(() => controller.error(new TypeError('network error')), 0);
      },
    });
    return new Response(body, { headers: { 'content-type': 'text/x-component' } });
  };
  window.outcome = async work => {
    const hung = new Promise(done => setTimeout(() => done('hangs'), 3000));
    const told = error => runtime.isActionError(error) ? error.kind + ': ' + error.message : 'not ours: ' + error;
    return await Promise.race([work().catch(told), hung]);
  };
  window.all = async of => {
    const list = [];
    for await (const each of of) list.push(each);
    return list.join(',');
  };
  window.parts = async () => {
    const reply = await everything();
    return Object.fromEntries(await Promise.all(Object.entries({
      text: () => all(readStreamableValue(reply.text)),
      later: async () => { const { text, bytes, long } = await reply.later; return [text, bytes.length, long.length].join(); },
      items: () => all(reply.items),
    }).map(async ([name, work]) => [name, await outcome(work)])));
  };
  await parts();
  const ends = [];
  for (let at = 0; at < whole.length; at++) if (whole[at] === 10) ends.push(at + 1);
  return { size: whole.length, ends };
}"""

AT_EVERY_BYTE = """async how => {
  const found = {};
  for (let at = 0; at <= whole.length; at++) {
    window.cut = { at, how };
    const seen = JSON.stringify(await outcome(parts));
    (found[seen] ||= []).push(at);
  }
  return Object.entries(found).map(([seen, at]) => [JSON.parse(seen), at]);
}"""

LOST = "lost: The connection to the server was lost before the answer was complete."
WHOLE = {"text": ",Hel,Hello", "later": "late,3,1100", "items": "one,two"}


@pytest.fixture(scope="module")
def server(mode: str, app_folder: Callable[[Files], Path], upstream: ScriptedUpstream) -> Iterator[Running]:
    with SERVERS[mode](
        app_folder({"page.tsx": PAGE, "actions.py": ACTIONS}), pointing_at(upstream)
    ) as running:
        yield running


@pytest.fixture
def page(server: Running, tab: Tab) -> Any:
    return tab.open(server.url).page


@pytest.mark.parametrize("how", ["close", "error"])
def test_cut_at_any_byte_everything_arrives_or_is_lost(page: Any, how: str) -> None:
    size = page.evaluate(SETUP)["size"]
    outcomes = page.evaluate(AT_EVERY_BYTE, how)
    seen = [outcome for outcome, _ in outcomes]
    assert WHOLE in seen
    assert LOST in seen  # before there was a result
    for outcome, at in outcomes:
        parts = {"whole": outcome} if isinstance(outcome, str) else outcome
        for name, part in parts.items():
            assert part == LOST or part == WHOLE.get(name), (at[:5], name)
        assert LOST in parts.values() or at[0] > size - 200, at[:5]  # the element alone may be missing then


def test_cut_at_any_row_a_waiting_element_is_shown_or_lost(page: Any) -> None:
    ends = page.evaluate(SETUP)["ends"]
    for how in ("close", "error"):
        for at in ends:
            page.evaluate(
                "async ([at, how]) => { window.cut = { at, how };"
                " show((await everything().catch(e => ({ display: e.kind }))).display) }",
                [at, how],
            )
            page.wait_for_function(
                "() => /^(lost|so shown)$/.test(document.querySelector('output').textContent)"
            )
    assert page.locator("output").text_content() == "so shown"
