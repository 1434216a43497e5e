"""Plain JSON takes a short way: it costs little more than json.dumps, and arrives as it would the long way."""

from __future__ import annotations

import gc
import json
import math
import random
from collections.abc import Callable
from copy import deepcopy
from time import process_time
from typing import Any

import pytest

from flightwire.wire.flight.plain import MIN_ENTRIES, plain_json
from flightwire.wire.flight.writer import Writer

from .canon import canon, plain
from .react import React

TWO_MEGABYTES = 2_000_000
TAGS = ["a", "b"]


def filled(make: Callable[[int], object]) -> dict[str, Any]:
    """A dict of some 2 MB of JSON."""
    count = TWO_MEGABYTES // (len(json.dumps([make(i) for i in range(100)])) // 100)
    return {"data": [make(i) for i in range(count)]}


def words(i: int) -> str:
    return random.Random(i).choice(["alpha", "beta", "gamma", "delta", "x" * 20])


def with_one(odd: object) -> dict[str, Any]:
    made = filled(lambda i: {"id": i, "name": words(i)})
    made["data"].append(odd)
    return made


SHAPES: dict[str, Callable[[], object]] = {
    "small dicts": lambda: filled(lambda i: {"id": i, "name": words(i), "ok": True, "score": i / 2}),
    "one-key dicts": lambda: filled(lambda i: {"a": i}),
    "nested": lambda: filled(lambda i: {"a": {"b": {"c": [1, 2, {"d": "x"}]}}}),
    "a flat dict": lambda: {f"key{i}": i for i in range(120_000)},
    "chat messages": lambda: filled(lambda i: {"role": "user", "content": "lorem ipsum " * (5 + i % 80)}),
    "long texts": lambda: filled(lambda i: "lorem ipsum " * 500),
    "texts that begin with a dollar": lambda: filled(lambda i: "$" + words(i)),
    "prices": lambda: filled(lambda i: {"id": i, "price": "$5.99"}),
    "quoted prices": lambda: filled(lambda i: {"text": 'costs "$5" or "$6"'}),
    "keys that begin with a dollar": lambda: filled(lambda i: {"$ref": i, "b": "$x"}),
    "texts that are not ASCII": lambda: filled(lambda i: "héllo wörld " + words(i)),
    "emoji": lambda: filled(lambda i: {"text": "🦜 hi"}),
    "numbers": lambda: filled(lambda i: i),
    "numbers near 2**53": lambda: filled(lambda i: 2**53 - i),
    "embeddings": lambda: filled(lambda i: [random.Random(i).random() for _ in range(64)]),
    "one dollar": lambda: with_one("$5"),
    "one list in every place": lambda: filled(lambda i: {"id": i, "name": "lorem ipsum " * 4, "tags": TAGS}),
    "one tuple in every place": lambda: filled(lambda i: ()),
}
BESIDES_JSON: dict[str, Callable[[], object]] = {
    "one number that is none": lambda: with_one(math.nan),
    "one infinity": lambda: with_one(-math.inf),
    "one lone surrogate": lambda: with_one("\ud800"),
    "one tuple": lambda: with_one((1, 2)),
    "tuples": lambda: filled(lambda i: (i, "a")),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_two_megabytes_cost_at_most_three_times_json_dumps(shape: str) -> None:
    assert costs_at_most(3, SHAPES[shape]())


@pytest.mark.parametrize("shape", BESIDES_JSON)
def test_what_json_has_no_words_for_costs_little_more(shape: str) -> None:
    assert costs_at_most(4, BESIDES_JSON[shape]())


def costs_at_most(times: int, value: object) -> bool:
    return any(
        cpu_s(lambda: Writer().start(value)) <= times * cpu_s(lambda: json.dumps(value)) for _ in range(10)
    )


def cpu_s(work: Callable[[], object]) -> float:
    gc.collect()
    start = process_time()
    work()
    return process_time() - start


PADDING = [0] * MIN_ENTRIES

ODD: list[Any] = [
    "$",
    "$$1",
    '"$1',
    '\\"$1',
    "\\",
    '"',
    '","$1","',
    '","$1":1,"',
    ':"$1":',
    '$1":',
    '$1\\":"',
    "NaN",
    ",NaN,",
    "[Infinity]",
    ":-Infinity}",
    "\ud800$",
    "$\udfff",
    "constructor",
    "__proto__",
    "\n1:I[]\n",
    {"$1": "$1"},
    {"$$$": "$", "$": "$$", "$$": "$$$"},
    {'$1":"$2': '$1":"$2'},
    {'"$1': "$"},
    {"$\ud800": "$\ud800"},
    {"constructor": "prototype"},
    {"constructor": {"name": 1}},
    {"then": "$h1"},
    {"a:b": [1]},
    {"": {"": "$"}},
    ("$1", ("$2",)),
    math.nan,
    math.inf,
    -math.inf,
    -0.0,
    5e-324,
    1e300,
    2**53,
    -(2**53),
    [],
    {},
    (),
]


@pytest.mark.parametrize("first", ODD, ids=repr)
def test_odd_values_arrive_the_short_way(first: Any, react: React) -> None:
    """Each beside each: what one makes of the JSON must not be taken for another."""
    value = [*PADDING, *([deepcopy(first), deepcopy(second)] for second in ODD)]
    assert plain(react.decode(Writer().start(value))) == canon(as_lists(value))


def as_lists(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: as_lists(item) for key, item in value.items() if key != "__proto__"}
    return [as_lists(item) for item in value] if isinstance(value, (list, tuple)) else value


@pytest.mark.parametrize(
    "value",
    [
        [*PADDING, {1: 2}],
        [*PADDING, {True: 2, "a": 1}],
        [*PADDING, 2**53 + 1],
        [*PADDING, "x" * 1024],
        [*PADDING, {"__proto__": 1}],
        [*PADDING, {"constructor": {"prototype": 1}}],
        [*PADDING, b"bytes"],
        [*PADDING, *[["shared"]] * 2],
        [*PADDING, math.nan, ",NaN,"],
    ],
    ids=repr,
)
def test_what_is_not_plain_takes_the_long_way(value: list[Any]) -> None:
    assert plain_json(value) is None


def test_numbers_that_are_none_keep_their_names_beside_dollars(react: React) -> None:
    value = [*PADDING, {"$k": math.nan, "v": "$NaN"}, [math.inf, -math.inf, '"$x'], "$Infinity"]
    assert plain_json(value) is not None
    assert plain(react.decode(Writer().start(value))) == canon(value)


class Word(str):
    """Text of a class of its own."""


def test_key_of_a_class_of_its_own_is_text(react: React) -> None:
    value = [*PADDING, {Word("a"): 1}, {"a": 1}]
    assert react.decode(Writer().start(value))[-2:] == [{"a": 1}, {"a": 1}]
