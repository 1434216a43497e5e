"""JSON that is still being written: what is visible at every prefix, as in the original, in linear time."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from flightwire.core.partial_json import MAX_DEPTH, PartialJSON, parse_partial_json

from .npm import NpmAI

TEXTS = [
    "",
    "a",
    "Grüße",
    'say "hi"',
    "back\\slash",
    "line\nbreak",
    "tab\t",
    "\u2028",
    "😀 ok",
    "{[,:]}",
    "true",
]
KEYS = ["a", "b", "name", "Größe", "x y", "", "true", "1"]


def fed(*deltas: str) -> PartialJSON:
    reader = PartialJSON()
    for delta in deltas:
        reader.feed(delta)
    return reader


def some_json(random: random.Random, depth: int = 0) -> Any:
    kind = random.randrange(7 if depth < 4 else 5)
    if kind == 0:
        return random.choice([True, False, None])
    if kind == 1:
        return random.choice([0, 7, -1, 120, -45, 2**40])
    if kind == 2:
        return random.choice([0.5, -1.25, 1e-7, 3.0, 12.5e10])
    if kind in (3, 4):
        return "".join(random.choices(TEXTS, k=random.randrange(3)))
    if kind == 5:
        return [some_json(random, depth + 1) for _ in range(random.randrange(4))]
    return {random.choice(KEYS): some_json(random, depth + 1) for _ in range(random.randrange(4))}


def documents(count: int) -> Iterator[str]:
    rng = random.Random(20261125)
    for _ in range(count):
        style: dict[str, Any] = rng.choice([{}, {"indent": 2}, {"separators": (",", ":")}])
        yield json.dumps(some_json(rng), ensure_ascii=rng.random() < 0.5, **style)


def state_of(text: str) -> tuple[str, Any]:
    parsed = parse_partial_json(text)
    return parsed.state, parsed.value


@pytest.mark.node
def test_every_prefix_is_what_the_original_makes_of_it(npm_ai: NpmAI) -> None:
    prefixes = [text[:end] for text in documents(1500) for end in range(len(text) + 1)]
    assert len(prefixes) > 8000
    theirs = [(answer["state"], answer.get("value")) for answer in npm_ai.partials(prefixes)]
    differences = [
        (prefix, ours, original)
        for prefix, ours, original in zip(prefixes, map(state_of, prefixes), theirs, strict=True)
        if ours != original
    ]
    assert differences == []


@pytest.mark.node
@pytest.mark.parametrize(
    "text",
    [
        "[-",
        "[ -",
        "-",
        "[1,-",
        '{"a":-',
        "[1.",
        "[1e",
        "[1e-",
        "tru",
        "[n",
        "tx",
        "[tx",
        '{"a":tx',
        '"',
        '"\\',
        '"\\u00',
        '"\\ud83d',
        '"\\ud83d\\ude0',
        '"\\ud83d\\ude00',
        "[1 ",
        "[1 x",
        "[x",
        "[1,x",
        '{"a" 1',
        '{"a":1 "b"',
        "{}x",
        "[] ```",
        " ",
        "null ",
        "01",
        "[01",
        '{"a":1}}',
        "[1]]",
        '"\n',
        '"\\x',
        '"a\\u0g',
        '{"a":1,"a":{"b":2',
        '{"a":1,}',
        "[1,]",
        "Here is {",
        '{"a":1x',
        "1.5",
        "-0",
        "0.",
    ],
)
def test_odd_text_is_what_the_original_makes_of_it(npm_ai: NpmAI, text: str) -> None:
    [theirs] = npm_ai.partials([text])
    assert state_of(text) == (theirs["state"], theirs.get("value"))


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_deltas_of_any_size_show_the_same(size: int) -> None:
    for text in documents(60):
        reader = PartialJSON()
        for at in range(0, len(text), size):
            reader.feed(text[at : at + size])
            state = parse_partial_json(text[: at + size])
            assert (reader.snapshot() if reader.is_visible else None) == state.value
            assert reader.complete == (state.state == "successful-parse")


def test_feed_says_whether_the_visible_value_changed() -> None:
    reader = PartialJSON()
    deltas = ["{", '"a', '":', ' "', "x", "\\u00", "e9", '"', ",", '"b":1', ".", "0", "5", ":"]
    changed = [reader.feed(delta) for delta in deltas]
    assert changed == [
        True,
        False,
        False,
        True,
        True,
        False,
        True,
        False,
        False,
        True,
        False,
        False,
        True,
        False,
    ]


def test_an_exponent_with_a_plus_shows_its_digits() -> None:
    # The original shows 1 until the object goes on; that is neither the number nor a prefix of it.
    assert parse_partial_json('{"a":1e+2').value == {"a": 100.0}


def test_a_quote_in_a_key_does_not_hide_the_value() -> None:
    # The original takes the escaped quote for the end of the key and shows nothing for a while.
    assert parse_partial_json('{"a\\":b":"x').value == {'a":b': "x"}


def test_snapshots_do_not_change_later() -> None:
    reader = fed('{"items":[{"n":1},{"n":2')
    before = reader.snapshot()
    reader.feed('0,"m":[3]},{"n":4}],"z":1}')
    assert before == {"items": [{"n": 1}, {"n": 2}]}
    assert reader.snapshot() == {"items": [{"n": 1}, {"n": 20, "m": [3]}, {"n": 4}], "z": 1}


def test_changing_a_snapshot_of_what_is_open_changes_nothing_else() -> None:
    reader = fed('{"items":[1')
    mine = reader.snapshot()
    mine["items"].append(99)
    mine["more"] = True
    reader.feed("2,3]}")
    assert reader.snapshot() == {"items": [12, 3]}


def test_members_are_found_without_copying() -> None:
    reader = fed('{"a":[1,2')
    assert reader.list_of("a") == [1]
    assert reader.has_open_item("a")
    assert reader.text_of("a") is None
    reader.feed('],"b":"x')
    assert reader.list_of("a") == [1, 2]
    assert not reader.has_open_item("a")
    assert (reader.text_of("b"), reader.list_of("b")) == ("x", None)
    reader.feed('y"}')
    assert (reader.text_of("b"), reader.list_of("a")) == ("xy", [1, 2])
    assert fed("[1").list_of("a") is None


def test_a_text_that_is_no_json_keeps_what_was_visible() -> None:
    reader = fed('{"a":1} and that was it')
    assert reader.broken
    assert reader.snapshot() == {"a": 1}
    assert not reader.complete


def test_nesting_beyond_the_limit_is_not_shown() -> None:
    assert not fed("[" * MAX_DEPTH).broken
    assert fed("[" * (MAX_DEPTH + 1)).broken


@pytest.mark.parametrize("number", ["1" * 5000, "0." + "1" * 5000, "1e" + "9" * 5000])
def test_endless_numbers_end_what_is_visible(number: str) -> None:
    reader = fed("[", *number)
    assert reader.broken


def test_nothing_is_no_text() -> None:
    assert parse_partial_json(None).state == "undefined-input"


SHAPES = {
    "objects": lambda n: json.dumps([{"name": "Ann", "message": "Hello there", "n": 5}] * (n // 48)),
    "text": lambda n: json.dumps({"text": "word " * (n // 5)}),
    "numbers": lambda n: json.dumps([1] * (n // 3)),
    "keys": lambda n: json.dumps({f"key{i}": i for i in range(n // 18)}),
    "escapes": lambda n: json.dumps("\n" * (n // 2)),
    "spaces": lambda n: "[" + " " * n + "]",
    "garbage": lambda n: "[x" + "y" * n,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_reading_takes_time_in_proportion_to_the_text(shape: str) -> None:
    def cost_per_char(size: int) -> float:
        text = SHAPES[shape](size)
        best = float("inf")
        for _ in range(3):
            reader, started = PartialJSON(), time.process_time()
            for at in range(0, len(text), 4):
                reader.feed(text[at : at + 4])
            best = min(best, (time.process_time() - started) / len(text))
        return best

    assert cost_per_char(200_000) < 2.5 * cost_per_char(20_000)
