"""Streams of the Responses API, written to its published grammar: every kind of item and every kind of event.

https://platform.openai.com/docs/api-reference/responses-streaming; `item(…)` writes what surrounds an item.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from itertools import count
from typing import Any

Event = dict[str, Any]

RESPONSE = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1_763_900_000,
    "model": "gpt-5.4-mini-2026-03-17",
    "status": "in_progress",
    "error": None,
    "incomplete_details": None,
    "output": [],
    "usage": None,
}
USAGE = {
    "input_tokens": 20,
    "input_tokens_details": {"cached_tokens": 8},
    "output_tokens": 10,
    "output_tokens_details": {"reasoning_tokens": 4},
    "total_tokens": 30,
}


def response(kind: str, **changes: object) -> Event:
    """An event about the whole answer."""
    status = kind if kind in ("completed", "incomplete", "failed") else "in_progress"
    return {"type": f"response.{kind}", "response": {**RESPONSE, "status": status, **changes}}


BEGIN: tuple[Event, ...] = (response("created"), response("queued"), response("in_progress"))
END: tuple[Event, ...] = (response("completed", usage=USAGE, service_tier="default"),)


def item(index: int, done: Mapping[str, Any], *between: Event, **added: object) -> list[Event]:
    """An item from its beginning to its end."""
    done = {"status": "completed", **done}
    begun = {**done, "status": "in_progress", **added}
    placed = [{"item_id": done["id"], "output_index": index, **event} for event in between]
    return [
        {"type": "response.output_item.added", "output_index": index, "item": begun},
        *placed,
        {"type": "response.output_item.done", "output_index": index, "item": done},
    ]


def message(index: int, *texts: str, annotations: Iterable[Event] = (), **fields: object) -> list[Event]:
    """A message, piece by piece."""
    found = list(annotations)
    text = "".join(texts)
    part = {"type": "output_text", "text": text, "annotations": found}
    done = {"id": f"msg_{index}", "type": "message", "role": "assistant", "status": "completed"}
    place = {"content_index": 0}
    return item(
        index,
        {**done, "content": [part], **fields},
        {"type": "response.content_part.added", **place, "part": {"type": "output_text", "text": ""}},
        *({"type": "response.output_text.delta", **place, "delta": piece, "logprobs": []} for piece in texts),
        *(
            {
                "type": "response.output_text.annotation.added",
                **place,
                "annotation_index": n,
                "annotation": each,
            }
            for n, each in enumerate(found)
        ),
        {"type": "response.output_text.done", **place, "text": text, "logprobs": []},
        {"type": "response.content_part.done", **place, "part": part},
        content=[],
    )


def progress(kind: str, *steps: str) -> list[Event]:
    """Events that only say how far something is."""
    return [{"type": f"response.{kind}.{step}"} for step in steps]


def reasoning(index: int, *summaries: str, encrypted: str | None = None) -> list[Event]:
    """A reasoning item with its summaries."""
    done = {
        "id": f"rs_{index}",
        "type": "reasoning",
        "summary": [{"type": "summary_text", "text": text} for text in summaries],
        "encrypted_content": encrypted,
    }
    events: list[Event] = []
    for number, text in enumerate(summaries):
        at = {"summary_index": number}
        half = len(text) // 2
        events += [
            {
                "type": "response.reasoning_summary_part.added",
                **at,
                "part": {"type": "summary_text", "text": ""},
            },
            *(
                {"type": "response.reasoning_summary_text.delta", **at, "delta": piece}
                for piece in (text[:half], text[half:])
            ),
            {"type": "response.reasoning_summary_text.done", **at, "text": text},
            {
                "type": "response.reasoning_summary_part.done",
                **at,
                "part": {"type": "summary_text", "text": text},
            },
        ]
    return item(index, done, *events, summary=[])


CITED = {
    "type": "url_citation",
    "url": "https://example.com/a",
    "title": "A",
    "start_index": 0,
    "end_index": 3,
}
FILE_CITED = {"type": "file_citation", "file_id": "file-1", "filename": "notes.txt", "index": 3}
CONTAINER_CITED = {
    "type": "container_file_citation",
    "container_id": "cntr_1",
    "file_id": "cfile_1",
    "filename": "plot.png",
    "start_index": 0,
    "end_index": 3,
}
PATH = {"type": "file_path", "file_id": "file-2", "index": 0}

TEXT = [*BEGIN, *message(0, "Hel", "lo ", "👍🏽", " שלום\u2028"), *END]
PHASES = [
    *BEGIN,
    *message(0, "Let me see.", phase="commentary"),
    *message(1, "It is so.", phase="final_answer"),
    *END,
]
CITATIONS = [
    *BEGIN,
    *message(0, "See ", "there.", annotations=(CITED, FILE_CITED, CONTAINER_CITED, PATH)),
    *END,
]
REASONING = [
    *BEGIN,
    *reasoning(0, "**First** I think", "Then I doubt", encrypted="sealed"),
    *message(1, "Yes."),
    *END,
]
OPEN_REASONING = [
    *BEGIN,
    *item(
        0,
        {
            "id": "rs_0",
            "type": "reasoning",
            "summary": [],
            "content": [{"type": "reasoning_text", "text": "hm, yes"}],
        },
        {"type": "response.reasoning_text.delta", "content_index": 0, "delta": "hm, "},
        {"type": "response.reasoning_text.delta", "content_index": 0, "delta": "yes"},
        {"type": "response.reasoning_text.done", "content_index": 0, "text": "hm, yes"},
        content=[],
    ),
    *message(1, "Yes."),
    *END,
]


def function_call(index: int, name: str, arguments: str, **fields: object) -> list[Event]:
    """A call of a function of the caller's."""
    done = {
        "id": f"fc_{index}",
        "type": "function_call",
        "call_id": f"call_{index}",
        "name": name,
        "arguments": arguments,
    }
    half = len(arguments) // 2
    return item(
        index,
        {**done, "status": "completed", **fields},
        *(
            {"type": "response.function_call_arguments.delta", "delta": piece}
            for piece in (arguments[:half], arguments[half:])
        ),
        {"type": "response.function_call_arguments.done", "arguments": arguments},
        arguments="",
    )


