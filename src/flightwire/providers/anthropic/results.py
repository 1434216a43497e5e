"""What Anthropic's own tools answer.

Owns: the shape of each result block, and the sources in it. Refuses to know: streams, calls.
Names become camelCase where the AI SDK's are (`packages/anthropic/src/anthropic-language-model.ts`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from flightwire.events import ProviderMetadata, Source, ToolCall, ToolResult
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.providers.anthropic.request import CitedDocument
from flightwire.providers.anthropic.tool_names import ToolNames

__all__ = ["Results", "caller_metadata", "citation_source"]

NewId = Callable[[], str]


class Results:
    """Reads the results of one answer.

    Attributes:
        has_found: a search of the web found something; its results are the sources then, not the citations of them.
    """

    def __init__(self, names: ToolNames, documents: Sequence[CitedDocument], new_id: NewId) -> None:
        self.has_found = False
        self._names = names
        self._documents = list(documents)
        self._new_id = new_id
        self._mcp_calls: dict[str, ToolCall] = {}
        self._searches: dict[str, str] = {}

    def remember_mcp(self, call: ToolCall) -> None:
        """A call of a tool of an MCP server; its result does not say which."""
        self._mcp_calls[call.tool_call_id] = call

    def remember_search(self, call_id: str, name: str) -> None:
        """A search for tools; its result does not say which kind."""
        self._searches[call_id] = name

    def source_of(self, citation: JSONValue) -> Source | None:
        """The source that a citation names."""
        return citation_source(citation, self._documents, self._new_id)

    def read(self, block: JSONObject) -> list[ToolResult | Source]:
        """The parts that a result block is; none for a block that is no result."""
        kind, content = block.get("type"), block.get("content")
        if kind == "mcp_tool_result":
            return self._mcp(block)
        if not isinstance(kind, str) or not isinstance(content, (Mapping, list)):
            return []
        if kind == "web_search_tool_result":
            return self._search(block, content)
        readers = {
            "web_fetch_tool_result": self._fetch,
            "code_execution_tool_result": self._code,
            "bash_code_execution_tool_result": self._step,
            "text_editor_code_execution_tool_result": self._step,
            "tool_search_tool_result": self._tools,
            "advisor_tool_result": self._advice,
        }
        reader = readers.get(kind)
        return reader(block, content) if reader is not None and isinstance(content, Mapping) else []

    def _result(
        self,
        block: JSONObject,
        name: str,
        output: object,
        *,
        is_error: bool = False,
        with_caller: bool = False,
    ) -> ToolResult:
        return ToolResult(
            _text(block.get("tool_use_id")),
            self._names.ours(name),
            None,
            output,
            provider_executed=True,
            is_error=is_error,
            provider_metadata=caller_metadata(block.get("caller")) if with_caller else None,
        )

    def _failed(
        self, block: JSONObject, name: str, kind: str, code: JSONValue, *, with_caller: bool = False
    ) -> ToolResult:
        output = {"type": kind, "errorCode": code}
        return self._result(block, name, output, is_error=True, with_caller=with_caller)

    def _search(self, block: JSONObject, content: JSONObject | list[JSONValue]) -> list[ToolResult | Source]:
        if isinstance(content, Mapping):
            code = content.get("error_code")
            return [self._failed(block, "web_search", "web_search_tool_result_error", code, with_caller=True)]
        found = [one for one in content if isinstance(one, Mapping)]
        self.has_found = self.has_found or bool(found)
        output = [_without_none(_found(one), "title") for one in found]
        out: list[ToolResult | Source] = [self._result(block, "web_search", output, with_caller=True)]
        for one in found:
            metadata: ProviderMetadata = {"anthropic": {"pageAge": one.get("page_age")}}
            title = one.get("title")
            out.append(
                Source(
                    "url",
                    self._new_id(),
                    url=_text(one.get("url")),
                    title=title if isinstance(title, str) else None,
                    provider_metadata=metadata,
                )
            )
        return out

    def _fetch(self, block: JSONObject, content: JSONObject) -> list[ToolResult | Source]:
        document = content.get("content")
        source = document.get("source") if isinstance(document, Mapping) else None
        if content.get("type") == "web_fetch_tool_result_error":
            code = content.get("error_code")
            return [self._failed(block, "web_fetch", "web_fetch_tool_result_error", code, with_caller=True)]
        if not isinstance(document, Mapping) or not isinstance(source, Mapping):
            return []
        title = document.get("title")
        self._documents.append(
            CitedDocument(
                _text(title if title is not None else content.get("url")), _text(source.get("media_type"))
            )
        )
        read: dict[str, JSONValue] = {
            "type": document.get("type"),
            "title": title,
            **({"citations": document["citations"]} if "citations" in document else {}),
            "source": {
                "type": source.get("type"),
                "mediaType": source.get("media_type"),
                "data": source.get("data"),
            },
        }
        output = {
            "type": "web_fetch_result",
            "url": content.get("url"),
            "retrievedAt": content.get("retrieved_at"),
            "content": read,
        }
        return [self._result(block, "web_fetch", output, with_caller=True)]

    def _code(self, block: JSONObject, content: JSONObject) -> list[ToolResult | Source]:
        kind = content.get("type")
        if kind == "code_execution_tool_result_error":
            return [self._failed(block, "code_execution", kind, content.get("error_code"))]
        out = {"code_execution_result": "stdout", "encrypted_code_execution_result": "encrypted_stdout"}.get(
            str(kind)
        )
        if out is None:
            return []
        output = {name: content.get(name) for name in ("type", out, "stderr", "return_code")}
        return [self._result(block, "code_execution", {**output, "content": content.get("content") or []})]

    def _step(self, block: JSONObject, content: JSONObject) -> list[ToolResult | Source]:
        return [self._result(block, "code_execution", content)]

    def _tools(self, block: JSONObject, content: JSONObject) -> list[ToolResult | Source]:
        name = self._searches.get(_text(block.get("tool_use_id"))) or self._likely_search()
        references = content.get("tool_references")
        if content.get("type") != "tool_search_tool_search_result" or not isinstance(references, list):
            code = content.get("error_code")
            return [self._failed(block, name, "tool_search_tool_result_error", code)]
        output = [
            {"type": one.get("type"), "toolName": one.get("tool_name")}
            for one in references
            if isinstance(one, Mapping)
        ]
        return [self._result(block, name, output)]

    def _likely_search(self) -> str:
        """Which search it was when that was said in an earlier answer."""
        bm25 = "tool_search_tool_bm25"
        return bm25 if self._names.ours(bm25) != bm25 else "tool_search_tool_regex"

    def _advice(self, block: JSONObject, content: JSONObject) -> list[ToolResult | Source]:
        kind = content.get("type")
        said = {"advisor_result": "text", "advisor_redacted_result": "encrypted_content"}.get(str(kind))
        if said is None:
            return [self._failed(block, "advisor", "advisor_tool_result_error", content.get("error_code"))]
        key = "text" if said == "text" else "encryptedContent"
        output: dict[str, JSONValue] = {"type": kind, key: content.get(said)}
        if content.get("stop_reason") is not None:
            output["stopReason"] = content["stop_reason"]
        return [self._result(block, "advisor", output)]

    def _mcp(self, block: JSONObject) -> list[ToolResult | Source]:
        call_id = _text(block.get("tool_use_id"))
        call = self._mcp_calls.get(call_id)
        return [
            ToolResult(
                call_id,
                call.tool_name if call is not None else "",
                None,
                block.get("content"),
                provider_executed=True,
                dynamic=True,
                is_error=bool(block.get("is_error")),
                provider_metadata=call.provider_metadata if call is not None else None,
            )
        ]


def _found(one: JSONObject) -> dict[str, JSONValue]:
    return {
        "url": one.get("url"),
        "title": one.get("title"),
        "pageAge": one.get("page_age"),
        "encryptedContent": one.get("encrypted_content"),
        "type": one.get("type"),
    }


def _without_none(fields: dict[str, JSONValue], name: str) -> dict[str, JSONValue]:
    return (
        fields
        if fields.get(name) is not None
        else {key: field for key, field in fields.items() if key != name}
    )


def caller_metadata(caller: JSONValue) -> ProviderMetadata | None:
    """Who called a tool: the model, or code that it runs."""
    if not isinstance(caller, Mapping):
        return None
    who: dict[str, JSONValue] = {"type": caller.get("type")}
    if "tool_id" in caller:
        who["toolId"] = caller["tool_id"]
    return {"anthropic": {"caller": who}}


def citation_source(citation: JSONValue, documents: Sequence[CitedDocument], new_id: NewId) -> Source | None:
    """The source that a citation names, when it is one that can be shown."""
    if not isinstance(citation, Mapping):
        return None
    kind, text = citation.get("type"), citation.get("cited_text")
    if kind == "web_search_result_location":
        title = citation.get("title")
        own: dict[str, JSONValue] = {"citedText": text, "encryptedIndex": citation.get("encrypted_index")}
        return Source(
            "url",
            new_id(),
            url=_text(citation.get("url")),
            title=title if isinstance(title, str) else None,
            provider_metadata={"anthropic": own},
        )
    unit = {"page_location": "page_number", "char_location": "char_index"}.get(str(kind))
    index = citation.get("document_index")
    if unit is None or not isinstance(index, int) or not 0 <= index < len(documents):
        return None
    name = "PageNumber" if unit == "page_number" else "CharIndex"
    own = {
        "citedText": text,
        f"start{name}": citation.get(f"start_{unit}"),
        f"end{name}": citation.get(f"end_{unit}"),
    }
    document = documents[index]
    return Source(
        "document",
        new_id(),
        title=_text(citation.get("document_title") or document.title),
        media_type=document.media_type,
        filename=document.filename,
        provider_metadata={"anthropic": own},
    )


def _text(field: JSONValue) -> str:
    return field if isinstance(field, str) else ""
