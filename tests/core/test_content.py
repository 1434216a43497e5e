"""The content of a step is what its parts say, however they are kept."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flightwire import stream_text, tool
from flightwire.core.content import FOLD_PIECES, Recorder, last_step
from flightwire.core.joining import joined
from flightwire.errors import OutputLimitError
from flightwire.events import (
    File,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    Start,
    StartStep,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolResult,
)
from flightwire.providers.base import Reasoning, Text
from flightwire.testing import Reply, ScriptedModel, tool_call

pytestmark = pytest.mark.anyio
METADATA = {"p": {"k": 1}}
some_parts = st.lists(
    st.sampled_from(
        [
            TextStart("a"),
            TextStart("b", METADATA),
            TextDelta("a", "x"),
            TextDelta("a", "y"),
            TextDelta("b", "z"),
            TextDelta("a", "m", METADATA),
            TextDelta("a", ""),
            TextEnd("a"),
            TextEnd("b", METADATA),
            ReasoningStart("a"),
            ReasoningDelta("a", "why"),
            ReasoningDelta("c", "how"),
            ReasoningEnd("a"),
            ToolCall("t", "f", {}),
            ToolResult("t", "f", {}, 1),
            ToolResult("t", "f", {}, 0, preliminary=True),
            File("image/png", b"picture"),
        ]
    ),
    max_size=40,
)


def recorded(parts: list[Any]) -> tuple[Any, ...]:
    """Part by part."""
    recorder = Recorder()
    for part in parts:
        recorder.record([part])
    return recorder.content()


@given(some_parts, some_parts, st.integers(0, 80))
def test_the_last_step_of_a_log_is_what_its_parts_say(
    earlier: list[Any], parts: list[Any], read: int
) -> None:
    log = [Start(), StartStep(), *earlier, StartStep(), *parts]
    assert last_step([*joined(log[:read]), *log[read:]], 1) == recorded(parts)


def test_a_step_of_which_nothing_came_is_empty() -> None:
    assert last_step([Start()], 0) == ()
    assert last_step([Start(), StartStep(), TextDelta("a", "x")], 1) == ()


def test_a_long_text_is_whole() -> None:
    words = [f"{number} " for number in range(FOLD_PIECES * 300)]
    reasons = [f"{number}. " for number in range(FOLD_PIECES * 300)]
    deltas = [*(TextDelta("a", word) for word in words), *(ReasoningDelta("a", word) for word in reasons)]
    assert recorded(deltas) == (Text("".join(words)), Reasoning("".join(reasons)))


@tool
def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


@pytest.mark.parametrize("is_read", [True, False])
async def test_each_step_has_its_own_text_whoever_reads(is_read: bool) -> None:
    words = [f"{number} " for number in range(700)]
    model = ScriptedModel([Reply(*words, tool_call("add", a=1, b=1)), Reply(*reversed(words))])
    result = stream_text(model=model, prompt="Hi", tools=[add], stop_when=lambda steps: len(steps) == 2)
    if is_read:
        assert len([text async for text in result.text_stream]) == 1400
    first, second = await result.steps
    assert first.text == "".join(words)
    assert [type(part) for part in first.content] == [Text, ToolCall, ToolResult]
    assert second.text == "".join(reversed(words))
    assert await result.text == second.text


async def test_what_went_over_the_limit_is_not_in_the_step_that_failed() -> None:
    result = stream_text(model=ScriptedModel([Reply("abc", "def", "ghi")]), prompt="Hi", max_output_bytes=6)
    with pytest.raises(OutputLimitError):
        _ = [text async for text in result.text_stream]
    (step,) = result._run.steps
    assert step.text == "abcdef"
    assert step.finish_reason == "error"
