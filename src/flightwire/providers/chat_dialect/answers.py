"""What the end of an answer says, streamed or not: why it ended, what it used.

Owns: finish reasons, usage, and the few facts that become metadata. Refuses to know: streams, requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from msgspec import Struct, field

from flightwire.events import FinishReason, Usage
from flightwire.jsontypes import JSONObject, JSONValue

__all__ = ["Facts", "count_of", "make_usage", "to_finish_reason", "to_metadata", "to_usage"]

MAX_TOKENS = 2**53  # beyond it a count is not one, and no browser could read it

_FINISH_REASONS: dict[str | None, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
}


class Facts(Struct):
    """What an answer said besides its content."""

    usage: Mapping[str, object] | None = None
    logprobs: list[object] | None = None
    reasoning_logprobs: list[object] | None = None
    extra: dict[str, JSONValue] = field(default_factory=dict)

    def take_logprobs(self, logprobs: object) -> None:
        """Tokens and how likely they were; those of a refusal follow those of the text."""
        if not isinstance(logprobs, Mapping):
            return
        for name in ("content", "refusal"):
            if isinstance(found := logprobs.get(name), list):
                self.logprobs = [*(self.logprobs or []), *found]
        if isinstance(found := logprobs.get("reasoning_content"), list):
            self.reasoning_logprobs = [*(self.reasoning_logprobs or []), *found]


def to_finish_reason(raw: str | None, *, refused: bool = False) -> FinishReason:
    """One word for all providers; a refusal is a content filter, though the API calls it a normal end."""
    if refused and raw == "stop":
        return "content-filter"
    return _FINISH_REASONS.get(raw, "other")


def to_usage(raw: Mapping[str, object] | None) -> Usage:
    """OpenAI's usage object, as the AI SDK reads it: details that are not said are 0."""
    if not raw:
        return Usage()
    return make_usage(
        raw,
        sent=count_of(raw, "prompt_tokens") or 0,
        written=count_of(raw, "completion_tokens") or 0,
        cached=count_of(raw.get("prompt_tokens_details"), "cached_tokens") or 0,
        cache_written=None,
        reasoned=count_of(raw.get("completion_tokens_details"), "reasoning_tokens") or 0,
    )


def make_usage(
    raw: Mapping[str, object],
    *,
    sent: int,
    written: int,
    cached: int | None,
    cache_written: int | None,
    reasoned: int | None,
) -> Usage:
    """A usage of its counts; what was read from and written to a cache is part of what was sent."""
    return Usage(
        input_tokens=sent,
        output_tokens=written,
        total_tokens=sent + written,
        no_cache_tokens=max(sent - (cached or 0) - (cache_written or 0), 0),
        cache_read_tokens=cached,
        cache_write_tokens=cache_written,
        text_tokens=max(written - (reasoned or 0), 0),
        reasoning_tokens=reasoned,
        raw=cast("JSONObject", raw),
    )


def count_of(counts: object, name: str) -> int | None:
    """A count of tokens in an object that may not be one."""
    count = counts.get(name) if type(counts) is dict or isinstance(counts, Mapping) else None
    if type(count) is int:
        return count if 0 <= count < MAX_TOKENS else None
    if count is None or isinstance(count, bool) or not isinstance(count, (int, float)):
        return None
    return int(count) if 0 <= count < MAX_TOKENS else None


def to_metadata(facts: Facts) -> dict[str, JSONValue]:
    """Log probabilities, and what became of a prediction."""
    metadata: dict[str, JSONValue] = {}
    details = (facts.usage or {}).get("completion_tokens_details")
    for name, said in (("acceptedPredictionTokens", "accepted"), ("rejectedPredictionTokens", "rejected")):
        if (count := count_of(details, f"{said}_prediction_tokens")) is not None:
            metadata[name] = count
    if facts.logprobs is not None:
        metadata["logprobs"] = cast("JSONValue", facts.logprobs)
    return metadata
