"""What happens when an answer fails, and when nobody reads it any more; what was shown stays."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Route, expect

from flightwire.testing.upstream import Ending, ScriptedUpstream
from flightwire.testing.upstream_script import head

from .conftest import SEED, SEED_PAGE, SERVERS, Files, Tab, pointing_at
from .running import Running

MAX_CLOSE_S = 0.5  # from the tab's end to the end of the connection to the model
EXAMPLE = "stream_text_with_chat_prompt"
AT_ONCE = {"retry-after-ms": "1"}
ATTEMPTS = 3  # a refusal that may pass is tried again twice
CHUNK = '{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"%s"}}]}'

AT_BOTTOM = """() => {
  const log = document.querySelector('[role=log]');
  return log.scrollHeight > 2000 && log.scrollHeight - log.scrollTop - log.clientHeight < 2;
}"""
LISTEN = """() => {
  window.spoken = [];
  const status = document.querySelector('[role=status]');
  const observer = new MutationObserver(() => window.spoken.push(status.textContent));
  observer.observe(status, { subtree: true, characterData: true, childList: true });
}"""


# --- failures ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 429, 500, 503])
def test_a_refusal_reaches_the_page_as_an_error(
    status: int, mode: str, seed_app: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    upstream.refuse(status, "no luck today", headers=AT_ONCE, times=1 if status == 401 else ATTEMPTS)
    tab.open(seed_app.url).ask("Hi")
    wait_for_error(tab)
    assert ("no luck today" in shown_errors(tab)) == (mode == "development")
    seed_app.wait_for_line(f"no luck today.*{status}")


@pytest.mark.parametrize(
    "rest",
    [[Ending.CLOSE], [Ending.RESET], ["{not json", "[DONE]"], ['{"error":{"message":"overloaded"}}']],
    ids=["closed", "reset", "malformed", "error event"],
)
def test_what_was_shown_stays_when_an_answer_breaks_off(
    rest: list[str | Ending], seed_app: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    gate = upstream.new_gate()
    upstream.events(CHUNK % "Half an", gate, CHUNK % " answer", gate, *rest)
    tab.open(seed_app.url).ask("Hi")
    tab.wait_for_answer("Half an")
    gate.release()
    tab.wait_for_answer("Half an answer")
    gate.release()
    wait_for_error(tab)
    assert tab.lines() == ["user: Hi", "assistant: Half an answer"]


def test_after_a_failure_the_same_page_goes_on(
    seed_app: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    upstream.refuse(400)
    upstream.answer(["Here I am."])
    tab.open(seed_app.url).ask("Hi")
    wait_for_error(tab)
    tab.page.keyboard.press("Escape")
    tab.ask("Still there?")
    tab.wait_for_answer("Here I am.")


def test_production_tells_no_secrets(
    mode: str, seed_app: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    bodies: list[str] = []

    def look(route: Route) -> None:
        response = route.fetch()
        bodies.append(response.text())
        route.fulfill(response=response)

    upstream.refuse(400, "the password is hunter2")
    tab.open(seed_app.url)
    tab.page.route("**/*", lambda route: look(route) if route.request.method == "POST" else route.continue_())
    tab.ask("Hi")
    wait_for_error(tab)
    assert ["hunter2" in body for body in bodies] == [mode == "development"]
    seed_app.wait_for_line("hunter2")


def test_a_page_says_how_long_its_answers_may_take(
    app_folder: Callable[[Files], Path], mode: str, upstream: ScriptedUpstream, tab: Tab
) -> None:
    page = SEED_PAGE.replace("maxDuration = 30", "maxDuration = 1")
    number = len(upstream.requests)
    upstream.answer(["Half"], ending=Ending.HANG)
    with SERVERS[mode](app_folder({**SEED, "page.tsx": page}), pointing_at(upstream)) as server:
        tab.open(server.url).ask("Hi")
        wait_for_error(tab)
        assert tab.lines()[1] == "assistant: Half"
        server.wait_for_line("ran longer than 1 s")
        upstream.wait_received(number).wait_closed()
    assert ("ran longer than 1 s" in shown_errors(tab)) == (mode == "development")


# --- nobody reads any more ------------------------------------------------------------------------------------------


def before_headers(upstream: ScriptedUpstream) -> None:
    upstream.play(Ending.HANG)


def before_the_first_token(upstream: ScriptedUpstream) -> None:
    upstream.play(head(200, {"content-type": "text/event-stream"}), Ending.HANG)


def in_the_middle(upstream: ScriptedUpstream) -> None:
    upstream.answer(["Half"], ending=Ending.HANG)


@pytest.mark.parametrize("phase", [before_headers, before_the_first_token, in_the_middle])
@pytest.mark.parametrize("leave", ["close", "reload", "navigate"])
def test_leaving_the_page_closes_the_connection_to_the_model(
    leave: str,
    phase: Callable[[ScriptedUpstream], None],
    seed_app: Running,
    upstream: ScriptedUpstream,
    tab: Tab,
) -> None:
    number = len(upstream.requests)
    phase(upstream)
    tab.open(seed_app.url).ask("Hi")
    request = upstream.wait_received(number)
    if phase is in_the_middle:
        tab.wait_for_answer("Half")
    began_s = time.monotonic()
    {"close": tab.page.close, "reload": tab.page.reload, "navigate": lambda: tab.page.goto("about:blank")}[
        leave
    ]()
    assert request.wait_closed() - began_s < MAX_CLOSE_S


def test_after_a_reload_the_page_starts_anew(seed_app: Running, upstream: ScriptedUpstream, tab: Tab) -> None:
    upstream.answer(["Half"], ending=Ending.HANG)
    upstream.answer(["Whole"])
    tab.open(seed_app.url).ask("One")
    tab.wait_for_answer("Half")
    tab.page.reload()
    assert tab.lines() == []
    tab.ask("Two")
    tab.wait_for_answer("Whole")
    assert tab.lines()[0] == "user: Two"


# --- the example's page ---------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def example(mode: str, examples: Path, upstream: ScriptedUpstream) -> Iterator[Running]:
    """One recipe of the gallery, as an app of its own."""
    with SERVERS[mode](examples / EXAMPLE, pointing_at(upstream)) as server:
        yield server


def test_the_example_answers_and_keeps_the_focus(
    example: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    upstream.answer(["All", " good."])
    tab.open(example.url)
    tab.page.keyboard.type("How is it going?")
    tab.page.keyboard.press("Enter")
    expect(tab.page.locator(".message.assistant")).to_have_text("Assistant: All good.")
    expect(tab.page.get_by_role("status")).to_have_text("The assistant answered: All good.")
    expect(tab.page.get_by_role("textbox")).to_be_focused()
    assert tab.errors == []


def test_the_example_shows_a_failure_in_place_and_asks_again(
    example: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    upstream.events(CHUNK % "Half", Ending.CLOSE)
    upstream.answer(["Whole."])
    tab.open(example.url).ask("Hi")
    failure = tab.page.get_by_role("main").get_by_role("alert")
    expect(failure).to_be_visible()
    expect(failure.get_by_role("paragraph")).not_to_contain_text("Minified")
    expect(tab.page.locator(".message.assistant")).to_have_text("Assistant: Half")
    failure.get_by_role("button", name="Try again").dispatch_event("click")
    expect(tab.page.locator(".message.assistant")).to_have_text("Assistant: Whole.")
    expect(failure).to_be_hidden()


def test_the_example_stops_an_answer_and_keeps_it(
    example: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    number = len(upstream.requests)
    upstream.answer(["Half"], ending=Ending.HANG)
    upstream.answer(["Whole."])
    tab.open(example.url).ask("Hi")
    expect(tab.page.locator(".message.assistant")).to_have_text("Assistant: Half")
    began_s = time.monotonic()
    tab.page.get_by_role("button", name="Stop").click()
    assert upstream.wait_received(number).wait_closed() - began_s < MAX_CLOSE_S
    expect(tab.page.get_by_role("button", name="Stop")).to_be_hidden()
    expect(tab.page.get_by_role("alert")).to_be_hidden()
    expect(tab.page.get_by_role("textbox")).to_be_focused()
    tab.ask("Once more")
    expect(tab.page.locator(".message.assistant")).to_have_text(["Assistant: Half", "Assistant: Whole."])
    assert tab.errors == []


def test_the_example_announces_an_answer_once_not_token_by_token(
    example: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    tab.open(example.url)
    tab.page.evaluate(LISTEN)
    upstream.answer([f" {number}" for number in range(200)])
    tab.ask("Count")
    expect(tab.page.get_by_role("status")).to_contain_text("answered:")
    spoken = tab.page.evaluate("() => new Set(window.spoken).size")
    assert spoken <= 3


def test_the_example_stays_at_the_newest_line_unless_one_scrolls_up(
    example: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    gate = upstream.new_gate()
    upstream.answer(["line\n" * 200, "line\n" * 200, "the end"], gate=gate)
    tab.open(example.url).ask("Go")
    tab.page.wait_for_function(AT_BOTTOM)
    tab.page.get_by_role("log").hover()
    tab.page.mouse.wheel(0, -3000)
    tab.page.wait_for_function(f"() => !({AT_BOTTOM})()")
    before = tab.page.evaluate("() => document.querySelector('[role=log]').scrollTop")
    gate.open()
    expect(tab.page.locator(".message.assistant")).to_contain_text("the end")
    assert tab.page.evaluate("() => document.querySelector('[role=log]').scrollTop") == before


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_example_fits_a_phone(
    scheme: str, example: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    upstream.answer(["w" * 500])
    tab.page.set_viewport_size({"width": 360, "height": 640})
    tab.page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]  # one of two literals
    tab.open(example.url).ask("W" * 200)
    expect(tab.page.locator(".message.assistant")).to_contain_text("www")
    assert tab.page.evaluate("() => document.documentElement.scrollWidth <= innerWidth")
    expect(tab.page.get_by_role("button", name="Send Message")).to_be_in_viewport()


def wait_for_error(tab: Tab) -> None:
    """Wait until the call's rejection has reached the page, which does not catch it."""
    deadline_s = time.monotonic() + 20
    while not any(error.startswith("uncaught") for error in tab.errors):
        assert time.monotonic() < deadline_s, tab.errors
        tab.page.wait_for_timeout(20)  # lets Playwright deliver events


def shown_errors(tab: Tab) -> str:
    return re.sub(r"\s+", " ", " ".join(tab.errors))
