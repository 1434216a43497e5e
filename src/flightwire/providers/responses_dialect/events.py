"""The JSON of a Responses stream, as far as we read it.

Owns: typed decoding of the needed fields straight from bytes, and a patient reader for events that are not quite as
documented. Refuses to know: what an event means.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from msgspec import Struct

from flightwire.jsontypes import loads

__all__ = ["Event", "ResponseInfo", "decode_event", "list_of", "read_event", "response_info", "text_at"]

T = TypeVar("T")
Fields = dict[str, object]


class ResponseInfo(Struct, gc=False):
    """What is said about the whole answer."""

    id: str | None = None
    model: str | None = None
    created_at: float | None = None
    status: str | None = None
    usage: Fields | None = None
    incomplete_details: Fields | None = None
    error: object = None
    service_tier: str | None = None
    reasoning: object = None
    prompt_cache_diagnostics: object = None
    prompt_cache_key: str | None = None
    safety_identifier: str | None = None

    @property
    def incomplete_reason(self) -> str | None:
        """Why the answer is not complete."""
        reason = (self.incomplete_details or {}).get("reason")
        return reason if isinstance(reason, str) else None


class Event(Struct, gc=False):
    """One event of the stream; which fields it has depends on its type."""

    type: str = ""
    delta: str | None = None
    item_id: str | None = None
    output_index: int | None = None
    summary_index: int | None = None
    item: Fields | None = None
    response: ResponseInfo | None = None
    annotation: Fields | None = None
    annotations: list[object] | None = None
    logprobs: list[object] | None = None
    diff: str | None = None
    partial_image_b64: str | None = None
    code: object = None
    message: str | None = None
    error: object = None
    choices: object = None  # only a chat completion has them


decode_event = msgspec.json.Decoder(Event).decode


def read_event(data: bytes) -> Event:
    """Read an event that the typed decoder refuses: halves of surrogate pairs, broken UTF-8, fields of other types.

    Raises:
        ValueError: it is not a JSON object at all.
    """
    body = loads(data.decode("utf-8", "replace"))
    if not isinstance(body, Mapping):
        raise ValueError(f"expected a JSON object, got {type(body).__name__}")
    response = body.get("response")
    return Event(
        type=_typed(body.get("type"), str) or "",
        delta=_typed(body.get("delta"), str),
        item_id=_typed(body.get("item_id"), str),
        output_index=_typed(body.get("output_index"), int),
        summary_index=_typed(body.get("summary_index"), int),
        item=_typed(body.get("item"), dict),
        response=response_info(response) if isinstance(response, Mapping) else None,
        annotation=_typed(body.get("annotation"), dict),
        annotations=_typed(body.get("annotations"), list),
        logprobs=_typed(body.get("logprobs"), list),
        diff=_typed(body.get("diff"), str),
        partial_image_b64=_typed(body.get("partial_image_b64"), str),
        code=body.get("code"),
        message=_typed(body.get("message"), str),
        error=body.get("error"),
        choices=body.get("choices"),
    )


def response_info(body: Mapping[str, object]) -> ResponseInfo:
    """What a document, or the `response` of an event, says about the whole answer."""
    created = body.get("created_at")
    return ResponseInfo(
        id=_typed(body.get("id"), str),
        model=_typed(body.get("model"), str),
        created_at=float(created) if isinstance(created, (int, float)) else None,
        status=_typed(body.get("status"), str),
        usage=_typed(body.get("usage"), dict),
        incomplete_details=_typed(body.get("incomplete_details"), dict),
        error=body.get("error"),
        service_tier=_typed(body.get("service_tier"), str),
        reasoning=body.get("reasoning"),
        prompt_cache_diagnostics=body.get("prompt_cache_diagnostics"),
        prompt_cache_key=_typed(body.get("prompt_cache_key"), str),
        safety_identifier=_typed(body.get("safety_identifier"), str),
    )


def _typed(field: object, kind: type[T]) -> T | None:
    return field if isinstance(field, kind) else None


def text_at(item: Mapping[str, object], name: str) -> str:
    """A text of an item; "" when there is none."""
    field = item.get(name)
    return field if isinstance(field, str) else ""


def list_of(item: Mapping[str, object], name: str) -> list[Mapping[str, object]]:
    """The objects in a list of an item."""
    field = item.get(name)
    return [each for each in field if isinstance(each, Mapping)] if isinstance(field, list) else []
