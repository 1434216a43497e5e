"""Whatever a provider says, and however it ends: a stream ends, its parts obey their order, and nothing is lost or doubled."""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flightwire import is_step_count, stream_text, tool
from flightwire.events import (
    Error,
    Finish,
    FinishStep,
    ProviderApprovalRequest,
    ProviderFinish,
    Raw,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseMetadata,
    Source,
    Start,
    StartStep,
    StreamStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolError,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
    ToolResult,
    Usage,
)
from flightwire.messages import AssistantMessage, ToolCallPart, ToolMessage, ToolResultPart


@tool
async def add(a: int, b: int) -> int:
    return a + b


@tool
def fail() -> None:
    raise ValueError("no")


ids = st.sampled_from(["0", "1", "x"])
texts = st.sampled_from(["", "a", "Hello ", "\u2028", "\ud83d"])
inputs = st.sampled_from(['{"a": 1, "b": 2}', "", "{", "[]", '{"a": "x"}', "null", '"text"'])
names = st.sampled_from(["add", "fail", "nothing"])
calls = st.integers(0, 3).map(lambda number: f"c{number}")
parts = st.one_of(
    st.builds(TextStart, ids),
    st.builds(TextDelta, ids, texts),
    st.builds(TextEnd, ids),
    st.builds(ReasoningStart, ids),
    st.builds(ReasoningDelta, ids, texts),
    st.builds(ReasoningEnd, ids),
    st.builds(ToolInputStart, calls, names),
    st.builds(ToolInputDelta, calls, texts),
    st.builds(ToolInputEnd, calls),
    st.builds(ToolCall, calls, names, inputs),
    st.builds(ToolCall, calls, names, inputs, provider_executed=st.just(True), dynamic=st.booleans()),
    st.builds(
        ToolResult, calls, names, st.none(), texts, is_error=st.booleans(), provider_executed=st.just(True)
    ),
    st.builds(Source, st.just("url"), ids, st.just("https://x.test")),
    st.builds(ResponseMetadata, ids),
    st.builds(Raw, st.just({"x": 1})),
    st.builds(ProviderApprovalRequest, ids, calls),
    st.builds(Error, st.just(RuntimeError("down"))),
    st.just(StreamStart()),
)
reasons: Any = st.sampled_from(["stop", "tool-calls", "length", "error", "other", "interrupted", None])
answers = st.tuples(st.lists(st.lists(parts, max_size=6), max_size=6), reasons)


class Babbling:
    """A model that says anything."""

    provider = "babbling"
    model_id = "any"

    def __init__(self, script: Any) -> None:
        self.script = list(script)

    async def stream(self, call: Any) -> Any:
        batches, reason = self.script.pop(0) if self.script else ([], "stop")
        for batch in batches:
            await asyncio.sleep(0)
            yield batch
        if reason is not None:
            yield [ProviderFinish(reason, Usage(output_tokens=1))]

    async def generate(self, call: Any) -> Any:
        raise NotImplementedError


def check_order(seen: list[Any]) -> None:
    kinds = [type(part) for part in seen]
    assert kinds[0] is Start
    assert kinds[-1] in (Finish, Error)
    assert kinds.count(Start) == 1
    assert kinds.count(Finish) <= 1
    assert kinds.count(Error) <= 1
    if Error in kinds:
        assert kinds[kinds.index(Error) + 1 :] in ([], [FinishStep, Finish])
    depth = 0
    for kind in kinds:
        depth += (kind is StartStep) - (kind is FinishStep)
        assert 0 <= depth <= 1
        if kind in (TextDelta, ToolCall, ReasoningDelta):
            assert depth == 1


def check_messages(steps: Any) -> None:
    """Every call of ours that was answered has one result, in the order of the calls."""
    for step in steps:
        said = [
            part.tool_call_id
            for message in step.response_messages
            if isinstance(message, AssistantMessage)
            for part in message.content
            if isinstance(part, ToolCallPart) and not part.provider_executed
        ]
        answered = [
            part.tool_call_id
            for message in step.response_messages
            if isinstance(message, ToolMessage)
            for part in message.content
            if isinstance(part, ToolResultPart)
        ]
        assert set(answered) <= set(said)
        assert len(answered) <= len(said)


@settings(max_examples=300, deadline=None)
@given(st.lists(answers, min_size=1, max_size=3))
def test_whatever_a_model_says_the_answer_ends_in_order(script: Any) -> None:
    async def run() -> tuple[list[Any], Any]:
        result = stream_text(
            model=Babbling(script), prompt="Hi", tools=[add, fail], stop_when=is_step_count(3)
        )
        async with asyncio.timeout(10):
            return [part async for part in result], result

    seen, result = asyncio.run(run())
    check_order(seen)
    check_messages(result.steps_so_far)
    text = "".join(part.text for part in seen if isinstance(part, TextDelta))
    kept = "".join(step.text for step in result.steps_so_far)
    is_whole = type(seen[-1]) is not Error
    if (
        len({part.id for part in seen if isinstance(part, TextDelta)}) > 1
    ):  # a step's text has one block after the other
        assert Counter(kept) == Counter(text) if is_whole else Counter(kept) <= Counter(text)
    else:
        assert kept == text if is_whole else text.startswith(kept)
    outputs = [
        part
        for part in seen
        if isinstance(part, ToolError) or (isinstance(part, ToolResult) and not part.preliminary)
    ]
    recorded = [output for step in result.steps_so_far for output in (*step.tool_results, *step.tool_errors)]
    assert type(seen[-1]) is Error or len(outputs) == len(recorded)
