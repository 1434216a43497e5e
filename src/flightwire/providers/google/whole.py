"""From the document of an answer that was not streamed to a `ModelResult`.

Owns: the order and meaning of its parts. Refuses to know: transport, streams.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from flightwire.errors import APICallError
from flightwire.events import RequestMetadata, ResponseMetadata, ToolCall
from flightwire.jsontypes import JSONObject, loads
from flightwire.providers.base import ContentBlock, ModelResult, Reasoning, Text
from flightwire.providers.google.answers import Ending, first_candidate, reported
from flightwire.providers.google.grounding import Sources
from flightwire.providers.google.parts import OwnTools, as_json, file_of, signature_of
from flightwire.providers.google.request import Question
from flightwire.providers.google.stream import new_id
from flightwire.providers.reading import clean

__all__ = ["to_result"]


def to_result(
    document: bytes,
    question: Question,
    *,
    service: str,
    url: str,
    headers: Mapping[str, str],
    request: RequestMetadata,
    make_id: Callable[[], str] = new_id,
) -> ModelResult:
    """Read the document.

    Raises:
        APICallError: it is not JSON, is an error object, or holds no answer.
    """
    body = _object(document, service, url)
    if body.get("candidates") is None and body.get("promptFeedback") is None:
        raise _unusable(service, url, document, "an answer without candidates")
    ending = Ending(headers.get("x-gemini-service-tier"))
    ending.take(body, is_whole=True)
    candidate = first_candidate(body)
    content = _content(candidate, question, make_id)
    content += Sources(make_id, only_new=False).read(candidate.get("groundingMetadata"))
    has_calls = any(isinstance(block, ToolCall) and not block.provider_executed for block in content)
    answer_id, model = body.get("responseId"), body.get("modelVersion")
    return ModelResult(
        content=content,
        finish_reason=ending.finish_reason(has_calls=has_calls),
        usage=ending.usage,
        raw_finish_reason=ending.raw_reason,
        warnings=question.request.warnings,
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
    if body.get("error") is not None:
        raise reported(body["error"], service=service, url=url)
    return body


def _unusable(service: str, url: str, document: bytes, what: str) -> APICallError:
    text = document[:1000].decode("utf-8", "replace")
    return APICallError(f"{service} sent {what}", url=url, response_body=text, is_retryable=True)


def _content(candidate: JSONObject, question: Question, make_id: Callable[[], str]) -> list[ContentBlock]:
    content = candidate.get("content")
    parts = content.get("parts") if isinstance(content, Mapping) else None
    own_tools = OwnTools(question.code_name, make_id)
    out: list[ContentBlock] = []
    for part in parts if isinstance(parts, list) else ():
        if not isinstance(part, Mapping):
            continue
        own = own_tools.read(part)
        call = part.get("functionCall")
        if own is not None:
            out.append(own)
        elif isinstance(text := part.get("text"), str):
            _add_text(part, text, question, out)
        elif isinstance(call, Mapping):
            _add_call(part, call, question, make_id, out)
        elif isinstance(part.get("inlineData"), Mapping) and (found := file_of(part)) is not None:
            out.append(found)
    return out


def _add_text(part: JSONObject, text: str, question: Question, out: list[ContentBlock]) -> None:
    is_thought, signature = part.get("thought") is True, signature_of(part)
    if question.json_tool is not None and not is_thought:
        return  # the answer comes as the input of our function
    if text:
        out.append((Reasoning if is_thought else Text)(clean(text), signature))
    elif signature is not None and out:
        out[-1] = replace(out[-1], provider_metadata=signature)  # it came alone, for what stands before it


def _add_call(
    part: JSONObject,
    call: JSONObject,
    question: Question,
    make_id: Callable[[], str],
    out: list[ContentBlock],
) -> None:
    name, given, args = call.get("name"), call.get("id"), call.get("args")
    if not isinstance(name, str):
        return
    if name == question.json_tool:
        out.append(Text(args if isinstance(args, str) else as_json(args), signature_of(part)))
        return
    call_id = given if isinstance(given, str) and given else make_id()
    out.append(ToolCall(call_id, name, as_json(args), provider_metadata=signature_of(part)))
