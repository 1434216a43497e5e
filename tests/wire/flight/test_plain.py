"""Plain JSON takes a short way: it costs little more than json.dumps, and arrives as it would the long way."""

from __future__ import annotations

import json
import math
import os
import random
import re
import sys
from collections.abc import Callable
from copy import deepcopy
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest
from bench.plain_json import AUTHOR, BESIDES_JSON, SHAPES, TAGS, nested, tree
from msgspec import Raw

from flightwire.errors import EncodeError
from flightwire.wire.flight import model as flight_model
from flightwire.wire.flight import sharing as flight_sharing
from flightwire.wire.flight import survey as flight_survey
from flightwire.wire.flight.encoders import HANDLERS
from flightwire.wire.flight.model import ModelEncoder
from flightwire.wire.flight.plain import MIN_ENTRIES, plain_json
from flightwire.wire.flight.survey import has_values
from flightwire.wire.flight.values import MAX_DEPTH
from flightwire.wire.flight.writer import Writer

from .canon import canon, plain
from .react import React, deep_recursion
from .samples import Deferred, Snapshot

# Steps in Python are counted, the same on every machine; `make bench ARGS=json` says what they take. The long way makes
# some hundred for each container.
STEPS = 4_000
STEPS_PER_CONTAINER = 0.1
# Where very many things are shared, or are tuples that could be.
FEW_STEPS_EACH = frozenset(
    {
        "a dict in a list and in one other dict",
        "messages of thirty authors in an index and a list",
        "thirty authors",
        "tuples that are constants",
    }
)


@pytest.mark.parametrize("shape", {**SHAPES, **BESIDES_JSON})
def test_two_megabytes_take_few_steps_in_python(shape: str) -> None:
    value = {**SHAPES, **BESIDES_JSON}[shape]()
    assert steps(value) <= most_steps(value, 2 if shape in FEW_STEPS_EACH else STEPS_PER_CONTAINER)


def test_what_stands_beside_a_stream_takes_few_steps_too() -> None:
    value = {"rows": SHAPES["small dicts"](), "stream": Snapshot("a")}
    assert steps(value) <= most_steps(value, STEPS_PER_CONTAINER)


def test_the_count_tells_what_takes_the_long_way() -> None:
    """What JavaScript gives a meaning to makes it the long way: that must not be forgiven."""
    value = {"data": [[{"__proto__": 1}], *([] for _ in range(10_000))]}
    assert steps(value) > most_steps(value, 2)


def most_steps(value: object, each: float) -> float:
    return STEPS + each * containers(value)


def steps(value: object) -> int:
    """How many functions Python calls to write a value."""
    calls = 0

    def count(_: object, event: str, __: object) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        Writer().start(value)
    finally:
        sys.setprofile(before)
    return calls


def containers(value: object) -> int:
    """How many there are, in every place of each."""
    count, waiting = 0, [value]
    while waiting:
        match waiting.pop():
            case dict() as inner:
                count += 1
                waiting += inner.values()
            case list() | tuple() as inner:
                count += 1
                waiting += inner
    return count


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
        [*PADDING, *[["shared"]] * 2],
        [*PADDING, [], *[([],)] * 2],
        [*PADDING, *[(((), {}),)] * 2],
        [*PADDING, {"__proto__": 1}],
        [*PADDING, {"constructor": {"prototype": 1}}],
        [*PADDING, b"bytes"],
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


def test_long_text_has_a_row_of_its_own_unless_it_is_among_many_values(react: React) -> None:
    text = '$long "text"\n' * 100
    few, many = [*PADDING, text], [*[0] * 5000, text, {"a": text}]
    assert b":T" in Writer().start(few)
    assert plain_json(many) is not None
    assert plain(react.decode(Writer().start(many))) == canon(many)


def test_prototype_of_a_constructor_is_left_out_and_its_other_fields_stay(react: React) -> None:
    value = [*PADDING, {"constructor": {"name": "Ferrari"}}, {"constructor": {"prototype": 1, "a": 2}}]
    assert react.decode(Writer().start(value))[-2:] == [
        {"constructor": {"name": "Ferrari"}},
        {"constructor": {"a": 2}},
    ]


