"""Google's chunks become parts, whatever befalls the bytes."""

from __future__ import annotations

import itertools
import json
import time
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from flightwire.errors import APICallError
from flightwire.events import (
    File,
    ProviderFinish,
    ProviderPart,
    Raw,
    ReasoningDelta,
    ReasoningFile,
    RequestMetadata,
    ResponseMetadata,
    Source,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolInputDelta,
    ToolResult,
)
from flightwire.messages import UserMessage
from flightwire.providers.base import ModelCall, ModelResult, ResponseFormat, Text, ToolSpec
from flightwire.providers.google import google
from flightwire.providers.google.partial_args import PartialArgs
from flightwire.providers.google.request import Question, write_request
from flightwire.providers.google.stream import GeminiStream
from flightwire.providers.google.whole import to_result
from tests.providers import google_samples as samples
from tests.providers.google_samples import call, chunk, end, event, piece, said, text
from tests.providers.stream_faults import PROMISES, Sample

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}
SIGNED = {"google": {"thoughtSignature": "s"}}


def question(**settings: Any) -> Question:
    model = settings.pop("model", "gemini-2.5-flash")
    return write_request(ModelCall([UserMessage("Hi")], **settings), model)


JSON_QUESTION = question(tools=[ToolSpec("f", SCHEMA)], response_format=ResponseFormat("json", SCHEMA))


def reader(about: Question | None = None, **options: Any) -> GeminiStream:
    numbers = itertools.count(1)
    options.setdefault("make_id", lambda: f"id{next(numbers)}")
    return GeminiStream(about or question(), service="Google", url="https://g", **options)


def read(events: Iterable[bytes], about: Question | None = None, **options: Any) -> list[ProviderPart]:
    stream = reader(about, **options)
    parts = stream.feed(b"".join(events))
    parts += [] if stream.ended else stream.feed(b"")
    if stream.failure is not None:
        raise stream.failure
    return parts


def of(kind: type[Any], parts: Iterable[ProviderPart]) -> list[Any]:
    return [part for part in parts if isinstance(part, kind)]


def whole(body: dict[str, Any] | bytes, about: Question | None = None) -> ModelResult:
    document = body if isinstance(body, bytes) else json.dumps(body).encode()
    return to_result(
        document,
        about or question(),
        service="Google",
        url="u",
        headers={},
        request=RequestMetadata(),
        make_id=lambda: "id",
    )


# --- whatever befalls the bytes ----------------------------------------------------------------------------------


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.__name__)
@pytest.mark.parametrize("name", samples.SAMPLES)
def test_stream_keeps_its_promises(name: str, promise: Callable[[Sample], None]) -> None:
    promise(Sample(name, reader, samples.SAMPLES[name], samples.NOISE))


# --- texts, thoughts, files --------------------------------------------------------------------------------------


def test_text_comes_piece_by_piece_with_its_ends() -> None:
    parts = read(samples.PLAIN)
    assert [type(part) for part in parts] == [
        ResponseMetadata, TextStart, TextDelta, TextDelta, TextDelta, TextEnd, ProviderFinish
    ]  # fmt: skip
    assert "".join(part.text for part in of(TextDelta, parts)) == "Hello wörld 😀"


def test_thoughts_are_reasoning_and_signatures_stay() -> None:
    parts = read(samples.THINKING)
    assert "".join(part.text for part in of(ReasoningDelta, parts)) == "Let me see."
    assert of(ReasoningDelta, parts)[-1].provider_metadata == {"google": {"thoughtSignature": "s1"}}
    assert (of(TextDelta, parts)[-1].text, of(TextDelta, parts)[-1].provider_metadata) == (
        "",
        {"google": {"thoughtSignature": "s2"}},
    )


def test_signature_that_comes_alone_is_a_part_of_its_own() -> None:
    parts = read([said(text("", thoughtSignature="s")), said(text("a")), end()])
    assert [part.id for part in of(TextStart, parts)] == ["0", "1"]
    assert of(TextStart, parts)[0].provider_metadata == SIGNED


def test_half_surrogate_pair_waits_for_its_other_half() -> None:
    halves = [said(text("x"))] + [said(text("@")).replace(b"@", half) for half in (b"\\ud83d", b"\\ude00!")]
    assert "".join(part.text for part in of(TextDelta, read([*halves, end()]))) == "x😀!"


def test_nul_is_replaced() -> None:
    deltas = of(TextDelta, read([said(text("a")), said(text("b\0")), end()]))
    assert [part.text for part in deltas] == ["a", "b\ufffd"]


def test_files_of_the_answer_and_of_its_thoughts() -> None:
    parts = read(samples.FILES)
    assert [(part.data, part.media_type, part.provider_metadata) for part in of(File, parts)] == [
        (b"hi", "image/png", SIGNED)
    ]
    assert [part.data for part in of(ReasoningFile, parts)] == [b"hi"]
    assert len(of(TextStart, parts)) == 2


