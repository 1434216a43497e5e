"""Parts that are alike in streams and whole answers.

Owns: files, thought signatures, calls and results of tools that Google runs. Refuses to know: their order.
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error
from collections.abc import Callable, Mapping

from flightwire.events import File, ProviderMetadata, ReasoningFile, ToolCall, ToolResult
from flightwire.jsontypes import JSONObject, JSONValue, dumps

__all__ = ["OwnTools", "as_json", "file_of", "signature_of"]


def as_json(value: JSONValue) -> str:
    """An input as JSON text; nothing is an empty object."""
    return dumps({} if value is None else value)


def signature_of(part: JSONObject) -> ProviderMetadata | None:
    """The signature that must come back with the part."""
    signature = part.get("thoughtSignature")
    return {"google": {"thoughtSignature": signature}} if signature else None


def file_of(part: JSONObject) -> File | ReasoningFile | None:
    """A file that the model made."""
    found = part["inlineData"]
    data = found.get("data") if isinstance(found, Mapping) else None
    if not isinstance(found, Mapping) or not isinstance(data, str):
        return None
    try:
        content = b64decode(
            data + "=" * (-len(data) % 4), altchars=b"-_" if "-" in data or "_" in data else None
        )
    except (Error, ValueError):
        return None
    kind = ReasoningFile if part.get("thought") is True else File
    return kind(content, str(found.get("mimeType") or "application/octet-stream"), None, signature_of(part))


class OwnTools:
    """Reads calls and results of tools that Google runs; a result belongs to the call before it."""

    def __init__(self, code_name: str, make_id: Callable[[], str]) -> None:
        self._code_name = code_name
        self._make_id = make_id
        self._code_id: str | None = None
        self._server_id: str | None = None

    def read(self, part: JSONObject) -> ToolCall | ToolResult | None:
        """The part, if it is one of theirs."""
        code, ran = part.get("executableCode"), part.get("codeExecutionResult")
        if isinstance(code, Mapping) and code.get("code"):
            self._code_id = self._make_id()
            return ToolCall(self._code_id, self._code_name, as_json(code), provider_executed=True)
        if isinstance(ran, Mapping):
            output = {"outcome": ran.get("outcome"), "output": ran.get("output") or ""}
            call_id = self._code_id or self._make_id()
            return ToolResult(call_id, self._code_name, None, output, provider_executed=True)
        call, response = part.get("toolCall"), part.get("toolResponse")
        if isinstance(call, Mapping):
            self._server_id = _text(call.get("id")) or self._make_id()
            name, metadata = self._server(part, call, self._server_id)
            return ToolCall(
                self._server_id,
                name,
                as_json(call.get("args")),
                provider_executed=True,
                dynamic=True,
                provider_metadata=metadata,
            )
        if isinstance(response, Mapping):
            call_id = self._server_id or _text(response.get("id")) or self._make_id()
            self._server_id = None
            name, metadata = self._server(part, response, call_id)
            said = response.get("response")
            return ToolResult(
                call_id,
                name,
                None,
                {} if said is None else said,
                provider_executed=True,
                dynamic=True,
                provider_metadata=metadata,
            )
        return None

    def _server(self, part: JSONObject, found: JSONObject, call_id: str) -> tuple[str, ProviderMetadata]:
        kind = found.get("toolType")
        own: dict[str, JSONValue] = {"serverToolCallId": call_id, "serverToolType": kind}
        if part.get("thoughtSignature"):
            own["thoughtSignature"] = part["thoughtSignature"]
        return f"server:{kind}", {"google": own}


def _text(field: JSONValue) -> str:
    return field if isinstance(field, str) else ""
