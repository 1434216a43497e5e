"""From the document of an answer that was not streamed to a `ModelResult`.

Owns: the shape of a whole chat completion. Refuses to know: transport, streams.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence

from flightwire.errors import APICallError
from flightwire.events import CallWarning, RequestMetadata, ResponseMetadata, ToolCall
from flightwire.jsontypes import dumps, loads
from flightwire.providers.base import ContentBlock, ModelResult, Reasoning, Text
from flightwire.providers.chat_dialect.answers import clean, reported, to_finish_reason, to_usage


def to_result(
    document: bytes,
    *,
    service: str,
    url: str,
    headers: Mapping[str, str],
    warnings: Sequence[CallWarning],
    request: RequestMetadata,
) -> ModelResult:
    """Read the document.

    Raises:
        APICallError: it is not JSON, is an error object, or holds no answer.
    """
    body = _object(document, service, url)
    if error := body.get("error"):
        raise reported(error, service=service, url=url)
    choice = _choice(body)
    message = choice.get("message") if choice is not None else None
    if choice is None or not isinstance(message, Mapping):
        raise _unusable(service, url, document, "an answer without choices[0].message")
    raw_reason, usage = choice.get("finish_reason"), body.get("usage")
    raw_reason = raw_reason if isinstance(raw_reason, str) else None
    return ModelResult(
        content=_content(message),
        finish_reason=to_finish_reason(raw_reason, refused=bool(message.get("refusal"))),
        usage=to_usage(usage if isinstance(usage, Mapping) else None),
        raw_finish_reason=raw_reason,
        warnings=warnings,
        request=request,
        response=_metadata(body, headers),
    )


def _object(document: bytes, service: str, url: str) -> Mapping[str, object]:
    try:
        body = loads(document.decode("utf-8", "replace"))
    except ValueError as error:
        raise _unusable(service, url, document, f"a document that is not JSON ({error})") from None
    if not isinstance(body, Mapping):
        raise _unusable(service, url, document, "a document that is not a JSON object")
    return body


def _unusable(service: str, url: str, document: bytes, what: str) -> APICallError:
    text = document[:1000].decode("utf-8", "replace")
    return APICallError(f"{service} sent {what}", url=url, response_body=text, is_retryable=True)


def _choice(body: Mapping[str, object]) -> Mapping[str, object] | None:
    choices = body.get("choices")
    found = [choice for choice in choices if isinstance(choice, Mapping)] if isinstance(choices, list) else []
    return next((choice for choice in found if not choice.get("index")), found[0] if found else None)


def _content(message: Mapping[str, object]) -> tuple[ContentBlock, ...]:
    content: list[ContentBlock] = []
    if reasoning := _text(message.get("reasoning_content")) or _text(message.get("reasoning")):
        content.append(Reasoning(reasoning))
    if text := _text(message.get("content")) + _text(message.get("refusal")):
        content.append(Text(text))
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            content.append(_tool_call(call, function))
    return tuple(content)


def _tool_call(call: Mapping[str, object], function: Mapping[str, object]) -> ToolCall:
    arguments = function.get("arguments")
    if isinstance(arguments, Mapping):
        arguments = dumps(arguments)
    call_id = _text(call.get("id")) or f"call_{secrets.token_hex(12)}"
    return ToolCall(call_id, _text(function.get("name")), _text(arguments))


def _text(field: object) -> str:
    """Text, or the texts of a list of content parts."""
    if isinstance(field, list):
        return "".join(_text(part.get("text")) for part in field if isinstance(part, Mapping))
    return clean(field) if isinstance(field, str) else ""


def _metadata(body: Mapping[str, object], headers: Mapping[str, str]) -> ResponseMetadata:
    created = body.get("created")
    return ResponseMetadata(
        _text(body.get("id")) or None,
        _text(body.get("model")) or None,
        float(created) if isinstance(created, (int, float)) else None,
        headers,
    )
