"""The model's own turns, handed back to it.

Owns: thinking with its signature, calls and results of Anthropic's own tools, the order inside a turn. Refuses to know: what
people say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from flightwire.events import CallWarning
from flightwire.jsontypes import JSONObject, JSONValue, loads
from flightwire.messages import (
    AssistantContentPart,
    AssistantMessage,
    CustomPart,
    ProviderOptions,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from flightwire.providers.anthropic.caching import CacheMarks, marked
from flightwire.providers.anthropic.tool_names import ToolNames
from flightwire.providers.options import option_of

__all__ = ["Replay"]

COMPACT = "compact-2026-09-04"
FALLBACK = "server-side-fallback-2026-06-01"

Block = dict[str, object]
_CODE_STEPS = ("bash_code_execution", "text_editor_code_execution")
_SERVER_TOOLS = (
    "code_execution",
    "web_fetch",
    "web_search",
    "tool_search_tool_regex",
    "tool_search_tool_bm25",
    "advisor",
)
_CALLERS = ("code_execution_20250825", "code_execution_20260120")
# Fields of results that we name in camelCase, and Anthropic's names for them.
_RESULT_FIELDS = {
    "retrievedAt": "retrieved_at",
    "mediaType": "media_type",
    "pageAge": "page_age",
    "encryptedContent": "encrypted_content",
    "stopReason": "stop_reason",
    "errorCode": "error_code",
    "toolName": "tool_name",
}


class Replay:
    """Writes the model's turns of one request."""

    def __init__(
        self,
        names: ToolNames,
        marks: CacheMarks,
        betas: dict[str, None],
        warnings: list[CallWarning],
        *,
        sends_reasoning: bool,
    ) -> None:
        self._names = names
        self._marks = marks
        self._betas = betas
        self._warnings = warnings
        self._sends_reasoning = sends_reasoning
        self._mcp_calls: set[str] = set()

    def write(self, messages: Sequence[AssistantMessage], *, is_last: bool) -> list[Block]:
        """One turn; `is_last` when the model shall go on from it."""
        self._mcp_calls.clear()
        blocks: list[Block] = []
        for number, message in enumerate(messages):
            content = message.content
            parts = (TextPart(content),) if isinstance(content, str) else content
            parts = tuple(part for part in parts if not isinstance(part, TextPart) or part.text)
            for index, part in enumerate(parts):
                ends_message = index == len(parts) - 1
                options = getattr(part, "provider_options", None)
                mark = self._marks.mark(options, message.provider_options if ends_message else None)
                ends = is_last and ends_message and number == len(messages) - 1
                if (block := self._block(part, ends=ends)) is not None:
                    blocks.append(block if block["type"] in _UNMARKED else marked(block, mark))
        return _with_calls_last(blocks)

    def _block(self, part: AssistantContentPart, *, ends: bool) -> Block | None:
        if isinstance(part, TextPart):
            return self._text(part, ends=ends)
        if isinstance(part, ReasoningPart):
            return self._thinking(part)
        if isinstance(part, CustomPart):
            return self._custom(part)
        if isinstance(part, ToolCallPart):
            return self._server_call(part) if part.provider_executed else self._call(part)
        if isinstance(part, ToolResultPart):
            return self._result(part)
        return None  # approvals and files have no place in a turn of the model's

    def _text(self, part: TextPart, *, ends: bool) -> Block:
        def option(name: str) -> JSONValue:
            return option_of(part.provider_options, "anthropic", name)

        if option("type") == "compaction":
            block: Block = {"type": "compaction", "content": part.text}
            if isinstance(option("signature"), str):
                self._betas[COMPACT] = None
                block["signature"] = option("signature")
            return block
        # Anthropic refuses a turn to be continued that ends in white space.
        block = {"type": "text", "text": part.text.strip() if ends else part.text}
        if option("citations") is not None:
            block["citations"] = option("citations")
        return block

    def _thinking(self, part: ReasoningPart) -> Block | None:
        self._marks.refuse(part.provider_options, "thinking")
        signature = option_of(part.provider_options, "anthropic", "signature")
        redacted = option_of(part.provider_options, "anthropic", "redactedData")
        if not self._sends_reasoning:
            self._warn("reasoning is not handed back (sendReasoning)")
        elif signature is not None:
            return {"type": "thinking", "thinking": part.text, "signature": signature}
        elif redacted is not None:
            return {"type": "redacted_thinking", "data": redacted}
        else:
            self._warn("reasoning without Anthropic's signature was left out")
        return None

    def _custom(self, part: CustomPart) -> Block | None:
        if part.kind != "anthropic.fallback":
            return None
        ends = [option_of(part.provider_options, "anthropic", name) for name in ("from", "to")]
        if not all(isinstance(end, Mapping) and isinstance(end.get("model"), str) for end in ends):
            self._warn("a fallback that does not name from.model and to.model was left out")
            return None
        self._betas[FALLBACK] = None
        return {"type": "fallback", "from": ends[0], "to": ends[1]}

    # calls

    def _call(self, part: ToolCallPart) -> Block:
        block: Block = {"type": "tool_use", "id": part.tool_call_id, "name": part.tool_name}
        written = _as_object(part.input)
        toolset = self._toolset(part)
        if toolset is not None:
            action = written.get("action")
            if not isinstance(action, str):
                self._warn(f"a call of {part.tool_name!r} names no action")
            block["name"] = action if isinstance(action, str) else toolset
            block["toolset_name"] = toolset
        return {**block, "input": written, **_caller(part.provider_options)}

    def _toolset(self, part: ToolCallPart) -> str | None:
        said = option_of(part.provider_options, "anthropic", "toolsetName")
        return self._names.toolsets.get(part.tool_name) or (said if isinstance(said, str) else None)

    def _server_call(self, part: ToolCallPart) -> Block | None:
        if option_of(part.provider_options, "anthropic", "type") == "mcp-tool-use":
            return self._mcp_call(part)
        name, written = self._names.theirs(part.tool_name), part.input
        if name not in _SERVER_TOOLS:
            self._warn(f"a call of {part.tool_name!r}, which is no tool of Anthropic's, was left out")
            return None
        if name == "code_execution" and isinstance(written, Mapping):
            step = written.get("type")
            if step in _CODE_STEPS or step == "programmatic-tool-call":
                name = str(step) if step in _CODE_STEPS else name
                written = {key: field for key, field in written.items() if key != "type"}
        elif name == "advisor":
            written = {}
        block: Block = {"type": "server_tool_use", "id": part.tool_call_id, "name": name, "input": written}
        return {**block, **_caller(part.provider_options)}

    def _mcp_call(self, part: ToolCallPart) -> Block | None:
        self._mcp_calls.add(part.tool_call_id)
        server = option_of(part.provider_options, "anthropic", "serverName")
        if not isinstance(server, str):
            self._warn(f"a call of {part.tool_name!r} that does not name its MCP server was left out")
            return None
        call: Block = {
            "type": "mcp_tool_use",
            "id": part.tool_call_id,
            "name": part.tool_name,
            "input": part.input,
        }
        return {**call, "server_name": server}

    # results

    def _result(self, part: ToolResultPart) -> Block | None:
        name = self._names.theirs(part.tool_name)
        if part.tool_call_id in self._mcp_calls:
            return self._mcp_result(part)
        if name == "code_execution":
            return self._code_result(part)
        if name in ("web_fetch", "web_search"):
            return self._web_result(name, part)
        if name.startswith("tool_search_tool_"):
            return self._search_result(part)
        if name == "advisor":
            return self._advice(part)
        self._warn(f"a result of {part.tool_name!r}, which is no tool of Anthropic's, was left out")
        return None

    def _mcp_result(self, part: ToolResultPart) -> Block | None:
        kind = part.output.get("type")
        if kind not in ("json", "error-json"):
            return self._unreadable(part)
        block = _result_block("mcp_tool_result", part, part.output.get("value"))
        return {**block, "is_error": kind == "error-json"}

    def _advice(self, part: ToolResultPart) -> Block | None:
        kind, said = part.output.get("type"), part.output.get("value")
        if kind not in ("json", "error-json") or not isinstance(said, Mapping):
            return self._unreadable(part)
        return _result_block("advisor_tool_result", part, _theirs(said))

    def _unreadable(self, part: ToolResultPart) -> Block | None:
        self._warn(f"a result of {part.tool_name!r} of type {part.output.get('type')!r} was left out")
        return None

    def _code_result(self, part: ToolResultPart) -> Block | None:
        kind, said = part.output.get("type"), part.output.get("value")
        if kind in ("error-text", "error-json"):
            error = _as_mapping(said)
            is_whole = error.get("type") == "code_execution_tool_result_error"
            step = "code_execution_tool_result" if is_whole else "bash_code_execution_tool_result"
            code = error.get("errorCode") or "unknown"
            return _result_block(step, part, {"type": f"{step}_error", "error_code": code})
        shape = said.get("type") if isinstance(said, Mapping) else None
        if kind != "json" or not isinstance(said, Mapping) or not isinstance(shape, str):
            return self._unreadable(part)
        if shape in ("code_execution_result", "encrypted_code_execution_result"):
            return _result_block(
                "code_execution_tool_result", part, {**said, "content": said.get("content") or []}
            )
        step = "bash" if shape.startswith("bash_") else "text_editor"
        return _result_block(f"{step}_code_execution_tool_result", part, said)

    def _web_result(self, name: str, part: ToolResultPart) -> Block | None:
        kind, said = part.output.get("type"), part.output.get("value")
        content: JSONValue
        if kind == "error-json":
            code = _as_mapping(said).get("errorCode") or "unavailable"
            content = {"type": f"{name}_tool_result_error", "error_code": code}
        elif kind != "json":
            return self._unreadable(part)
        else:
            content = _theirs(said)
        block = _result_block(f"{name}_tool_result", part, content)
        return {**block, **_caller(part.provider_options)}

    def _search_result(self, part: ToolResultPart) -> Block | None:
        kind, said = part.output.get("type"), part.output.get("value")
        failed = "tool_search_tool_result_error"
        content: JSONValue
        if kind == "error-json" or (isinstance(said, Mapping) and said.get("type") == failed):
            content = {"type": failed, "error_code": _as_mapping(said).get("errorCode") or "unavailable"}
        elif kind != "json":
            return self._unreadable(part)
        else:
            content = {"type": "tool_search_tool_search_result", "tool_references": _theirs(said)}
        return _result_block("tool_search_tool_result", part, content)

    # callers

    def forget_lost_callers(self, messages: Sequence[Block], before: int) -> None:
        """Drop callers whose code is no longer in the conversation: Anthropic refuses them in turns that are over."""
        blocks = [
            (index, block)
            for index, message in enumerate(messages)
            if message["role"] == "assistant"
            for block in cast("list[Block]", message["content"])
        ]
        code = {
            block["id"]
            for _, block in blocks
            if block["type"] == "server_tool_use" and block["name"] == "code_execution"
        }
        told: set[object] = set()
        for index, block in blocks:
            caller = block.get("caller")
            if index >= before or not isinstance(caller, Mapping) or caller.get("type") == "direct":
                continue
            if caller.get("tool_id") in code:
                continue
            del block["caller"]
            call_id = block.get("id", block.get("tool_use_id"))
            if call_id not in told:
                told.add(call_id)
                self._warn(f"the code that called tool {call_id} is no longer in the conversation")

    def _warn(self, message: str) -> None:
        self._warnings.append(CallWarning("other", message))


