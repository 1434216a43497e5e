"""What the upstream answers, and what must therefore arrive in the browser.

Owns: the texts of the tokens, the SSE events around them, the prompt that asks for them. Refuses to know: sockets.

Every token is four characters and no other is like it, so a token that is lost, doubled, merged or out of place is
seen.
"""

from __future__ import annotations

import json
import re
from functools import lru_cache

ALPHABET = "0123456789abcdefghijklmnopqrstuvwxyz"
PROMPT = re.compile(rb"bench-(\d+)-(\d+)-(\w+)")
EVENT_BYTES = 333  # what OpenAI's chat completions send per token, with ids, fingerprint and obfuscation
CHUNK_EVENTS = 16


def prompt(tokens: int, tokens_per_s: int, name: str) -> str:
    """The prompt that makes the upstream answer with so many tokens; a rate of 0 is "as fast as they go"."""
    return f"bench-{tokens}-{tokens_per_s}-{name}"


def token(number: int) -> str:
    """The text of one token: a blank and three digits of base 36."""
    high, low = divmod(number, 36)
    return f" {ALPHABET[high // 36 % 36]}{ALPHABET[high % 36]}{ALPHABET[low]}"


@lru_cache(maxsize=8)
def texts(tokens: int) -> list[str]:
    """What a reader must see, in order."""
    return [token(number) for number in range(tokens)]


def event(delta: dict[str, object], finish_reason: str | None = None) -> bytes:
    """One SSE event of the chat completions API, as long as the real one."""
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return _sse({**_head(), "choices": [choice], "usage": None})


def usage_event(tokens: int) -> bytes:
    """The event without choices that `stream_options: {"include_usage": true}` asks for."""
    usage = {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": tokens + 9}
    return _sse({**_head(), "choices": [], "usage": usage})


@lru_cache(maxsize=8)
def events(tokens: int) -> list[bytes]:
    """The whole answer: the role, the tokens, the reason, the usage, the end mark."""
    return [
        event({"role": "assistant", "content": "", "refusal": None}),
        *(event({"content": text}) for text in texts(tokens)),
        event({}, "stop"),
        usage_event(tokens),
        b"data: [DONE]\n\n",
    ]


def _head() -> dict[str, object]:
    return {
        "id": "chatcmpl-Cq0000000000000000000000000000",
        "object": "chat.completion.chunk",
        "created": 1793500000,
        "model": "gpt-5.4-mini-2026-03-05",
        "service_tier": "default",
        "system_fingerprint": "fp_0000000000",
    }


def _sse(body: dict[str, object]) -> bytes:
    short = json.dumps(body, separators=(",", ":"))
    padding = EVENT_BYTES - len('data: ,"obfuscation":""\n\n') - len(short)
    return f'data: {short[:-1]},"obfuscation":"{"x" * max(padding, 0)}"}}\n\n'.encode()
