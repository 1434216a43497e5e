"""`make bench ARGS=json`: what writing 2 MB of plain JSON costs, as a multiple of what `json.dumps` takes.

Owns: values of many shapes, the comparison. Refuses to know: servers, how values are written.
"""

from __future__ import annotations

import gc
import json
import math
import random
from collections.abc import Callable
from time import process_time
from typing import Any

from rich.console import Console
from rich.progress import track
from rich.table import Table

from flightwire.wire.flight.writer import Writer

TWO_MEGABYTES = 2_000_000
TAGS = ["a", "b"]
EMPTY: list[object] = []
AUTHOR = {"id": "u_42", "name": "Ada", "avatar": "https://example.com/ada.png"}
AUTHORS = [{"name": f"$user {i}", "roles": ["admin", {"level": i}]} for i in range(30)]


def filled(make: Callable[[int], object]) -> dict[str, Any]:
    """A dict of some 2 MB of JSON."""
    count = TWO_MEGABYTES // (len(json.dumps([make(i) for i in range(100)])) // 100)
    return {"data": [make(i) for i in range(count)]}


def words(i: int) -> str:
    return random.Random(i).choice(["alpha", "beta", "gamma", "delta", "x" * 20])


def nested(levels: int, inner: object, key: str | None = None) -> object:
    for _ in range(levels):
        inner = [inner] if key is None else {key: inner}
    return inner


def tree(levels: int, branches: int) -> dict[str, Any]:
    return {f"k{i}": tree(levels - 1, branches) for i in range(branches)} if levels else {}


def path(levels: int, siblings: Callable[[], object]) -> object:
    """A path that goes deep, with something wide beside each step."""
    inner: object = []
    for _ in range(levels):
        inner = {"next": inner, "beside": siblings()}
    return inner


def indexed(make: Callable[[int], object]) -> dict[str, Any]:
    """Things in two places each: under an id, and in a list."""
    things = filled(make)["data"]
    return {"byId": {str(i): thing for i, thing in enumerate(things)}, "list": things}


