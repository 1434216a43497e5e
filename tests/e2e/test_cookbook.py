"""The thirteen pages of the cookbook, as they are printed, on actions in Python: what somebody who uses them sees."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page

from flightwire.testing.upstream import ScriptedUpstream

from .conftest import SERVERS, Tab, pointing_at
from .running import Running

COOKBOOK = Path(__file__).parent / "cookbook"
PRINTED = {
    "generate-text": "f0e02d643a2a454c",
    "generate-text-with-chat-prompt": "627531c277340a22",
    "stream-text": "39340469463a3b0a",
    "stream-text-with-chat-prompt": "ec08714ef136bd87",
    "generate-object": "ae5e4dd997d52a8b",
    "stream-object": "173b92f8a4d4abe5",
    "call-tools": "627531c277340a22",
    "call-tools-in-parallel": "627531c277340a22",
    "save-messages-to-database": "1465b4372b8303c5",
    "restore-messages-from-database": "ddd728f51011fd0d",
    "render-visual-interface-in-chat": "1465b4372b8303c5",
    "stream-updates-to-visual-interfaces": "1465b4372b8303c5",
    "stream-ui-record-token-usage": "1465b4372b8303c5",
}
NOTIFICATIONS = {
    "notifications": [
        {"name": "Jamie Roberts", "message": "How's the study grind going?", "minutesAgo": 15},
        {"name": "Alex Chen", "message": "Borrow your notes?", "minutesAgo": 30},
    ]
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All recipes as routes of one app."""
    made = tmp_path_factory.mktemp("cookbook") / "app"
    shutil.copytree(COOKBOOK, made, ignore=shutil.ignore_patterns("__pycache__", ".flightwire"))
    return made


@pytest.fixture(scope="module")
def app(mode: str, folder: Path, upstream: ScriptedUpstream) -> Iterator[Running]:
    database = {"DATABASE_URL": f"sqlite:///{folder.parent}/{mode}.db"}
    with SERVERS[mode](folder, {**pointing_at(upstream), **database}) as server:
        yield server


class Recipe:
    """A recipe's page in the browser, and the model behind it."""

    def __init__(self, app: Running, tab: Tab, upstream: ScriptedUpstream) -> None:
        self.app = app
        self.tab = tab
        self.page: Page = tab.page
        self.upstream = upstream
        self._first = len(upstream.requests)
        self._calls = 0
        self.page.on("request", lambda request: self._count(request.method, 1))
        for event in ("requestfinished", "requestfailed"):
            self.page.on(event, lambda request: self._count(request.method, -1))

    def _count(self, method: str, change: int) -> None:
        self._calls += change if method == "POST" else 0

    def wait_for_calls(self) -> None:
        """Everything that was asked has been answered to the end, and saved."""
        while self._calls:
            self.page.wait_for_timeout(20)

    def open(self, name: str, button: str) -> None:
        self.page.goto(f"{self.app.url}/{name}")
        self.page.get_by_role("button", name=button).wait_for()

    def say(self, text: str, button: str = "Send Message") -> None:
        self.page.get_by_role("textbox").fill(text)
        self.page.get_by_role("button", name=button).click()

    def wait_for_lines(self, *lines: str) -> None:
        """The conversation reads exactly so, in time."""
        expected = list(lines)
        try:
            self.page.wait_for_function(
                f"expected => JSON.stringify(({LINES})()) === JSON.stringify(expected)", arg=expected
            )
        except Exception as error:
            raise AssertionError(
                f"expected {expected}; shown: {self.page.evaluate(LINES)}; {self.tab.errors}"
            ) from error

    def wait_for_text(self, selector: str, text: str) -> None:
        self.page.wait_for_function(
            "([selector, text]) => document.querySelector(selector)?.textContent === text",
            arg=[selector, text],
        )

    def asked(self, turn: int = 0) -> dict[str, Any]:
        """What the model was asked in this turn."""
        return self.upstream.requests[self._first + turn].json

    def messages(self, turn: int = 0) -> list[tuple[str, str]]:
        return [(each["role"], each["content"]) for each in self.asked(turn)["messages"]]


LINES = """() => [...document.querySelectorAll('#root > div > div:first-child > div')].map(line => line.textContent)"""


@pytest.fixture
def recipe(app: Running, tab: Tab, upstream: ScriptedUpstream) -> Iterator[Recipe]:
    upstream._scripts.clear()  # what a failed test has left
    made = Recipe(app, tab, upstream)
    yield made
    assert tab.errors == []


def call(name: str, arguments: dict[str, Any], call_id: str = "call_1") -> dict[str, Any]:
    return {"id": call_id, "name": name, "arguments": arguments}


