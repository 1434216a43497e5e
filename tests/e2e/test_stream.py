"""Answers grow in the page while the model makes them; every delta arrives, once and in order."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from flightwire.testing.upstream import ScriptedUpstream

from .conftest import Tab
from .running import Running

TOKENS = ["Because", " of", " Rayleigh", " scattering", "."]


def test_a_token_is_shown_before_the_next_is_sent(
    seed_app: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    gate = upstream.new_gate()
    upstream.answer(TOKENS, gate=gate)
    tab.open(seed_app.url).ask("Why is the sky blue?")
    for count in range(1, len(TOKENS) + 1):
        tab.wait_for_answer("".join(TOKENS[:count]))
        gate.release()
    assert tab.lines()[0] == "user: Why is the sky blue?"
    assert tab.errors == []


def test_the_conversation_goes_on(seed_app: Running, upstream: ScriptedUpstream, tab: Tab) -> None:
    tab.open(seed_app.url)
    for turn, answer in enumerate(["One.", "Two."], start=1):
        upstream.answer([answer])
        tab.ask(f"Question {turn}")
        tab.wait_for_answer(answer, turn=turn)
    messages = upstream.requests[-1].json["messages"]
    assert [message["content"] for message in messages][1:] == ["Question 1", "One.", "Question 2"]  # type: ignore[index]


def test_two_chats_at_once_stay_apart(
    seed_app: Running, upstream: ScriptedUpstream, new_tab: Callable[[], Tab]
) -> None:
    gates = [upstream.new_gate(), upstream.new_gate()]
    tabs = [new_tab().open(seed_app.url), new_tab().open(seed_app.url)]
    for name, tab, gate in zip("AB", tabs, gates, strict=True):
        upstream.answer([f"{name}1", f" {name}2", f" {name}3"], gate=gate)
        tab.ask(name)
        tab.wait_for_answer(f"{name}1")
    gates[1].release()
    tabs[1].wait_for_answer("B1 B2")
    assert tabs[0].lines()[1] == "assistant: A1"
    gates[0].open()
    tabs[0].wait_for_answer("A1 A2 A3")
    gates[1].open()
    tabs[1].wait_for_answer("B1 B2 B3")


@pytest.mark.parametrize(
    "tokens",
    [
        ["$", "$1", "$Q2", "$undefined", "$$", "$@3", " $L4"],
        ['"', "\\", "\n", "\\n", "</script>", "<!--", "\u2028", "\u2029"],
        ["👩", "\u200d", "🔬", " e", "\u0301", " 🇫", "🇷"],
        ["مرحبا", " ", "שלום", "\u200f", "!"],
        ["0:null\n", "1:E{}\n", "\r\n", "data: x\n\n"],
        ["a" * 5000, "é" * 5000, "b"],
        ["", "x", "", "  ", "x"],
    ],
    ids=["dollars", "escapes", "emoji", "rtl", "rows", "long", "empty"],
)
def test_text_arrives_as_it_was_made(
    tokens: list[str], seed_app: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    upstream.answer(tokens)
    tab.open(seed_app.url).ask("$1 & <b>?</b> 🙂")
    tab.wait_for_answer("".join(tokens))
    assert tab.lines()[0] == "user: $1 & <b>?</b> 🙂"
    assert tab.errors == []


def test_half_characters_and_nul_from_a_model_are_replaced(
    seed_app: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    chunk = '{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":"%s"}}]}'
    upstream.events(chunk % "a\\ud83d", chunk % "b\\u0000c", chunk % "\\ude00d", "[DONE]")
    tab.open(seed_app.url).ask("Hi")
    tab.wait_for_answer("a\ufffdb\ufffdc\ufffdd")


@pytest.mark.timeout(180)
def test_an_answer_of_20000_tokens_arrives_whole(
    seed_app: Running, upstream: ScriptedUpstream, tab: Tab
) -> None:
    tokens = [f" {number}" for number in range(20_000)]
    upstream.answer(tokens, tokens_per_write=50)
    tab.open(seed_app.url).ask("Count.")
    tab.wait_for_answer("".join(tokens), timeout_ms=120_000)
    assert tab.errors == []
