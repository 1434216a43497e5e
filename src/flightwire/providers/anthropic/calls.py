"""The calls of tools in an answer.

Owns: which blocks are calls, whose, and how their input is written. Refuses to know: streams, results.
"""

from __future__ import annotations

from collections.abc import Mapping

from flightwire._frozen import value
from flightwire.events import ProviderMetadata, ToolCall
from flightwire.jsontypes import JSONObject, JSONValue, dumps, loads
from flightwire.providers.anthropic.results import caller_metadata
from flightwire.providers.anthropic.tool_names import TOOLSET_MEMBERS, ToolNames

__all__ = ["CallShape", "as_json", "call_shape", "mcp_call"]

_CODE_STEPS = ("bash_code_execution", "text_editor_code_execution")
_TYPED = ("web_fetch", "web_search", "code_execution")
_SEARCHES = ("tool_search_tool_regex", "tool_search_tool_bm25")


@value
class CallShape:
    """What is known of a call when it begins.

    Attributes:
        name: our name of the tool.
        step: what its input says it is, for tools that are several; written into the input.
        member: of the set of tools that this is one of; written into the input as its action.
        theirs: Anthropic's name, for its own tools.
    """

    id: str
    name: str
    theirs: str | None = None
    step: str | None = None
    member: str | None = None
    provider_executed: bool = False
    dynamic: bool = False
    provider_metadata: ProviderMetadata | None = None

    def call(self, text: str) -> ToolCall:
        """The call, once its input is complete."""
        return ToolCall(
            self.id,
            self.name,
            self.complete(text),
            provider_executed=self.provider_executed,
            dynamic=self.dynamic,
            provider_metadata=self.provider_metadata,
        )

    def complete(self, text: str) -> str:
        """The input with what it must say about itself."""
        text = text or "{}"
        if self.member is not None:
            return as_json({**_object(text), "action": self.member})
        if self.theirs == "code_execution":
            fields = _object(text)
            if "type" not in fields and (self.step in _CODE_STEPS or "code" in fields):
                return as_json({"type": self.step, **fields})
        return text


def call_shape(block: JSONObject, names: ToolNames) -> CallShape | None:
    """Read the beginning of a `tool_use` or `server_tool_use` block; None for a tool nobody knows."""
    call_id, name = str(block.get("id") or ""), str(block.get("name") or "")
    metadata = caller_metadata(block.get("caller"))
    if block.get("type") == "tool_use":
        toolset = block.get("toolset_name")
        if not isinstance(toolset, str) or name not in TOOLSET_MEMBERS:
            return CallShape(call_id, name, provider_metadata=metadata)
        own = {"toolsetName": toolset, **((metadata or {}).get("anthropic") or {})}
        return CallShape(call_id, names.ours(toolset), member=name, provider_metadata={"anthropic": own})
    theirs = "code_execution" if name in _CODE_STEPS else name
    if theirs not in (*_TYPED, *_SEARCHES, "advisor"):
        return None
    step = name if name in _CODE_STEPS else "programmatic-tool-call" if name == "code_execution" else None
    return CallShape(
        call_id,
        names.ours(theirs),
        theirs=theirs,
        step=step,
        provider_executed=True,
        dynamic=names.has_hidden_code and theirs == "code_execution",
        provider_metadata=metadata,
    )


def mcp_call(block: JSONObject) -> ToolCall:
    """The call of a tool of an MCP server; comes in one piece."""
    own = {"type": "mcp-tool-use", "serverName": block.get("server_name")}
    return ToolCall(
        str(block.get("id") or ""),
        str(block.get("name") or ""),
        as_json(block.get("input")),
        provider_executed=True,
        dynamic=True,
        provider_metadata={"anthropic": own},
    )


def as_json(value: JSONValue) -> str:
    """An input as JSON text; nothing is an empty object."""
    return dumps({} if value is None else value)


def _object(text: str) -> JSONObject:
    try:
        found = loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, Mapping) else {}
