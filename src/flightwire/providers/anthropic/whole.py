"""From the document of a message that was not streamed to a `ModelResult`.

Owns: the order and meaning of its content blocks. Refuses to know: transport, streams.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from flightwire.errors import APICallError
from flightwire.events import RequestMetadata, ResponseMetadata
from flightwire.jsontypes import JSONObject, JSONValue, loads
from flightwire.providers.anthropic.answers import Ending, reported
from flightwire.providers.anthropic.calls import as_json, call_shape, mcp_call
from flightwire.providers.anthropic.request import JSON_TOOL, Message
from flightwire.providers.anthropic.results import Results
from flightwire.providers.anthropic.stream import custom, new_source_id
from flightwire.providers.base import ContentBlock, ModelResult, Reasoning, Text
from flightwire.providers.reading import clean

__all__ = ["to_result"]

_ANSWERS = ("text", "thinking", "redacted_thinking")


def to_result(
    document: bytes,
    message: Message,
    *,
    service: str,
    url: str,
    headers: Mapping[str, str],
    request: RequestMetadata,
    new_id: Callable[[], str] = new_source_id,
) -> ModelResult:
    """Read the document.

    Raises:
        APICallError: it is not JSON, is an error object, or holds no message.
    """
    body = _object(document, service, url)
    content = body.get("content")
    if not isinstance(content, list):
        raise _unusable(service, url, document, "an answer without content")
    ending = Ending()
    ending.take_message(body)
    reader = _Content(message, [block for block in content if isinstance(block, Mapping)], ending, new_id)
    blocks = reader.read()
    answer_id, model = body.get("id"), body.get("model")
    return ModelResult(
        content=blocks,
        finish_reason=ending.finish_reason(is_json=reader.called_json_tool),
        usage=ending.usage,
        raw_finish_reason=ending.stop_reason,
        warnings=message.request.warnings,
        request=request,
        response=ResponseMetadata(
            answer_id if isinstance(answer_id, str) else None,
            model if isinstance(model, str) else None,
            headers=headers,
        ),
        provider_metadata=ending.metadata(),
    )


def _object(document: bytes, service: str, url: str) -> JSONObject:
    try:
        body = loads(document.decode("utf-8", "replace"))
    except ValueError as error:
        raise _unusable(service, url, document, f"a document that is not JSON ({error})") from None
    if not isinstance(body, Mapping):
        raise _unusable(service, url, document, "a document that is not a JSON object")
    if body.get("type") == "error":
        raise reported(body.get("error"), service=service, url=url)
    return body


def _unusable(service: str, url: str, document: bytes, what: str) -> APICallError:
    text = document[:1000].decode("utf-8", "replace")
    return APICallError(f"{service} sent {what}", url=url, response_body=text, is_retryable=True)


class _Content:
    """Reads the blocks of one message."""

    def __init__(
        self, message: Message, blocks: list[JSONObject], ending: Ending, new_id: Callable[[], str]
    ) -> None:
        self.called_json_tool = False
        self._message = message
        self._blocks = blocks
        self._results = Results(message.names, message.documents, new_id)
        self._has_found = any(
            block.get("type") == "web_search_tool_result"
            and isinstance(block.get("content"), list)
            and block["content"]
            for block in blocks
        )
        self._first_answer = self._where_the_answer_begins(ending)

    def _where_the_answer_begins(self, ending: Ending) -> int:
        """With our JSON tool: text is the answer only if the tool was not called, and only after the last call."""
        if not self._message.has_json_tool:
            return 0
        if ending.stop_reason in ("pause_turn", "tool_use") or any(
            self._is_json_call(block) for block in self._blocks
        ):
            return len(self._blocks)
        last = [index for index, block in enumerate(self._blocks) if block.get("type") not in _ANSWERS]
        return max(last, default=-1) + 1

    def _is_json_call(self, block: JSONObject) -> bool:
        return (
            self._message.has_json_tool and block.get("type") == "tool_use" and block.get("name") == JSON_TOOL
        )

    def read(self) -> list[ContentBlock]:
        out: list[ContentBlock] = []
        for index, block in enumerate(self._blocks):
            kind = block.get("type")
            if kind == "text":
                if index >= self._first_answer:
                    self._text(block, out)
            elif kind == "thinking":
                own = {"signature": block.get("signature")}
                out.append(Reasoning(clean(_text(block.get("thinking"))), {"anthropic": own}))
            elif kind == "redacted_thinking":
                out.append(Reasoning("", {"anthropic": {"redactedData": block.get("data")}}))
            elif kind == "compaction":
                self._compaction(block, out)
            elif kind in ("tool_use", "server_tool_use"):
                self._call(block, out)
            elif kind == "mcp_tool_use":
                call = mcp_call(block)
                self._results.remember_mcp(call)
                out.append(call)
            elif kind in ("fallback", "container_upload"):
                out.append(custom(block))
            else:
                out.extend(self._results.read(block))
        return out

    def _text(self, block: JSONObject, out: list[ContentBlock]) -> None:
        citations = block.get("citations")
        citations = citations if isinstance(citations, list) else []
        metadata = {"anthropic": {"citations": citations}} if citations else None
        out.append(Text(clean(_text(block.get("text"))), metadata))
        for citation in citations:
            is_found = isinstance(citation, Mapping) and citation.get("type") == "web_search_result_location"
            if is_found and self._has_found:
                continue
            if (source := self._results.source_of(citation)) is not None:
                out.append(source)

    def _compaction(self, block: JSONObject, out: list[ContentBlock]) -> None:
        own: dict[str, JSONValue] = {"type": "compaction"}
        if block.get("signature") is not None:
            own["signature"] = block["signature"]
        if said := _text(block.get("content")):
            out.append(Text(clean(said), {"anthropic": own}))

    def _call(self, block: JSONObject, out: list[ContentBlock]) -> None:
        if self._is_json_call(block):
            self.called_json_tool = True
            out.append(Text(as_json(block.get("input"))))
            return
        shape = call_shape(block, self._message.names)
        if shape is None:
            return
        if shape.theirs is not None and shape.theirs.startswith("tool_search"):
            self._results.remember_search(shape.id, shape.theirs)
        out.append(shape.call(as_json(block.get("input"))))


def _text(field: JSONValue) -> str:
    return field if isinstance(field, str) else ""
