"""useStreamableValue, and values of every kind: state, error and end as @ai-sdk/rsc reports them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import SERVERS, Files, Tab
from .running import Running

PAGE = """\
'use client';
import { useState } from 'react';
import { useStreamableValue, type StreamableValue } from '@ai-sdk/rsc';
import { count, fail, grow } from './actions';

function Watch({ value }: { value: StreamableValue<unknown> }) {
  const [data, error, pending] = useStreamableValue(value);
  return (
    <output>{JSON.stringify({ data, pending, error: error ? (error as Error).name : null })}</output>
  );
}

export default function Home() {
  const [value, setValue] = useState<StreamableValue<unknown>>();
  const show = (action: () => Promise<{ value: StreamableValue<unknown> }>) => async () =>
    setValue((await action()).value);
  return (
    <main>
      <button onClick={show(grow)}>Send Message</button>
      <button onClick={show(count)}>Count</button>
      <button onClick={show(fail)}>Fail</button>
      {value !== undefined && <Watch value={value} />}
    </main>
  );
}
"""
ACTIONS = """\
import asyncio
from collections.abc import AsyncIterator

from flightwire import action, create_streamable_value, start_soon


async def words() -> AsyncIterator[str]:
    for word in ("Hel", "lo", "!"):
        await asyncio.sleep(0.01)
        yield word


@action
async def grow():
    return {"value": create_streamable_value(words()).value}


@action
async def count():
    stream = create_streamable_value({"n": 0})

    async def work() -> None:
        async with stream:
            for n in range(1, 4):
                await asyncio.sleep(0.01)
                stream.update({"n": n, "items": list(range(n))})

    start_soon(work)
    return {"value": stream.value}


@action
async def fail():
    stream = create_streamable_value("kept")

    async def work() -> None:
        async with stream:
            await asyncio.sleep(0.01)
            raise LookupError("no such thing")

    start_soon(work)
    return {"value": stream.value}
"""
FILES: Files = {"page.tsx": PAGE, "actions.py": ACTIONS}


@pytest.fixture(scope="module")
def server(mode: str, app_folder: Callable[[Files], Path]) -> Iterator[Running]:
    with SERVERS[mode](app_folder(FILES)) as running:
        yield running


@pytest.fixture
def opened(server: Running, tab: Tab) -> Tab:
    return tab.open(server.url)


def shown(tab: Tab, button: str, text: str) -> None:
    tab.page.get_by_role("button", name=button).click()
    tab.page.get_by_text(text, exact=True).wait_for()


def test_text_grows_to_its_end(opened: Tab) -> None:
    shown(opened, "Send Message", '{"data":"Hello!","pending":false,"error":null}')
    assert opened.errors == []


def test_objects_replace_each_other(opened: Tab) -> None:
    shown(opened, "Count", '{"data":{"n":3,"items":[0,1,2]},"pending":false,"error":null}')
    assert opened.errors == []


def test_a_failure_becomes_the_hooks_error_and_the_value_stays(opened: Tab) -> None:
    opened.page.get_by_role("button", name="Fail").click()
    opened.page.wait_for_function(
        """() => {
            const { data, pending, error } = JSON.parse(document.querySelector('output')?.textContent ?? '{}');
            return data === 'kept' && pending === false && typeof error === 'string';
        }"""
    )
