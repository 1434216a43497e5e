"""Chat-completions streams, decoded without any socket."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flightwire.errors import APICallError
from flightwire.events import (
    ProviderFinish,
    ProviderPart,
    Raw,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseMetadata,
    StreamStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
    Usage,
)
from flightwire.providers.base import TextBatch
from flightwire.providers.chat_dialect.stream import ChatStream

DONE = b"data: [DONE]\n\n"
ENDS: dict[str, Any] = {"finish_reason": "stop"}


def event(data: object) -> bytes:
    text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=True)
    return b"data: " + text.encode() + b"\n\n"


def delta(finish_reason: str | None = None, index: int = 0, **delta: object) -> bytes:
    choice = {"index": index, "delta": delta, "finish_reason": finish_reason}
    return event({"id": "c1", "model": "m1", "created": 5, "choices": [choice], "usage": None})


def text(*pieces: str) -> bytes:
    return b"".join(delta(content=piece) for piece in pieces)


STOP = delta("stop") + DONE


def decode(
    stream: bytes, sizes: Iterable[int] = (), **options: Any
) -> tuple[list[ProviderPart], APICallError | None]:
    """Feed the whole stream, or pieces of these sizes, and its end."""
    chat = ChatStream(service="OpenAI", url="https://x/v1", **options)
    parts, start = [], 0
    for size in [*sizes, len(stream)]:
        piece, start = stream[start : start + size], start + size
        if piece and not chat.ended:
            parts += chat.feed(piece)
    if not chat.ended:
        parts += chat.feed(b"")
    return parts, chat.failure


def parts_of(stream: bytes, **options: Any) -> list[ProviderPart]:
    """All parts but the metadata and the finish, of a stream that ends well."""
    parts, failure = decode(stream, **options)
    assert failure is None
    assert isinstance(parts[-1], ProviderFinish)
    return [part for part in parts[:-1] if not isinstance(part, ResponseMetadata)]


def text_of(stream: bytes) -> str:
    return "".join(part.text for part in decode(stream)[0] if isinstance(part, TextDelta))


def finish_of(stream: bytes) -> ProviderFinish:
    finish = decode(stream)[0][-1]
    assert isinstance(finish, ProviderFinish)
    return finish


def failure_of(stream: bytes) -> APICallError:
    failure = decode(stream)[1]
    assert failure is not None
    return failure


# --- text --------------------------------------------------------------------------------------------------------


def test_text_is_one_block() -> None:
    assert parts_of(delta(role="assistant", content="") + text("Hel", "lo") + STOP) == [
        TextStart("text-0"),
        TextDelta("text-0", "Hel"),
        TextDelta("text-0", "lo"),
        TextEnd("text-0"),
    ]


def test_metadata_comes_once_and_first() -> None:
    parts, _ = decode(text("a", "b") + STOP, headers={"x-request-id": "r"})
    assert parts[0] == ResponseMetadata("c1", "m1", 5.0, {"x-request-id": "r"})
    assert sum(isinstance(part, ResponseMetadata) for part in parts) == 1


def test_metadata_that_comes_late_is_found() -> None:
    azure = event({"id": "", "model": "", "choices": [], "prompt_filter_results": []})
    parts, _ = decode(azure + text("a") + STOP, sizes=[len(azure)])
    assert ResponseMetadata("c1", "m1", 5.0) in parts


def test_metadata_that_never_comes_leaves_the_headers() -> None:
    bare = event({"choices": [{"delta": {"content": "a"}}]})
    parts, _ = decode(bare + DONE, headers={"a": "b"})
    assert ResponseMetadata(headers={"a": "b"}) in parts


def test_empty_deltas_are_dropped() -> None:
    stream = (
        delta(content="") + delta() + delta(content=None) + event({"choices": [{"delta": None}]}) + text("a")
    )
    assert parts_of(stream + STOP)[1:-1] == [TextDelta("text-0", "a")]


@pytest.mark.parametrize("content", [None, ""])
def test_stream_without_text_has_no_block(content: str | None) -> None:
    assert parts_of(delta(content=content) + STOP) == []


def test_empty_choices_and_null_choices_are_skipped() -> None:
    stream = event({"choices": []}) + text("a") + event({"choices": None}) + event({}) + text("b") + STOP
    assert text_of(stream) == "ab"


def test_other_choices_are_left_alone() -> None:
    both = event(
        {"choices": [{"index": 1, "delta": {"content": "no"}}, {"index": 0, "delta": {"content": "b"}}]}
    )
    assert text_of(text("a") + delta(index=1, content="no") + both + delta("length", index=1) + STOP) == "ab"
    assert finish_of(text("a") + delta("length", index=1) + STOP).finish_reason == "stop"


def test_content_in_the_finishing_chunk_is_kept() -> None:
    assert text_of(text("a") + delta("stop", content="b") + DONE) == "ab"


def test_content_after_the_finishing_chunk_is_kept() -> None:
    assert text_of(text("a") + delta("stop") + text("b") + DONE) == "ab"


def test_keep_alive_comments_and_empty_events_are_skipped() -> None:
    stream = b": OPENROUTER PROCESSING\n\n" + b"data:\n\n" + b"event: ping\ndata: {}\n\n" + text("a") + STOP
    assert text_of(stream) == "a"


def test_twenty_thousand_tokens_arrive() -> None:
    tokens = [f"w{index} " for index in range(20_000)]
    parts = parts_of(text(*tokens) + STOP)
    assert [part.text for part in parts[1:-1] if isinstance(part, TextDelta)] == tokens


# --- characters --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "characters",
    [
        "👍🏽 family 👨‍👩‍👧",
        "שלום עליכם",
        "a\u2028b\u2029c\u0085d",
        "\x0b\x0c\x1c",
        "$1 ${x}",
        "\u202eRTL",
        "\ufffd",
        "\ufeff",
    ],
)
def test_text_passes_unchanged(characters: str) -> None:
    raw = event('{"choices": [{"delta": {"content": ' + json.dumps(characters, ensure_ascii=False) + "}}]}")
    assert text_of(text("x", characters) + raw + STOP) == "x" + characters * 2


@pytest.mark.parametrize(
    ("deltas", "seen"),
    [
        (["a\\ud800b"], "a\ufffdb"),
        (["a\\udc4d"], "a\ufffd"),
        (["a\\ud83d"], "a\ufffd"),
        (["a\\ud83d", "\\udc4db"], "a👍b"),
        (["a", "\\ud83d", "\\udc4d"], "a👍"),
        (["\\ud83d", "", "\\udc4d"], "👍"),
        (["\\ud83d", "b", "c"], "\ufffdbc"),
        (["\\ud83d", "\\ud83d", "\\udc4d"], "\ufffd👍"),
        (["a", "b\\u0000c"], "ab\ufffdc"),
        (["\\u0000"], "\ufffd"),
    ],
)
def test_what_cannot_travel_becomes_a_replacement_character(deltas: list[str], seen: str) -> None:
    stream = b"".join(
        event('{"choices": [{"index": 0, "delta": {"content": "' + piece + '"}}]}') for piece in deltas
    )
    assert text_of(stream + STOP) == seen


def test_broken_utf8_becomes_a_replacement_character() -> None:
    assert (
        text_of(text("a") + b'data: {"choices": [{"delta": {"content": "\xf0\x9f"}}]}\n\n' + STOP)
        == "a\ufffd"
    )


# --- reasoning and refusals --------------------------------------------------------------------------------------


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
def test_reasoning_is_a_block_before_the_text(field: str) -> None:
    stream = delta(**{field: "hm"}) + delta(**{field: "m"}) + text("a") + STOP
    assert parts_of(stream) == [
        ReasoningStart("reasoning-0"),
        ReasoningDelta("reasoning-0", "hm"),
        ReasoningDelta("reasoning-0", "m"),
        ReasoningEnd("reasoning-0"),
        TextStart("text-1"),
        TextDelta("text-1", "a"),
        TextEnd("text-1"),
    ]


def test_blocks_that_come_again_have_ids_of_their_own() -> None:
    parts = parts_of(text("a") + delta(reasoning="b") + text("c") + STOP)
    assert [part.id for part in parts if isinstance(part, (TextStart, ReasoningStart))] == [
        "text-0", "reasoning-1", "text-2",
    ]  # fmt: skip


def test_both_names_of_reasoning_at_once_are_not_doubled() -> None:
    parts = parts_of(delta(reasoning="b", reasoning_content="b") + STOP)
    assert sum(isinstance(part, ReasoningDelta) for part in parts) == 1


def test_refusal_is_text_and_a_content_filter() -> None:
    stream = delta(refusal="I cannot ") + delta(refusal="help.") + STOP
    assert text_of(stream) == "I cannot help."
    assert (finish_of(stream).finish_reason, finish_of(stream).raw_finish_reason) == (
        "content-filter",
        "stop",
    )


# --- tool calls --------------------------------------------------------------------------------------------------


def call(
    index: int | None = 0, id: str | None = None, name: str | None = None, arguments: object = None
) -> bytes:
    piece: dict[str, object] = {"index": index, "id": id, "function": {"name": name, "arguments": arguments}}
    return delta(tool_calls=[{key: field for key, field in piece.items() if field is not None}])


TOOLS_STOP = delta("tool_calls") + DONE


def calls_of(stream: bytes) -> list[tuple[str, str, object]]:
    parts = parts_of(stream)
    return [(part.tool_call_id, part.tool_name, part.input) for part in parts if isinstance(part, ToolCall)]


def test_tool_call_is_told_as_it_is_written() -> None:
    stream = text("a") + call(id="c", name="f", arguments="") + call(arguments='{"x"') + call(arguments=":1}")
    assert parts_of(stream + TOOLS_STOP)[2:] == [
        TextEnd("text-0"),
        ToolInputStart("c", "f"),
        ToolInputDelta("c", '{"x"'),
        ToolInputDelta("c", ":1}"),
        ToolInputEnd("c"),
        ToolCall("c", "f", '{"x":1}'),
    ]
    assert finish_of(stream + TOOLS_STOP).finish_reason == "tool-calls"


def test_parallel_calls_may_interleave() -> None:
    stream = call(0, "a", "f", "{") + call(1, "b", "g", "[") + call(0, arguments="}") + call(1, arguments="]")
    assert calls_of(stream + TOOLS_STOP) == [("a", "f", "{}"), ("b", "g", "[]")]


def test_calls_that_share_an_index_are_two() -> None:
    assert calls_of(call(0, "a", "f", "{}") + call(0, "b", "f", "{}") + TOOLS_STOP) == [
        ("a", "f", "{}"),
        ("b", "f", "{}"),
    ]


def test_calls_without_an_index_are_told_apart_by_their_names() -> None:
    stream = call(None, "a", "f", "{") + call(None, arguments="}") + call(None, "b", "g", "{}")
    assert calls_of(stream + TOOLS_STOP) == [("a", "f", "{}"), ("b", "g", "{}")]


def test_id_and_name_repeated_in_every_delta_are_one_call() -> None:
    assert calls_of(call(0, "a", "f", "{") + call(0, "a", "f", "}") + TOOLS_STOP) == [("a", "f", "{}")]


def test_call_without_an_id_gets_one() -> None:
    ((call_id, name, _),) = calls_of(call(0, None, "f", "{}") + TOOLS_STOP)
    assert call_id.startswith("call_")
    assert name == "f"


def test_name_that_comes_late_is_waited_for() -> None:
    stream = call(0, "a", None, '{"x":') + call(0, None, "f", "1}") + TOOLS_STOP
    assert parts_of(stream)[0] == ToolInputStart("a", "f")
    assert calls_of(stream) == [("a", "f", '{"x":1}')]


def test_arguments_that_are_an_object_become_json() -> None:
    assert calls_of(call(0, "a", "f", {"x": 1}) + TOOLS_STOP) == [("a", "f", '{"x":1}')]


def test_call_without_a_name_is_an_error() -> None:
    assert "without a name" in failure_of(call(0, "a", None, "{}") + TOOLS_STOP).message


# --- endings -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "content-filter"),
        ("tool_calls", "tool-calls"),
        ("function_call", "tool-calls"),
        ("error", "other"),
        ("whatever", "other"),
    ],
)
def test_finish_reasons_are_mapped(raw: str, reason: str) -> None:
    finish = finish_of(text("a") + delta(raw) + DONE)
    assert (finish.finish_reason, finish.raw_finish_reason) == (reason, raw)


def test_usage_may_come_after_the_finish() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 7,
        "total_tokens": 17,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    stream = text("a") + delta("stop") + event({"choices": [], "usage": usage}) + DONE
    assert finish_of(stream).usage == Usage(10, 7, 17, 6, 4, None, 5, 2, usage)  # type: ignore[arg-type]


def test_the_last_usage_counts() -> None:
    running = b"".join(
        event(
            {"choices": [{"delta": {"content": "a"}}], "usage": {"prompt_tokens": 1, "completion_tokens": n}}
        )
        for n in range(1, 4)
    )
    stream = running + delta("stop") + DONE
    assert (finish_of(stream).usage.output_tokens, finish_of(stream).usage.total_tokens) == (3, 4)
    assert text_of(stream) == "aaa"


def test_usage_in_the_finishing_chunk_counts() -> None:
    last = event({"choices": [{"delta": {}, "finish_reason": "stop"}], "usage": {"completion_tokens": 3}})
    assert finish_of(text("a") + last + DONE).usage.output_tokens == 3


@pytest.mark.parametrize("count", [-1, "7", None, 1e300, True, [], {}])
def test_counts_that_are_none_count_for_nothing(count: object) -> None:
    stream = text("a") + delta("stop") + event({"choices": [], "usage": {"prompt_tokens": count}}) + DONE
    assert finish_of(stream).usage.input_tokens == 0


def test_usage_that_is_not_said_is_unknown() -> None:
    assert finish_of(text("a") + STOP).usage == Usage()


def test_missing_end_mark_after_a_finish_reason_is_forgiven() -> None:
    assert finish_of(text("a") + delta("stop")).finish_reason == "stop"


@pytest.mark.parametrize("end", [b"data: [DONE]", b"data: [DONE]\n", b"data: [DONE]\r\n"])
def test_missing_last_blank_line_is_forgiven(end: bytes) -> None:
    assert finish_of(text("a") + end).finish_reason == "other"


def test_finishing_chunk_without_its_blank_line_is_forgiven() -> None:
    assert finish_of(text("a") + delta("stop").rstrip()).finish_reason == "stop"


def test_end_mark_without_a_finish_reason_ends_for_reasons_unknown() -> None:
    assert finish_of(text("a") + DONE).finish_reason == "other"


def test_nothing_after_the_end_mark_is_read() -> None:
    stream = text("a") + STOP + text("b") + event("garbage")
    assert text_of(stream) == "a"
    assert decode(stream)[1] is None


def test_connection_lost_after_the_finish_reason_loses_nothing() -> None:
    chat = ChatStream(service="OpenAI", url="u")
    chat.feed(text("a") + delta("stop"))
    parts = chat.broke_off(APICallError("lost", url="u"))
    assert isinstance(parts[-1], ProviderFinish)
    assert chat.failure is None


# --- failures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "stream", [b"", b": hello\n\n", text("a", "b"), text("a")[:-1], text("a")[:-9], text("a") + b"data: {"]
)
def test_stream_that_ends_before_the_answer_broke_off(stream: bytes) -> None:
    failure = failure_of(stream)
    assert failure.message == "OpenAI broke off: the stream ended before the answer did"
    assert failure.url == "https://x/v1"


def test_what_came_before_a_failure_is_given() -> None:
    parts, failure = decode(text("a", "b") + event('{"choices": [') + text("c"))
    assert [part.text for part in parts if isinstance(part, TextDelta)] == ["a", "b"]
    assert failure is not None


@pytest.mark.parametrize(
    "garbage",
    [
        '{"choices": [{"del',
        "hello",
        "<html>",
        "[1]",
        "5",
        "null",
        '"x"',
        "[" * 100_000,
        '{"x":' + "[" * 100_000,
    ],
)
def test_malformed_json_is_quoted(garbage: str) -> None:
    failure = failure_of(text("a") + event(garbage))
    assert failure.message.startswith("OpenAI sent an event that is not JSON")
    assert garbage[:20] in failure.message
    assert failure.response_body == garbage[:1000]


@pytest.mark.parametrize(
    ("error", "message", "retryable"),
    [
        ({"message": "Overloaded", "type": "overloaded_error"}, "Overloaded", True),
        (
            {"message": "Server had an error", "type": "server_error", "code": None},
            "Server had an error",
            True,
        ),
        ({"message": "bad", "type": "invalid_request_error"}, "bad", False),
        ({"message": "slow down", "code": 429}, "slow down", True),
        ({"message": "no credits", "code": 402}, "no credits", False),
        ("plain", "plain", False),
        ({"code": 500}, "OpenAI reported an error: {'code': 500}", True),
    ],
)
def test_error_inside_the_stream_is_an_error(error: object, message: str, retryable: bool) -> None:
    parts, failure = decode(text("a") + event({"error": error}) + text("b") + STOP)
    assert failure is not None
    assert (failure.message, failure.is_retryable, failure.data) == (message, retryable, error)
    assert [part.text for part in parts if isinstance(part, TextDelta)] == ["a"]


def test_error_beside_choices_is_an_error() -> None:
    chunk = {
        "choices": [{"delta": {"content": ""}, "finish_reason": "error"}],
        "error": {"message": "x", "code": 502},
    }
    failure = failure_of(text("a") + event(chunk))
    assert (failure.message, failure.status_code) == ("x", 502)


def test_bare_error_object_is_an_error() -> None:
    failure = failure_of(text("a") + event({"object": "error", "message": "too long", "code": 400}))
    assert (failure.message, failure.status_code) == ("too long", 400)


def test_line_without_end_is_an_error() -> None:
    failure = failure_of(text("a") + b"data: " + b"x" * (4 * 1024 * 1024))
    assert "longer than 4194304 bytes" in failure.message


# --- odd but readable --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "choice",
    [
        {"index": "0", "delta": {"content": "a"}},
        {"index": None, "delta": {"content": "a"}},
        {"delta": {"content": [{"type": "text", "text": "a"}]}},
        {"delta": {"content": "a", "tool_calls": "none"}},
        {"delta": {"content": "a", "reasoning": {"x": 1}}},
        {"delta": {"content": "a", "role": 5}, "logprobs": {"content": []}},
        {"delta": {"content": "a"}, "finish_reason": 5},
    ],
)
def test_chunks_that_are_not_quite_as_documented_are_read(choice: Mapping[str, object]) -> None:
    assert text_of(text("x") + event({"choices": [choice]}) + STOP) == "xa"


def test_raw_chunks_are_given_when_asked_for() -> None:
    parts = parts_of(text("a") + STOP, include_raw=True)
    assert isinstance(parts[0], Raw)
    assert [part.type for part in parts] == ["raw", "text-start", "text-delta", "raw", "text-end"]


# --- every split -------------------------------------------------------------------------------------------------

RICH = (
    b"\xef\xbb\xbf: hi\r\n\r\n"
    + delta(reasoning="hm").replace(b"\n", b"\r\n")
    + event('{"choices": [{"index": 0, "delta": {"content": "👍\u2028"}}]}')
    + event('{"choices": [{"index": 0, "delta": {"content": "\\ud83d"}}]}')
    + event('{"choices": [{"index": 0, "delta": {"content": "\\udc4d"}}]}')
    + call(0, "a", "f", "{")
    + call(0, arguments="}")
    + delta("tool_calls")
    + event({"choices": [], "usage": {"prompt_tokens": 1, "completion_tokens": 2}})
    + DONE
)


def test_one_byte_at_a_time_gives_the_same() -> None:
    assert decode(RICH, sizes=[1] * len(RICH)) == decode(RICH)


@pytest.mark.parametrize("offset", range(8))
def test_two_pieces_give_the_same(offset: int) -> None:
    whole = decode(RICH)
    for split in range(offset, len(RICH), 8):
        assert decode(RICH, sizes=[split]) == whole, split


def test_every_truncation_ends_in_an_answer_or_an_error() -> None:
    for end in range(len(RICH)):
        parts, failure = decode(RICH[:end])
        assert (failure is None) == (bool(parts) and isinstance(parts[-1], ProviderFinish)), end


def test_an_answer_whose_every_event_says_more_than_text_is_read_to_its_end() -> None:
    odd = b"".join(
        event({"choices": [{"delta": {"content": f"{number} "}, "logprobs": {"content": [number]}}]})
        for number in range(60)
    )
    assert text_of(odd + STOP) == "".join(f"{number} " for number in range(60))
    metadata = finish_of(odd + STOP).provider_metadata
    assert metadata is not None
    assert metadata["openaiCompatible"]["logprobs"] == list(range(60))


@pytest.mark.parametrize(
    "odd",
    [
        {"content": "b", "reasoning_content": "why"},
        {"content": "b", "refusal": "no"},
        {"content": "b", "tool_calls": []},
        {"content": "b", "annotations": []},
        {"content": [{"type": "text", "text": "b"}]},
        {"content": None},
        {},
    ],
)
def test_what_is_no_plain_text_in_the_middle_of_one_is_read_with_all_its_fields(odd: dict[str, Any]) -> None:
    begun = ChatStream(service="OpenAI", url="https://x/v1")
    alone = ChatStream(service="OpenAI", url="https://x/v1")
    alone._oddities = 1000  # asks nothing whether it is plain
    stream = text("a") + delta(**odd) + text("c") + STOP
    assert begun.feed(stream) == alone.feed(stream)


plain_or_not = st.one_of(
    st.builds(lambda words: text(*words), st.lists(st.text(max_size=3), min_size=1, max_size=12)),
    st.sampled_from(
        [
            delta(content="a\0b"),
            delta(content="\ud83d"),
            delta(content="b", reasoning_content="why"),
            delta(tool_calls=[{"index": 0, "id": "t", "function": {"name": "f", "arguments": "{}"}}]),
            delta(index=1, content="of another choice"),
            event({"choices": [], "usage": {"prompt_tokens": 1}}),
            event("not JSON {"),
            event({"error": {"message": "no"}}),
            STOP,
        ]
    ),
)


@given(st.lists(plain_or_not, min_size=1, max_size=8))
def test_many_events_in_one_read_say_what_they_say_one_by_one(pieces: list[bytes]) -> None:
    stream = text("a") + b"".join(pieces) + STOP
    at_once = ChatStream(service="OpenAI", url="https://x/v1")
    one_by_one = ChatStream(service="OpenAI", url="https://x/v1")
    parts = at_once.feed(stream)
    expected: list[ProviderPart] = []
    for piece in stream.split(b"\n\n")[:-1]:
        if not one_by_one.ended:
            expected += one_by_one.feed(piece + b"\n\n")
    made_up = re.compile("call_[0-9a-f]{24}")  # the id of a call that has none of its own
    assert made_up.sub("call", repr(list(parts))) == made_up.sub("call", repr(expected))
    assert str(at_once.failure) == str(one_by_one.failure)
    if type(parts) is TextBatch:
        run = parts[parts.begin : parts.end]
        assert list(run) == [TextDelta(run[0].id, text) for text in parts.texts]
        assert all(parts.texts)


def test_a_read_of_many_tokens_says_where_they_are() -> None:
    chat = ChatStream(service="OpenAI", url="https://x/v1")
    words = [f"w{number}" for number in range(20)]
    parts = chat.feed(delta(role="assistant", content="") + text(*words) + STOP)
    assert type(parts) is TextBatch
    assert (parts[parts.begin - 1], parts.texts) == (TextDelta("text-0", "w0"), words[1:])
    parts = parts.after(StreamStart())
    assert parts[parts.begin] == TextDelta("text-0", "w1")
