"""What the beginning and the end of an answer say, streamed or not.

Owns: stop reasons, usage, metadata, errors inside a 200, and the mappings read from JSON with care. Refuses to know: streams.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flightwire.errors import APICallError
from flightwire.events import FinishReason, Usage
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.providers.failures import error_message
from flightwire.providers.options import camel_case

__all__ = ["Ending", "reported", "to_usage"]

MAX_TOKENS = 2**53

_FINISH_REASONS: Mapping[object, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "refusal": "content-filter",
    "tool_use": "tool-calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}
# https://platform.claude.com/docs/en/api/errors: type → the status it would have had, whether it may pass.
_ERRORS: Mapping[object, tuple[int, bool]] = {
    "api_error": (500, True),
    "overloaded_error": (529, True),
    "rate_limit_error": (429, True),
    "timeout_error": (504, True),
    "request_too_large": (413, False),
    "authentication_error": (401, False),
    "permission_error": (403, False),
    "not_found_error": (404, False),
    "billing_error": (400, False),
    "invalid_request_error": (400, False),
}


def reported(error: object, *, service: str, url: str) -> APICallError:
    """An error event, which comes after a 200."""
    kind = error.get("type") if isinstance(error, Mapping) else None
    status, may_pass = _ERRORS.get(kind, (None, False)) if isinstance(kind, str) else (None, False)
    return APICallError(
        error_message(error) or f"{service} reported an error: {error!r:.200}",
        url=url,
        status_code=status,
        is_retryable=may_pass,
        data=error,
    )


class Ending:
    """What an answer says about itself, put together as it comes.

    Attributes:
        stop_reason: Anthropic's word; None before it was said.
    """

    def __init__(self) -> None:
        self.stop_reason: str | None = None
        self._stop_sequence: JSONValue = None
        self._tier: JSONValue = None
        self._usage: dict[str, JSONValue] = {}
        self._fields: dict[str, JSONValue] = {}
        self._container: JSONValue = None
        self._context: JSONValue = None

    def take_message(self, message: JSONObject) -> None:
        """Read a whole message, or the beginning of one."""
        usage = message.get("usage")
        self._tier = message.get("service_tier")
        self._take_usage(usage)
        self._take(message)
        self._container = _container(message.get("container"))

    def take_delta(self, event: JSONObject) -> None:
        """Read a `message_delta`: what it says replaces what was said before."""
        delta = event.get("delta")
        delta = delta if isinstance(delta, Mapping) else {}
        self._take_usage(event.get("usage"))
        self._take({**event, **delta})
        self._container = _container(delta.get("container"))

    def _take(self, said: JSONObject) -> None:
        reason = said.get("stop_reason")
        if isinstance(reason, str):
            self.stop_reason = reason
        self._stop_sequence = said.get("stop_sequence", self._stop_sequence)
        for name, key in (("stop_details", "stopDetails"), ("input_transformations", "inputTransformations")):
            if said.get(name) is not None:
                self._fields[key] = _camel(said[name]) if key == "stopDetails" else said[name]
        if said.get("safeguard_results") is not None:
            self._fields["safeguardResults"] = said["safeguard_results"]
        if isinstance(context := said.get("context_management"), Mapping):
            edits = context.get("applied_edits")
            self._context = {
                "appliedEdits": [_camel(edit) for edit in edits] if isinstance(edits, list) else []
            }

    def _take_usage(self, usage: JSONValue) -> None:
        if isinstance(usage, Mapping):
            self._usage.update(usage)
            self._tier = usage.get("service_tier") or self._tier

    @property
    def usage(self) -> Usage:
        """What was used."""
        return to_usage(self._usage)

    def finish_reason(self, *, is_json: bool = False) -> FinishReason:
        """One word for all providers; the call of our JSON tool is an ordinary end."""
        if is_json and self.stop_reason == "tool_use":
            return "stop"
        return _FINISH_REASONS.get(self.stop_reason, "other")

    def metadata(self) -> dict[str, JSONObject]:
        """The metadata of the answer, as the AI SDK names it."""
        iterations = self._usage.get("iterations")
        own: dict[str, JSONValue] = {
            "usage": self._usage,
            "stopSequence": self._stop_sequence,
            **({"serviceTier": self._tier} if self._tier is not None else {}),
            **self._fields,
            "iterations": [_iteration(one) for one in iterations] if isinstance(iterations, list) else None,
            "container": self._container,
            "contextManagement": self._context,
        }
        return {"anthropic": own}


def to_usage(raw: JSONObject) -> Usage:
    """Anthropic's usage; tokens of the cache count as input, an advisor's do not count: they are billed otherwise."""
    wrote, read = _count(raw, "cache_creation_input_tokens") or 0, _count(raw, "cache_read_input_tokens") or 0
    sent, written = _of_model(raw)
    details = raw.get("output_tokens_details")
    reasoned = _count(details, "thinking_tokens") if isinstance(details, Mapping) else None
    total_input = None if sent is None else sent + wrote + read
    total = None if total_input is None or written is None else total_input + written
    return Usage(
        input_tokens=total_input,
        output_tokens=written,
        total_tokens=total,
        no_cache_tokens=sent,
        cache_read_tokens=read,
        cache_write_tokens=wrote,
        text_tokens=None if reasoned is None or written is None else max(written - reasoned, 0),
        reasoning_tokens=reasoned,
        raw=raw,
    )


def _of_model(raw: JSONObject) -> tuple[int | None, int | None]:
    """Input and output of the model itself: the sum of its rounds, unless another model took over."""
    rounds = raw.get("iterations")
    if isinstance(rounds, list):
        kinds = [(one.get("type"), one) for one in rounds if isinstance(one, Mapping)]
        own = [one for kind, one in kinds if kind in ("compaction", "message")]
        if own and not any(kind == "fallback_message" for kind, _ in kinds):
            counts = [(_count(one, "input_tokens") or 0, _count(one, "output_tokens") or 0) for one in own]
            return sum(sent for sent, _ in counts), sum(written for _, written in counts)
    return _count(raw, "input_tokens"), _count(raw, "output_tokens")


def _count(counts: JSONValue, name: str) -> int | None:
    count = counts.get(name) if isinstance(counts, Mapping) else None
    if isinstance(count, bool) or not isinstance(count, (int, float)):
        return None
    return int(count) if 0 <= count < MAX_TOKENS else None


def _iteration(one: JSONValue) -> JSONValue:
    if not isinstance(one, Mapping):
        return one
    kept = (
        "type",
        "model",
        "input_tokens",
        "output_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
    )
    found = {name: one[name] for name in kept if one.get(name) is not None}
    for name in kept[4:]:
        if not found.get(name):
            found.pop(name, None)
    return _camel(found)


def _container(container: JSONValue) -> JSONValue:
    if not isinstance(container, Mapping):
        return None
    skills = container.get("skills")
    listed = (
        [_camel(skill) for skill in skills]
        if isinstance(skills, Sequence) and not isinstance(skills, str)
        else None
    )
    return {"expiresAt": container.get("expires_at"), "id": container.get("id"), "skills": listed}


def _camel(found: JSONValue) -> JSONValue:
    """An object with its names in camelCase, without what is null."""
    if not isinstance(found, Mapping):
        return found
    return {camel_case(name): field for name, field in found.items() if field is not None}
