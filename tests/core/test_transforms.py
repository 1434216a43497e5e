"""smooth_stream: even pieces of text, as in the original."""

from __future__ import annotations

import random
import re
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Any

import pytest

from flightwire.core.transforms import StreamTextTransform, TransformContext, smooth_stream
from flightwire.errors import InvalidArgumentError
from flightwire.events import (
    ReasoningDelta,
    Source,
    StreamPart,
    TextDelta,
    TextEnd,
    TextStart,
)

from .npm import NpmAI

pytestmark = pytest.mark.anyio

CONTEXT = TransformContext({}, lambda: None)


async def run(transform: StreamTextTransform, parts: Iterable[StreamPart]) -> list[StreamPart]:
    async def source() -> AsyncIterator[StreamPart]:
        for part in parts:
            yield part

    return [part async for part in transform(source(), CONTEXT)]


async def texts_of(transform: StreamTextTransform, *deltas: str) -> list[str]:
    parts = [TextStart("0"), *(TextDelta("0", delta) for delta in deltas), TextEnd("0")]
    return [part.text for part in await run(transform, parts) if isinstance(part, TextDelta)]


async def test_words_go_with_the_space_after_them() -> None:
    smooth = smooth_stream(delay_ms=None)
    assert await texts_of(smooth, "Hel", "lo, wo", "rld and  ", "\n all") == [
        "Hello, ",
        "world ",
        "and  ",
        "\n all",
    ]


async def test_lines_go_with_their_line_breaks() -> None:
    smooth = smooth_stream(delay_ms=None, chunking="line")
    assert await texts_of(smooth, "a b\nc", "\n\nd", "e") == ["a b\n", "c\n\n", "de"]


async def test_pieces_of_a_pattern_end_with_its_match() -> None:
    smooth = smooth_stream(delay_ms=None, chunking=re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]|\S+\s+"))
    assert await texts_of(smooth, "これは", "a test で", "す") == [
        "こ",
        "れ",
        "は",
        "a ",
        "test ",
        "で",
        "す",
    ]


async def test_pieces_of_a_function_are_what_it_gives() -> None:
    smooth = smooth_stream(delay_ms=None, chunking=lambda text: text[:3] if len(text) >= 3 else None)
    assert await texts_of(smooth, "abcdefg", "h") == ["abc", "def", "gh"]


async def test_there_is_a_delay_after_each_piece() -> None:
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    assert len(await texts_of(smooth_stream(sleep=sleep), "one two three")) == 3
    assert await texts_of(smooth_stream(delay_ms=25, sleep=sleep), "four five") == ["four ", "five"]
    assert slept == [0.01, 0.01, 0.025]


async def test_other_parts_let_go_what_waits() -> None:
    source = Source("url", "s", "https://example.com")
    parts: Sequence[StreamPart] = [TextDelta("0", "wait"), source, TextDelta("0", "ing")]
    assert await run(smooth_stream(delay_ms=None), parts) == [
        TextDelta("0", "wait"),
        source,
        TextDelta("0", "ing"),
    ]


async def test_reasoning_is_smoothed_and_never_mixed_with_text() -> None:
    parts = [
        ReasoningDelta("r", "I thi"),
        ReasoningDelta("r", "nk so"),
        TextDelta("0", "Yes"),
        TextDelta("1", "No"),
    ]
    assert await run(smooth_stream(delay_ms=None), parts) == [
        ReasoningDelta("r", "I "),
        ReasoningDelta("r", "think "),
        ReasoningDelta("r", "so"),
        TextDelta("0", "Yes"),
        TextDelta("1", "No"),
    ]


async def test_metadata_goes_with_what_waits() -> None:
    signed = ReasoningDelta("r", "", {"anthropic": {"signature": "s"}})
    assert await run(smooth_stream(delay_ms=None), [ReasoningDelta("r", "so be it"), signed]) == [
        ReasoningDelta("r", "so "),
        ReasoningDelta("r", "be "),
        ReasoningDelta("r", "it", {"anthropic": {"signature": "s"}}),
    ]


@pytest.mark.parametrize("chunking", ["sentence", None, 5])
def test_unknown_chunking_is_refused(chunking: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="chunking must be"):
        smooth_stream(chunking=chunking)


@pytest.mark.parametrize("chunking", [re.compile("x*"), lambda _: "", lambda _: "not it"])
async def test_chunking_that_gives_no_beginning_of_the_text_ends_the_stream(chunking: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="smooth_stream"):
        await texts_of(smooth_stream(delay_ms=None, chunking=chunking), "abc def ")


@pytest.mark.node
@pytest.mark.parametrize("chunking", ["word", "line", re.compile(r"[.,]\s*"), re.compile(r"^..")], ids=str)
async def test_pieces_are_those_of_the_original(npm_ai: NpmAI, chunking: Any) -> None:
    rng = random.Random(str(chunking))
    for _ in range(60):
        deltas = [
            "".join(rng.choices("ab .,\n\téß", k=rng.randrange(1, 9))) for _ in range(rng.randrange(1, 12))
        ]
        pattern = chunking.pattern if isinstance(chunking, re.Pattern) else None
        theirs = npm_ai.ask(
            do="smooth", texts=[deltas], chunking=None if pattern else chunking, pattern=pattern
        )
        assert await texts_of(smooth_stream(delay_ms=None, chunking=chunking), *deltas) == [
            t for _, t in theirs
        ]


@pytest.mark.parametrize("chunking", ["word", "line"])
@pytest.mark.parametrize("text", ["x", " ", "word ", "\n"])
async def test_the_work_is_in_proportion_to_the_text(chunking: Any, text: str) -> None:
    async def cost_per_char(size: int) -> float:
        parts = [TextDelta("0", text * 4)] * (size // 4 // len(text))
        started = time.process_time()
        await run(smooth_stream(delay_ms=None, chunking=chunking), parts)
        return (time.process_time() - started) / size

    small = min([await cost_per_char(20_000) for _ in range(3)])
    assert await cost_per_char(200_000) < 3 * small