@pytest.mark.parametrize("levels", [MAX_DEPTH, MAX_DEPTH + 1])
@pytest.mark.parametrize("inner", [[], [0], {"a": 0}, ()], ids=repr)
def test_as_many_levels_are_plain_as_can_be_written(levels: int, inner: object) -> None:
    value = nested(levels - 2, inner)
    assert (plain_json([*PADDING, value]) is not None) == (levels <= MAX_DEPTH)


def test_tree_of_few_branches_is_written_in_one_go_and_a_small_one_stays_addressable() -> None:
    large, small = tree(10, 2), tree(3, 2)
    assert isinstance(encoded(large), Raw)
    assert isinstance(encoded({"tree": large, "at": datetime.now(UTC)})["tree"], Raw)
    assert not isinstance(encoded(small), Raw)


def test_small_result_is_not_looked_at_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("it has few values")

    monkeypatch.setattr(flight_model, "plain_json", refuse)
    items = [{"id": i, "title": "a", "done": False} for i in range(5)]
    assert Writer().start({"ok": True, "items": items, "more": {"items": items}}).count(b"title") == 5
    with pytest.raises(AssertionError):
        Writer().start(tree(10, 2))


@pytest.mark.parametrize(
    "value", [["$"], ["a", "$"], [["$x"]], ['"$'], {"$": "$"}, {"a": ",$", "$b": 1}], ids=repr
)
def test_many_keys_that_begin_with_a_dollar_stay_beside_texts_that_do(value: Any, react: React) -> None:
    keys = {f"$key{i}": rest for i, rest in enumerate(["$", "a", 1, '"$', ["$", "$"]] * 20)}
    for whole in (
        {**keys, "value": value},
        {**dict.fromkeys(keys, "$"), "$": deepcopy(value)},
        [*PADDING, keys, value],
    ):
        assert plain(react.decode(Writer().start(whole))) == canon(whole)


def encoded(value: Any) -> Any:
    encoder = ModelEncoder(HANDLERS)
    with encoder.transaction(""):
        return encoder.encode(value, None, "0")


