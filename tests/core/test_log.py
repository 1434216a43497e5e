"""What readers have passed is joined: nobody misses a part, and a token holds little more than its text."""

from __future__ import annotations

import asyncio
import tracemalloc
from collections.abc import AsyncGenerator, Callable, Sequence
from itertools import pairwise
from random import Random
from typing import Any

import pytest

from flightwire import stream_text
from flightwire.core.joining import JOINED_CHARS, joined
from flightwire.core.log import JOIN_PARTS, PartLog
from flightwire.core.reading import TextStream
from flightwire.events import (
    ProviderFinish,
    ProviderPart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    StreamPart,
    StreamStart,
    TextDelta,
    TextEnd,
    TextStart,
    Usage,
)
from flightwire.providers.base import ModelCall
from flightwire.waiter import Waiter

pytestmark = pytest.mark.anyio


class OneByOne:
    """A model whose every token is a batch of its own."""

    provider = model_id = "one-by-one"

    def __init__(self, tokens: int, *, after: Any = lambda number: None) -> None:
        self._tokens = tokens
        self._after = after

    async def stream(self, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
        yield [StreamStart(), ReasoningStart("r")]
        for number in range(self._tokens // 2):
            yield [ReasoningDelta("r", f"{number:04}")]
        yield [ReasoningEnd("r"), TextStart("0")]
        for number in range(self._tokens):
            yield [TextDelta("0", f"{number:04}")]
            self._after(number)
        yield [TextEnd("0"), ProviderFinish("stop", Usage())]

    async def generate(self, call: ModelCall) -> Any:
        raise NotImplementedError


def text_of(parts: Sequence[StreamPart]) -> tuple[str, str]:
    reasoning = "".join(part.text for part in parts if isinstance(part, ReasoningDelta))
    return reasoning, "".join(part.text for part in parts if isinstance(part, TextDelta))


async def test_a_reader_that_comes_late_gets_all_of_it_in_larger_pieces() -> None:
    result = stream_text(model=OneByOne(1000), prompt="x")
    live = [part async for part in result]
    late = [part async for part in result]
    assert text_of(late) == text_of(live) == (await result.reasoning_text, await result.text)
    assert len(live) > 1500
    assert len(late) < 2 * JOIN_PARTS
    assert [type(part) for part in late if not isinstance(part, (TextDelta, ReasoningDelta))] == [
        type(part) for part in live if not isinstance(part, (TextDelta, ReasoningDelta))
    ]


async def test_a_short_answer_stays_as_it_came() -> None:
    result = stream_text(model=OneByOne(JOIN_PARTS // 4), prompt="x")
    assert [part async for part in result] == [part async for part in result]


async def test_readers_at_different_places_miss_nothing() -> None:
    result = stream_text(model=OneByOne(600), prompt="x")
    first, second = result.text_stream, aiter(result)
    slow = [await anext(second) for _ in range(10)]
    texts = [await anext(first) for _ in range(300)]
    third = result.text_stream
    slow += [part async for part in second]
    texts += [text async for text in first]
    assert "".join(texts) == text_of(slow)[1] == "".join([text async for text in third]) == await result.text
    assert len(texts) == 600


async def test_the_slowest_reader_sees_each_token_by_itself() -> None:
    result = stream_text(model=OneByOne(600), prompt="x")
    fast, slow = result.text_stream, result.text_stream
    assert len([text async for text in fast]) == 600
    assert len([text async for text in slow]) == 600


@pytest.mark.parametrize("is_read", [True, False])
async def test_a_token_holds_little_more_than_its_text(is_read: bool) -> None:
    seen: list[int] = []

    def look(number: int) -> None:
        if number == 1000:
            tracemalloc.start()
        elif number == 11_000:
            seen.append(tracemalloc.get_traced_memory()[0])
            tracemalloc.stop()

    result = stream_text(model=OneByOne(12_000, after=look), prompt="x")
    if is_read:
        async for _ in result.text_stream:
            pass
    else:
        await result.text
    assert seen[0] / 10_000 < 6  # the text, and what is not joined yet


async def total(result: Any) -> str:
    text: str = await result.text
    return text


async def test_a_reader_of_an_answer_that_nobody_has_read_gets_all_of_it() -> None:
    result = stream_text(model=OneByOne(1000), prompt="x")
    waiting = asyncio.ensure_future(total(result))
    late = ""
    await asyncio.sleep(0)
    async for text in result.text_stream:
        late += text
    assert late == await waiting == "".join(f"{number:04}" for number in range(1000))
    assert len([text async for text in result.text_stream]) < JOIN_PARTS


def test_what_says_more_than_text_is_not_joined() -> None:
    marked = TextDelta("0", "b", {"any": {"a": 1}})
    parts: list[StreamPart] = [
        TextDelta("0", "a"),
        marked,
        TextDelta("0", "c"),
        TextDelta("1", "d"),
        ReasoningDelta("1", "e"),
    ]
    assert joined(parts) == parts
    assert joined([TextDelta("0", "a"), TextDelta("0", "b")]) == [TextDelta("0", "ab")]
    assert joined([]) == []


def test_what_is_long_already_is_not_copied_again() -> None:
    long = TextDelta("0", "x" * JOINED_CHARS)
    assert joined([long, TextDelta("0", "a"), TextDelta("0", "b")]) == [long, TextDelta("0", "ab")]
    assert joined([long])[0] is long
    assert joined([long] * 20_000) == [long, TextDelta("0", "x" * JOINED_CHARS * 19_999)]


@pytest.mark.parametrize("seed", range(200))
def test_what_is_joined_says_the_same(seed: int) -> None:
    draw = Random(seed)
    makers: list[Callable[[], StreamPart]] = [
        lambda: TextDelta(draw.choice("01"), draw.choice("ab")),
        lambda: TextDelta("0", draw.choice("cd"), draw.choice([None, {}, {"x": {}}])),
        lambda: ReasoningDelta(draw.choice("01"), draw.choice("ef")),
        lambda: TextEnd("0"),
    ]
    parts = [draw.choice(makers)() for _ in range(draw.randrange(30))]

    def said(parts: Sequence[StreamPart]) -> list[Any]:
        """Each letter, and each other part, on its own."""
        return [
            each
            for part in parts
            for each in (
                [(type(part), part.id, letter) for letter in part.text]
                if isinstance(part, TextDelta | ReasoningDelta) and part.provider_metadata is None
                else [part]
            )
        ]

    def run_of(part: StreamPart) -> object:
        """What those have in common that are to be one; its own for any other."""
        if isinstance(part, TextDelta | ReasoningDelta) and part.provider_metadata is None:
            return type(part), part.id
        return object()

    made = joined(parts)
    assert said(made) == said(parts)
    assert all(run_of(one) != run_of(following) for one, following in pairwise(made))


async def test_a_model_that_never_waits_lets_others_run() -> None:
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    counting = asyncio.create_task(count())
    await asyncio.sleep(0)
    async for _ in stream_text(model=OneByOne(2000), prompt="x"):
        pass
    counting.cancel()
    assert turns > 2000 // 100


async def test_two_tasks_may_not_wait_at_one_iterator() -> None:
    go_on = asyncio.Event()
    texts = stream_text(model=Slow(go_on), prompt="x").text_stream
    assert await anext(texts) == "first"
    waiting = asyncio.ensure_future(anext(texts))
    await asyncio.sleep(0)
    with pytest.raises(RuntimeError, match=r"an iterator of its own: `result\.text_stream`"):
        await anext(texts)
    go_on.set()
    assert await waiting == "second"


async def test_a_reader_that_is_cancelled_while_it_waits_misses_nothing() -> None:
    go_on = asyncio.Event()
    texts = stream_text(model=Slow(go_on), prompt="x").text_stream
    assert await anext(texts) == "first"
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await anext(texts)
    go_on.set()
    assert [text async for text in texts] == ["second"]


@pytest.mark.parametrize("size", [1, 255, 256, 257, 2000])
async def test_a_burst_of_any_size_reaches_every_reader_whole(size: int) -> None:
    wanted = [f"{number:04}" for number in range(size)]
    result = stream_text(model=Burst(wanted), prompt="x")

    async def read(texts: TextStream) -> list[str]:
        return [text async for text in texts]

    got = await asyncio.gather(read(result.text_stream), read(result.text_stream))
    assert got == [wanted, wanted]
    assert "".join([text async for text in result.text_stream]) == "".join(wanted)  # late


class Burst(OneByOne):
    """Gives all its tokens in one batch, before and after it an empty one."""

    def __init__(self, tokens: list[str]) -> None:
        super().__init__(0)
        self._all = tokens

    async def stream(self, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
        yield [StreamStart(), TextStart("0")]
        await asyncio.sleep(0.01)
        yield []
        yield [TextDelta("0", token) for token in self._all]
        yield []
        yield [TextEnd("0"), ProviderFinish("stop", Usage())]


class Slow(OneByOne):
    """Waits in the middle of its answer."""

    def __init__(self, go_on: asyncio.Event) -> None:
        super().__init__(0)
        self._go_on = go_on

    async def stream(self, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
        yield [StreamStart(), TextStart("0"), TextDelta("0", "first")]
        await self._go_on.wait()
        yield [TextDelta("0", "second")]
        yield [TextEnd("0"), ProviderFinish("stop", Usage())]


async def test_who_comes_to_the_end_while_parts_are_delivered_gets_them_once() -> None:
    loop = asyncio.get_running_loop()
    log: PartLog[int] = PartLog()
    elsewhere: Waiter[None] = Waiter(loop)

    async def read(got: list[int], *, first: bool) -> None:
        place = log.open()
        if not first:
            await elsewhere
        while len(got) < 3:
            if place.position < len(log.parts):
                handed: Sequence[int] | None = log.parts[place.position :]
            else:
                handed = await log.expect(place)
            place.position += len(handed or ())
            got += handed or ()
            if first:
                elsewhere.go_on(None, asyncio.current_task())

    heard: list[list[int]] = [[], []]
    tasks = [
        asyncio.create_task(read(heard[0], first=True)),
        asyncio.create_task(read(heard[1], first=False)),
    ]
    await asyncio.sleep(0)
    for number in range(3):
        log.deliver([number], asyncio.current_task())
    await asyncio.wait_for(asyncio.gather(*tasks), 5)
    assert heard == [[0, 1, 2], [0, 1, 2]]