def test_the_pages_are_those_that_are_printed() -> None:
    hashes = {name: sha256((COOKBOOK / name / "page.tsx").read_bytes()).hexdigest()[:16] for name in PRINTED}
    assert hashes == PRINTED
    assert {file.parent.name for file in COOKBOOK.rglob("page.tsx")} == set(PRINTED)


def test_generate_text(recipe: Recipe) -> None:
    recipe.upstream.answer(["The sky is blue because of ", "Rayleigh scattering."])
    recipe.open("generate-text", "Answer")
    recipe.page.get_by_role("button", name="Answer").click()
    recipe.wait_for_text("#root > div > div", "The sky is blue because of Rayleigh scattering.")
    assert recipe.messages() == [("user", "Why is the sky blue?")]


def test_generate_text_with_chat_prompt(recipe: Recipe) -> None:
    recipe.upstream.answer(["All good, how may I help you?"])
    recipe.upstream.answer(["Rayleigh scattering."])
    recipe.open("generate-text-with-chat-prompt", "Send Message")
    recipe.say("How is it going?")
    first = ["user: How is it going?", "assistant: All good, how may I help you?"]
    recipe.wait_for_lines(*first)
    recipe.say("Why is the sky blue?")
    recipe.wait_for_lines(*first, "user: Why is the sky blue?", "assistant: Rayleigh scattering.")
    assert recipe.messages(1) == [
        ("system", "You are a friendly assistant!"),
        ("user", "How is it going?"),
        ("assistant", "All good, how may I help you?"),
        ("user", "Why is the sky blue?"),
    ]


def test_stream_text(recipe: Recipe) -> None:
    gate = recipe.upstream.new_gate()
    recipe.upstream.answer(["The sky ", "is ", "blue."], gate=gate)
    recipe.open("stream-text", "Ask")
    recipe.page.get_by_role("button", name="Ask").click()
    for shown in ("The sky ", "The sky is ", "The sky is blue."):
        recipe.wait_for_text("#root > div > div", shown)
        gate.release()


def test_stream_text_with_chat_prompt(recipe: Recipe) -> None:
    gate = recipe.upstream.new_gate()
    recipe.upstream.answer(["Dude", ", what's up?"], gate=gate)
    recipe.open("stream-text-with-chat-prompt", "Send Message")
    recipe.say("Hi")
    for shown in ("Dude", "Dude, what's up?"):
        recipe.wait_for_lines("user: Hi", f"assistant: {shown}")
        gate.release()


def test_generate_object(recipe: Recipe) -> None:
    recipe.upstream.answer([json.dumps(NOTIFICATIONS)])
    recipe.open("generate-object", "View Notifications")
    recipe.page.get_by_role("button", name="View Notifications").click()
    recipe.wait_for_text("pre", json.dumps(NOTIFICATIONS, indent=2))
    schema = recipe.asked()["response_format"]["json_schema"]["schema"]
    assert "minutesAgo" in json.dumps(schema)


def test_stream_object(recipe: Recipe) -> None:
    text = json.dumps(NOTIFICATIONS)
    cut = text.index("How's") + len("How's")
    gate = recipe.upstream.new_gate()
    recipe.upstream.answer([text[:cut], text[cut:]], gate=gate)
    recipe.open("stream-object", "Ask")
    recipe.page.get_by_role("button", name="Ask").click()
    begun = [{"name": "Jamie Roberts", "message": "How's"}]
    recipe.wait_for_text("pre", json.dumps(begun, indent=2))
    gate.open()
    recipe.wait_for_text("pre", json.dumps(NOTIFICATIONS["notifications"], indent=2))


def test_call_tools(recipe: Recipe) -> None:
    recipe.upstream.answer(
        tool_calls=[call("celsiusToFahrenheit", {"value": "24"})], finish_reason="tool_calls"
    )
    recipe.open("call-tools", "Send Message")
    recipe.say("24 celsius in fahrenheit?")
    recipe.wait_for_lines("user: 24 celsius in fahrenheit?", "assistant: 24°C is 75.20°F")
    (asked,) = recipe.asked()["tools"]
    assert asked["function"]["name"] == "celsiusToFahrenheit"
    assert asked["function"]["parameters"]["properties"]["value"]["description"] == "The value in celsius"


def test_call_tools_in_parallel(recipe: Recipe) -> None:
    calls = [
        call("getWeather", {"city": city, "unit": "C"}, f"call_{city}") for city in ("Paris", "New York")
    ]
    recipe.upstream.answer(tool_calls=calls, finish_reason="tool_calls")
    recipe.open("call-tools-in-parallel", "Send Message")
    recipe.say("Weather in Paris and New York?")
    recipe.wait_for_lines(
        "user: Weather in Paris and New York?",
        "assistant: It is currently 25°C and Sunny in Paris!\nIt is currently 25°C and Sunny in New York!",
    )