@pytest.mark.parametrize("at_a_time", [1, 2, 3, 512])
def test_plain_is_what_stands_in_one_place(at_a_time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """However few are looked at together, and whoever else holds what is looked at."""
    monkeypatch.setattr(flight_survey, "_CONTAINERS_AT_A_TIME", at_a_time)
    monkeypatch.setattr(flight_survey, "_VALUES_AT_A_TIME", at_a_time + 1)
    monkeypatch.setattr(flight_survey, "_FEW_DICTS", at_a_time)
    answers = set()
    for seed in range(4000):
        rng = random.Random(seed)
        pool: list[Any] = []
        value = [shared(rng, 5, pool) for _ in range(3)]
        if rng.random() < 0.7:
            pool.clear()  # then nobody else holds them
        is_plain = stands_once(value, set())
        assert (plain_json(value) is not None) == is_plain, seed
        answers.add(is_plain)
    assert answers == {True, False}


def shared(rng: random.Random, levels: int, pool: list[Any]) -> Any:
    """Containers in each other, some of them in more than one place."""
    if pool and rng.random() < 0.03:
        return rng.choice(pool)
    inner = [shared(rng, levels - 1, pool) for _ in range(rng.randrange(4))] if levels else []
    kind = rng.randrange(4)
    made: Any = [inner, tuple(inner), dict(zip("abc", inner, strict=False)), rng.choice([1, "a", None])][kind]
    if kind < 3:
        pool.append(made)
    return made


SHARED_VALUES = int(os.environ.get("FLIGHTWIRE_VALUES", "500"))
NASTY = [
    "$",
    "$1",
    '"$1',
    "[]",
    "{}",
    '["]',
    "],[",
    "\xff1",
    "ÿ1",
    '["],["]',
    "[",
    ",NaN,",
    "\ud800",
    "\\",
    "a:b",
]


def nasty(rng: random.Random, levels: int, pool: list[Any]) -> Any:
    """Containers in each other, many of them in more than one place, among texts that look like JSON and references."""
    if pool and rng.random() < 0.3:
        return rng.choice(pool)
    if not levels or rng.random() < 0.2:
        return rng.choice([*NASTY, 1, 0.5, None, math.nan if rng.random() < 0.02 else True])
    inner = [nasty(rng, levels - 1, pool) for _ in range(rng.choice([0, 0, 1, 2, 3]))]
    keys = rng.sample(["a", "b", "$1", "constructor", '"$', "a:b", "prototype"], len(inner))
    made: Any = rng.choice([inner, tuple(inner), dict(zip(keys, inner, strict=True))])
    if not isinstance(made, tuple):
        pool.append(made)
    return made


@pytest.mark.parametrize("at_a_time", [2, 512])
def test_whatever_is_shared_arrives_as_it_would_the_long_way(
    at_a_time: int, react: React, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Values and identities, in every React; each row comes before those that refer to it."""
    monkeypatch.setattr(flight_survey, "_CONTAINERS_AT_A_TIME", at_a_time)
    monkeypatch.setattr(flight_survey, "_VALUES_AT_A_TIME", at_a_time + 1)
    monkeypatch.setattr(flight_survey, "_FEW_SHARED", at_a_time // 32)
    monkeypatch.setattr(flight_sharing, "_AT_A_TIME", at_a_time)
    values = []
    for seed in range(at_a_time, SHARED_VALUES + at_a_time):
        pool: list[Any] = []
        rng = random.Random(seed)
        values.append([*PADDING, *(nasty(rng, 5, pool) for _ in range(rng.choice([3, 30])))])
    assert sum(isinstance(encoded(value), Raw) for value in values) > SHARED_VALUES // 2
    short = [Writer().start(value) for value in values]
    for body in short:
        known: set[bytes] = set()
        for line in body.splitlines():
            row_id, _, row = line.partition(b":")
            if not row.startswith(b"T"):
                assert set(re.findall(rb'(?<!\\)"\$([0-9a-f]+)"(?!:)', row)) <= known, body
            known.add(row_id)
    monkeypatch.setattr(flight_model, "plain_json", lambda *_: None)
    long = [Writer().start(value) for value in values]
    for first, second in zip(react.decode_all(short), react.decode_all(long), strict=True):
        assert first["errors"] == []
        assert plain(first["value"]) == plain(second["value"])


@pytest.mark.parametrize(
    "text", ["[]", '["],["]', '["x"]', "]", '"', "\xff1", "$1", ",NaN,", "flightwire: a reference"]
)
def test_text_that_looks_like_what_is_shared_is_text(text: str, react: React) -> None:
    for one, surrogate in product(([], ["],["], ["x"], [[]], {}, {"a": text}, [text]), ["", "\ud800"]):
        value = [*PADDING, one, text, [text], one, surrogate, ["["], one, [[text]], {text: one}]
        assert plain(react.decode(Writer().start(value))) == canon(value)


def test_shared_row_is_referred_to_from_outside(react: React) -> None:
    rows = [{"author": AUTHOR} for _ in range(100)]
    value = {
        "before": TAGS,
        "at": datetime.now(UTC).replace(microsecond=0),
        "rows": [*rows, TAGS, TAGS],
        "author": AUTHOR,
    }
    body = Writer().start(value)
    assert b'"author":"$' in body.splitlines()[-1]
    assert plain(react.decode(body)) == plain(canon(value))


@pytest.mark.parametrize("change", [None, "a message", "the author", "what the author holds"])
def test_unchanged_value_with_shared_parts_is_referred_to_later(change: str | None, react: React) -> None:
    author: dict[str, Any] = {"name": "Ada", "tags": (tags := ["x"])}
    messages: list[Any] = [{"id": i, "author": author, "tags": tags} for i in range(100)]
    writer = Writer()
    body = writer.start({"messages": messages, "later": Deferred()})
    (slot,) = writer.take_pending()
    if change == "a message":
        messages[3]["id"] = -1
    elif change == "the author":
        author["name"] = "Grace"
    elif change:
        tags.append("y")
    later = writer.resolve(slot, [messages])
    assert later.endswith(b':["$0:messages"]\n') == (change is None)
    later_value = react.decode(body + later)["later"]
    assert json.dumps(later_value).count('"$ref"') >= (1 if change is None else 100)


def test_shared_rows_of_what_is_refused_are_not_referred_to(react: React) -> None:
    value = {"rows": [*PADDING, AUTHOR, AUTHOR]}
    writer = Writer()
    with pytest.raises(EncodeError):
        writer.start({**value, "odd": object()})
    assert plain(react.decode(writer.start(value))) == canon(value)


@pytest.mark.parametrize("key", ['a"b', "a\\", "é", "\n", "$1", '"$1', "\ud800", "a:b", "__proto__"])
def test_path_to_what_was_sent_before_leads_through_any_key(key: str, react: React) -> None:
    """What stands in several places of a plain part may have been written in an earlier row."""
    one = {"v": 1}
    writer = Writer()
    body = writer.start({"first": {key: [one]}, "later": Deferred()})
    (slot,) = writer.take_pending()
    later = writer.resolve(slot, [*PADDING, one, one])
    value = react.decode(body + later)["later"]["$promise"]
    assert plain(value[:-2]) == PADDING
    assert ["$ref" in item for item in value[-2:]] == [key != "__proto__", True]  # that key is left out


@pytest.mark.parametrize("levels", [2, 10, 30, 60])
@pytest.mark.parametrize("is_last_first", [False, True])
def test_what_is_shared_holds_what_is_shared(levels: int, is_last_first: bool, react: React) -> None:
    """Rows of rows of rows, deeper than they are written together; some hold the next one far inside."""
    one: dict[str, Any] = {"leaf": True}
    chain = [one]
    for i in range(levels):
        one = {"next": one} if i % 3 else {"far": [{"next": one}], "level": i}
        chain.append(one)
    things = chain[::-1] if is_last_first else chain
    value = {"padding": PADDING, "list": things, "index": {str(i): thing for i, thing in enumerate(things)}}
    body = Writer().start(value)
    (answer,) = react.decode_all([body])
    assert answer["errors"] == []
    with deep_recursion():
        assert plain(answer["value"]) == canon(value)


def test_shared_rows_are_found_one_by_one_later(react: React) -> None:
    """One of them changes, one goes to a later row, one is written again before the others are asked for."""
    rows = [{"id": i} for i in range(600)]
    writer = Writer()
    body = writer.start({"data": {"rows": rows, "again": rows[::-1]}, "later": Deferred()})
    (slot,) = writer.take_pending()
    rows[1]["id"] = -1
    later = writer.resolve(slot, [rows[1], rows[1], rows[0], rows[2]])
    assert re.search(rb':\[\{"id":-1\},"\$[0-9a-f]+:0","\$1","\$3"\]\n$', later)
    (_, *items) = react.decode(body + later)["later"]["$promise"]
    assert [item["$ref"] for item in items] == ["$.later.then[0]", "$.data.rows[0]", "$.data.rows[2]"]


@pytest.mark.parametrize("levels", [1, 5, 30, 60, 400])
def test_lists_that_hold_the_one_before_twice_arrive(levels: int, react: React) -> None:
    """As a tree it would have 2**400 values."""
    one: list[Any] = ["leaf"]
    for _ in range(levels):
        one = [one, one]
    (answer,) = react.decode_all([Writer().start([*PADDING, one])])
    assert answer["errors"] == []
    with deep_recursion():
        assert plain(answer["value"]) == canon([*PADDING, one])


def test_cycle_through_what_is_shared_arrives(react: React) -> None:
    one: dict[str, Any] = {"a": [1]}
    one["self"] = [one]
    value = [*PADDING, one, one]
    assert plain(react.decode(Writer().start(value))) == canon(value)


def stands_once(value: Any, met: set[int]) -> bool:
    if not isinstance(value, (dict, list, tuple)):
        return True
    if not isinstance(value, tuple):
        if id(value) in met:
            return False
        met.add(id(value))
    return all(stands_once(item, met) for item in (value.values() if isinstance(value, dict) else value))


def test_counting_values_ends_when_there_are_enough() -> None:
    """It would look at every item of a long list only to learn that the list is long."""
    long: dict[str, Any] = {"data": [[] for _ in range(50_000)]}
    assert instructions(lambda: has_values(long, 512)) < 2000
    assert has_values(long, 50_001)
    assert not has_values(long, 50_002)


@pytest.mark.parametrize(("count", "holds"), [(1, True), (3, True), (4, True), (6, True), (7, False)])
def test_values_are_counted_through_all_levels(count: int, holds: bool) -> None:
    assert has_values({"a": [1, (2,)], "b": {"c": None}}, count) is holds


def instructions(work: Callable[[], object]) -> int:
    """How many of the interpreter's, so that a busy machine changes nothing."""
    count = 0

    def trace(frame: Any, event: str, arg: Any) -> Any:
        nonlocal count
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        work()
    finally:
        sys.settrace(before)
    return count
