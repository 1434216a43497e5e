"""Streams and documents in the grammar of Anthropic's messages API, every kind of event among them.

Written after https://platform.claude.com/docs/en/build-with-claude/streaming and the pages of each tool.
"""

from __future__ import annotations

import json
from typing import Any

USAGE = {
    "input_tokens": 10,
    "cache_creation_input_tokens": 3,
    "cache_read_input_tokens": 2,
    "output_tokens": 1,
}


def event(kind: str, **fields: Any) -> bytes:
    return f"event: {kind}\ndata: {json.dumps({'type': kind, **fields})}\n\n".encode()


def start(**fields: Any) -> bytes:
    message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-x", "content": []}
    return event("message_start", message={**message, "stop_reason": None, "usage": USAGE, **fields})


def block(index: int, first: dict[str, Any], *deltas: dict[str, Any]) -> list[bytes]:
    return [
        event("content_block_start", index=index, content_block=first),
        *(event("content_block_delta", index=index, delta=delta) for delta in deltas),
        event("content_block_stop", index=index),
    ]


def text(index: int, *pieces: str, citations: tuple[dict[str, Any], ...] = ()) -> list[bytes]:
    return block(
        index,
        {"type": "text", "text": ""},
        *({"type": "text_delta", "text": piece} for piece in pieces),
        *({"type": "citations_delta", "citation": citation} for citation in citations),
    )


def tool_input(*pieces: str) -> list[dict[str, Any]]:
    return [{"type": "input_json_delta", "partial_json": piece} for piece in pieces]


def end(reason: str = "end_turn", **fields: Any) -> list[bytes]:
    delta = {"stop_reason": reason, "stop_sequence": None}
    return [event("message_delta", delta=delta, usage={"output_tokens": 7}, **fields), event("message_stop")]


FOUND = {
    "type": "web_search_result",
    "url": "https://a",
    "title": "A",
    "page_age": None,
    "encrypted_content": "e",
}
WEB_CITATION = {
    "type": "web_search_result_location", "cited_text": "c", "url": "https://a", "title": "A", "encrypted_index": "i"
}  # fmt: skip
PAGE_CITATION = {
    "type": "page_location", "cited_text": "c", "document_index": 0, "document_title": None, "start_page_number": 1,
    "end_page_number": 2,
}  # fmt: skip
CHAR_CITATION = {
    "type": "char_location", "cited_text": "c", "document_index": 1, "document_title": "T", "start_char_index": 3,
    "end_char_index": 4,
}  # fmt: skip

