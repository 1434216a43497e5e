"""XAI's chat completions.

Owns: what https://docs.x.ai says of them. Refuses to know: the dialect itself, transport.
"""

from __future__ import annotations

from collections.abc import Mapping

from flightwire.events import CallWarning, Usage
from flightwire.providers.base import ModelCall
from flightwire.providers.chat_dialect import ChatDialect
from flightwire.providers.chat_dialect.answers import count_of, make_usage
from flightwire.providers.chat_dialect.dialect import IMAGES_BY_URL
from flightwire.providers.chat_dialect.messages import Fields
from flightwire.providers.options import Options

__all__ = ["XaiChat"]


class XaiChat(ChatDialect):
    """One of xAI's models over chat completions."""

    provider = "xai.chat"
    service = "xAI"
    options_key = "xai"
    supported_urls = IMAGES_BY_URL
    max_tokens_field = "max_completion_tokens"
    left_out = ("top_k", "frequency_penalty", "presence_penalty", "stop_sequences")

    def body(self, call: ModelCall, options: Options, warnings: list[CallWarning]) -> Fields:
        """The dialect's fields without those that xAI's models refuse, and its own."""
        body = super().body(call, options, warnings)
        for name in ("frequency_penalty", "presence_penalty", "stop"):
            body.pop(name)
        return {**body, "parallel_function_calling": options["parallelFunctionCalling"]}

    def usage(self, raw: Mapping[str, object] | None) -> Usage:
        """XAI counts thoughts beside the answer's tokens, and sometimes the cache beside the rest."""
        if not raw:
            return Usage()
        sent, written = count_of(raw, "prompt_tokens") or 0, count_of(raw, "completion_tokens") or 0
        cached = count_of(raw.get("prompt_tokens_details"), "cached_tokens") or 0
        reasoned = count_of(raw.get("completion_tokens_details"), "reasoning_tokens") or 0
        return make_usage(
            raw,
            sent=sent if cached <= sent else sent + cached,
            written=written + reasoned,
            cached=cached,
            cache_written=None,
            reasoned=reasoned,
        )
