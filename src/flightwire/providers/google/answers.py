"""What the end of an answer says, streamed or not.

Owns: finish reasons, usage, metadata, errors inside a 200. Refuses to know: streams, parts.
"""

from __future__ import annotations

from collections.abc import Mapping

from flightwire.errors import APICallError
from flightwire.events import FinishReason, Usage
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.providers.failures import error_message

__all__ = ["Ending", "reported", "to_usage"]

MAX_TOKENS = 2**53

_FINISH_REASONS: Mapping[str, FinishReason] = {
    "STOP": "stop",
    "MAX_TOKENS": "length",
    "CONTINUATION": "length",
    "IMAGE_SAFETY": "content-filter",
    "RECITATION": "content-filter",
    "SAFETY": "content-filter",
    "BLOCKLIST": "content-filter",
    "PROHIBITED_CONTENT": "content-filter",
    "SPII": "content-filter",
    "MALFORMED_FUNCTION_CALL": "error",
}
_UNSPECIFIED = ("", "BLOCK_REASON_UNSPECIFIED", "BLOCKED_REASON_UNSPECIFIED")
# https://cloud.google.com/apis/design/errors: what a status would have been in HTTP.
_STATUSES = {
    "CANCELLED": 499,
    "INVALID_ARGUMENT": 400,
    "FAILED_PRECONDITION": 400,
    "OUT_OF_RANGE": 400,
    "DEADLINE_EXCEEDED": 504,
    "NOT_FOUND": 404,
    "ALREADY_EXISTS": 409,
    "ABORTED": 409,
    "PERMISSION_DENIED": 403,
    "UNAUTHENTICATED": 401,
    "RESOURCE_EXHAUSTED": 429,
    "UNIMPLEMENTED": 501,
    "UNKNOWN": 500,
    "INTERNAL": 500,
    "DATA_LOSS": 500,
    "UNAVAILABLE": 503,
}


def reported(error: JSONValue, *, service: str, url: str) -> APICallError:
    """An error object that came where an answer was expected, with status 200."""
    fields = error if isinstance(error, Mapping) else {}
    code = fields.get("code")
    if not isinstance(code, int) or isinstance(code, bool):
        code = _STATUSES.get(str(fields.get("status")))
    return APICallError(
        error_message(error) or f"{service} reported an error: {error!r:.200}",
        url=url,
        status_code=code,
        is_retryable=code is not None and (code in (408, 409, 429) or code >= 500),
        data=error,
    )


class Ending:
    """What an answer says about itself, put together as it comes.

    Attributes:
        usage_metadata: the last that was said.
        is_blocked: the prompt was refused; there is no answer.
    """

    def __init__(self, service_tier: str | None = None) -> None:
        self.usage_metadata: JSONValue = None
        self.is_blocked = False
        self._service_tier = service_tier
        self._raw_reason: str | None = None
        self._fields: dict[str, JSONValue] = {}

    def take(self, answer: JSONObject, *, is_whole: bool = False) -> None:
        """Read an answer, or a piece of one; what is said later counts.

        A prompt that was blocked has no answer. Of a whole answer that has ended the feedback says nothing about that.
        """
        if isinstance(answer.get("usageMetadata"), Mapping):
            self.usage_metadata = answer["usageMetadata"]
        feedback = answer.get("promptFeedback")
        if isinstance(feedback, Mapping) and not self.is_blocked:
            self._fields["promptFeedback"] = feedback
            reason = feedback.get("blockReason")
            has_ended = is_whole and first_candidate(answer).get("finishReason") is not None
            if isinstance(reason, str) and reason not in _UNSPECIFIED and not has_ended:
                self.is_blocked, self._raw_reason = True, reason
        candidate = first_candidate(answer)
        for name in (
            "groundingMetadata",
            "urlContextMetadata",
            "safetyRatings",
            "finishMessage",
            "continuationToken",
        ):
            if candidate.get(name) is not None:
                self._fields[name] = candidate[name]
        reason = candidate.get("finishReason")
        if isinstance(reason, str) and not self.is_blocked:
            self._raw_reason = reason

    @property
    def raw_reason(self) -> str | None:
        """Google's word for why it ended; None before it was said."""
        return self._raw_reason

    def finish_reason(self, *, has_calls: bool) -> FinishReason:
        """One word for all providers."""
        if self.is_blocked:
            return "content-filter"
        reason = _FINISH_REASONS.get(self._raw_reason or "", "other")
        return "tool-calls" if reason == "stop" and has_calls else reason

    @property
    def usage(self) -> Usage:
        """What was used."""
        return to_usage(self.usage_metadata)

    def metadata(self) -> dict[str, JSONObject]:
        """The metadata of the answer, as the AI SDK names it."""
        names = (
            "promptFeedback",
            "groundingMetadata",
            "urlContextMetadata",
            "safetyRatings",
            "finishMessage",
        )
        own: dict[str, JSONValue] = {name: self._fields.get(name) for name in names}
        own["usageMetadata"] = self.usage_metadata
        tier = self.usage_metadata.get("serviceTier") if isinstance(self.usage_metadata, Mapping) else None
        own["serviceTier"] = tier or self._service_tier
        if "continuationToken" in self._fields and self._raw_reason in ("MAX_TOKENS", "CONTINUATION"):
            own["continuationToken"] = self._fields["continuationToken"]
        return {"google": own}


def first_candidate(answer: JSONObject) -> JSONObject:
    """The one answer that is read."""
    candidates = answer.get("candidates")
    first = candidates[0] if isinstance(candidates, list) and candidates else None
    return first if isinstance(first, Mapping) else {}


def to_usage(raw: JSONValue) -> Usage:
    """Google's usage; thoughts count as output, what its tools read as input."""
    if not isinstance(raw, Mapping):
        return Usage()
    sent = _count(raw, "promptTokenCount") + _count(raw, "toolUsePromptTokenCount")
    written, reasoned = _count(raw, "candidatesTokenCount"), _count(raw, "thoughtsTokenCount")
    cached = _count(raw, "cachedContentTokenCount")
    return Usage(
        input_tokens=sent,
        output_tokens=written + reasoned,
        total_tokens=sent + written + reasoned,
        no_cache_tokens=max(sent - cached, 0),
        cache_read_tokens=cached,
        text_tokens=written,
        reasoning_tokens=reasoned,
        raw=raw,
    )


def _count(raw: JSONObject, name: str) -> int:
    count = raw.get(name)
    if isinstance(count, bool) or not isinstance(count, (int, float)):
        return 0
    return int(count) if 0 <= count < MAX_TOKENS else 0
