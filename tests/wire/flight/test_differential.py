"""Thousands of values with texts that an attacker chose: React's client has exactly them, and so has ours.

Seeded, so that a failure names the value that failed. FLIGHTWIRE_VALUES says how many there are; `make fuzz` takes 20,000.
"""

from __future__ import annotations

import json
import os
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from flightwire.elements import UNDEFINED, Element
from flightwire.wire.flight import values
from flightwire.wire.flight.framing import RowCutter
from flightwire.wire.flight.plain import MIN_ENTRIES
from flightwire.wire.flight.reader import Reader
from flightwire.wire.flight.writer import Writer

from .canon import canon, plain
from .react import React
from .samples import Body, Deferred
from .test_properties import PIECES, decoded_as, distinct, in_utf16

COUNT = int(os.environ.get("FLIGHTWIRE_VALUES", "3000"))
BATCH = 500
MODULE_OR_HINT = {"I", "H", "N", "D", "J", "W", "E"}


class Hostile:
    """Makes values out of what somebody would try who controls every text."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)

    def text(self) -> str:
        pieces = self.random.choices(PIECES, k=self.random.randrange(5))
        return in_utf16("".join(pieces).replace("<long>", "x" * self.random.choice([600, 1024, 3000])))

    def key(self) -> str:
        """A key; V8's JSON.parse (Node 24.19) takes `"\\n"`, as a key of its own, for a backslash it met there before."""
        key = self.text().replace("__proto__", "proto") or "$"
        return key * 2 if json.dumps(key)[1] == "\\" and len(key) == 1 else key

    def scalar(self) -> object:
        number = self.random.choice([0, 1, -1, 2**53, -(2**53), self.random.getrandbits(40)])
        return self.random.choice(
            [
                self.text,
                self.text,
                self.text,
                lambda: self.random.choice([None, True, False]),
                lambda: number,
                lambda: self.random.choice([float("nan"), float("inf"), -0.0, 1e300, self.random.random()]),
                lambda: values.BigInt(self.random.randrange(-(10**40), 10**40)),
                lambda: (
                    datetime(2000, 1, 1, tzinfo=UTC)
                    + timedelta(milliseconds=self.random.randrange(-(10**13), 10**13))
                ),
                lambda: self.text().encode("utf-8", "surrogatepass"),
            ]
        )()

    def value(self, levels: int) -> object:
        if levels == 0 or self.random.random() < 0.2:
            return self.scalar()
        items = [self.value(levels - 1) for _ in range(self.random.randrange(5))]
        keys = [self.key() for _ in items]
        kind = self.random.randrange(7)
        if kind == 0:
            return [0] * MIN_ENTRIES + items  # long enough for the short way
        if kind == 1:
            return values.JSMap(dict(zip(keys, items, strict=True)))
        if kind == 2:
            return distinct(items)
        if kind in (3, 4):
            return items
        return dict(zip(keys, items, strict=True))

    def body(self) -> tuple[object, bytes]:
        """A value, and rows that carry it: at once, or later."""
        value = self.value(3)
        if self.random.random() < 0.5:
            return value, Writer().start(value)
        promise = Deferred()
        return value, Body([promise]).resolve(promise, value).done()


def row_ids(body: bytes) -> list[int | None]:
    rows = list(RowCutter().feed(body))
    assert {tag for _, tag, _ in rows}.isdisjoint(MODULE_OR_HINT)
    return [row_id for row_id, _, _ in rows]


def expected(value: object, body: bytes) -> Any:
    decoded = decoded_as(value)
    return [decoded] if body_is_late(body) else decoded


def body_is_late(body: bytes) -> bool:
    return body.startswith(b'0:["$@')


@pytest.mark.node
@pytest.mark.parametrize("seed", range(0, COUNT, BATCH))
def test_hostile_values_arrive_exactly(seed: int, react: React) -> None:
    bodies = [Hostile(number).body() for number in range(seed, min(seed + BATCH, COUNT))]
    answers = react.decode_all([body for _, body in bodies])
    for number, ((value, body), answer) in enumerate(zip(bodies, answers, strict=True), seed):
        name = f"value {number}: {body[:200]!r}"
        assert plain(answer["value"]) == expected(value, body), name
        assert answer["bytewise"] == answer["value"], name
        assert (answer["hints"], answer["loads"], answer["errors"]) == ([], [], []), name
        ids = row_ids(body)
        assert sorted(map(str, ids)) == sorted(map(str, range(len(ids)))), name  # each row once, none besides


@pytest.mark.parametrize("seed", range(0, COUNT, BATCH))
def test_hostile_values_are_read_in_python_exactly(seed: int) -> None:
    for number in range(seed, min(seed + BATCH, COUNT)):
        value, body = Hostile(number).body()
        reader = Reader()
        reader.feed(body)
        assert plain(canon(reader.root)) == expected(value, body), f"value {number}"


def test_undefined_and_elements_hold_hostile_texts(react: React) -> None:
    hostile = Hostile(1)
    for _ in range(100):
        text, key = hostile.text(), hostile.key()
        element = Element("p", {"title": text, "children": [text, UNDEFINED]}, key)
        found = react.decode(Writer().start(element))["$element"]
        assert (found["key"], found["props"]["title"]) == (key, text)
        assert found["props"]["children"] == [text, {"$undefined": True}]