def test_file_that_is_no_base64_is_passed_over() -> None:
    assert of(File, read([said({"inlineData": {"mimeType": "image/png", "data": "a"}}), end()])) == []


# --- calls -------------------------------------------------------------------------------------------------------


def test_calls_come_whole() -> None:
    parts = read(samples.CALLS)
    weather, now = of(ToolCall, parts)
    assert (weather.tool_call_id, weather.tool_name, json.loads(weather.input)) == (
        "c1",
        "get_weather",
        {"city": "Paris"},
    )
    assert (weather.provider_metadata, now.input) == (SIGNED, "{}")
    assert of(ProviderFinish, parts)[0].finish_reason == "tool-calls"


def test_call_without_an_id_gets_one() -> None:
    assert of(ToolCall, read([said(call(name="f", args={})), end()]))[0].tool_call_id == "id1"


def test_input_in_pieces_grows_into_its_json() -> None:
    parts = read(samples.PIECES)
    (made,) = of(ToolCall, parts)
    assert json.loads(made.input) == samples.PIECES_INPUT
    assert "".join(part.delta for part in of(ToolInputDelta, parts)) == made.input
    assert len(of(ToolInputDelta, parts)) > 3


def test_long_text_in_small_pieces_costs_no_more_per_piece() -> None:
    def cost_s(count: int) -> float:
        args = PartialArgs()
        began = time.process_time()
        for _ in range(count):
            args.take([piece("$.a", stringValue="word", willContinue=True)])
        assert len(json.loads(args.finish()[1])["a"]) == 4 * count
        return (time.process_time() - began) / count

    assert min(cost_s(100_000) for _ in range(3)) < 2.5 * min(cost_s(10_000) for _ in range(3))


def test_call_that_never_came_to_its_end_is_none() -> None:
    parts = read([said(call(name="f", willContinue=True)), end("MAX_TOKENS")])
    assert of(ToolCall, parts) == []
    assert of(ProviderFinish, parts)[0].finish_reason == "length"


@pytest.mark.parametrize(
    "pieces",
    [
        [{"jsonPath": "$.a[5]", "stringValue": "far"}],
        [{"jsonPath": "$", "stringValue": "x"}],
        [{"jsonPath": 7}, None, "x", {}],
        [{"jsonPath": "$." + ".".join("x" * 1000), "numberValue": 1}],
        [{"jsonPath": "$.a", "numberValue": 1}, {"jsonPath": "$.a.b", "stringValue": "x"}],
        [{"jsonPath": "$.a", "stringValue": "x"}, {"jsonPath": "$.a", "numberValue": 1}],
        [{"jsonPath": "$.__proto__.x", "boolValue": False}],
        [{"jsonPath": "$.a[0][1]", "numberValue": 1}],
    ],
)
def test_pieces_that_make_no_sense_do_no_harm(pieces: list[Any]) -> None:
    args = PartialArgs()
    args.take(pieces)
    _, written = args.finish()
    assert isinstance(json.loads(written), dict)


def test_own_tools_have_calls_and_results() -> None:
    parts = read(samples.OWN_TOOLS, question(tools=[google.tools.code_execution(name="python")]))
    code, search = of(ToolCall, parts)
    ran, found = of(ToolResult, parts)
    assert (code.tool_name, code.provider_executed, ran.tool_call_id) == ("python", True, code.tool_call_id)
    assert ran.output == {"outcome": "OUTCOME_OK", "output": "1"}
    assert (search.tool_name, search.dynamic, found.output) == ("server:GOOGLE_SEARCH", True, {"r": 1})
    assert search.provider_metadata["google"]["serverToolType"] == "GOOGLE_SEARCH"
    assert of(ProviderFinish, parts)[0].finish_reason == "stop"


# --- answers as the input of a function --------------------------------------------------------------------------


def test_json_comes_as_text_and_other_words_are_dropped() -> None:
    parts = read([said(text("Sure."), call(name="json", args={"a": 1})), end()], JSON_QUESTION)
    assert ("".join(part.text for part in of(TextDelta, parts)), of(ToolCall, parts)) == ('{"a":1}', [])
    assert of(ProviderFinish, parts)[0].finish_reason == "stop"


def test_json_in_pieces_comes_as_text() -> None:
    events = [
        said(call(name="json", willContinue=True)),
        said(call(partialArgs=[piece("$.a", numberValue=1)], willContinue=True)),
        said(call()),
        end(),
    ]
    parts = read(events, JSON_QUESTION)
    assert ("".join(part.text for part in of(TextDelta, parts)), of(ToolCall, parts)) == ('{"a":1}', [])


def test_whole_json_comes_as_text() -> None:
    result = whole(chunk(text("Sure."), call(name="json", args={"a": 1}), finishReason="STOP"), JSON_QUESTION)
    assert (result.content, result.finish_reason) == ([Text('{"a":1}')], "stop")


# --- sources and the end -----------------------------------------------------------------------------------------


