"""Every API's streams, cut, truncated, interleaved and broken; see `stream_faults`."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from flightwire.events import ToolCall
from flightwire.messages import UserMessage
from flightwire.providers.base import ModelCall, ProviderToolSpec, ToolSpec
from flightwire.providers.chat_dialect import ChatDialect
from flightwire.providers.chat_dialect.stream import ChatStream
from flightwire.providers.openai_responses.reader import OpenAIReader
from flightwire.providers.registry import resolve
from flightwire.providers.xai_items import Names
from flightwire.providers.xai_reader import XaiReader

from . import responses_samples
from .stream_faults import PROMISES, Sample, comparable, read

CALL = ModelCall(
    (UserMessage("hi"),),
    tools=(
        ToolSpec("weather", {"type": "object"}),
        ToolSpec("time", {"type": "object"}),
        ProviderToolSpec("openai.custom", "write_sql", {}),
        ProviderToolSpec("openai.web_search", "web", {}),
        ProviderToolSpec("openai.tool_search", "find_tools", {}),
    ),
)
RESPONSES_NOISE = (
    b'event: keepalive\ndata: {"type":"keepalive","sequence_number":3}\n\n',
    b'data: {"type":"response.something_new.delta","item_id":"x","output_index":99,"delta":"?"}\n\n',
    b'data: {"type":"response.output_item.added","output_index":98,"item":{"type":"new_call","id":"n"}}\n\n',
    b'data: {"type":"response.output_item.done","output_index":98,"item":{"type":"new_call","id":"n"}}\n\n',
)
CHAT_NOISE = (
    b'data: {"object":"chat.completion.chunk","choices":[]}\n\n',
    b'data: {"choices":[{"index":1,"delta":{"content":"another answer"}}]}\n\n',
    b'data: {"choices":[{"index":0,"delta":{}}]}\n\n',
)


def openai_sample(name: str) -> Sample:
    events = responses_samples.encode(responses_samples.SAMPLES[name])
    return Sample(
        name, lambda: OpenAIReader(CALL, service="OpenAI", url="https://x/v1"), events, RESPONSES_NOISE
    )


# --- chat completions --------------------------------------------------------------------------------------------


def chunk(delta: Mapping[str, Any] | None = None, finish: str | None = None, **fields: Any) -> bytes:
    choice = {"index": 0, "delta": delta or {}, "finish_reason": finish}
    body = {
        "id": "c1",
        "object": "chat.completion.chunk",
        "created": 5,
        "model": "m",
        "choices": [choice],
        **fields,
    }
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


USAGE = {
    "prompt_tokens": 9,
    "completion_tokens": 4,
    "total_tokens": 13,
    "prompt_tokens_details": {"cached_tokens": 2},
}
CITED = {"start_index": 0, "end_index": 1, "url": "https://x.test", "title": "X"}
DONE = b"data: [DONE]\n\n"


def call(index: int, **function: str) -> dict[str, Any]:
    return {
        "tool_calls": [
            {
                "index": index,
                **({"id": f"c{index}", "type": "function"} if "name" in function else {}),
                "function": function,
            }
        ]
    }


CHATS: dict[str, tuple[str, tuple[bytes, ...]]] = {
    "openai": ("openai.chat/m", (
        chunk({"role": "assistant", "content": "", "refusal": None}), chunk({"content": "Hel"}),
        chunk({"content": "lo 👍🏽\u2028"}),
        chunk({"annotations": [{"type": "url_citation", "url_citation": CITED}]}),
        chunk(finish="stop"), chunk(choices=[], usage=USAGE), DONE,
    )),
    "refusal": ("openai.chat/m", (chunk({"refusal": "I will "}), chunk({"refusal": "not."}), chunk(finish="stop"), DONE)),
    "tools": ("openai_compatible", (
        chunk({"reasoning_content": "hm"}), chunk({"reasoning_content": ", yes"}), chunk({"content": "Let me see."}),
        chunk(call(0, name="weather", arguments="")), chunk(call(0, arguments='{"city":')), chunk(call(0, arguments='"Köln"}')),
        chunk(call(1, name="time", arguments="{}")), chunk(finish="tool_calls", usage=USAGE), DONE,
    )),
    "groq": ("groq/m", (
        chunk({"role": "assistant", "content": None}, x_groq={"id": "r"}), chunk({"reasoning": "hm"}), chunk({"content": "Hi"}),
        chunk(finish="stop", x_groq={"id": "r", "usage": USAGE}), DONE,
    )),
    "mistral": ("mistral/m", (
        chunk({"role": "assistant", "content": ""}),
        chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}]}),
        chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": ", yes"}]}]}),
        chunk({"content": [{"type": "text", "text": "Hel"}, {"type": "reference", "reference_ids": [1]}]}),
        chunk({"content": "lo"}),
        chunk(
            {"tool_calls": [{"id": "D681PevKs", "function": {"name": "f", "arguments": "{}"}, "index": 0}]},
            "tool_calls", usage=USAGE,
        ),
        DONE,
    )),
    "deepseek": ("deepseek/m", (
        chunk({"role": "assistant", "content": None, "reasoning_content": "hm"}),
        chunk({"content": "Hi", "reasoning_content": None}),
        chunk({"content": ""}, "stop", usage={**USAGE, "prompt_cache_hit_tokens": 2, "prompt_cache_miss_tokens": 7}), DONE,
    )),
    "moonshot": ("moonshotai/m", (
        chunk({"content": "Hi"}),
        chunk(choices=[{"index": 0, "delta": {}, "finish_reason": "stop", "usage": {**USAGE, "cached_tokens": 3}}]), DONE,
    )),
    "alibaba": ("alibaba/m", (
        chunk({"content": None, "reasoning_content": "hm"}), chunk({"content": "Hi", "reasoning_content": None}),
        chunk(finish="stop"),
        chunk(choices=[], usage={**USAGE, "prompt_tokens_details": {"cached_tokens": 1, "cache_creation_input_tokens": 2}}), DONE,
    )),
}  # fmt: skip


def dialect_of(name: str) -> ChatDialect:
    if name == "openai_compatible":
        return ChatDialect("m")
    model: Any = resolve(name)
    dialect: ChatDialect = model._dialect
    return dialect


def chat_sample(name: str) -> Sample:
    model, events = CHATS[name]
    dialect = dialect_of(model)
    return Sample(
        name, lambda: ChatStream(service="S", url="https://x/v1", dialect=dialect), events, CHAT_NOISE
    )


# --- xAI ---------------------------------------------------------------------------------------------------------

_WEB = {"id": "ws_1", "type": "web_search_call", "status": "completed", "name": "web_search", "arguments": '{"query":"q"}',
        "action": {"type": "search", "query": "q", "sources": []}}  # fmt: skip
XAI = [
    *responses_samples.BEGIN,
    *responses_samples.reasoning(0, "hm, yes", encrypted="sealed"),
    *responses_samples.item(1, _WEB, {"type": "response.web_search_call.searching"}),
    *responses_samples.item(
        2,
        {
            "id": "ctc_2",
            "type": "custom_tool_call",
            "call_id": "x",
            "name": "x_keyword_search",
            "input": "{}",
        },
        {"type": "response.custom_tool_call_input.delta", "delta": "{}"},
    ),
    *responses_samples.function_call(3, "weather", '{"city":"Rome"}'),
    *responses_samples.message(4, "Hel", "lo", annotations=(responses_samples.CITED,)),
    *responses_samples.END,
]


def xai_sample(name: str) -> Sample:
    return Sample(
        name,
        lambda: XaiReader(Names(CALL.tools), service="xAI", url="https://x/v1"),
        responses_samples.encode(XAI),
        RESPONSES_NOISE,
    )


SAMPLES = [
    *(openai_sample(name) for name in responses_samples.SAMPLES),
    *(chat_sample(name) for name in CHATS),
    xai_sample("xai"),
]


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_promise_is_kept(sample: Sample, promise: Callable[[Sample], None]) -> None:
    promise(sample)


def test_event_that_cannot_be_read_lets_the_rest_of_a_response_through_and_fails_at_its_end() -> None:
    sample = openai_sample("functions")
    events = [sample.events[0], b'data: {"type":"response.crea\n\n', *sample.events[1:]]
    parts, failure = read(sample, [b"".join(events)])
    assert failure is not None
    assert "not JSON" in failure.message
    calls = [part for part in comparable(parts) if isinstance(part, ToolCall)]
    assert [each.tool_name for each in calls] == ["weather", "time"]


def test_endless_garbage_is_given_up() -> None:
    sample = openai_sample("text")
    reader = sample.open()
    fed = 0
    while not reader.ended:
        reader.feed(b"data: {\n\n")
        fed += 1
    assert fed < 100
