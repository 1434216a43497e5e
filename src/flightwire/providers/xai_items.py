"""The items that an answer of xAI's Responses API consists of, and what its end says.

Owns: what each kind of item says, whole; finish reasons, usage, metadata. Refuses to know: how items come.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from flightwire.events import FinishReason, ProviderMetadata, Source, ToolCall, ToolResult, Usage
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.providers.base import ContentBlock, ProviderToolSpec, Reasoning, Text, ToolSpec
from flightwire.providers.chat_dialect.answers import count_of, make_usage
from flightwire.providers.reading import clean
from flightwire.providers.responses_dialect import ResponseInfo
from flightwire.providers.responses_dialect.events import list_of, text_at

__all__ = [
    "OWN_CALLS",
    "Items",
    "Names",
    "annotation_source",
    "final_metadata",
    "finish_reason_of",
    "usage_of",
]

Item = Mapping[str, object]

# Calls of xAI's own tools: kind of item → the tool's usual name.
OWN_CALLS = {
    "web_search_call": "web_search",
    "x_search_call": "x_search",
    "code_interpreter_call": "code_execution",
    "code_execution_call": "code_execution",
    "view_image_call": "",
    "view_x_video_call": "",
    "custom_tool_call": "",
    "mcp_call": "mcp",
}
# What xAI calls the steps of its searches.
_STEPS = {
    **dict.fromkeys(("web_search", "web_search_with_snippets", "browse_page"), "web_search"),
    **dict.fromkeys(("x_user_search", "x_keyword_search", "x_semantic_search", "x_thread_fetch"), "x_search"),
    "code_execution": "code_execution",
}
_FINISH_REASONS: dict[str | None, FinishReason] = {
    "stop": "stop",
    "completed": "stop",
    "length": "length",
    "max_output_tokens": "length",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
    "content_filter": "content-filter",
}


class Names:
    """What the caller calls xAI's tools."""

    def __init__(self, tools: Sequence[ToolSpec | ProviderToolSpec]) -> None:
        own = [tool for tool in tools if isinstance(tool, ProviderToolSpec)]
        self._names = {tool.id.removeprefix("xai."): tool.name for tool in reversed(own)}

    def ours(self, name: str) -> str:
        """The caller's name of one of xAI's tools."""
        return self._names.get(name, name)

    def of_call(self, item: Item) -> str:
        """The caller's name of the tool that an item calls."""
        kind, step = text_at(item, "type"), text_at(item, "name")
        if kind == "mcp_call":
            return self._names.get("mcp") or step or "mcp"
        if step in _STEPS:
            return self.ours(_STEPS[step])
        return self.ours(OWN_CALLS.get(kind) or "") or step


def new_id() -> str:
    """An id for what came without one."""
    return secrets.token_hex(8)


