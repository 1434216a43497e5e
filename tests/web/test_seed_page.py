"""The AI SDK's recipe page, byte for byte, in a folder with nothing else but `actions.py`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from .conftest import AppFolder, Tab, chain, send_rows

pytestmark = pytest.mark.browser

# ai-sdk.dev, cookbook/rsc/stream-text-with-chat-prompt
SEED_PAGE = Path(__file__).parents[1] / "e2e" / "seed" / "page.tsx"
MODES = pytest.mark.parametrize("mode", ["development", "production"])
PREFIXES = pytest.mark.parametrize("prefix", ["", "/x/y"])


@pytest.fixture
def seed(app: AppFolder) -> AppFolder:
    (app.path / "page.tsx").write_bytes(SEED_PAGE.read_bytes())
    app.write("actions.py", "# read by Python alone\n")
    app.declare("continueConversation", types=("Message",))
    return app


async def answer(_call, body, send) -> None:
    history = json.loads(body)[0]
    first, *rest = chain(["The ", "sky ", "is ", "$blue"])
    await send_rows(send, first.replace("[]", json.dumps(history), 1), *rest)


@MODES
@PREFIXES
def test_the_seed_page_calls_its_action_and_shows_every_delta(seed, serve, tab: Tab, mode, prefix):
    with serve(mode, answer, prefix) as server:
        tab.page.goto(server.url)
        tab.page.locator("input").fill("Why is the sky blue?")
        tab.page.get_by_role("button", name="Send Message").click()
        tab.page.get_by_text("assistant: The sky is $blue").wait_for()
        assert tab.page.get_by_text("user: Why is the sky blue?").is_visible()
    (call,) = server.calls
    assert call["path"] == f"{prefix}/"
    assert call["headers"]["rsc-action-id"] == "actions#continueConversation"
    assert call["headers"]["accept"] == "text/x-component"
    assert call["headers"]["flightwire-page"] == "page.tsx"
    assert json.loads(call["body"]) == [[{"role": "user", "content": "Why is the sky blue?"}]]
    assert tab.console == []


@MODES
def test_the_page_says_how_long_its_actions_may_run(seed, serve, tab: Tab, mode):
    with serve(mode) as server:
        tab.page.goto(server.url)
        assert server.pages.max_duration_s("page.tsx") == 30
        assert server.pages.max_duration_s("other.tsx") is None


def test_the_folder_gains_nothing_but_its_state_folder(seed, serve, tab: Tab):
    with serve("development") as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("button").wait_for()
    assert sorted(path.name for path in seed.path.iterdir()) == [".flightwire", "actions.py", "page.tsx"]
    assert (seed.path / ".flightwire" / ".gitignore").read_text() == "*\n"


def test_a_chain_of_20_000_deltas_leaves_the_development_console_empty(seed, serve, tab: Tab):
    deltas = [f"{number} " for number in range(20_000)]

    async def long_answer(_call, _body, send) -> None:
        await send_rows(send, "\n".join(chain(deltas)))

    with serve("development", long_answer) as server:
        tab.page.goto(server.url)
        tab.page.get_by_role("button").click()
        tab.page.get_by_text("19999").wait_for(timeout=60_000)
        assert tab.page.locator("#root").inner_text().count(" ") >= 19_999
    assert tab.console == []
