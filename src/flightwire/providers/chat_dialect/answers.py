"""What the end of an answer says, streamed or not: why it ended, what it used; and text that is fit to go on.

Owns: finish reasons, usage, clean text. Refuses to know: streams, requests.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from flightwire.errors import APICallError
from flightwire.events import FinishReason, Usage
from flightwire.jsontypes import JSONObject
from flightwire.providers.failures import error_message, is_passing

MAX_TOKENS = 2**53  # beyond it a count is not one, and no browser could read it

_FINISH_REASONS: dict[str | None, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content-filter",
    "tool_calls": "tool-calls",
    "function_call": "tool-calls",
    "error": "error",
}


def to_finish_reason(raw: str | None, *, refused: bool = False) -> FinishReason:
    """One word for all providers; a refusal is a content filter, whatever the API calls its end."""
    return "content-filter" if refused else _FINISH_REASONS.get(raw, "other")


def to_usage(raw: Mapping[str, object] | None) -> Usage:
    """OpenAI's usage object, and DeepSeek's names for the cache; what is not said is None."""
    if not raw:
        return Usage()
    sent, written = _count(raw, "prompt_tokens"), _count(raw, "completion_tokens")
    cached = _count(raw.get("prompt_tokens_details"), "cached_tokens")
    if cached is None:
        cached = _count(raw, "prompt_cache_hit_tokens")
    reasoned = _count(raw.get("completion_tokens_details"), "reasoning_tokens")
    total = _count(raw, "total_tokens")
    if total is None and sent is not None and written is not None:
        total = sent + written
    return Usage(
        input_tokens=sent,
        output_tokens=written,
        total_tokens=total,
        no_cache_tokens=_difference(sent, cached),
        cache_read_tokens=cached,
        cache_write_tokens=_count(raw.get("prompt_tokens_details"), "cache_write_tokens"),
        text_tokens=_difference(written, reasoned),
        reasoning_tokens=reasoned,
        raw=cast("JSONObject", raw),
    )


def _count(counts: object, name: str) -> int | None:
    count = counts.get(name) if isinstance(counts, Mapping) else None
    if isinstance(count, bool) or not isinstance(count, (int, float)):
        return None
    return int(count) if 0 <= count < MAX_TOKENS else None


def _difference(whole: int | None, part: int | None) -> int | None:
    return None if whole is None or part is None else max(whole - part, 0)


def clean(text: str) -> str:
    """Text that every later stop can carry: NUL and halves of surrogate pairs become U+FFFD.

    UTF-8 cannot carry the halves; PostgreSQL's `text` and `jsonb` cannot carry NUL, and CommonMark (0.31, section 2.3)
    wants it replaced like this.
    """
    text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def reported(error: object, *, service: str, url: str) -> APICallError:
    """An error object that came where an answer was expected, with status 200."""
    code = error.get("code") if isinstance(error, Mapping) else None
    return APICallError(
        error_message(error) or f"{service} reported an error: {error!r:.200}",
        url=url,
        status_code=code if isinstance(code, int) and 400 <= code < 600 else None,
        is_retryable=is_passing(error),
        data=error,
    )