FUNCTIONS = [
    *BEGIN,
    *message(0, "Let me see."),
    *function_call(1, "weather", '{"city":"Köln"}'),
    *function_call(2, "time", "{}"),
    *END,
]
_USES = [
    {"recipient_name": "functions.weather", "parameters": {"city": "Rome"}},
    {"recipient_name": "functions.time", "parameters": {}},
]
WRAPPED = [*BEGIN, *function_call(0, "parallel", json.dumps({"tool_uses": _USES})), *END]
CUSTOM = [
    *BEGIN,
    *item(
        0,
        {
            "id": "ctc_0",
            "type": "custom_tool_call",
            "call_id": "call_0",
            "name": "write_sql",
            "input": 'SELECT "a"\nFROM b',
        },
        {"type": "response.custom_tool_call_input.delta", "delta": 'SELECT "a"'},
        {"type": "response.custom_tool_call_input.delta", "delta": "\nFROM b"},
        {"type": "response.custom_tool_call_input.done", "input": 'SELECT "a"\nFROM b'},
        input="",
    ),
    *END,
]
WEB_SEARCH = [
    *BEGIN,
    *item(
        0,
        {
            "id": "ws_0",
            "type": "web_search_call",
            "status": "completed",
            "action": {
                "type": "search",
                "query": "q",
                "sources": [{"type": "url", "url": "https://example.com/b"}, {"type": "api", "name": "x"}],
            },
        },
        *progress("web_search_call", "in_progress", "searching", "completed"),
        action=None,
    ),
    *item(
        1,
        {
            "id": "ws_1",
            "type": "web_search_call",
            "status": "completed",
            "action": {"type": "open_page", "url": "https://example.com/b"},
        },
    ),
    *item(
        2,
        {
            "id": "ws_2",
            "type": "web_search_call",
            "status": "completed",
            "action": {"type": "find_in_page", "url": "https://example.com/b", "pattern": "x"},
        },
    ),
    *item(3, {"id": "ws_3", "type": "web_search_call", "status": "failed", "action": None}),
    *message(4, "Found.", annotations=(CITED,)),
    *END,
]
FILE_SEARCH = [
    *BEGIN,
    *item(
        0,
        {
            "id": "fs_0",
            "type": "file_search_call",
            "status": "completed",
            "queries": ["q"],
            "results": [
                {
                    "file_id": "file-1",
                    "filename": "notes.txt",
                    "score": 0.9,
                    "text": "t",
                    "attributes": {"a": 1},
                },
                {"file_id": "file-1", "filename": "notes.txt", "score": 0.8, "text": "u", "attributes": {}},
            ],
        },
        *progress("file_search_call", "in_progress", "searching", "completed"),
        results=None,
    ),
    *message(1, "Found.", annotations=(FILE_CITED,)),
    *END,
]
CODE = [
    *BEGIN,
    *item(
        0,
        {
            "id": "ci_0",
            "type": "code_interpreter_call",
            "status": "completed",
            "code": 'print("1")\n',
            "container_id": "cntr_1",
            "outputs": [{"type": "logs", "logs": "1"}],
        },
        *progress("code_interpreter_call", "in_progress"),
        {"type": "response.code_interpreter_call_code.delta", "delta": 'print("'},
        {"type": "response.code_interpreter_call_code.delta", "delta": '1")\n'},
        {"type": "response.code_interpreter_call_code.done", "code": 'print("1")\n'},
        *progress("code_interpreter_call", "interpreting", "completed"),
        code="",
        outputs=None,
    ),
    *message(1, "One.", annotations=(CONTAINER_CITED,)),
    *END,
]
IMAGE = [
    *BEGIN,
    *item(
        0,
        {"id": "ig_0", "type": "image_generation_call", "status": "completed", "result": "aW1hZ2U="},
        *progress("image_generation_call", "in_progress", "generating"),
        {
            "type": "response.image_generation_call.partial_image",
            "partial_image_index": 0,
            "partial_image_b64": "cGFydA==",
        },
        *progress("image_generation_call", "completed"),
        result=None,
    ),
    *END,
]
_MCP = {"name": "roll", "arguments": '{"dice":"2d4"}', "server_label": "dmcp"}
MCP = [
    *BEGIN,
    *item(
        0,
        {"id": "mcpl_0", "type": "mcp_list_tools", "server_label": "dmcp", "tools": [{"name": "roll"}]},
        *progress("mcp_list_tools", "in_progress", "completed"),
    ),
    *item(
        1,
        {"id": "mcp_1", "type": "mcp_call", "status": "completed", **_MCP, "output": "5", "error": None},
        *progress("mcp_call", "in_progress"),
        {"type": "response.mcp_call_arguments.delta", "delta": '{"dice":'},
        {"type": "response.mcp_call_arguments.delta", "delta": '"2d4"}'},
        {"type": "response.mcp_call_arguments.done", "arguments": '{"dice":"2d4"}'},
        *progress("mcp_call", "completed"),
        arguments="",
    ),
    *item(
        2,
        {"id": "mcp_2", "type": "mcp_call", "status": "failed", **_MCP, "output": None, "error": "no dice"},
        *progress("mcp_call", "failed"),
    ),
    *message(3, "Five."),
    *END,
]
MCP_APPROVAL = [*BEGIN, *item(0, {"id": "mcpr_0", "type": "mcp_approval_request", **_MCP}), *END]
COMPUTER = [
    *BEGIN,
    *item(
        0,
        {
            "id": "cu_0",
            "type": "computer_call",
            "call_id": "call_0",
            "status": "completed",
            "actions": [
                {"type": "click", "button": "left", "x": 1, "y": 2, "keys": None},
                {"type": "scroll", "x": 1, "y": 2, "scroll_x": 0, "scroll_y": 30},
            ],
            "pending_safety_checks": [{"id": "sc_1", "code": "c", "message": None}],
        },
    ),
    *END,
]
SHELLS = [
    *BEGIN,
    *item(
        0,
        {
            "id": "lsh_0",
            "type": "local_shell_call",
            "call_id": "call_0",
            "status": "completed",
            "action": {
                "type": "exec",
                "command": ["ls"],
                "timeout_ms": 5,
                "working_directory": "/",
                "env": {},
            },
        },
    ),
    *item(
        1,
        {
            "id": "sh_1",
            "type": "shell_call",
            "call_id": "call_1",
            "status": "completed",
            "action": {"commands": ["ls"], "timeout_ms": 5, "max_output_length": None},
        },
        {"type": "response.shell_call_command.delta", "command_index": 0, "delta": "ls"},
    ),
    *item(
        2,
        {
            "id": "sho_2",
            "type": "shell_call_output",
            "call_id": "call_1",
            "status": "completed",
            "output": [
                {"stdout": "a\n", "stderr": "", "outcome": {"type": "exit", "exit_code": 0}},
                {"stdout": "", "stderr": "", "outcome": {"type": "timeout"}},
            ],
        },
    ),
    *END,
]
PATCHES = [
    *BEGIN,
    *item(
        0,
        {
            "id": "apc_0",
            "type": "apply_patch_call",
            "call_id": "call_0",
            "status": "completed",
            "operation": {"type": "update_file", "path": 'a".py', "diff": '@@\n-"a"\n+b\n'},
        },
        {"type": "response.apply_patch_call_operation_diff.delta", "delta": '@@\n-"a"\n'},
        {"type": "response.apply_patch_call_operation_diff.delta", "delta": "+b\n"},
        {"type": "response.apply_patch_call_operation_diff.done", "diff": '@@\n-"a"\n+b\n'},
        operation={"type": "update_file", "path": 'a".py', "diff": ""},
    ),
    *item(
        1,
        {
            "id": "apc_1",
            "type": "apply_patch_call",
            "call_id": "call_1",
            "status": "completed",
            "operation": {"type": "delete_file", "path": "b.py"},
        },
    ),
    *END,
]
TOOL_SEARCH = [
    *BEGIN,
    *item(
        0,
        {
            "id": "tsc_0",
            "type": "tool_search_call",
            "execution": "server",
            "call_id": None,
            "arguments": {"q": 1},
        },
    ),
    *item(
        1,
        {
            "id": "tso_1",
            "type": "tool_search_output",
            "execution": "server",
            "call_id": None,
            "tools": [{"name": "f"}],
        },
    ),
    *item(
        2,
        {
            "id": "tsc_2",
            "type": "tool_search_call",
            "execution": "client",
            "call_id": "call_2",
            "arguments": {"q": 2},
        },
    ),
    *END,
]
PROGRAM = [
    *BEGIN,
    *item(0, {"id": "pr_0", "type": "program", "call_id": "call_p", "code": "f()", "fingerprint": "fp"}),
    *function_call(1, "weather", "{}", caller={"type": "program", "caller_id": "call_p"}),
    *item(
        2,
        {
            "id": "po_2",
            "type": "program_output",
            "call_id": "call_p",
            "result": "1",
            "status": "completed",
        },
    ),
    *END,
]
COMPACTION = [*BEGIN, *item(0, {"id": "cmp_0", "type": "compaction", "encrypted_content": "sealed"}), *END]
REFUSAL = [
    *BEGIN,
    *item(
        0,
        {
            "id": "msg_0",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "refusal", "refusal": "I will not."}],
        },
        {
            "type": "response.content_part.added",
            "content_index": 0,
            "part": {"type": "refusal", "refusal": ""},
        },
        {"type": "response.refusal.delta", "content_index": 0, "delta": "I will "},
        {"type": "response.refusal.delta", "content_index": 0, "delta": "not."},
        {"type": "response.refusal.done", "content_index": 0, "refusal": "I will not."},
        content=[],
    ),
    *END,
]
INCOMPLETE = [
    *BEGIN,
    *message(0, "Once upon"),
    response("incomplete", usage=USAGE, incomplete_details={"reason": "max_output_tokens"}),
]
FILTERED = [*BEGIN, response("incomplete", usage=USAGE, incomplete_details={"reason": "content_filter"})]
# Servers whose items change their id from event to event; the index stays.
ROTATING = [
    {**event, "item_id": f"rot_{number}"} if "item_id" in event else event
    for number, event in enumerate(TEXT)
]
# Servers that send items whole, without pieces.
WHOLE_ITEMS = [
    *BEGIN,
    reasoning(0, "hm", "yes")[-1],
    message(1, "Whole.")[-1],
    function_call(2, "weather", '{"city":"Rome"}')[-1],
    *END,
]

