"""Text goes to Python and back unchanged, as an argument, a result and a stream: any text that JavaScript can hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from .conftest import SERVERS, Files, Tab
from .running import Running

ACTIONS = """\
from typing import TypedDict

from flightwire import StreamableValue, action, create_streamable_value


class Echo(TypedDict):
    whole: str
    parts: StreamableValue[str]


@action
async def echo(text: str) -> Echo:
    async def parts():
        for start in range(0, len(text), 7):
            yield text[start:start + 7]

    return {"whole": text, "parts": create_streamable_value(parts()).value}
"""

PAGE = """\
'use client';

import { useState } from 'react';
import { readStreamableValue } from '@ai-sdk/rsc';
import { echo } from './actions';

const texts: Record<string, string> = {
  dollars: '$', reference: '$1', undefined: '$undefined', symbol: '$Sreact.element', doubled: '$$', promise: '$@0',
  nul: 'a\\0b', high: 'a\\ud83d', low: '\\ude00b', swapped: '\\ude00\\ud83d', emoji: '👩‍🔬🇫🇷', rtl: 'שלום مرحبا \\u200f',
  controls: '\\u0001\\u001f\\u007f\\u0085', separators: '\\u2028\\u2029', newlines: 'a\\r\\nb\\n\\rc', quotes: '"\\\\"\\'`',
  rows: '0:null\\n1:E{}\\n', html: '</script><!--<b>', noncharacters: '\\ufffe\\uffff\\ufdd0', empty: '', proto: '__proto__',
  long: 'x'.repeat(5000), wide: '\\ud7ff€'.repeat(3000), torn: '\\ud83d'.repeat(2000),
};

export default function Home() {
  const [report, setReport] = useState('');

  async function check() {
    const wrong: string[] = [];
    for (const [name, text] of Object.entries(texts)) {
      const { whole, parts } = await echo(text);
      if (whole !== text) wrong.push(`${name}: whole`);
      let last: string | undefined;
      for await (const value of readStreamableValue(parts)) last = value;
      if ((last ?? '') !== text) wrong.push(`${name}: parts`);
    }
    setReport(wrong.join(', ') || `all ${Object.keys(texts).length} came back`);
  }

  return (
    <div>
      <button onClick={check}>Send Message</button>
      <output>{report}</output>
    </div>
  );
}
"""


@pytest.fixture(scope="module")
def echo_app(mode: str, app_folder: Callable[[Files], Path]) -> Iterator[Running]:
    with SERVERS[mode](app_folder({"page.tsx": PAGE, "actions.py": ACTIONS})) as server:
        yield server


def test_every_text_comes_back_as_it_went(echo_app: Running, tab: Tab) -> None:
    tab.open(echo_app.url)
    tab.page.get_by_role("button").click()
    tab.page.wait_for_function("() => document.querySelector('output').textContent !== ''")
    assert tab.page.locator("output").text_content() == "all 24 came back"
    assert tab.errors == []
