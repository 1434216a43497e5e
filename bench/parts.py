"""`make bench ARGS=parts`: what single steps cost, in nanoseconds.

Owns: the steps a token takes, each alone. Refuses to know: servers, sockets. The best of several rounds is shown, as
noise only adds.
"""

from __future__ import annotations

import asyncio
import json
import timeit
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from bench import answers
from flightwire._frozen import value
from flightwire.core.stream_text import stream_text
from flightwire.events import ProviderFinish, ProviderPart, StreamStart, TextDelta, TextEnd, TextStart, Usage
from flightwire.providers.base import ModelCall
from flightwire.providers.chat_dialect.chunks import decode_chunk
from flightwire.providers.chat_dialect.stream import ChatStream
from flightwire.rsc.streamable import create_streamable_value
from flightwire.wire.flight.deltas import delta_rows
from flightwire.wire.flight.rows import dump, text_json
from flightwire.wire.flight.values import CURR, DIFF
from flightwire.wire.flight.writer import Writer
from flightwire.wire.sse import SSEDecoder

Step = Callable[[], object]
BATCH = 50
EVENT = answers.event({"content": answers.token(0)})
CHUNK = EVENT[6:-2]
EVENTS = EVENT * BATCH
TEXTS = answers.texts(BATCH)


@dataclass(frozen=True, slots=True)
class FrozenDelta:
    id: str
    text: str
    provider_metadata: object = None


@value
class OurDelta:
    id: str
    text: str
    provider_metadata: object = None


class StructDelta(msgspec.Struct, frozen=True, gc=False):
    id: str
    text: str
    provider_metadata: object = None


class InProcess:
    """A model without a network: batches as one read would deliver them."""

    provider = model_id = "in-process"

    def __init__(self, tokens: int) -> None:
        texts = answers.texts(tokens)
        self._batches = [texts[at : at + BATCH] for at in range(0, tokens, BATCH)]

    async def stream(self, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
        yield [StreamStart(), TextStart("0")]
        for batch in self._batches:
            yield [TextDelta("0", text) for text in batch]
        yield [TextEnd("0"), ProviderFinish("stop", Usage())]

    async def generate(self, call: ModelCall) -> Any:
        raise NotImplementedError


def main(*, quick: bool = False) -> int:
    """Measure and print; 0."""
    table = Table(title="Single steps (the best of several rounds)")
    for title in ("step", "ns"):
        table.add_column(title, justify="right" if title == "ns" else "left")
    for group in (_values(), _reading(), _writing(), _streams(5_000 if quick else 50_000)):
        for name, step, per_call in group:
            table.add_row(name, f"{best_ns(step, quick=quick) / per_call:,.0f}")
        table.add_section()
    Console().print(table)
    return 0


def best_ns(step: Step, *, quick: bool) -> float:
    """Nanoseconds of one call: the fastest of a few rounds, each of which lasts long enough for the clock."""
    timer = timeit.Timer(step)
    calls, elapsed_s = timer.autorange() if not quick else (1, timer.timeit(1))
    rounds = 1 if quick else 5
    return min([elapsed_s, *timer.repeat(rounds, calls)]) / calls * 1e9


def _values() -> list[tuple[str, Step, int]]:
    return [
        ("a delta as dataclass(frozen=True, slots=True)", lambda: FrozenDelta("0", "text"), 1),
        ("a delta as a value of ours (events.TextDelta)", lambda: OurDelta("0", "text"), 1),
        ("a delta as msgspec.Struct(frozen=True)", lambda: StructDelta("0", "text"), 1),
    ]


def _reading() -> list[tuple[str, Step, int]]:
    data = CHUNK.decode()
    decode = msgspec.json.decode
    return [
        (f"SSE, {BATCH} events in one read, per event", lambda: SSEDecoder().feed(EVENTS), BATCH),
        (f"chunk of {len(CHUNK)} bytes: msgspec, the fields we need", lambda: decode_chunk(CHUNK), 1),
        ("chunk: msgspec to dict", lambda: decode(CHUNK), 1),
        ("chunk: json.loads", lambda: json.loads(data), 1),
        (f"SSE + decode + parts, {BATCH} events in one read, per event", _feed, BATCH),
    ]


def _feed() -> object:
    stream = ChatStream(service="OpenAI", url="")
    stream.feed(b'data: {"choices":[{"index":0,"delta":{"content":"x"}}]}\n\n')
    return stream.feed(EVENTS)


def _writing() -> list[tuple[str, Step, int]]:
    replaced = [(CURR, text) for text in TEXTS]
    added = [(DIFF, text) for text in TEXTS]
    lone = _open_slot()
    return [
        ("text as JSON", lambda: text_json(" text"), 1),
        ("row of a token that arrived alone", lambda: lone([replaced[0]]), 1),
        (
            f"{BATCH} updates in one row, per update",
            lambda: delta_rows(b"1", replaced, dump, lambda: 2),
            BATCH,
        ),
        (f"{BATCH} appends in one row, per append", lambda: delta_rows(b"1", added, dump, lambda: 2), BATCH),
    ]


def _open_slot() -> Callable[[Sequence[Any]], bytes]:
    writer = Writer()
    streamable = create_streamable_value("").value
    writer.start({"output": streamable})
    (slot,) = writer.take_pending()
    return lambda deltas: writer.extend(slot, deltas)


def _streams(tokens: int) -> list[tuple[str, Step, int]]:
    return [
        (
            "stream_text → text_stream → the action's loop, per token",
            lambda: asyncio.run(_read(tokens)),
            tokens,
        ),
        ("the same with stream.update(text), per token", lambda: asyncio.run(_update(tokens)), tokens),
    ]


async def _read(tokens: int) -> None:
    seen = count()
    async for _ in stream_text(model=InProcess(tokens), prompt="x").text_stream:
        next(seen)
    assert next(seen) == tokens


async def _update(tokens: int) -> None:
    with create_streamable_value("") as stream:
        follower = stream.value.follow(lambda: None)
        async for text in stream_text(model=InProcess(tokens), prompt="x").text_stream:
            stream.update(text)
            if text[-1] == "z":
                follower.take()
