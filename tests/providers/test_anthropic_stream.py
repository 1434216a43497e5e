"""Anthropic's events become parts, whatever befalls the bytes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from flightwire.errors import APICallError
from flightwire.events import (
    Custom,
    ProviderFinish,
    ProviderPart,
    Raw,
    ReasoningDelta,
    ReasoningStart,
    Source,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolInputDelta,
    ToolResult,
)
from flightwire.messages import FilePart, TextPart, UserMessage
from flightwire.providers.anthropic import anthropic
from flightwire.providers.anthropic.request import Message, write_request
from flightwire.providers.anthropic.stream import MessageStream
from flightwire.providers.anthropic.whole import to_result
from flightwire.providers.base import ModelCall, ModelResult, ResponseFormat, Text
from tests.providers import anthropic_samples as samples
from tests.providers.anthropic_samples import block, end, event, start, text, tool_input
from tests.providers.stream_faults import PROMISES, Sample, comparable

CITED = {"anthropic": {"citations": {"enabled": True}}}
DOCUMENTS = UserMessage(
    (
        FilePart(b"%PDF-", "application/pdf", "a.pdf", CITED),
        FilePart(b"hi", "text/plain", None, CITED),
        TextPart("Hi"),
    )
)
JSON_ANSWER = ResponseFormat(
    "json", {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
)
SEARCH = anthropic.tools.web_search_20250305(name="search")


def message(model: str = "claude-3-haiku", **settings: Any) -> Message:
    call = ModelCall([settings.pop("said", UserMessage("Hi"))], **settings)
    return write_request(call, model, stream=True)


def reader(about: Message | None = None, **options: Any) -> MessageStream:
    return MessageStream(about or message(), service="Anthropic", url="https://a", **options)


def read(events: Iterable[bytes], about: Message | None = None, **options: Any) -> list[ProviderPart]:
    stream = reader(about, **options)
    parts = stream.feed(b"".join(events))
    parts += [] if stream.ended else stream.feed(b"")
    if stream.failure is not None:
        raise stream.failure
    return parts


def of(kind: type[Any], parts: Iterable[ProviderPart]) -> list[Any]:
    return [part for part in parts if isinstance(part, kind)]


def whole(content: list[dict[str, Any]], about: Message | None = None, **fields: Any) -> ModelResult:
    body = {
        "id": "msg_1",
        "model": "claude-x",
        "content": content,
        "stop_reason": "end_turn",
        "usage": samples.USAGE,
    }
    about = about or message()
    return to_result(
        json.dumps({**body, **fields}).encode(),
        about,
        service="Anthropic",
        url="https://a",
        headers={},
        request=ModelResult((), "stop", None).request,  # type: ignore[arg-type] # only its default is wanted
    )


# --- whatever befalls the bytes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("name", samples.SAMPLES)
def test_stream_keeps_its_promises(name: str, promise: Callable[[Sample], None]) -> None:
    promise(Sample(name, reader, samples.SAMPLES[name], samples.NOISE))


# --- texts and thinking ------------------------------------------------------------------------------------------


def test_text_comes_piece_by_piece_with_its_ends() -> None:
    parts = read(samples.PLAIN)
    assert [type(part) for part in parts[1:]] == [
        TextStart,
        TextDelta,
        TextDelta,
        TextDelta,
        TextEnd,
        ProviderFinish,
    ]
    assert "".join(part.text for part in of(TextDelta, parts)) == "Hello wörld 😀"


def test_signature_and_redacted_thinking_are_kept_for_the_next_turn() -> None:
    parts = read(samples.THINKING)
    assert "".join(part.text for part in of(ReasoningDelta, parts)) == "Let me see."
    assert of(ReasoningDelta, parts)[-1].provider_metadata == {"anthropic": {"signature": "sig"}}
    assert of(ReasoningStart, parts)[1].provider_metadata == {"anthropic": {"redactedData": "xyz"}}


def test_half_surrogate_pair_waits_for_its_other_half() -> None:
    halves = (b'{"type":"text_delta","text":"\\ud83d"}', b'{"type":"text_delta","text":"\\ude00!"}')
    deltas = [b'data: {"type":"content_block_delta","index":0,"delta":%s}\n\n' % half for half in halves]
    events = [
        start(),
        block(0, {"type": "text", "text": ""})[0],
        *deltas,
        event("content_block_stop", index=0),
        *end(),
    ]
    assert "".join(part.text for part in of(TextDelta, read(events))) == "😀!"


def test_nul_is_replaced() -> None:
    assert of(TextDelta, read([start(), *text(0, "a\0b"), *end()]))[0].text == "a\ufffdb"


# --- tools -------------------------------------------------------------------------------------------------------


def test_calls_have_their_whole_input_and_none_is_an_empty_object() -> None:
    parts = read(samples.TOOLS)
    assert [(call.tool_call_id, call.tool_name, call.input) for call in of(ToolCall, parts)] == [
        ("toolu_1", "get_weather", '{"city": "Paris"}'),
        ("toolu_2", "now", "{}"),
    ]
    assert of(ProviderFinish, parts)[0].finish_reason == "tool-calls"


def test_search_is_anthropics_and_gives_sources() -> None:
    about = message("claude-sonnet-4-5", tools=[SEARCH])
    parts = read(samples.SEARCH, about)
    (call,) = of(ToolCall, parts)
    found, failed = of(ToolResult, parts)
    assert (call.tool_name, call.provider_executed) == ("search", True)
    assert found.output == [
        {
            "url": "https://a",
            "title": "A",
            "pageAge": None,
            "encryptedContent": "e",
            "type": "web_search_result",
        }
    ]
    assert (failed.is_error, failed.output["errorCode"]) == (True, "max_uses_exceeded")
    assert [(source.url, source.title) for source in of(Source, parts)] == [("https://a", "A")]


def test_citations_of_the_web_are_sources_when_no_search_is_shown() -> None:
    parts = read([start(), *text(0, "x", citations=(samples.WEB_CITATION,)), *end()])
    assert [source.provider_metadata for source in of(Source, parts)] == [
        {"anthropic": {"citedText": "c", "encryptedIndex": "i"}}
    ]


def test_citations_of_documents_name_them() -> None:
    cited = (samples.PAGE_CITATION, samples.CHAR_CITATION, {**samples.CHAR_CITATION, "document_index": 9})
    parts = read([start(), *text(0, "x", citations=cited), *end()], message(said=DOCUMENTS))
    page, chars = of(Source, parts)
    assert (page.title, page.media_type, page.filename) == ("a.pdf", "application/pdf", "a.pdf")
    assert page.provider_metadata["anthropic"]["startPageNumber"] == 1
    assert (chars.title, chars.media_type) == ("T", "text/plain")
    assert of(TextEnd, parts)[0].provider_metadata["anthropic"]["citations"] == list(cited)


def test_fetched_page_can_be_cited() -> None:
    parts = read(samples.FETCH)
    assert of(ToolResult, parts)[0].output["content"]["source"]["mediaType"] == "text/plain"
    assert [source.title for source in of(Source, parts)] == ["Page"]


def test_steps_of_code_execution_are_one_tool() -> None:
    parts = read(samples.CODE)
    bash, code, own = of(ToolCall, parts)
    assert (bash.tool_name, json.loads(bash.input)) == (
        "code_execution",
        {"type": "bash_code_execution", "command": "ls"},
    )
    assert json.loads(code.input) == {"type": "programmatic-tool-call", "code": "f()"}
    assert own.provider_metadata == {
        "anthropic": {"caller": {"type": "code_execution_20250825", "toolId": "srv_2"}}
    }
    assert [result.output["stdout"] for result in of(ToolResult, parts)] == ["a", "b"]


def test_deltas_of_an_input_are_its_call() -> None:
    for sample in samples.SAMPLES.values():
        parts = read(sample)
        for call in of(ToolCall, parts):
            pieces = [part.delta for part in of(ToolInputDelta, parts) if part.id == call.tool_call_id]
            assert not pieces or "".join(pieces) == call.input


def test_code_that_was_not_asked_for_is_dynamic() -> None:
    about = message("claude-sonnet-4-5", tools=[anthropic.tools.web_fetch_20260209()])
    assert [call.dynamic for call in of(ToolCall, read(samples.CODE, about))] == [True, True, False]


def test_mcp_result_is_named_by_its_call() -> None:
    parts = read(samples.MCP)
    (call,), (result,) = of(ToolCall, parts), of(ToolResult, parts)
    assert (call.dynamic, call.provider_executed, result.tool_name) == (True, True, "echo")
    assert result.provider_metadata == {"anthropic": {"type": "mcp-tool-use", "serverName": "srv"}}


def test_member_of_a_set_of_tools_becomes_an_action() -> None:
    about = message(tools=[anthropic.tools.computer_toolset_20260801(name="screen")])
    click = {"type": "tool_use", "id": "t1", "name": "left_click", "toolset_name": "computer", "input": {}}
    parts = read([start(), *block(0, click, *tool_input('{"coordinate":[1,2]}')), *end("tool_use")], about)
    (call,) = of(ToolCall, parts)
    assert (call.tool_name, json.loads(call.input)) == (
        "screen",
        {"coordinate": [1, 2], "action": "left_click"},
    )


def test_other_blocks_come_through() -> None:
    parts = read(samples.OTHER)
    assert of(TextStart, parts)[0].provider_metadata == {"anthropic": {"type": "compaction"}}
    assert [part.kind for part in of(Custom, parts)] == ["anthropic.fallback"]
    assert [result.output for result in of(ToolResult, parts)] == [
        [{"type": "tool_reference", "toolName": "w"}],
        {"type": "advisor_result", "text": "Do."},
    ]


def test_calls_that_were_put_off_stand_in_the_beginning() -> None:
    late = {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}}
    (call,) = of(ToolCall, read([start(content=[late]), *end("tool_use")]))
    assert (call.tool_call_id, json.loads(call.input)) == ("t1", {"x": 1})


# --- answers as the input of a tool ------------------------------------------------------------------------------


JSON_CALL = {"type": "tool_use", "id": "t1", "name": "json", "input": {}}


def test_json_comes_as_text_and_the_text_before_it_is_dropped() -> None:
    about = message(response_format=JSON_ANSWER)
    parts = read(
        [start(), *text(0, "Sure."), *block(1, JSON_CALL, *tool_input('{"a"', ":1}")), *end("tool_use")],
        about,
    )
    assert "".join(part.text for part in of(TextDelta, parts)) == '{"a":1}'
    assert of(ToolCall, parts) == []
    assert of(ProviderFinish, parts)[0].finish_reason == "stop"


def test_model_that_answers_in_words_instead_is_heard() -> None:
    parts = read([start(), *text(0, "No."), *end()], message(response_format=JSON_ANSWER))
    assert [part.text for part in of(TextDelta, parts)] == ["No."]


def test_words_before_another_call_are_no_answer() -> None:
    other = {"type": "tool_use", "id": "t1", "name": "f", "input": {}}
    about = message(response_format=JSON_ANSWER)
    assert of(TextDelta, read([start(), *text(0, "Wait."), *block(1, other), *end("tool_use")], about)) == []


# --- the end -----------------------------------------------------------------------------------------------------


def test_usage_is_put_together_from_beginning_and_end() -> None:
    usage = of(ProviderFinish, read(samples.PLAIN))[0].usage
    assert (usage.input_tokens, usage.no_cache_tokens, usage.output_tokens, usage.total_tokens) == (
        15,
        10,
        7,
        22,
    )
    assert (usage.cache_read_tokens, usage.cache_write_tokens) == (2, 3)


@pytest.mark.parametrize(
    ("usage", "tokens"),
    [
        (
            {"input_tokens": 1, "output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}},
            (1, 9, 5, 4),
        ),
        (
            {
                "input_tokens": 1,
                "output_tokens": 2,
                "iterations": [
                    {"type": "compaction", "input_tokens": 10, "output_tokens": 20},
                    {"type": "message", "input_tokens": 1, "output_tokens": 2},
                    {"type": "advisor_message", "input_tokens": 99, "output_tokens": 99},
                ],
            },
            (11, 22, None, None),
        ),
        (
            {
                "input_tokens": 1,
                "output_tokens": 2,
                "iterations": [
                    {"type": "message", "input_tokens": 5, "output_tokens": 0},
                    {"type": "fallback_message", "input_tokens": 1, "output_tokens": 2},
                ],
            },
            (1, 2, None, None),
        ),
        ({"input_tokens": True, "output_tokens": -1}, (None, None, None, None)),
    ],
)
def test_usage_counts_what_the_model_itself_used(
    usage: dict[str, Any], tokens: tuple[int | None, ...]
) -> None:
    found = whole([], usage=usage).usage
    assert (found.no_cache_tokens, found.output_tokens, found.text_tokens, found.reasoning_tokens) == tokens


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("pause_turn", "stop"),
        ("tool_use", "tool-calls"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "content-filter"),
        ("reason_of_tomorrow", "other"),
    ],
)
def test_reasons_to_stop(raw: str, reason: str) -> None:
    finish = of(ProviderFinish, read([start(), *end(raw)]))[0]
    assert (finish.finish_reason, finish.raw_finish_reason) == (reason, raw)


def test_metadata_has_the_ai_sdks_names() -> None:
    own = of(ProviderFinish, read(samples.OTHER))[0].provider_metadata["anthropic"]
    assert own["container"] is None  # the end says that there is none
    assert own["contextManagement"] == {
        "appliedEdits": [{"type": "clear_thinking_20251015", "clearedInputTokens": 5}]
    }
    assert own["usage"]["cache_creation_input_tokens"] == 3


def test_error_in_the_middle_keeps_what_came() -> None:
    stream = reader()
    parts = stream.feed(
        b"".join(
            [
                start(),
                *text(0, "Hel")[:2],
                event("error", error={"type": "overloaded_error", "message": "Busy"}),
            ]
        )
    )
    assert [part.text for part in of(TextDelta, parts)] == ["Hel"]
    assert isinstance(stream.failure, APICallError)
    assert (stream.failure.status_code, stream.failure.is_retryable, stream.ended) == (529, True, True)


def test_error_before_anything_else_is_no_beginning() -> None:
    stream = reader()
    stream.feed(event("ping") + event("error", error={"type": "invalid_request_error", "message": "No"}))
    assert stream.begun is False
    assert stream.failure is not None
    assert (stream.failure.status_code, stream.failure.is_retryable) == (400, False)


def test_second_message_inside_the_first_is_an_error() -> None:
    with pytest.raises(APICallError, match="began a message while another was not over"):
        read([start(), start(id="msg_2"), *end()])


def test_repeated_beginning_is_passed_over() -> None:
    assert comparable(read([start(), start(), *text(0, "a"), *end()])) == comparable(
        read([start(), *text(0, "a"), *end()])
    )


def test_message_after_a_message_says_how_it_ended() -> None:
    parts = read([start(), *text(0, "a"), *end("tool_use"), start(id="msg_2"), *text(0, "b"), *end()])
    assert [part.text for part in of(TextDelta, parts)] == ["a", "b"]
    assert len({part.id for part in of(TextStart, parts)}) == 2
    assert [part.finish_reason for part in of(ProviderFinish, parts)] == ["stop"]


def test_raw_events_come_when_asked_for() -> None:
    assert len(of(Raw, read(samples.PLAIN, include_raw=True))) == len(samples.PLAIN)


def test_megabytes_of_one_line_are_refused() -> None:
    stream = reader()
    stream.feed(b"data: " + b"x" * 5_000_000)
    assert stream.ended
    assert isinstance(stream.failure, APICallError)


# --- answers that were not streamed ------------------------------------------------------------------------------


def test_whole_message_has_everything_in_order() -> None:
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "s"},
        {"type": "redacted_thinking", "data": "x"},
        {"type": "text", "text": "a", "citations": [samples.WEB_CITATION]},
        {"type": "compaction", "content": "short"},
        {"type": "tool_use", "id": "t", "name": "f", "input": {"x": 1}},
        {"type": "server_tool_use", "id": "s", "name": "bash_code_execution", "input": {"command": "ls"}},
        {"type": "container_upload", "file_id": "file_1"},
        {"type": "block_of_tomorrow"},
    ]
    kinds = [block.type for block in whole(content).content]
    assert kinds == ["reasoning", "reasoning", "text", "source", "text", "tool-call", "tool-call", "custom"]


@pytest.mark.parametrize(
    ("content", "reason", "said"),
    [
        ([{"type": "text", "text": "Sure."}, {**JSON_CALL, "input": {"a": 1}}], "tool_use", ['{"a":1}']),
        ([{"type": "text", "text": "No."}], "end_turn", ["No."]),
        (
            [{"type": "text", "text": "Wait."}, {"type": "tool_use", "id": "t", "name": "f", "input": {}}],
            "tool_use",
            [],
        ),
    ],
)
def test_whole_json_answer_is_the_input_of_our_tool(content: list[Any], reason: str, said: list[str]) -> None:
    result = whole(content, message(response_format=JSON_ANSWER), stop_reason=reason)
    assert [block.text for block in result.content if isinstance(block, Text)] == said


@pytest.mark.parametrize(
    "document", [b"", b"nonsense", b"[]", b"{}", b'{"content": 1}', b"\xff", b"[" * 100_000]
)
def test_document_that_is_no_message_is_an_error(document: bytes) -> None:
    with pytest.raises(APICallError, match="Anthropic sent"):
        to_result(document, message(), service="Anthropic", url="u", headers={}, request=whole([]).request)


def test_error_instead_of_a_message_is_told() -> None:
    document = b'{"type":"error","error":{"type":"rate_limit_error","message":"Slow down"}}'
    with pytest.raises(APICallError, match="Slow down"):
        to_result(document, message(), service="Anthropic", url="u", headers={}, request=whole([]).request)
