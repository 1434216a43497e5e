"""OpenAI's Responses API: what is asked, and what the answers mean."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Any

import pytest

from flightwire.errors import (
    APICallError,
    InvalidPromptError,
    UnsupportedFunctionalityError,
    WrongAPIError,
)
from flightwire.events import (
    Custom,
    ProviderApprovalRequest,
    ProviderFinish,
    ProviderPart,
    ReasoningDelta,
    ReasoningEnd,
    ResponseMetadata,
    Source,
    StreamStart,
    TextDelta,
    TextEnd,
    ToolCall,
    ToolInputDelta,
    ToolInputStart,
    ToolResult,
    Usage,
)
from flightwire.messages import (
    AssistantMessage,
    CustomPart,
    FilePart,
    ImagePart,
    ReasoningPart,
    SystemMessage,
    TextPart,
    ToolApprovalRequest,
    ToolApprovalResponse,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
    UserMessage,
)
from flightwire.providers.base import (
    ModelCall,
    ModelResult,
    ProviderToolSpec,
    ResponseFormat,
    Text,
    ToolChoice,
    ToolSpec,
)
from flightwire.providers.openai import openai
from flightwire.providers.openai_responses import OpenAIResponses
from flightwire.testing.upstream import Ending, ScriptedUpstream
from flightwire.testing.upstream_script import document, event, event_stream

from .responses_samples import BEGIN, END, SAMPLES, encode, message, response
from .stream_faults import Sample, comparable, read
from .test_stream_faults import CALL, openai_sample

HI = UserMessage("hi")


def asked(*messages: Any, model: str = "gpt-5.4-mini", options: Any = None, **settings: Any) -> Any:
    """The request: body as the API reads it, and warnings."""
    if options is not None:
        settings["provider_options"] = {"openai": options}
    request = OpenAIResponses(model).request(ModelCall(messages or (HI,), **settings), stream=False)
    return json.loads(request.encode()), [(warning.type, warning.feature) for warning in request.warnings]


def body(*messages: Any, **settings: Any) -> Any:
    return asked(*messages, **settings)[0]


def items(*messages: Any, **settings: Any) -> Any:
    return body(*messages, **settings)["input"]


# --- what is asked -----------------------------------------------------------------------------------------------


def test_nothing_is_sent_that_was_not_asked_for() -> None:
    said = {"role": "user", "content": [{"type": "input_text", "text": "hi"}]}
    assert body() == {"model": "gpt-5.4-mini", "input": [said]}


@pytest.mark.parametrize(
    ("model", "role"), [("gpt-4o", "system"), ("gpt-5.4-mini", "developer"), ("o3", "developer")]
)
def test_instructions_are_marked_as_the_model_wants_them(model: str, role: str) -> None:
    assert items(SystemMessage("Be brief."), HI, model=model)[0] == {"role": role, "content": "Be brief."}


def test_settings_the_api_does_not_know_are_left_out_with_a_warning() -> None:
    sent, warnings = asked(
        top_k=1, seed=2, presence_penalty=0.1, frequency_penalty=0.1, stop_sequences=("x",)
    )
    assert set(sent) == {"model", "input"}
    assert [kind for kind, _ in warnings] == ["unsupported"] * 5


def test_models_that_reason_take_a_temperature_only_when_they_do_not() -> None:
    assert "temperature" not in body(temperature=0.5)
    assert body(temperature=0.5, reasoning="none")["temperature"] == 0.5
    assert body(temperature=0.5, model="gpt-4o")["temperature"] == 0.5


def test_effort_asks_for_a_summary_too() -> None:
    assert body(reasoning="low")["reasoning"] == {"effort": "low", "summary": "detailed"}
    assert body(options={"reasoningEffort": "low", "reasoningSummary": None})["reasoning"] == {
        "effort": "low"
    }
    assert body(reasoning="none")["reasoning"] == {"effort": "none"}


def test_effort_that_the_model_does_not_know_becomes_the_next_one() -> None:
    sent, warnings = asked(model="gpt-5", reasoning="none")
    assert sent["reasoning"]["effort"] == "minimal"
    assert warnings == [("compatibility", "reasoning")]


def test_options_are_sent_under_the_api_s_names_in_either_spelling() -> None:
    options = {
        "parallelToolCalls": False,
        "max_tool_calls": 3,
        "textVerbosity": "low",
        "truncation": "auto",
        "logprobs": 5,
    }
    assert {name: value for name, value in body(options=options).items() if name not in ("model", "input")} == {
        "parallel_tool_calls": False,
        "max_tool_calls": 3,
        "text": {"verbosity": "low"},
        "truncation": "auto",
        "top_logprobs": 5,
        "include": ["message.output_text.logprobs"],
    }  # fmt: skip


def test_what_is_not_stored_comes_back_encrypted() -> None:
    assert body(options={"store": False})["include"] == ["reasoning.encrypted_content"]
    assert "include" not in body(options={"store": False}, model="gpt-4o")


def test_schema_is_asked_for() -> None:
    wanted = ResponseFormat("json", {"type": "object"}, "answer", "An answer.")
    assert body(response_format=wanted)["text"]["format"] == {
        "type": "json_schema",
        "strict": True,
        "name": "answer",
        "description": "An answer.",
        "schema": {"type": "object"},
    }


def test_what_openai_does_not_know_of_schemas_is_left_out_with_a_warning() -> None:
    schema = {
        "type": "object",
        "propertyNames": {"pattern": "^a"},
        "properties": {"x": {"type": "string", "pattern": "(?=a)b"}, "y": {"allOf": [{"$ref": "#/$defs/Z"}]}},
        "$defs": {"Z": {"type": "string", "pattern": "[(?=]"}},
    }
    sent, warnings = asked(response_format=ResponseFormat("json", schema))
    assert sent["text"]["format"]["schema"] == {
        "type": "object",
        "properties": {"x": {"type": "string"}, "y": {"$ref": "#/$defs/Z"}},
        "$defs": {"Z": {"type": "string", "pattern": "[(?=]"}},
    }
    assert [kind for kind, _ in warnings] == ["compatibility", "compatibility"]


def test_tools_and_choices_are_sent() -> None:
    sent = body(
        tools=(
            ToolSpec("weather", {"type": "object"}, "W."),
            openai.tools.web_search(search_context_size="low"),
            openai.tools.file_search(["vs_1"], max_num_results=2),
            openai.tools.code_interpreter(),
            openai.tools.image_generation(partial_images=1),
            openai.tools.mcp("dmcp", server_url="https://m.test", require_approval="always"),
            openai.tools.custom("sql", format={"type": "text"}),
            openai.tools.shell(),
            openai.tools.local_shell(),
            openai.tools.apply_patch(),
            openai.tools.computer(),
        ),
        tool_choice=ToolChoice("tool", "sql"),
    )
    assert sent["tools"] == [
        {"type": "function", "name": "weather", "description": "W.", "parameters": {"type": "object"}, "strict": False},
        {"type": "web_search", "search_context_size": "low"},
        {"type": "file_search", "vector_store_ids": ["vs_1"], "max_num_results": 2},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "image_generation", "partial_images": 1},
        {"type": "mcp", "server_label": "dmcp", "server_url": "https://m.test", "require_approval": "always"},
        {"type": "custom", "name": "sql", "format": {"type": "text"}},
        {"type": "shell"},
        {"type": "local_shell"},
        {"type": "apply_patch"},
        {"type": "computer"},
    ]  # fmt: skip
    assert sent["tool_choice"] == {"type": "custom", "name": "sql"}
    assert sent["include"] == ["web_search_call.action.sources", "code_interpreter_call.outputs"]


def test_own_tool_is_chosen_by_its_type_whatever_it_is_called() -> None:
    tool = ProviderToolSpec("openai.web_search", "search", {})
    assert body(tools=(tool,), tool_choice=ToolChoice("tool", "search"))["tool_choice"] == {
        "type": "web_search"
    }


def test_tool_of_another_provider_is_left_out_with_a_warning() -> None:
    sent, warnings = asked(tools=(ProviderToolSpec("google.maps", "maps", {}),))
    assert sent["tools"] == []
    assert warnings == [("unsupported", "google.maps")]


def test_allowed_tools_narrow_the_choice() -> None:
    tools = (ToolSpec("f", {"type": "object"}), openai.tools.web_search())
    options = {"allowed_tools": {"tool_names": ["f", "web_search"], "mode": "required"}}
    assert body(tools=tools, options=options)["tool_choice"] == {
        "type": "allowed_tools",
        "mode": "required",
        "tools": [{"type": "function", "name": "f"}, {"type": "web_search"}],
    }


def test_allowed_tools_without_any_that_can_be_are_refused() -> None:
    deferred = ToolSpec("f", {"type": "object"}, provider_options={"openai": {"deferLoading": True}})
    with pytest.raises(UnsupportedFunctionalityError, match="allowed_tools names only"):
        body(tools=(deferred,), options={"allowedTools": {"toolNames": ["f"]}})


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        (ImagePart(b"\x89PNG\r\n\x1a\nx"), {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgp4"}),
        (ImagePart("https://x/a.png"), {"type": "input_image", "image_url": "https://x/a.png"}),
        (ImagePart("file-1"), {"type": "input_image", "file_id": "file-1"}),
        (FilePart({"openai": "file-1"}, "image/png"), {"type": "input_image", "file_id": "file-1"}),
        (FilePart({"openai": "file-1"}, "application/pdf"), {"type": "input_file", "file_id": "file-1"}),
        (FilePart("https://x/a.pdf", "application/pdf"), {"type": "input_file", "file_url": "https://x/a.pdf"}),
        (
            FilePart(b"%PDF", "application/pdf"),
            {"type": "input_file", "filename": "part-1.pdf", "file_data": "data:application/pdf;base64,JVBERg=="},
        ),
        (
            ImagePart("https://x/a.png", provider_options={"openai": {"image_detail": "low"}}),
            {"type": "input_image", "image_url": "https://x/a.png", "detail": "low"},
        ),
    ],
)  # fmt: skip
def test_file_is_sent(part: Any, expected: object) -> None:
    assert items(UserMessage((TextPart("look"), part)))[0]["content"][1] == expected


def test_file_of_another_type_is_refused_unless_it_may_pass() -> None:
    message = UserMessage((FilePart(b"a,b", "text/csv"),))
    with pytest.raises(
        InvalidPromptError, match=r"^messages\[0\]\.content\[0\] is a file of type 'text/csv'"
    ):
        body(message)
    (part,) = items(message, options={"pass_through_unsupported_files": True})[0]["content"]
    assert part == {"type": "input_file", "filename": "part-0", "file_data": "data:text/csv;base64,YSxi"}


def test_file_that_was_uploaded_elsewhere_is_refused() -> None:
    with pytest.raises(InvalidPromptError, match="openai does not have; it is known at: google"):
        body(UserMessage((FilePart({"google": "files/1"}, "application/pdf"),)))


# --- what was said before ----------------------------------------------------------------------------------------


def known(item_id: str, **facts: object) -> Any:
    return {"openai": {"itemId": item_id, **facts}}


TURN = AssistantMessage(
    (
        ReasoningPart("hm", known("rs_1", reasoningEncryptedContent="sealed")),
        ReasoningPart("yes", known("rs_1", reasoningEncryptedContent="sealed 2")),
        TextPart("Let me see.", known("msg_1", phase="commentary")),
        ToolCallPart("call_1", "weather", {"city": "Köln"}, provider_options=known("fc_1")),
    )
)
ANSWER = ToolMessage((ToolResultPart("call_1", "weather", {"type": "text", "value": "21°"}),))


def test_what_openai_keeps_is_referred_to() -> None:
    assert items(TURN, ANSWER) == [
        {"type": "item_reference", "id": "rs_1"},
        {"type": "item_reference", "id": "msg_1"},
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city":"Köln"}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "21°"},
    ]


def test_what_openai_does_not_keep_is_told_again() -> None:
    assert items(TURN, options={"store": False})[:2] == [
        {
            "type": "reasoning",
            "id": "rs_1",
            "encrypted_content": "sealed 2",
            "summary": [{"type": "summary_text", "text": "hm"}, {"type": "summary_text", "text": "yes"}],
        },
        {"role": "assistant", "content": "Let me see.", "phase": "commentary"},
    ]


def test_message_without_its_reasoning_is_told_again() -> None:
    (said,) = items(AssistantMessage((TextPart("Hi", known("msg_1")),)))
    assert said == {"role": "assistant", "content": "Hi"}
    (said,) = items(AssistantMessage((TextPart("Hi", known("msg_1")),)), model="gpt-4o")
    assert said == {"type": "item_reference", "id": "msg_1"}


def test_reasoning_of_others_and_without_its_seal_is_left_out_with_a_warning() -> None:
    foreign = AssistantMessage((ReasoningPart("hm"), TextPart("Hi")))
    assert asked(foreign)[1] == [("other", None)]
    unsealed = AssistantMessage((ReasoningPart("hm", known("rs_1")),))
    sent, warnings = asked(unsealed, options={"store": False})
    assert (sent["input"], warnings) == ([], [("other", None)])


def test_what_a_conversation_has_is_not_sent_again() -> None:
    assert items(TURN, ANSWER, options={"conversation": "conv_1"}) == [
        {"type": "function_call_output", "call_id": "call_1", "output": "21°"}
    ]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"type": "json", "value": {"t": 1}}, '{"t":1}'),
        ({"type": "error-text", "value": "bad"}, '{"error":"bad"}'),
        ({"type": "execution-denied", "reason": "no"}, "no"),
        ({"type": "execution-denied"}, "Tool call execution denied."),
        (
            {
                "type": "content",
                "value": [
                    {"type": "text", "text": "a"},
                    {"type": "file", "data": {"type": "data", "data": "AAAA"}, "mediaType": "image/png"},
                    {"type": "image-url", "url": "https://x/a.png"},
                    {
                        "type": "file-data",
                        "data": "AAAA",
                        "mediaType": "application/pdf",
                        "filename": "a.pdf",
                    },
                ],
            },
            [
                {"type": "input_text", "text": "a"},
                {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
                {"type": "input_image", "image_url": "https://x/a.png"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"},
            ],
        ),
    ],
)
def test_outputs_of_tools_are_sent(output: Any, expected: object) -> None:
    (item,) = items(ToolMessage((ToolResultPart("c1", "f", output),)))
    assert item == {"type": "function_call_output", "call_id": "c1", "output": expected}


def test_openai_hears_of_approvals_that_it_asked_for_alone() -> None:
    asked_for = AssistantMessage(
        (
            ToolCallPart("d1", "mcp.roll", {}, True, {"openai": {"approvalRequestId": "mcpr_1"}}),
            ToolApprovalRequest("mcpr_1", "d1"),
            ToolCallPart("call_1", "delete", {}),
            ToolApprovalRequest("ours", "call_1"),
        )
    )
    said = ToolMessage((ToolApprovalResponse("mcpr_1", True), ToolApprovalResponse("ours", False)))
    assert [item for item in items(asked_for, said) if item["type"] != "function_call"] == [
        {"type": "item_reference", "id": "mcpr_1"},
        {"type": "mcp_approval_response", "approval_request_id": "mcpr_1", "approve": True},
    ]


def test_own_tools_that_ran_here_are_items_of_their_own() -> None:
    call = ToolCallPart("c1", "shell", {"action": {"commands": ["ls"], "timeoutMs": 5}}, False, known("sh_1"))
    printed = {"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exitCode": 0}}
    result = ToolResultPart("c1", "shell", {"type": "json", "value": {"output": [printed]}})
    sent = items(
        AssistantMessage((call,)),
        ToolMessage((result,)),
        tools=(openai.tools.shell(),),
        options={"store": False},
    )
    assert sent == [
        {
            "type": "shell_call", "call_id": "c1", "id": "sh_1", "status": "completed",
            "action": {"commands": ["ls"], "timeout_ms": 5},
        },
        {
            "type": "shell_call_output", "call_id": "c1",
            "output": [{"stdout": "a", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}}],
        },
    ]  # fmt: skip


def test_wrapped_calls_go_back_as_the_wrapper_when_openai_has_it() -> None:
    def wrapped(index: int) -> Any:
        facts = {"itemId": "fc_0", "toolCallId": "call_0", "toolName": "parallel", "index": index, "count": 2}
        return {"openai": {"parallelToolCall": {**facts, **({"input": "{}"} if index == 0 else {})}}}

    calls = AssistantMessage(
        tuple(ToolCallPart(f"call_0_{n}", "f", {}, provider_options=wrapped(n)) for n in range(2))
    )
    answers = ToolMessage(
        tuple(
            ToolResultPart(f"call_0_{n}", "f", {"type": "text", "value": f"r{n}"}, wrapped(n))
            for n in range(2)
        )
    )
    assert items(calls, answers, options={"previousResponseId": "resp_1"}) == [
        {"type": "function_call", "call_id": "call_0", "name": "parallel", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_0", "output": "r0\nr1"},
    ]


def test_compaction_is_told_again_when_it_is_not_kept() -> None:
    said = AssistantMessage((CustomPart("openai.compaction", known("cmp_1", encryptedContent="sealed")),))
    assert items(said) == [{"type": "item_reference", "id": "cmp_1"}]
    assert items(said, options={"store": False}) == [
        {"type": "compaction", "id": "cmp_1", "encrypted_content": "sealed"}
    ]


def test_configuration_changes_only_where_it_can() -> None:
    update = SystemMessage("", {"openai": {"reasoningEffortUpdate": "low"}})
    assert items(update, HI, model="gpt-6-sol")[0] == {
        "type": "configuration_update",
        "reasoning": {"effort": "low"},
    }
    with pytest.raises(UnsupportedFunctionalityError, match="GPT-6"):
        items(update, HI)
    with pytest.raises(UnsupportedFunctionalityError, match="must be empty"):
        items(SystemMessage("x", {"openai": {"reasoningEffortUpdate": "low"}}), model="gpt-6-sol")


# --- what the answers mean ---------------------------------------------------------------------------------------


def said(name: str) -> list[Any]:
    sample = openai_sample(name)
    parts, failure = read(sample, [sample.stream])
    assert failure is None
    return comparable(parts)


def of_type(parts: list[Any], *kinds: type) -> list[Any]:
    return [part for part in parts if isinstance(part, kinds)]


def finish_of(name: str) -> ProviderFinish:
    finish = said(name)[-1]
    assert isinstance(finish, ProviderFinish)
    return finish


def test_text_comes_with_its_names() -> None:
    parts = said("text")
    assert parts[0] == ResponseMetadata("resp_1", "gpt-5.4-mini-2026-03-17", 1_763_900_000)
    assert [part.text for part in of_type(parts, TextDelta)] == ["Hello 👍🏽 שלום\u2028"]
    assert parts[-1] == ProviderFinish(
        "stop",
        Usage(20, 10, 30, 12, 8, None, 6, 4, raw=END[0]["response"]["usage"]),
        None,
        {"openai": {"responseId": "resp_1", "serviceTier": "default"}},
    )


@pytest.mark.parametrize(
    ("name", "reason", "raw"),
    [
        ("text", "stop", None),
        ("functions", "tool-calls", None),
        ("custom", "tool-calls", None),
        ("computer", "tool-calls", None),
        ("mcp", "stop", None),
        ("refusal", "content-filter", None),
        ("incomplete", "length", "max_output_tokens"),
        ("filtered", "content-filter", "content_filter"),
    ],
)
def test_reasons_are_mapped(name: str, reason: str, raw: str | None) -> None:
    assert (finish_of(name).finish_reason, finish_of(name).raw_finish_reason) == (reason, raw)


def test_phase_and_annotations_stay_with_their_text() -> None:
    phases = [part.provider_metadata["openai"]["phase"] for part in of_type(said("phases"), TextEnd)]
    assert phases == ["commentary", "final_answer"]
    (end,) = of_type(said("citations"), TextEnd)
    assert len(end.provider_metadata["openai"]["annotations"]) == 4


def test_every_kind_of_citation_is_a_source() -> None:
    found = {(part.source_type, part.url, part.filename) for part in of_type(said("citations"), Source)}
    assert found == {
        ("url", "https://example.com/a", None),
        ("document", None, "notes.txt"),
        ("document", None, "plot.png"),
        ("document", None, "file-2"),
    }


def test_sources_of_a_search_count_for_its_citations() -> None:
    assert [part.url for part in of_type(said("web search"), Source)] == ["https://example.com/b"]
    assert [part.filename for part in of_type(said("file search"), Source)] == ["notes.txt"]


def test_summaries_are_blocks_whose_end_carries_the_seal() -> None:
    parts = said("reasoning")
    assert [part.text for part in of_type(parts, ReasoningDelta)] == ["**First** I think", "Then I doubt"]
    sealed = [part.provider_metadata["openai"] for part in of_type(parts, ReasoningEnd)]
    assert sealed[-1] == {"itemId": "rs_0", "reasoningEncryptedContent": "sealed"}


def test_thoughts_of_open_models_are_reasoning() -> None:
    assert [part.text for part in of_type(said("open reasoning"), ReasoningDelta)] == ["hm, yes"]


def test_searches_are_calls_and_results_of_openai_s() -> None:
    parts = said("web search")
    assert all(call.provider_executed for call in of_type(parts, ToolCall))
    assert {call.tool_name for call in of_type(parts, ToolCall)} == {"web"}
    outputs = {result.tool_call_id: (result.output, result.is_error) for result in of_type(parts, ToolResult)}
    assert outputs["ws_1"] == ({"action": {"type": "openPage", "url": "https://example.com/b"}}, False)
    assert outputs["ws_3"] == ({"status": "failed"}, True)


def test_code_comes_as_json_piece_by_piece() -> None:
    parts = said("code")
    (delta,) = of_type(parts, ToolInputDelta)
    (call,) = of_type(parts, ToolCall)
    assert (
        json.loads(delta.delta) == json.loads(call.input) == {"code": 'print("1")\n', "containerId": "cntr_1"}
    )
    (result,) = of_type(parts, ToolResult)
    assert result.output == {"outputs": [{"type": "logs", "logs": "1"}]}


def test_images_come_first_in_part() -> None:
    results = of_type(said("image"), ToolResult)
    assert [(result.output["result"], result.preliminary) for result in results] == [
        ("cGFydA==", True),
        ("aW1hZ2U=", False),
    ]


def test_patches_come_as_json_piece_by_piece() -> None:
    parts = said("patches")
    deltas = {delta.id: delta.delta for delta in of_type(parts, ToolInputDelta)}
    for call in of_type(parts, ToolCall):
        assert json.loads(deltas[call.tool_call_id]) == json.loads(call.input)


def test_request_for_approval_names_the_call_it_is_for() -> None:
    parts = said("mcp approval")
    (call,) = of_type(parts, ToolCall)
    (request,) = of_type(parts, ProviderApprovalRequest)
    assert request == ProviderApprovalRequest("mcpr_0", call.tool_call_id)
    assert (call.tool_name, call.dynamic, call.provider_executed) == ("mcp.roll", True, True)


def test_call_that_was_approved_keeps_its_name() -> None:
    approved = AssistantMessage(
        (ToolCallPart("d1", "mcp.roll", {}, True, {"openai": {"approvalRequestId": "mcpr_0"}}),)
    )
    done = {
        "id": "mcp_9", "type": "mcp_call", "approval_request_id": "mcpr_0", "name": "roll", "arguments": "{}",
        "server_label": "dmcp", "output": "5", "error": None, "status": "completed",
    }  # fmt: skip
    call = ModelCall((HI, approved))
    reader = OpenAIResponses("m").reader(call, url="https://x", headers={}, include_raw=False)
    events = [*BEGIN, {"type": "response.output_item.done", "output_index": 0, "item": done}, *END]
    parts, _ = read(Sample("x", lambda: reader, encode(events)), [b"".join(encode(events))])
    assert {part.tool_call_id for part in of_type(parts, ToolCall, ToolResult)} == {"d1"}


def test_wrapped_calls_are_taken_apart() -> None:
    parts = said("wrapped")
    assert [(call.tool_call_id, call.tool_name, call.input) for call in of_type(parts, ToolCall)] == [
        ("call_0_0", "weather", '{"city":"Rome"}'),
        ("call_0_1", "time", "{}"),
    ]
    assert [start.tool_name for start in of_type(parts, ToolInputStart)] == ["weather", "time"]


def test_custom_tools_take_text() -> None:
    (call,) = of_type(said("custom"), ToolCall)
    assert json.loads(call.input) == 'SELECT "a"\nFROM b'


def test_compaction_is_kept_for_the_next_call() -> None:
    (part,) = of_type(said("compaction"), Custom)
    assert part.provider_metadata == {
        "openai": {"itemId": "cmp_0", "type": "compaction", "encryptedContent": "sealed"}
    }


def test_ids_that_rotate_are_one_text() -> None:
    assert [part.id for part in of_type(said("rotating ids"), TextDelta)] == ["msg_0"]


@pytest.mark.parametrize("name", list(SAMPLES))
def test_whole_answer_says_the_same_as_the_stream(name: str) -> None:
    output = [event["item"] for event in SAMPLES[name] if event["type"] == "response.output_item.done"]
    last = SAMPLES[name][-1]["response"]
    whole = whole_answer({**last, "output": output})
    finish = finish_of(name)
    streamed = said(name)
    assert (whole.finish_reason, whole.raw_finish_reason, whole.usage) == (
        finish.finish_reason,
        finish.raw_finish_reason,
        finish.usage,
    )
    text = "".join(part.text for part in of_type(streamed, TextDelta))
    assert "".join(block.text for block in whole.content if isinstance(block, Text)) == text
    kinds = (ToolResult, Source, Custom)
    assert sorted(map(str, comparable(of_type(list(whole.content), *kinds)))) == sorted(
        str(part) for part in of_type(streamed, *kinds) if not getattr(part, "preliminary", False)
    )
    names = [call.tool_name for call in of_type(streamed, ToolCall)]
    assert sorted(call.tool_name for call in of_type(list(whole.content), ToolCall)) == sorted(names)


def whole_answer(document: dict[str, Any]) -> ModelResult:
    api = OpenAIResponses("gpt-5.4-mini")
    request = api.request(CALL, stream=False)
    metadata: Any = None
    return api.result(document, CALL, headers={}, request=request, metadata=metadata, url="https://x")


# --- over a real socket ------------------------------------------------------------------------------------------


async def parts_of(model: Any, **settings: Any) -> list[ProviderPart]:
    settings.setdefault("max_retries", 0)
    async with aclosing(model.stream(ModelCall((HI,), **settings))) as batches:
        return [part async for batch in batches for part in batch]


def text_in(parts: list[ProviderPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, TextDelta))


def model_at(upstream: ScriptedUpstream) -> Any:
    return openai("gpt-5.4-mini", base_url=upstream.base_url)


@pytest.mark.anyio
async def test_answer_is_asked_for_and_read(upstream: ScriptedUpstream) -> None:
    upstream.answer(
        ["Hel", "lo"], reasoning=["hm"], tool_calls=[{"id": "c1", "name": "f", "arguments": {"x": 1}}]
    )
    parts = await parts_of(model_at(upstream))
    assert upstream.requests[0].path == "/v1/responses"
    assert upstream.requests[0].json["stream"] is True
    assert isinstance(parts[0], StreamStart)
    assert text_in(parts) == "Hello"
    assert [call.input for call in parts if isinstance(call, ToolCall)] == ['{"x": 1}']


@pytest.mark.anyio
async def test_whole_answer_is_asked_for_and_read(upstream: ScriptedUpstream) -> None:
    upstream.answer(["Hel", "lo"], finish_reason="length")
    result = await model_at(upstream).generate(ModelCall((HI,)))
    assert [block.text for block in result.content] == ["Hello"]
    assert (result.finish_reason, result.response.id) == ("length", "resp_scripted")
    assert "stream" not in upstream.requests[0].json


def events_of(*events: Any) -> list[bytes]:
    return [event.partition(b"data: ")[2].strip() for event in encode(events)]


OVERLOADED = {"type": "error", "code": "server_error", "message": "Overloaded", "param": None}
FAILED = response("failed", error={"code": "rate_limit_exceeded", "message": "Slow down"})


@pytest.mark.anyio
@pytest.mark.parametrize("failure", [OVERLOADED, FAILED])
async def test_error_before_anything_of_the_answer_is_retried(
    upstream: ScriptedUpstream, failure: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flightwire.providers.retries.FIRST_DELAY_S", 0.001)
    upstream.events(*events_of(BEGIN[0], failure))
    upstream.answer(["ok"])
    assert text_in(await parts_of(model_at(upstream), max_retries=2)) == "ok"
    assert len(upstream.requests) == 2


@pytest.mark.anyio
@pytest.mark.parametrize(("failure", "status"), [(OVERLOADED, None), (FAILED, 429)])
async def test_error_in_the_answer_comes_after_what_was_said(
    upstream: ScriptedUpstream, failure: Any, status: int | None
) -> None:
    upstream.events(*events_of(*BEGIN, *message(0, "Once")[:3], failure), Ending.HANG)
    seen = ""
    with pytest.raises(APICallError, match=r"Overloaded|Slow down") as caught:
        async for batch in model_at(upstream).stream(ModelCall((HI,), max_retries=2)):
            seen += text_in(list(batch))
    assert (seen, caught.value.is_retryable, caught.value.status_code) == ("Once", True, status)
    assert len(upstream.requests) == 1
    await upstream.closed(upstream.requests[0])


@pytest.mark.anyio
async def test_exhausted_quota_is_not_retried(upstream: ScriptedUpstream) -> None:
    quota = {
        "type": "error",
        "code": "insufficient_quota",
        "message": "You exceeded your quota",
        "param": None,
    }
    upstream.events(*events_of(BEGIN[0], quota))
    with pytest.raises(APICallError, match="You exceeded your quota") as caught:
        await parts_of(model_at(upstream), max_retries=2)
    assert (caught.value.status_code, caught.value.is_retryable) == (429, False)


@pytest.mark.anyio
async def test_connection_that_stays_open_after_the_last_event_does_not_hold_the_answer(
    upstream: ScriptedUpstream,
) -> None:
    upstream.events(*events_of(*SAMPLES["text"]), Ending.HANG)
    parts = await parts_of(model_at(upstream))
    assert isinstance(parts[-1], ProviderFinish)


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("document_text", "message_text"),
    [
        ("{", "a document that is not JSON"),
        ("[]", "a document that is not a JSON object"),
        ("{}", "an answer without output"),
        ('{"error": {"message": "Overloaded"}}', "Overloaded"),
    ],
)
async def test_unusable_documents_are_errors(
    upstream: ScriptedUpstream, document_text: str, message_text: str
) -> None:
    upstream.play(*document(document_text))
    with pytest.raises(APICallError, match=message_text):
        await model_at(upstream).generate(ModelCall((HI,), max_retries=0))


# --- servers of one's own ----------------------------------------------------------------------------------------

CHAT = (
    {"choices": [{"index": 0, "delta": {"content": "Hi"}}]},
    {"choices": [{"delta": {}, "finish_reason": "stop"}]},
    "[DONE]",
)


@pytest.mark.anyio
@pytest.mark.parametrize("status", [404, 405, 501])
async def test_server_without_the_responses_api_is_asked_in_chat_completions(
    upstream: ScriptedUpstream, status: int
) -> None:
    upstream.refuse(status, "Not Found")
    upstream.answer(["Hi"], times=2)
    model = model_at(upstream)
    assert text_in(await parts_of(model)) == "Hi"
    assert text_in(await parts_of(model)) == "Hi"
    paths = [request.path for request in upstream.requests]
    assert paths == ["/v1/responses", "/v1/chat/completions", "/v1/chat/completions"]


@pytest.mark.anyio
async def test_unknown_model_is_no_unknown_api(upstream: ScriptedUpstream) -> None:
    upstream.refuse(404, "The model `gpt-9` does not exist")
    with pytest.raises(APICallError, match="does not exist"):
        await parts_of(model_at(upstream))
    assert len(upstream.requests) == 1


@pytest.mark.anyio
async def test_server_that_answers_in_chat_completions_is_asked_so(upstream: ScriptedUpstream) -> None:
    upstream.events(*CHAT, times=2)
    assert text_in(await parts_of(model_at(upstream))) == "Hi"


JSON = ResponseFormat("json", {"type": "object"})
WEATHER = ToolSpec("weather", {"type": "object"})


@pytest.mark.anyio
@pytest.mark.parametrize("settings", [{"response_format": JSON}, {"tools": (WEATHER,)}])
async def test_llama_cpp_is_asked_in_chat_completions_for_what_its_responses_api_passes_over(
    upstream: ScriptedUpstream, settings: dict[str, Any]
) -> None:
    events = [event(item) for item in events_of(*SAMPLES["text"])]
    upstream.script(lambda _: event_stream(events, headers={"server": "llama.cpp"}))
    upstream.answer(["{}"], times=2)
    model = model_at(upstream)
    parts = await parts_of(model, **settings)
    assert text_in(parts) == "{}"
    assert sum(isinstance(part, StreamStart) for part in parts) == 1
    await model.generate(ModelCall((HI,), max_retries=0))
    paths = [request.path for request in upstream.requests]
    assert paths == ["/v1/responses", "/v1/chat/completions", "/v1/chat/completions"]


@pytest.mark.anyio
async def test_whole_answer_of_llama_cpp_that_passed_over_the_format_is_asked_for_again(
    upstream: ScriptedUpstream,
) -> None:
    said = {"id": "r", "model": "m", "status": "completed", "output": [], "usage": {}}
    upstream.script(lambda _: document(json.dumps(said), headers={"server": "llama.cpp"}))
    upstream.answer(["{}"])
    result = await model_at(upstream).generate(ModelCall((HI,), max_retries=0, response_format=JSON))
    assert [block.text for block in result.content if isinstance(block, Text)] == ["{}"]


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("headers", "settings"), [({"server": "llama.cpp"}, {}), ({"server": "nginx"}, {"response_format": JSON})]
)
async def test_other_answers_of_the_responses_api_are_taken(
    upstream: ScriptedUpstream, headers: dict[str, str], settings: dict[str, Any]
) -> None:
    events = [event(item) for item in events_of(*SAMPLES["text"])]
    upstream.script(lambda _: event_stream(events, headers=headers))
    assert isinstance((await parts_of(model_at(upstream), **settings))[-1], ProviderFinish)
    assert len(upstream.requests) == 1


@pytest.mark.anyio
async def test_server_that_the_environment_names_is_asked_in_chat_completions(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.base_url)
    upstream.answer(["Hi"])
    model = openai("gpt-5.4-mini")
    assert text_in(await parts_of(model)) == "Hi"
    assert (model.provider, upstream.requests[0].path) == ("openai.chat", "/v1/chat/completions")


@pytest.mark.anyio
async def test_server_that_the_environment_names_may_know_the_responses_api_alone(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.base_url)
    upstream.refuse(404, "Not Found")
    upstream.answer(["Hi"])
    assert text_in(await parts_of(openai("gpt-5.4-mini"))) == "Hi"
    assert [request.path for request in upstream.requests] == ["/v1/chat/completions", "/v1/responses"]


@pytest.mark.anyio
@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_who_asks_for_one_api_gets_no_other(upstream: ScriptedUpstream, api: str) -> None:
    responses = [event.decode() for event in events_of(*SAMPLES["text"])]
    upstream.events(*(CHAT if api == "responses" else responses))
    model = getattr(openai, api)("m", base_url=upstream.base_url)
    with pytest.raises(WrongAPIError, match=r"(was|were) asked for"):
        await parts_of(model)


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["openai", "xai", "groq", "mistral", "openrouter"])
async def test_key_never_follows_a_redirect(
    upstream: ScriptedUpstream, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from flightwire.providers.registry import resolve

    with ScriptedUpstream() as foreign:
        foreign.answer(["stolen"])
        monkeypatch.setenv(f"{name.upper()}_API_KEY", "sk-secret")
        monkeypatch.setenv(f"{name.upper()}_BASE_URL", upstream.base_url)
        upstream.refuse(307, headers={"location": foreign.base_url + "/responses"})
        with pytest.raises(APICallError, match="redirects are not followed"):
            await parts_of(resolve(f"{name}/m"))
        assert upstream.requests[0].headers["authorization"] == "Bearer sk-secret"
        assert foreign.requests == []


@pytest.mark.anyio
async def test_approved_mcp_call_goes_on_under_its_name(upstream: ScriptedUpstream) -> None:
    from flightwire import stream_text

    tools = [openai.tools.mcp("dmcp", server_url="https://m.test", require_approval="always")]
    upstream.events(*events_of(*SAMPLES["mcp approval"]))
    first = stream_text(model=model_at(upstream), prompt="roll", tools=tools)
    (call,) = await first.tool_calls
    done = {
        "id": "mcp_9", "type": "mcp_call", "approval_request_id": "mcpr_0", "name": "roll", "arguments": "{}",
        "server_label": "dmcp", "output": "5", "error": None, "status": "completed",
    }  # fmt: skip
    over = {"type": "response.output_item.done", "output_index": 0, "item": done}
    upstream.events(*events_of(*BEGIN, over, *message(1, "Five."), *END))
    approval = {
        "type": "tool-approval-response", "approvalId": "mcpr_0", "approved": True, "providerExecuted": True,
    }  # fmt: skip
    history = [HI, *(await first.response_messages), {"role": "tool", "content": [approval]}]
    second = stream_text(model=model_at(upstream), messages=history, tools=tools)
    (result,) = await second.tool_results
    assert (result.tool_call_id, result.output["output"]) == (call.tool_call_id, "5")
    sent: Any = upstream.requests[1].json["input"]
    assert sent[1:] == [
        {"type": "item_reference", "id": "mcpr_0"},
        {"type": "mcp_approval_response", "approval_request_id": "mcpr_0", "approve": True},
    ]


@pytest.mark.anyio
async def test_scripted_upstream_says_the_same_in_either_api(upstream: ScriptedUpstream) -> None:
    said: list[Any] = []
    for api in ("chat", "responses"):
        model = getattr(openai, api)("m", base_url=upstream.base_url)
        upstream.answer(
            ["Hel", "lo"],
            reasoning=["hm"],
            tool_calls=[{"id": "c1", "name": "f", "arguments": {"x": 1}}],
            finish_reason="tool_calls",
            usage={"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
            times=2,
        )
        streamed: Any = await parts_of(model)
        whole = await model.generate(ModelCall((HI,)))
        for parts, finish in ((streamed, streamed[-1]), (whole.content, whole)):
            text = "".join(part.text for part in parts if isinstance(part, (TextDelta, Text)))
            calls = [(part.tool_name, part.input) for part in parts if isinstance(part, ToolCall)]
            said.append((text, calls, finish.finish_reason, finish.usage.total_tokens))
    assert said == [("Hello", [("f", '{"x": 1}')], "tool-calls", 5)] * 4
