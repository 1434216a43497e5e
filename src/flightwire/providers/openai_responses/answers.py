"""What the end of an answer of the Responses API says: why it ended, what it used.

Owns: finish reasons, usage, metadata. Refuses to know: items.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from flightwire.events import FinishReason, ProviderMetadata, Usage
from flightwire.jsontypes import JSONObject
from flightwire.providers.chat_dialect.answers import count_of, make_usage
from flightwire.providers.openai_responses.items import Items
from flightwire.providers.responses_dialect import ResponseInfo

__all__ = ["final_metadata", "finish_reason_of", "usage_of"]


def finish_reason_of(info: ResponseInfo, items: Items) -> FinishReason:
    """One word for all providers. Calls that run here go before a refusal: somebody waits for their answers."""
    reason = info.incomplete_reason
    if reason == "max_output_tokens":
        return "length"
    if reason == "content_filter":
        return "content-filter"
    if info.status == "failed" and reason is None:
        return "error"
    if items.calls_here:
        return "tool-calls"
    if reason is not None:
        return "other"
    return "content-filter" if items.refused else "stop"


def usage_of(raw: Mapping[str, object] | None) -> Usage:
    """The tokens; details that are not said are 0, as the AI SDK has it."""
    if not raw:
        return Usage()
    details = raw.get("input_tokens_details")
    return make_usage(
        raw,
        sent=count_of(raw, "input_tokens") or 0,
        written=count_of(raw, "output_tokens") or 0,
        cached=count_of(details, "cached_tokens") or 0,
        cache_written=count_of(details, "cache_write_tokens"),
        reasoned=count_of(raw.get("output_tokens_details"), "reasoning_tokens") or 0,
    )


def final_metadata(info: ResponseInfo, response_id: str | None, logprobs: list[object]) -> ProviderMetadata:
    """What OpenAI calls the answer, for `previous_response_id`, and what else it said."""
    context = info.reasoning.get("context") if isinstance(info.reasoning, Mapping) else None
    known = {
        "logprobs": logprobs or None,
        "serviceTier": info.service_tier,
        "reasoningContext": context,
        "promptCacheDiagnostics": info.prompt_cache_diagnostics,
    }
    facts = {name: fact for name, fact in known.items() if fact is not None}
    return {"openai": cast("JSONObject", {"responseId": response_id or info.id, **facts})}
