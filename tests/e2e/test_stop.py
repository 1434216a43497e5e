"""The browser runtime in a real browser: stopping, signals, headers, errors, and the state of the connection."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from flightwire.testing.upstream import Ending, RecordedRequest, ScriptedUpstream
from flightwire.testing.upstream_script import head

from .conftest import SERVERS, Files, Tab, built_server, pointing_at
from .running import Running

MAX_CLOSE_S = 0.5  # from the stop to the end of the connection to the model

ACTIONS = """\
import asyncio
from typing import Any

from starlette.requests import Request

from flightwire import Element, UserError, action, create_streamable_value, html, start_soon, stream_text, stream_ui, ui_tool

endings: list[str] = []


@action
async def ask(question: str) -> dict[str, Any]:
    result = stream_text(prompt=question)
    return {"nested": {"text": create_streamable_value(result.text_stream).value}, "whole": result.text}


@action
async def hold(name: str) -> dict[str, Any]:
    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            endings.append(name)

    start_soon(work)
    return {"later": asyncio.ensure_future(asyncio.Event().wait())}


@action
async def hold_before_the_answer(name: str) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        endings.append(name)


@action
async def ended() -> list[str]:
    return endings


@action
async def headers(request: Request) -> dict[str, Any]:
    return {name: request.headers.get(name) for name in ("x-tenant", "authorization", "content-type")}


@action
async def fail(text: str) -> None:
    if text:
        raise UserError(text)
    raise LookupError("the secret is out")


@action
async def fail_inside() -> dict[str, Any]:
    async def later() -> None:
        await asyncio.sleep(0.01)
        raise LookupError("the secret is out")

    return {"later": later()}


@ui_tool
async def look():
    yield html.p("looking")
    try:
        await asyncio.Event().wait()
    finally:
        endings.append("look")


@action
async def show(name: str) -> dict[str, Any]:
    ends = lambda end: endings.append(f"{name} {end.is_aborted}")
    result = stream_ui(prompt="Hi", text=lambda content: html.p(content), tools=[look], on_end=ends)
    return {"id": name, "display": result.value}


@action
async def half_shown() -> dict[str, Any]:
    async def never() -> Any:
        await asyncio.Event().wait()

    return {"display": Element("p", {"children": ["so far ", never()]}), "later": asyncio.ensure_future(asyncio.Event().wait())}
"""

PAGE = """\
'use client';

import { Suspense, useState, type ReactNode } from 'react';
import * as runtime from '@flightwire/client';
import { readStreamableValue, useStreamableValue } from '@ai-sdk/rsc';
import {
  ask, ended, fail, failInside, headers, hold, holdBeforeTheAnswer as holdBefore, halfShown as shown, show,
} from './actions';

function Hook({ value }: { value: any }) {
  const [data, error, pending] = useStreamableValue<string>(value);
  return <code>{JSON.stringify({ data, error: error ?? null, pending })}</code>;
}