SAMPLES: dict[str, list[Event]] = {
    "text": TEXT,
    "phases": PHASES,
    "citations": CITATIONS,
    "reasoning": REASONING,
    "open reasoning": OPEN_REASONING,
    "functions": FUNCTIONS,
    "wrapped": WRAPPED,
    "custom": CUSTOM,
    "web search": WEB_SEARCH,
    "file search": FILE_SEARCH,
    "code": CODE,
    "image": IMAGE,
    "mcp": MCP,
    "mcp approval": MCP_APPROVAL,
    "computer": COMPUTER,
    "shells": SHELLS,
    "patches": PATCHES,
    "tool search": TOOL_SEARCH,
    "program": PROGRAM,
    "compaction": COMPACTION,
    "refusal": REFUSAL,
    "incomplete": INCOMPLETE,
    "filtered": FILTERED,
    "rotating ids": ROTATING,
    "whole items": WHOLE_ITEMS,
}


def encode(events: Iterable[Mapping[str, Any]]) -> tuple[bytes, ...]:
    """The events as OpenAI sends them: named and numbered."""
    numbers = count()
    return tuple(
        b"event: %b\ndata: %b\n\n"
        % (
            event["type"].encode(),
            json.dumps({**event, "sequence_number": next(numbers)}, ensure_ascii=False).encode(),
        )
        for event in events
    )