def twice(make: Callable[[int], object]) -> dict[str, Any]:
    things = filled(make)["data"]
    return {"pairs": [[thing, thing] for thing in things[: len(things) // 2]]}


def in_three(things: list[Any]) -> dict[str, Any]:
    return {"a": things, "b": list(reversed(things)), "c": things[::2], "d": things[1::2]}


def grouped(things: list[dict[str, Any]]) -> dict[str, Any]:
    groups: dict[str, list[Any]] = {}
    for thing in things:
        groups.setdefault(thing["name"][0], []).append(thing)
    return {"all": things, "groups": groups}


def held_once_more(count: int) -> dict[str, Any]:
    users = [{"id": i, "name": words(i)} for i in range(count)]
    return {"users": users, "orders": [{"id": i, "user": users[i], "sum": i * 2.5} for i in range(count)]}


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
    "different keys that begin with a dollar": lambda: {f"$key{i}": "$x" for i in range(100_000)},
    "texts that are not ASCII": lambda: filled(lambda i: "héllo wörld " + words(i)),
    "emoji": lambda: filled(lambda i: {"text": "🦜 hi"}),
    "numbers": lambda: filled(lambda i: i),
    "numbers near 2**53": lambda: filled(lambda i: 2**53 - i),
    "embeddings": lambda: filled(lambda i: [random.Random(i).random() for _ in range(64)]),
    "one dollar": lambda: with_one("$5"),
    "one list in every place": lambda: filled(lambda i: {"id": i, "name": "lorem ipsum " * 4, "tags": TAGS}),
    "one tuple in every place": lambda: filled(lambda i: ()),
    "tuples that are constants": lambda: filled(lambda i: {"box": ((0, 0), (1, 1))}),
    "tuples in a dict": lambda: {f"key{i}": (i, i) for i in range(80_000)},
    "empty lists": lambda: filled(lambda i: []),
    "empty dicts": lambda: filled(lambda i: {}),
    "empty lists and dicts": lambda: filled(lambda i: {} if i % 2 else []),
    "a list of each key": lambda: {f"key{i}": [] for i in range(140_000)},
    "lists of one number": lambda: filled(lambda i: [i]),
    "lists of one empty list": lambda: filled(lambda i: [[]]),
    "dicts of dicts of dicts": lambda: {
        str(i): {str(j): {str(k): k for k in range(60)} for j in range(60)} for i in range(60)
    },
    "a tree of dicts with two keys": lambda: tree(16, 2),
    "lists, ten levels": lambda: filled(lambda i: nested(10, i)),
    "lists, sixty levels": lambda: filled(lambda i: nested(60, i)),
    "dicts, sixty levels": lambda: filled(lambda i: nested(60, i, "a")),
    "a deep path beside empty lists": lambda: path(60, lambda: [[] for _ in range(8000)]),
    "a deep path beside deep paths": lambda: path(60, lambda: [nested(300, i) for i in range(60)]),
    "one author of all messages": lambda: filled(lambda i: {"content": "lorem ipsum " * 5, "author": AUTHOR}),
    "thirty authors": lambda: filled(lambda i: {"content": "lorem ipsum " * 9, "author": AUTHORS[i % 30]}),
    "dicts that share one list": lambda: filled(lambda i: {"id": i, "tags": TAGS}),
    "one-key dicts that share one list": lambda: filled(lambda i: {"a": EMPTY}),
    "one empty list everywhere": lambda: filled(lambda i: EMPTY),
    "one empty list in a list each": lambda: filled(lambda i: [EMPTY]),
    "one empty list under each key": lambda: {f"key{i}": EMPTY for i in range(120_000)},
    "one list, three levels below each": lambda: filled(lambda i: {"id": i, "a": {"b": {"c": TAGS}}}),
    "few shared among empty lists": lambda: {"data": [[] for _ in range(400_000)], "more": [[TAGS, TAGS]]},
    "dicts in an index and a list": lambda: indexed(lambda i: {"id": i, "name": words(i)}),
    "messages of thirty authors in an index and a list": lambda: indexed(
        lambda i: {"id": i, "text": "lorem ipsum", "author": AUTHORS[i % 30]}
    ),
    "dicts in lists of their first letter too": lambda: grouped(
        [{"id": i, "name": words(i)} for i in range(40_000)]
    ),
    "a dict in a list and in one other dict": lambda: held_once_more(40_000),
    "something large in a thousand places": lambda: filled(lambda i: {"id": i, "large": [AUTHORS]}),
    "one list and a lone surrogate": lambda: {"data": [filled(lambda i: {"id": i, "tags": TAGS}), "\ud800"]},
    "one list and a number that is none": lambda: {
        "data": [filled(lambda i: {"id": i, "tags": TAGS}), math.nan]
    },
    "a mixture": lambda: filled(lambda i: [1, "a", None, 2.5, [], {}, [i], {"a": i}, (), "$"][i % 10]),
    "short texts": lambda: filled(lambda i: f"{i:x}"),
    "one long text among empty lists": lambda: {"data": [[] for _ in range(500_000)], "text": "x" * 5000},
    "the winners of races": lambda: filled(lambda i: {"constructor": {"name": "Ferrari"}}),
}
BESIDES_JSON: dict[str, Callable[[], object]] = {
    "one number that is none": lambda: with_one(math.nan),
    "one infinity": lambda: with_one(-math.inf),
    "one lone surrogate": lambda: with_one("\ud800"),
    "one tuple": lambda: with_one((1, 2)),
    "tuples": lambda: filled(lambda i: (i, "a")),
}

# Where saying that two things are one costs more than writing one of them twice: over three, most of them.
SMALL_AND_SHARED: dict[str, Callable[[], object]] = {
    "dicts with two fields in an index and a list": lambda: indexed(lambda i: {"id": i, "name": words(i)}),
    "dicts with eight fields in an index and a list": lambda: indexed(
        lambda i: {"id": i, **{f"key{n}": words(i + n) for n in range(7)}}
    ),
    "dicts with two fields, each twice in a list of pairs": lambda: twice(
        lambda i: {"id": i, "name": words(i)}
    ),
    "dicts with one field, each twice in a list of pairs": lambda: twice(lambda i: {"id": i}),
    "lists of two items, each in three lists": lambda: in_three([[i, words(i)] for i in range(50_000)]),
    "empty lists, fifty of them in many dicts": lambda: filled(lambda i: {"id": i, "tags": FIFTY[i % 50]}),
    "empty lists that other objects hold too": lambda: {"data": list(HELD)},
    "empty lists, each in two places": lambda: {"a": HELD, "b": list(reversed(HELD))},
}
FIFTY: list[list[object]] = [[] for _ in range(50)]
HELD: list[list[object]] = [[] for _ in range(250_000)]

ROUNDS = 15


def main(*, quick: bool = False) -> int:
    table = Table(title="2 MB as a Flight row")
    table.add_column("shape")
    for name in ("json.dumps, ms", "ours, ms", "×"):
        table.add_column(name, justify="right")
    for name, make in track(
        [*SHAPES.items(), *BESIDES_JSON.items(), *SMALL_AND_SHARED.items()], "measuring", transient=True
    ):
        dumps_s, ours_s = compare(make(), rounds=3 if quick else ROUNDS)
        table.add_row(name, f"{dumps_s * 1e3:.1f}", f"{ours_s * 1e3:.1f}", f"{ours_s / dumps_s:.2f}")
    Console().print(table)
    return 0


def compare(value: object, *, rounds: int) -> tuple[float, float]:
    """The processor's seconds of `json.dumps` and of ours.

    Other work on the machine only adds to a measurement, to either side: so the smallest of several counts, taken by turns.
    """
    dumps_s = ours_s = math.inf
    for _ in range(rounds):
        dumps_s = min(dumps_s, _cpu_s(lambda: json.dumps(value)))
        ours_s = min(ours_s, _cpu_s(lambda: Writer().start(value)))
    return dumps_s, ours_s


def _cpu_s(work: Callable[[], object]) -> float:
    gc.collect()
    start = process_time()
    work()
    return process_time() - start