PLAIN = (start(), *text(0, "Hel", "lo ", "w\u00f6rld \U0001f600"), event("ping"), *end())
THINKING = (
    start(),
    *block(
        0,
        {"type": "thinking", "thinking": "", "signature": ""},
        {"type": "thinking_delta", "thinking": "Let me "},
        {"type": "thinking_delta", "thinking": "see."},
        {"type": "signature_delta", "signature": "sig"},
    ),
    *block(1, {"type": "redacted_thinking", "data": "xyz"}),
    *text(2, "42"),
    *end(),
)
TOOLS = (
    start(),
    *text(0, "I look."),
    *block(
        1,
        {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {}},
        *tool_input("", '{"city": ', '"Paris"}'),
    ),
    *block(2, {"type": "tool_use", "id": "toolu_2", "name": "now", "input": {}}, *tool_input("")),
    *end("tool_use"),
)
SEARCH = (
    start(),
    *block(
        0,
        {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {}},
        *tool_input('{"query"', ': "q"}'),
    ),
    *block(1, {"type": "web_search_tool_result", "tool_use_id": "srv_1", "content": [FOUND]}),
    *text(2, "It says so.", citations=(WEB_CITATION,)),
    *block(
        3,
        {
            "type": "web_search_tool_result",
            "tool_use_id": "srv_2",
            "content": {"type": "web_search_tool_result_error", "error_code": "max_uses_exceeded"},
        },
    ),
    *end(),
)
FETCH = (
    start(),
    *block(
        0,
        {"type": "server_tool_use", "id": "srv_1", "name": "web_fetch", "input": {}},
        *tool_input('{"url":"https://a"}'),
    ),
    *block(
        1,
        {
            "type": "web_fetch_tool_result",
            "tool_use_id": "srv_1",
            "content": {
                "type": "web_fetch_result",
                "url": "https://a",
                "retrieved_at": "2026-01-01",
                "content": {
                    "type": "document",
                    "title": "Page",
                    "source": {"type": "text", "media_type": "text/plain", "data": "words"},
                },
            },
        },
    ),
    *text(2, "Words.", citations=({**CHAR_CITATION, "document_index": 0, "document_title": None},)),
    *end(),
)
CODE = (
    start(),
    *block(
        0,
        {"type": "server_tool_use", "id": "srv_1", "name": "bash_code_execution", "input": {}},
        *tool_input("{", '"command": "ls"}'),
    ),
    *block(
        1,
        {
            "type": "bash_code_execution_tool_result",
            "tool_use_id": "srv_1",
            "content": {"type": "bash_code_execution_result", "stdout": "a", "stderr": "", "return_code": 0, "content": []},
        },
    ),
    *block(
        2,
        {"type": "server_tool_use", "id": "srv_2", "name": "code_execution", "input": {}},
        *tool_input('{"code": "f()"}'),
    ),
    *block(
        3,
        {
            "type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": 1},
            "caller": {"type": "code_execution_20250825", "tool_id": "srv_2"},
        },
    ),
    *block(
        4,
        {
            "type": "code_execution_tool_result",
            "tool_use_id": "srv_2",
            "content": {"type": "code_execution_result", "stdout": "b", "stderr": "", "return_code": 0},
        },
    ),
    *end("pause_turn"),
)  # fmt: skip
MCP = (
    start(),
    *block(
        0, {"type": "mcp_tool_use", "id": "mcp_1", "name": "echo", "server_name": "srv", "input": {"x": 1}}
    ),
    *block(
        1,
        {
            "type": "mcp_tool_result",
            "tool_use_id": "mcp_1",
            "is_error": False,
            "content": [{"type": "text", "text": "r"}],
        },
    ),
    *end(),
)
OTHER = (
    start(container={"id": "cont_1", "expires_at": "2026"}),
    *block(0, {"type": "compaction", "content": None}, {"type": "compaction_delta", "content": "In short."}),
    *block(1, {"type": "fallback", "from": {"model": "a"}, "to": {"model": "b"}}),
    *block(
        2,
        {"type": "server_tool_use", "id": "srv_1", "name": "tool_search_tool_bm25", "input": {}},
        *tool_input('{"query":"q"}'),
    ),
    *block(
        3,
        {
            "type": "tool_search_tool_result",
            "tool_use_id": "srv_1",
            "content": {
                "type": "tool_search_tool_search_result",
                "tool_references": [{"type": "tool_reference", "tool_name": "w"}],
            },
        },
    ),
    *block(4, {"type": "server_tool_use", "id": "srv_2", "name": "advisor", "input": {}}),
    *block(
        5,
        {
            "type": "advisor_tool_result",
            "tool_use_id": "srv_2",
            "content": {"type": "advisor_result", "text": "Do."},
        },
    ),
    *block(6, {"type": "block_of_tomorrow", "x": 1}, {"type": "delta_of_tomorrow", "text": "?"}),
    *text(7, "Done."),
    *end(
        context_management={"applied_edits": [{"type": "clear_thinking_20251015", "cleared_input_tokens": 5}]}
    ),
)
SAMPLES = {
    "plain": PLAIN, "thinking": THINKING, "tools": TOOLS, "search": SEARCH, "fetch": FETCH, "code": CODE, "mcp": MCP,
    "other": OTHER,
}  # fmt: skip
NOISE = (event("ping"), event("event_of_tomorrow", x=1), b'event: ping\ndata: {"type": "ping"}\n\n')
