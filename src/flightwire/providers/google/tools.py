"""Tools and the choice among them, as Google takes them.

Owns: `tools` and `toolConfig`. Refuses to know: messages.
"""

from __future__ import annotations

from collections.abc import Sequence

from flightwire.events import CallWarning
from flightwire.jsontypes import JSONValue
from flightwire.providers.base import ProviderToolSpec, ToolChoice, ToolSpec
from flightwire.providers.google.gemini import Gemini

__all__ = ["write_tools"]

Fields = dict[str, object]
_PLAIN = {
    "enterprise_web_search": "enterpriseWebSearch",
    "url_context": "urlContext",
    "code_execution": "codeExecution",
    "google_maps": "googleMaps",
}
_MODES = {"auto": "AUTO", "none": "NONE", "required": "ANY", "tool": "ANY"}


def write_tools(
    tools: Sequence[ToolSpec | ProviderToolSpec],
    choice: ToolChoice,
    model: Gemini,
    warnings: list[CallWarning],
) -> tuple[list[Fields] | None, Fields | None]:
    """The fields `tools` and `toolConfig`."""
    if choice.type == "none":  # would switch off functions alone; Google's own tools run without being called
        tools = [tool for tool in tools if isinstance(tool, ToolSpec)]
    functions = [_function(tool) for tool in tools if isinstance(tool, ToolSpec)]
    own = [tool for tool in tools if isinstance(tool, ProviderToolSpec)]
    if own:
        return _with_own(own, functions, choice, model, warnings)
    if not functions:
        return None, None
    is_strict = any(isinstance(tool, ToolSpec) and tool.strict for tool in tools)
    mode = "VALIDATED" if is_strict and choice.type == "auto" else _MODES[choice.type]
    return [{"functionDeclarations": functions}], _config(mode, choice)


def _with_own(
    own: Sequence[ProviderToolSpec],
    functions: list[Fields],
    choice: ToolChoice,
    model: Gemini,
    warnings: list[CallWarning],
) -> tuple[list[Fields] | None, Fields | None]:
    if functions and not model.is_third:
        feature = "combination of function and provider-defined tools"
        warnings.append(
            CallWarning("unsupported", f"this model takes no {feature}; the functions were left out", feature)
        )
    written = [field for tool in own if (field := _own(tool, model, warnings)) is not None]
    if functions and model.is_third and written:
        mode = "VALIDATED" if choice.type == "auto" else _MODES[choice.type]
        config = {**_config(mode, choice), "includeServerSideToolInvocations": True}
        return [*written, {"functionDeclarations": functions}], config
    return written or None, None


def _config(mode: str, choice: ToolChoice) -> Fields:
    config: Fields = {"mode": mode}
    if choice.type == "tool":
        config["allowedFunctionNames"] = [choice.tool_name]
    return {"functionCallingConfig": config}


def _function(tool: ToolSpec) -> Fields:
    return {
        "name": tool.name,
        "description": tool.description or "",
        "parametersJsonSchema": tool.input_schema,
    }


def _own(tool: ProviderToolSpec, model: Gemini, warnings: list[CallWarning]) -> Fields | None:
    provider, _, key = tool.id.partition(".")
    known = provider == "google" and (
        key in _PLAIN or key in ("google_search", "file_search", "vertex_rag_store")
    )
    takes = model.has_file_search if key == "file_search" else model.has_tools
    if not known or not takes:
        feature = f"provider-defined tool {tool.id}"
        why = "this model is too old for the" if known else "Google does not know the"
        warnings.append(CallWarning("unsupported", f"{why} {feature}", feature))
        return None
    if key in _PLAIN:
        return {_PLAIN[key]: {}}
    if key == "vertex_rag_store":
        store: dict[str, JSONValue] = {"rag_resources": {"rag_corpus": tool.args.get("ragCorpus")}}
        if tool.args.get("topK") is not None:
            store["similarity_top_k"] = tool.args["topK"]
        return {"retrieval": {"vertex_rag_store": store}}
    return {"googleSearch" if key == "google_search" else "fileSearch": dict(tool.args)}