class Items:
    """Reads the items of one answer.

    Attributes:
        calls_here: a tool of the caller's was called.
    """

    def __init__(self, names: Names) -> None:
        self.names = names
        self.calls_here = False

    def blocks_of(self, item: Item) -> Iterator[ContentBlock]:
        """What an item says; nothing for kinds we do not know."""
        kind, item_id = text_at(item, "type"), text_at(item, "id")
        if kind == "message":
            yield from self._message(item)
        elif kind == "reasoning":
            yield from self._reasoning(item, item_id)
        elif kind == "function_call":
            self.calls_here = True
            name, arguments = text_at(item, "name"), clean(text_at(item, "arguments"))
            yield ToolCall(text_at(item, "call_id"), name, arguments)
        elif kind == "file_search_call":
            yield from self._file_search(item, item_id)
        elif kind == "image_generation_call":
            yield from self._image(item, item_id)
        elif kind in OWN_CALLS:
            name = self.names.of_call(item)
            given = clean(text_at(item, "input" if kind == "custom_tool_call" else "arguments"))
            yield ToolCall(item_id, name, given, provider_executed=True)
            if kind == "web_search_call":
                yield _result(item_id, name, _web_search_output(item))

    def end_of(self, item: Item) -> ToolResult | None:
        """That a call is over whose answer xAI keeps for itself; in a stream somebody waits for it."""
        kind = text_at(item, "type")
        if kind not in OWN_CALLS or kind == "web_search_call":
            return None
        return _result(text_at(item, "id"), self.names.of_call(item), {})

    def _message(self, item: Item) -> Iterator[ContentBlock]:
        for part in list_of(item, "content"):
            if text := text_at(part, "text"):
                yield Text(clean(text))
            for annotation in list_of(part, "annotations"):
                if (source := annotation_source(annotation)) is not None:
                    yield source

    def _reasoning(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        parts = list_of(item, "summary") or list_of(item, "content")
        text, encrypted = "".join(text_at(part, "text") for part in parts), item.get("encrypted_content")
        if text or encrypted:
            facts = {"reasoningEncryptedContent": encrypted, "itemId": item_id}
            known = {name: cast("JSONValue", fact) for name, fact in facts.items() if fact}
            yield Reasoning(clean(text), {"xai": known} if known else None)

    def _file_search(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        name = self.names.ours("file_search")
        yield ToolCall(item_id, name, "", provider_executed=True)
        found = [
            {
                "fileId": result.get("file_id"),
                "filename": result.get("filename"),
                "score": result.get("score"),
                "text": result.get("text"),
            }
            for result in list_of(item, "results")
        ]
        has_results = isinstance(item.get("results"), list)
        yield _result(
            item_id,
            name,
            {"queries": item.get("queries") or [], "results": found if has_results else None},
        )

    def _image(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        name = self.names.ours("image_generation")
        yield ToolCall(item_id, name, "{}", provider_executed=True)
        image, prompt = item.get("result"), item.get("prompt")
        if image is None:
            why = f"Image generation failed (status: {item.get('status')})."
            yield _result(item_id, name, why, is_error=True)
            return
        output = {"result": image}
        yield _result(item_id, name, output if prompt is None else {**output, "prompt": prompt})


def _result(call_id: str, name: str, output: object, *, is_error: bool = False) -> ToolResult:
    return ToolResult(call_id, name, None, output, provider_executed=True, is_error=is_error)


def _web_search_output(item: Item) -> dict[str, object]:
    action = item.get("action")
    if not isinstance(action, Mapping):
        return {}
    kind = action.get("type")
    renamed = {"open_page": "openPage", "find_in_page": "findInPage", "find": "find"}
    fields: dict[str, object] = {"type": renamed.get(str(kind), kind)}
    for name in ("query", "queries", "url", "pattern") if kind != "search" else ("query", "queries"):
        if action.get(name) is not None:
            fields[name] = action[name]
    sources = action.get("sources")
    return {"action": fields} if not sources else {"action": fields, "sources": sources}


def annotation_source(annotation: Item) -> Source | None:
    """The page that an annotation of a text names."""
    url = annotation.get("url")
    if annotation.get("type") != "url_citation" or not isinstance(url, str):
        return None
    return Source("url", new_id(), url, text_at(annotation, "title") or url)


def finish_reason_of(raw: str | None) -> FinishReason:
    """One word for all providers."""
    return _FINISH_REASONS.get(raw, "other")


def usage_of(raw: Mapping[str, object] | None) -> Usage:
    """The tokens; xAI sometimes counts the cache beside the rest."""
    if not raw:
        return Usage(0, 0, 0, 0, 0, 0, 0, 0)
    sent, written = count_of(raw, "input_tokens") or 0, count_of(raw, "output_tokens") or 0
    cached = count_of(raw.get("input_tokens_details"), "cached_tokens") or 0
    return make_usage(
        raw,
        sent=sent if cached <= sent else sent + cached,
        written=written,
        cached=cached,
        cache_written=None,
        reasoned=count_of(raw.get("output_tokens_details"), "reasoning_tokens") or 0,
    )


def final_metadata(info: ResponseInfo) -> ProviderMetadata | None:
    """What the answer cost, and how it was served."""
    facts = {
        "costInUsdTicks": (info.usage or {}).get("cost_in_usd_ticks"),
        "serviceTier": info.service_tier,
        "promptCacheKey": info.prompt_cache_key,
        "safetyIdentifier": info.safety_identifier,
    }
    known = {name: fact for name, fact in facts.items() if fact is not None}
    return {"xai": cast("JSONObject", known)} if known else None