def test_save_messages_to_database(recipe: Recipe) -> None:
    recipe.upstream.answer(["Hello", "!"])
    recipe.upstream.answer(
        tool_calls=[call("showStockInformation", {"symbol": "AAPL", "num_of_months": 2})],
        finish_reason="tool_calls",
    )
    recipe.upstream.answer(["You asked for AAPL."])
    recipe.open("save-messages-to-database", "Send Message")
    recipe.say("Hi")
    recipe.wait_for_lines("user: Hi", "assistant: Hello!")
    recipe.wait_for_calls()
    recipe.say("Show me AAPL")
    stock = "AAPL2024-01-011802024-02-01190"
    recipe.wait_for_lines("user: Hi", "assistant: Hello!", "user: Show me AAPL", f"assistant: {stock}")
    recipe.wait_for_calls()
    recipe.page.reload()
    recipe.wait_for_lines("user: Hi", "assistant: Hello!", f"function: {stock}")
    recipe.say("What did I ask for?")
    recipe.wait_for_lines(
        "user: Hi",
        "assistant: Hello!",
        f"function: {stock}",
        "user: What did I ask for?",
        "assistant: You asked for AAPL.",
    )
    assert ("user", "Hi") in recipe.messages(2)
    assert ("user", "What did I ask for?") in recipe.messages(2)


def test_restore_messages_from_database(recipe: Recipe) -> None:
    recipe.upstream.answer(["Nice to meet you."])
    recipe.open("restore-messages-from-database", "Send")
    recipe.say("I am Ann", "Send")
    recipe.wait_for_lines("user: I am Ann", "assistant: Nice to meet you.")
    assert recipe.page.get_by_role("textbox").input_value() == ""
    recipe.wait_for_calls()
    recipe.page.reload()
    recipe.wait_for_lines("user: I am Ann", "assistant: Nice to meet you.")
    assert recipe.page.locator(".message.assistant").count() == 1


def test_render_visual_interface_in_chat(recipe: Recipe) -> None:
    recipe.upstream.answer(["I can show ", "stocks."])
    recipe.upstream.answer(
        tool_calls=[
            call("showStockInformation", {"symbol": "MSFT", "num_of_months": 1}, "call_1"),
            call("showFlightStatus", {"flight_number": "BA42"}, "call_2"),
        ],
        finish_reason="tool_calls",
    )
    recipe.upstream.answer(["Bye."])
    recipe.open("render-visual-interface-in-chat", "Send Message")
    recipe.say("What can you do?")
    recipe.wait_for_lines("user: What can you do?", "assistant: I can show stocks.")
    recipe.say("MSFT, and BA42")
    both = ["user: MSFT, and BA42", "assistant: MSFT2024-01-01180BA42On timeSFOJFK"]
    recipe.wait_for_lines("user: What can you do?", "assistant: I can show stocks.", *both)
    recipe.wait_for_calls()
    recipe.say("Bye")
    recipe.wait_for_lines(
        "user: What can you do?", "assistant: I can show stocks.", *both, "user: Bye", "assistant: Bye."
    )
    said = [content for role, content in recipe.messages(2) if role == "assistant"]
    assert "Showing stock information for MSFT" in said
    assert "Showing flight status for BA42" in said


def test_stream_updates_to_visual_interfaces(recipe: Recipe) -> None:
    recipe.upstream.answer(
        tool_calls=[call("deploy", {"repository_name": "vercel/ai-chatbot"})], finish_reason="tool_calls"
    )
    recipe.open("stream-updates-to-visual-interfaces", "Send Message")
    recipe.page.evaluate(WATCH)
    recipe.say("Deploy it")
    recipe.wait_for_lines("user: Deploy it", "assistant: vercel/ai-chatbot deployed!")
    states = recipe.page.evaluate("() => window.states")
    assert states[-3:] == [
        "assistant: Cloning repository vercel/ai-chatbot...",
        "assistant: Building repository vercel/ai-chatbot...",
        "assistant: vercel/ai-chatbot deployed!",
    ]


def test_record_token_usage(recipe: Recipe) -> None:
    usage = {"prompt_tokens": 123, "completion_tokens": 45, "total_tokens": 168}
    recipe.upstream.answer(["Nothing to deploy."], usage=usage)
    recipe.open("stream-ui-record-token-usage", "Send Message")
    recipe.say("Hi")
    recipe.wait_for_lines("user: Hi", "assistant: Nothing to deploy.")
    recipe.app.wait_for_line("Total tokens: 168")
    assert re.search("Prompt tokens: 123\nCompletion tokens: 45\n", recipe.app.output)


WATCH = f"""() => {{
  window.states = [];
  const see = () => {{
    const text = ({LINES})()[1];
    if (text !== undefined && text !== window.states.at(-1)) window.states.push(text);
  }};
  new MutationObserver(see).observe(document.querySelector('#root'), {{ subtree: true, childList: true, characterData: true }});
}}"""