def test_sources_come_once() -> None:
    found = [(s.url, s.title, s.media_type, s.filename) for s in of(Source, read(samples.GROUNDED))]
    assert found == [
        ("https://a", "A", None, None),
        ("https://i", None, None, None),
        (None, "C", "application/pdf", "c.pdf"),
        ("https://d", "D", None, None),
        (None, "Unknown Document", "application/octet-stream", "s"),
        ("https://m", None, None, None),
    ]


def test_metadata_has_the_ai_sdks_names() -> None:
    own = of(ProviderFinish, read(samples.GROUNDED, headers={"x-gemini-service-tier": "flex"}))[
        0
    ].provider_metadata["google"]
    assert own["groundingMetadata"] == samples.GROUNDING
    assert (own["finishMessage"], own["safetyRatings"], own["serviceTier"]) == (
        "Done.",
        [{"category": "x"}],
        "flex",
    )
    assert own["usageMetadata"] == samples.USAGE


def test_usage_counts_thoughts_and_what_tools_read() -> None:
    usage = of(ProviderFinish, read(samples.PLAIN))[0].usage
    assert (usage.input_tokens, usage.no_cache_tokens, usage.cache_read_tokens) == (9, 6, 3)
    assert (usage.output_tokens, usage.text_tokens, usage.reasoning_tokens, usage.total_tokens) == (
        3,
        2,
        1,
        12,
    )


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("STOP", "stop"),
        ("MAX_TOKENS", "length"),
        ("SAFETY", "content-filter"),
        ("RECITATION", "content-filter"),
        ("MALFORMED_FUNCTION_CALL", "error"),
        ("REASON_OF_TOMORROW", "other"),
    ],
)
def test_reasons_to_stop(raw: str, reason: str) -> None:
    finish = of(ProviderFinish, read([end(raw)]))[0]
    assert (finish.finish_reason, finish.raw_finish_reason) == (reason, raw)


def test_prompt_that_is_blocked_has_no_answer() -> None:
    parts = read([event(promptFeedback={"blockReason": "SAFETY"}), said(text("x")), end()])
    assert of(TextDelta, parts) == []
    finish = of(ProviderFinish, parts)[0]
    assert (finish.finish_reason, finish.raw_finish_reason) == ("content-filter", "SAFETY")


def test_feedback_without_a_reason_blocks_nothing() -> None:
    feedback = event(promptFeedback={"blockReason": "BLOCK_REASON_UNSPECIFIED"})
    assert of(ProviderFinish, read([feedback, *samples.PLAIN]))[0].finish_reason == "stop"


@pytest.mark.parametrize(
    ("error", "status", "may_pass"),
    [
        ({"code": 503, "message": "Busy", "status": "UNAVAILABLE"}, 503, True),
        ({"code": None, "message": "Busy", "status": "RESOURCE_EXHAUSTED"}, 429, True),
        ({"message": "No", "status": "INVALID_ARGUMENT"}, 400, False),
        ({"message": "?"}, None, False),
    ],
)
def test_error_in_the_middle_keeps_what_came(
    error: dict[str, Any], status: int | None, may_pass: bool
) -> None:
    stream = reader()
    parts = stream.feed(said(text("Hel")) + event(error=error))
    assert [part.text for part in of(TextDelta, parts)] == ["Hel"]
    assert stream.failure is not None
    assert (stream.failure.status_code, stream.failure.is_retryable) == (status, may_pass)


def test_raw_chunks_come_when_asked_for() -> None:
    assert len(of(Raw, read(samples.PLAIN, include_raw=True))) == len(samples.PLAIN)


# --- answers that were not streamed ------------------------------------------------------------------------------


def test_whole_answer_has_everything_in_order() -> None:
    parts = [
        text("hm", thought=True, thoughtSignature="s"),
        {"executableCode": {"language": "PYTHON", "code": "1"}},
        {"codeExecutionResult": {"outcome": "OK"}},
        text("a"),
        text("", thoughtSignature="s"),
        {"inlineData": {"mimeType": "image/png", "data": "aGk="}},
        call(name="f", args={"x": 1}),
        {"part_of_tomorrow": 1},
    ]
    result = whole(chunk(*parts, finishReason="STOP", groundingMetadata=samples.GROUNDING))
    kinds = [block.type for block in result.content]
    assert kinds[:6] == ["reasoning", "tool-call", "tool-result", "text", "file", "tool-call"]
    assert kinds.count("source") == 7
    assert (result.content[3].provider_metadata, result.finish_reason) == (SIGNED, "tool-calls")


@pytest.mark.parametrize("document", [b"", b"nonsense", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_document_that_is_no_answer_is_an_error(document: bytes) -> None:
    with pytest.raises(APICallError, match="Google sent"):
        whole(document)


def test_blocked_prompt_is_an_answer_without_content() -> None:
    result = whole({"promptFeedback": {"blockReason": "SAFETY"}})
    assert (result.content, result.finish_reason) == ([], "content-filter")