export default function Home() {
  const [display, setDisplay] = useState<ReactNode>(null);
  Object.assign(window, {
    runtime, ask, ended, fail, failInside, headers, hold, holdBefore, shown, show, setDisplay, readStreamableValue,
    hook: (value: any) => setDisplay(<Hook value={value} />),
  });
  return (
    <div>
      <button>Send Message</button>
      <output><Suspense fallback="waiting">{display}</Suspense></output>
    </div>
  );
}
"""
FILES: Files = {"page.tsx": PAGE, "actions.py": ACTIONS}

START = """async question => {
  window.reply = await ask(question);
  window.seen = '';
  window.reading = (async () => {
    for await (const text of readStreamableValue(reply.nested.text)) window.seen = text;
    return 'ended';
  })().catch(error => error.name);
}"""


@pytest.fixture(scope="module")
def server(mode: str, app_folder: Callable[[Files], Path], upstream: ScriptedUpstream) -> Iterator[Running]:
    with SERVERS[mode](app_folder(FILES), pointing_at(upstream)) as running:
        yield running


@pytest.fixture
def page(server: Running, tab: Tab) -> Any:
    return tab.open(server.url).page


@pytest.fixture
def streaming(page: Any, upstream: ScriptedUpstream) -> RecordedRequest:
    """A call whose answer has begun and goes on for ever."""
    number = len(upstream.requests)
    upstream.answer(["Half", " an answer"], ending=Ending.HANG)
    page.evaluate(START, "Hi")
    page.wait_for_function("() => window.seen === 'Half an answer'")
    return upstream.wait_received(number)


# --- stop -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what", ["reply", "reply.nested", "(({ nested }) => nested.text)(reply)", "reply.whole"]
)
def test_stopping_closes_the_connection_to_the_model_and_keeps_the_text(
    what: str, page: Any, tab: Tab, streaming: RecordedRequest
) -> None:
    began_s = time.monotonic()
    ending = page.evaluate(f"async () => {{ await runtime.stop({what}); return await reading }}")
    assert streaming.wait_closed() - began_s < MAX_CLOSE_S
    assert (ending, page.evaluate("seen")) == ("ended", "Half an answer")
    assert tab.errors == []


def test_the_hook_is_no_longer_pending_and_has_no_error(page: Any, streaming: RecordedRequest) -> None:
    page.evaluate("() => hook(reply.nested.text)")
    page.get_by_text('{"data":"Half an answer","error":null,"pending":true}').wait_for()
    page.evaluate("() => runtime.stop(reply)")
    page.get_by_text('{"data":"Half an answer","error":null,"pending":false}').wait_for()


def test_what_is_awaited_rejects_with_an_abort_error(page: Any, streaming: RecordedRequest) -> None:
    caught = page.evaluate(
        "async () => { void runtime.stop(reply); return await (async () => await reply.whole)().catch(runtime.isAbortError) }"
    )
    assert caught is True


def test_after_a_stop_the_page_asks_again(
    page: Any, upstream: ScriptedUpstream, streaming: RecordedRequest
) -> None:
    page.evaluate("() => runtime.stop(reply)")
    upstream.answer(["Whole."])
    page.evaluate(START, "Again")
    page.wait_for_function("() => window.seen === 'Whole.'")
    assert page.evaluate("reading") == "ended"


def test_stopping_twice_or_after_the_end_does_nothing(
    page: Any, upstream: ScriptedUpstream, tab: Tab
) -> None:
    upstream.answer(["Done."])
    page.evaluate(START, "Hi")
    assert page.evaluate("reading") == "ended"
    page.evaluate("async () => { await runtime.stop(reply); await runtime.stop(reply.nested.text) }")
    page.wait_for_timeout(100)  # the browser is idle
    page.evaluate("() => runtime.stop(reply.nested)")
    assert tab.errors == []


def test_stopping_what_no_action_returned_is_an_error_that_says_so(page: Any) -> None:
    said = page.evaluate("() => runtime.stop({}).catch(error => `${error.name}: ${error.message}`)")
    assert said.startswith("TypeError: stop() was given an object that no action returned.")


def test_a_call_is_stopped_before_its_answer(page: Any, tab: Tab, upstream: ScriptedUpstream) -> None:
    page.evaluate("() => { window.call = holdBefore('early'); void (async () => { await call })() }")
    page.evaluate("() => runtime.stop(call)")
    page.wait_for_function("async () => (await ended()).includes('early')")
    assert tab.errors == []  # the page did not catch the stop


def test_before_the_first_token_too(page: Any, upstream: ScriptedUpstream) -> None:
    number = len(upstream.requests)
    upstream.play(head(200, {"content-type": "text/event-stream"}), Ending.HANG)
    page.evaluate(START, "Hi")
    request = upstream.wait_received(number)
    began_s = time.monotonic()
    assert page.evaluate("async () => { await runtime.stop(reply); return await reading }") == "ended"
    assert request.wait_closed() - began_s < MAX_CLOSE_S


def test_stopping_ends_the_action_and_what_it_started(page: Any) -> None:
    page.evaluate("async () => { window.held = await hold('background'); await runtime.stop(held) }")
    page.wait_for_function("async () => (await ended()).includes('background')")


def test_an_interface_that_is_half_there_stays(page: Any, tab: Tab) -> None:
    page.evaluate("async () => { window.half = await shown(); setDisplay(half.display) }")
    page.get_by_text("waiting").wait_for()
    rejected = page.evaluate(
        "async () => { await runtime.stop(half); return await (async () => await half.later)().catch(e => e.name) }"
    )
    assert rejected == "AbortError"
    assert page.get_by_text("waiting").is_visible()
    assert tab.errors == []


# --- answers that are shown by the server ---------------------------------------------------------------------------

SHOW = """async ([name, signal]) => {
  window.controller = new AbortController();
  const call = signal ? runtime.withOptions(show, { signal: controller.signal }) : show;
  window.reply = await call(name);
  setDisplay(reply.display);
}"""
STOPS = {
    "stop": "() => runtime.stop(reply)",
    "stop what is shown": "() => runtime.stop(reply.display)",
    "signal": "() => controller.abort()",
}


@pytest.mark.parametrize("how", STOPS)
def test_stopping_what_is_shown_closes_the_connection_and_leaves_it_on_the_page(
    how: str, page: Any, tab: Tab, upstream: ScriptedUpstream
) -> None:
    number = len(upstream.requests)
    upstream.answer(["Half", " an answer"], ending=Ending.HANG)
    page.evaluate(SHOW, [f"text, {how}", how == "signal"])
    page.get_by_text("Half an answer").wait_for()
    request, began_s = upstream.wait_received(number), time.monotonic()
    page.evaluate(STOPS[how])
    assert request.wait_closed() - began_s < MAX_CLOSE_S
    page.wait_for_function("async name => (await ended()).includes(name)", arg=f"text, {how} True")
    assert page.get_by_text("Half an answer").is_visible()
    assert tab.errors == []


@pytest.mark.parametrize("how", STOPS)
def test_stopping_ends_a_ui_tool_and_leaves_what_it_shows(
    how: str, page: Any, tab: Tab, upstream: ScriptedUpstream
) -> None:
    upstream.answer(tool_calls=[{"id": "1", "name": "look", "arguments": {}}], finish_reason="tool_calls")
    before = page.evaluate("async () => (await ended()).filter(name => name === 'look').length")
    page.evaluate(SHOW, [f"tool, {how}", how == "signal"])
    page.get_by_text("looking").wait_for()
    page.evaluate(STOPS[how])
    page.wait_for_function(
        "async before => (await ended()).filter(name => name === 'look').length > before", arg=before
    )
    page.wait_for_function("async name => (await ended()).includes(name)", arg=f"tool, {how} True")
    assert page.get_by_text("looking").is_visible()
    assert tab.errors == []


def test_a_tab_that_is_closed_closes_the_connection_of_what_it_shows(
    page: Any, upstream: ScriptedUpstream
) -> None:
    number = len(upstream.requests)
    upstream.answer(["Half"], ending=Ending.HANG)
    page.evaluate(SHOW, ["closed", False])
    page.get_by_text("Half").wait_for()
    request = upstream.wait_received(number)
    page.close()
    closed_s = time.monotonic()
    assert request.wait_closed() - closed_s < MAX_CLOSE_S


# --- options --------------------------------------------------------------------------------------------------------


def test_a_signal_aborts_the_request_and_keeps_the_text(page: Any, upstream: ScriptedUpstream) -> None:
    number = len(upstream.requests)
    upstream.answer(["Half"], ending=Ending.HANG)
    page.evaluate(
        """() => {
          window.controller = new AbortController();
          window.ask = runtime.withOptions(ask, { signal: controller.signal });
        }"""
    )
    page.evaluate(START, "Hi")
    page.wait_for_function("() => window.seen === 'Half'")
    request, began_s = upstream.wait_received(number), time.monotonic()
    assert page.evaluate("() => { controller.abort(); return reading }") == "AbortError"
    assert request.wait_closed() - began_s < MAX_CLOSE_S
    assert page.evaluate("seen") == "Half"


def test_headers_reach_the_action(page: Any) -> None:
    sent = page.evaluate(
        """async () => {
          runtime.configure({ headers: async () => ({ authorization: 'Bearer me', 'x-tenant': 'all' }) });
          const own = await runtime.withOptions(headers, { headers: { 'x-tenant': 'a' } })();
          return [own, await headers()];
        }"""
    )
    plain = {"authorization": "Bearer me", "content-type": "text/plain;charset=UTF-8"}
    assert sent == [{**plain, "x-tenant": "a"}, {**plain, "x-tenant": "all"}]


# --- errors ---------------------------------------------------------------------------------------------------------

CATCH = """async call => {
  try {
    await call();
  } catch (error) {
    const { message } = error;
    return { message, is: runtime.isActionError(error), kind: error.kind, status: error.status, digest: error.digest,
             userMessage: error.userMessage, told: runtime.describeError(error) };
  }
}"""


def caught(page: Any, call: str) -> dict[str, Any]:
    error: dict[str, Any] = page.evaluate(f"() => ({CATCH})(async () => {call})")
    return error


def test_a_failure_is_readable_and_names_its_digest(page: Any, mode: str, server: Running) -> None:
    error = caught(page, "await fail('')")
    assert (error["is"], error["kind"], error["status"]) == (True, "failed", 500)
    server.wait_for_line(error["digest"])
    if mode == "production":
        assert error["message"] == error["told"] == f"Something went wrong on the server ({error['digest']})."
    else:
        assert "the secret is out" in error["message"]


def test_so_is_a_failure_inside_the_result(page: Any, mode: str) -> None:
    error = caught(page, "await (await failInside()).later")
    assert (error["is"], error["kind"]) == (True, "failed")
    assert "Minified" not in error["message"]
    assert ("the secret is out" in error["message"]) == (mode == "development")


def test_a_user_error_has_its_text_everywhere(page: Any) -> None:
    error = caught(page, "await fail('Say something first.')")
    assert error["userMessage"] == error["told"] == "Say something first."


def test_wrong_arguments_are_a_refusal(page: Any) -> None:
    error = caught(page, "await ask(1)")
    assert (error["is"], error["kind"], error["status"]) == (True, "refused", 400)


def test_a_server_that_goes_away_is_a_loss_that_is_named(
    app_folder: Callable[[Files], Path], upstream: ScriptedUpstream, tab: Tab
) -> None:
    upstream.answer(["Half"], ending=Ending.HANG)
    with built_server(app_folder(FILES), pointing_at(upstream)) as server:
        page = tab.open(server.url).page
        page.evaluate(
            "() => { window.states = []; runtime.configure({ onConnection: state => states.push(state) }) }"
        )
        page.evaluate(START, "Hi")
        page.wait_for_function("() => window.seen === 'Half'")
        server.process.send_signal(signal.SIGKILL)
        error = caught(page, "await reply.whole")
        assert error["kind"] == "lost"
        assert "lost before the answer was complete" in error["message"]
        assert page.evaluate("reading") == "ActionError"
        assert page.evaluate("seen") == "Half"
        assert caught(page, "await ended()")["kind"] == "unreachable"
        assert page.evaluate("states")[0] == "lost"


CUT_OFF = """document.addEventListener('readystatechange', () => {
  document.getElementById('__flightwire_rows').textContent = %r;  // before any module runs
});"""


@pytest.mark.parametrize("cut", ['"0:["', '"0:{'], ids=["in a row", "in the data"])
def test_a_page_that_did_not_arrive_whole_says_so(cut: str, server: Running, tab: Tab) -> None:
    tab.page.add_init_script(CUT_OFF % cut)
    tab.page.goto(server.url)
    tab.page.locator("#root").get_by_text("The page did not arrive whole. Reload it.").wait_for()