_UNMARKED = ("thinking", "redacted_thinking", "fallback")


def _with_calls_last(blocks: Sequence[Block]) -> list[Block]:
    """Calls of the user's tools after everything else, within what stands between pieces of thinking."""
    out: list[Block] = []
    segment: list[Block] = []
    for block in [*blocks, None]:
        if block is not None and block["type"] not in _UNMARKED:
            segment.append(block)
            continue
        out += [one for one in segment if one["type"] != "tool_use"]
        out += [one for one in segment if one["type"] == "tool_use"]
        segment = []
        if block is not None:
            out.append(block)
    return out


def _result_block(kind: str, part: ToolResultPart, content: JSONValue) -> Block:
    return {"type": kind, "tool_use_id": part.tool_call_id, "content": content}


def _caller(options: ProviderOptions | None) -> Block:
    caller = option_of(options, "anthropic", "caller")
    if not isinstance(caller, Mapping):
        return {}
    tool_id = caller.get("toolId", caller.get("tool_id"))
    if caller.get("type") in _CALLERS and tool_id:
        return {"caller": {"type": caller["type"], "tool_id": tool_id}}
    return {"caller": {"type": "direct"}} if caller.get("type") == "direct" else {}


def _theirs(value: JSONValue) -> JSONValue:
    """A result in Anthropic's names."""
    if isinstance(value, Mapping):
        return {_RESULT_FIELDS.get(key, key): _theirs(field) for key, field in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_theirs(item) for item in value]
    return value


def _as_mapping(value: JSONValue) -> JSONObject:
    """An object, or the JSON text of one."""
    if isinstance(value, str):
        try:
            value = loads(value)
        except ValueError:
            return {}
    return value if isinstance(value, Mapping) else {}


def _as_object(value: JSONValue) -> JSONObject:
    """A call's input; Anthropic takes objects only, also back from a call that was invalid."""
    found = value
    if isinstance(value, str):
        try:
            found = loads(value)
        except ValueError:
            found = None
    return found if isinstance(found, Mapping) else {"rawInvalidInput": value}
