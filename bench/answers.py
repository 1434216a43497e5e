"""What the upstream answers, and what must therefore arrive in the browser.

Owns: the texts of the tokens, the SSE events around them, the prompt that asks for them. Refuses to know: sockets.

Every token is four characters and no other is like it, so a token that is lost, doubled, merged or out of place is
seen.
"""

from __future__ import annotations

import json
import re
import string
from functools import lru_cache

ALPHABET = string.digits + string.ascii_letters
PROMPT = re.compile(rb"bench-(\d+)-(\d+)-(\w+)")
TOOL = re.compile(rb'"name":\s*"(look_?[uU]p)"')
TOOL_ANSWER = re.compile(rb'"role":\s*"tool"')
EVENT_BYTES = 333  # what OpenAI's chat completions send per token, with ids, fingerprint and obfuscation
CHUNK_EVENTS = 16
ELEMENT_CHARS = 100
PIECE_CHARS = 16  # of an object


def prompt(tokens: int, interval_ms: int, name: str) -> str:
    """The prompt that makes the upstream answer with so many tokens; an interval of 0 is "as fast as they go"."""
    return f"bench-{tokens}-{interval_ms}-{name}"


def token(number: int) -> str:
    """The text of one token: a blank and three digits of base 62."""
    high, low = divmod(number, 62)
    return f" {ALPHABET[high // 62 % 62]}{ALPHABET[high % 62]}{ALPHABET[low]}"


@lru_cache(maxsize=8)
def texts(tokens: int) -> list[str]:
    """What a reader must see, in order."""
    return [token(number) for number in range(tokens)]


@lru_cache(maxsize=8)
def elements(count: int) -> list[dict[str, str]]:
    """What a reader of an object must see: 100 characters each, as JSON."""
    filling = "x" * (ELEMENT_CHARS - len('{"name":"","text":""},') - 4)
    return [{"name": text, "text": filling} for text in texts(count)]


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
    return _answer([{"content": text} for text in texts(tokens)])


@lru_cache(maxsize=8)
def object_events(count: int) -> list[bytes]:
    """An answer in JSON: a list of so many elements."""
    text = json.dumps({"elements": elements(count)}, separators=(",", ":"))
    return _answer(
        [{"content": text[at : at + PIECE_CHARS]} for at in range(0, len(text), PIECE_CHARS)],
    )


def tool_events(name: str) -> list[bytes]:
    """An answer that calls a tool."""
    pieces: list[dict[str, object]] = [
        {"index": 0, "id": "call_1", "type": "function", "function": {"name": name, "arguments": ""}},
        *({"index": 0, "function": {"arguments": text}} for text in ('{"na', 'me":', '"x"}')),
    ]
    return _answer([{"tool_calls": [piece]} for piece in pieces], "tool_calls")


def _answer(deltas: list[dict[str, object]], finish_reason: str = "stop") -> list[bytes]:
    return [
        event({"role": "assistant", "content": "", "refusal": None}),
        *map(event, deltas),
        event({}, finish_reason),
        usage_event(len(deltas)),
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
