"""From the document of an answer that was not streamed to a `ModelResult`.

Owns: the shape of a whole chat completion. Refuses to know: transport, streams.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from flightwire.errors import APICallError
from flightwire.events import ProviderMetadata, RequestMetadata, ResponseMetadata, Source, ToolCall
from flightwire.jsontypes import dumps, loads
from flightwire.providers.answering import Request
from flightwire.providers.base import ContentBlock, ModelResult, Reasoning, Text
from flightwire.providers.chat_dialect.answers import Facts
from flightwire.providers.chat_dialect.chunks import citations_of, contents_of, thought_signature_of
from flightwire.providers.chat_dialect.dialect import ChatDialect
from flightwire.providers.chat_dialect.tool_calls import new_call_id
from flightwire.providers.failures import reported, speaks_responses
from flightwire.providers.reading import clean

__all__ = ["object_in", "to_result"]


def to_result(
    document: bytes,
    *,
    dialect: ChatDialect,
    service: str,
    url: str,
    headers: Mapping[str, str],
    request: Request,
    metadata: RequestMetadata,
) -> ModelResult:
    """Read the document.

    Raises:
        APICallError: it is not JSON, is an error object, or holds no answer.
    """
    body = object_in(document, service, url)
    if error := body.get("error"):
        raise reported(error, service=service, url=url)
    if body.get("object") == "response":
        raise speaks_responses(service, url)
    choice = _choice(body)
    message = choice.get("message") if choice is not None else None
    if choice is None or not isinstance(message, Mapping):
        raise unusable(service, url, document, "an answer without choices[0].message")
    raw_reason, usage = choice.get("finish_reason"), body.get("usage")
    raw_reason = raw_reason if isinstance(raw_reason, str) else None
    content = _content(message, dialect.options_key, request.json_tool)
    reason = dialect.finish_reason(raw_reason, refused=bool(message.get("refusal")))
    if request.json_tool is not None and reason == "tool-calls" and _is_only_text(content):
        reason = "stop"
    facts = _facts(body, choice, usage)
    own = dialect.metadata(facts)
    return ModelResult(
        content=content,
        finish_reason=reason,
        usage=dialect.usage(facts.usage),
        raw_finish_reason=raw_reason,
        warnings=request.warnings,
        request=metadata,
        response=_metadata(body, headers),
        provider_metadata=None if own is None else {dialect.options_key: own},
    )


def object_in(document: bytes, service: str, url: str) -> Mapping[str, object]:
    """The JSON object that a document is.

    Raises:
        APICallError: it is something else.
    """
    try:
        body = loads(document.decode("utf-8", "replace"))
    except ValueError as error:
        raise unusable(service, url, document, f"a document that is not JSON ({error})") from None
    if not isinstance(body, Mapping):
        raise unusable(service, url, document, "a document that is not a JSON object")
    return body


def unusable(service: str, url: str, document: bytes, what: str) -> APICallError:
    """The error for a document that is no answer."""
    text = document[:1000].decode("utf-8", "replace")
    return APICallError(f"{service} sent {what}", url=url, response_body=text, is_retryable=True)


def _choice(body: Mapping[str, object]) -> Mapping[str, object] | None:
    choices = body.get("choices")
    found = [choice for choice in choices if isinstance(choice, Mapping)] if isinstance(choices, list) else []
    return next((choice for choice in found if not choice.get("index")), found[0] if found else None)


def _facts(body: Mapping[str, object], choice: Mapping[str, object], usage: object) -> Facts:
    facts = Facts(usage if isinstance(usage, Mapping) else None)
    facts.take_logprobs(choice.get("logprobs"))
    if isinstance(fingerprint := body.get("system_fingerprint"), str) and fingerprint:
        facts.extra["systemFingerprint"] = fingerprint
    return facts


def _content(
    message: Mapping[str, object], options_key: str, json_tool: str | None
) -> tuple[ContentBlock, ...]:
    content: list[ContentBlock] = []
    if reasoning := _text(message.get("reasoning_content")) or _text(message.get("reasoning")):
        content.append(Reasoning(reasoning))
    for kind, text in contents_of(message.get("content")):
        if text and kind == "reasoning":
            content.append(Reasoning(clean(text)))
        elif text and json_tool is None:
            content.append(Text(clean(text)))
    if not content and (transcript := _transcript(message.get("audio"))):
        content.append(Text(transcript))
    if refusal := _text(message.get("refusal")):
        content.append(Text(refusal))
    calls = message.get("tool_calls")
    for call in calls if isinstance(calls, list) else ():
        function = call.get("function") if isinstance(call, Mapping) else None
        if isinstance(function, Mapping):
            content.append(_call_or_answer(call, function, options_key, json_tool))
    content += [
        Source("url", secrets.token_hex(8), url, title)
        for url, title in citations_of(message.get("annotations"))
    ]
    return tuple(content)


def _transcript(audio: object) -> str:
    return _text(audio.get("transcript")) if isinstance(audio, Mapping) else ""


def _call_or_answer(
    call: Mapping[str, object], function: Mapping[str, object], options_key: str, json_tool: str | None
) -> ContentBlock:
    arguments = function.get("arguments")
    if isinstance(arguments, Mapping):
        arguments = dumps(arguments)
    name, given = _text(function.get("name")), _text(arguments)
    if json_tool is not None and name == json_tool:
        return Text(given)
    signature = thought_signature_of(call.get("extra_content"))
    metadata: ProviderMetadata | None = {options_key: {"thoughtSignature": signature}} if signature else None
    return ToolCall(_text(call.get("id")) or new_call_id(), name, given, provider_metadata=metadata)


def _is_only_text(content: tuple[ContentBlock, ...]) -> bool:
    return any(isinstance(block, Text) for block in content) and not any(
        isinstance(block, ToolCall) for block in content
    )


def _text(field: object) -> str:
    """Text, or the texts of a list of content parts."""
    return clean("".join(text for kind, text in contents_of(field) if kind == "text"))


def _metadata(body: Mapping[str, object], headers: Mapping[str, str]) -> ResponseMetadata:
    created = body.get("created")
    return ResponseMetadata(
        _text(body.get("id")) or None,
        _text(body.get("model")) or None,
        float(created) if isinstance(created, (int, float)) else None,
        headers,
    )
