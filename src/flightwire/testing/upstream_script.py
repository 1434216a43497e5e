"""What a scripted upstream sends: bytes, waits and endings, and OpenAI's chat completions made of them.

Owns: the steps, HTTP/1.1 framing, and the shape of OpenAI's answers. Refuses to know: sockets, threads.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import Enum
from itertools import islice
from typing import Protocol, TypeAlias

from flightwire._frozen import value

MODEL_ID = "scripted-model"
CREATED_S = 1_763_900_000
DEFAULT_USAGE = {"prompt_tokens": 7, "completion_tokens": 3, "total_tokens": 10}


class Passage(Protocol):
    """Something a script can wait for."""

    async def wait(self) -> object:
        """Return when the script may go on."""
        ...


class Ending(Enum):
    """How a script can end before its time."""

    CLOSE = "close"
    """The server closes the connection."""
    RESET = "reset"
    """The connection is torn down (TCP RST); what was sent just before may be lost."""
    HANG = "hang"
    """Nothing more is sent until the client goes away."""


@value
class Delay:
    """Wait so long. Prefer a gate in tests: it does not depend on how fast the machine is."""

    seconds: float


Step: TypeAlias = bytes | Passage | Delay | Ending


def head(status: int = 200, headers: Mapping[str, str] | None = None, reason: str = "Scripted") -> bytes:
    """A status line and headers."""
    lines = [f"HTTP/1.1 {status} {reason}", *(f"{name}: {text}" for name, text in (headers or {}).items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def document(
    body: str | bytes,
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
    content_type: str = "application/json",
) -> list[Step]:
    """A whole response of known length."""
    data = body.encode() if isinstance(body, str) else body
    return [
        head(status, {"content-type": content_type, "content-length": str(len(data)), **(headers or {})}),
        data,
    ]


def event_stream(
    pieces: Iterable[Step], *, headers: Mapping[str, str] | None = None, split_bytes: int | None = None
) -> Iterator[Step]:
    """A response of server-sent events: every piece of bytes is one HTTP chunk, or many of `split_bytes` bytes.

    An `Ending` among the pieces ends it; otherwise it ends as HTTP wants.
    """
    yield head(
        200,
        {
            "content-type": "text/event-stream; charset=utf-8",
            "transfer-encoding": "chunked",
            **(headers or {}),
        },
    )
    for piece in pieces:
        if not isinstance(piece, bytes):
            yield piece
            if isinstance(piece, Ending):
                return
        elif split_bytes is None:
            yield chunk(piece)
        else:
            for start in range(0, len(piece), split_bytes):
                yield chunk(piece[start : start + split_bytes])
    yield b"0\r\n\r\n"


def chunk(data: bytes) -> bytes:
    """Bytes as one chunk of HTTP/1.1's chunked coding."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(data: str | bytes | Mapping[str, object]) -> bytes:
    """One server-sent event; a mapping becomes JSON, as OpenAI writes it."""
    if isinstance(data, Mapping):
        data = json.dumps(data, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    return b"data: %b\n\n" % (data.encode() if isinstance(data, str) else data)


@value
class ChatAnswer:
    """One answer of a chat-completions API; see `ScriptedUpstream.answer`."""

    tokens: Iterable[str] = ()
    reasoning: Iterable[str] = ()
    tool_calls: Sequence[Mapping[str, object]] = ()
    finish_reason: str | None = "stop"
    usage: Mapping[str, object] | None = None
    gate: Passage | None = None
    ending: Ending | None = None
    done: bool = True
    model: str = MODEL_ID
    tokens_per_write: int = 1

    def stream(self, *, with_usage: bool) -> Iterator[Step]:
        """The events, token by token; the gate stands before every token but the first."""
        yield event(_delta(self.model, {"role": "assistant", "content": ""}))
        yield from self.gated(event(_delta(self.model, delta)) for delta in self._deltas())
        if self.ending is not None:
            yield self.ending
        yield event(_delta(self.model, {}, self.finish_reason))
        if with_usage:
            yield event({**_chunk(self.model), "choices": [], "usage": self.usage or DEFAULT_USAGE})
        if self.done:
            yield event("[DONE]")

    def gated(self, events: Iterator[bytes]) -> Iterator[Step]:
        """The events, so many at once, each but the first behind the gate."""
        first = True
        while batch := b"".join(islice(events, self.tokens_per_write)):
            if self.gate is not None and not first:
                yield self.gate
            first = False
            yield batch

    def _deltas(self) -> Iterator[dict[str, object]]:
        for text in self.reasoning:
            yield {"reasoning_content": text}
        for text in self.tokens:
            yield {"content": text}
        for index, call in enumerate(self.tool_calls):
            start, *arguments = _tool_call_deltas(index, call)
            yield {"tool_calls": [start]}
            for piece in arguments:
                yield {"tool_calls": [piece]}

    def whole(self) -> dict[str, object]:
        """The same answer for a client that did not ask for a stream."""
        message: dict[str, object] = {"role": "assistant", "content": "".join(self.tokens) or None}
        if reasoning := "".join(self.reasoning):
            message["reasoning_content"] = reasoning
        if self.tool_calls:
            message["tool_calls"] = [_tool_call(call) for call in self.tool_calls]
        choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": self.finish_reason}
        return {
            **_chunk(self.model),
            "object": "chat.completion",
            "choices": [choice],
            "usage": self.usage or DEFAULT_USAGE,
        }


def _chunk(model: str) -> dict[str, object]:
    return {
        "id": "chatcmpl-scripted",
        "object": "chat.completion.chunk",
        "created": CREATED_S,
        "model": model,
    }


def _delta(model: str, delta: Mapping[str, object], finish_reason: str | None = None) -> dict[str, object]:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
    return {**_chunk(model), "choices": [choice], "usage": None}


def _tool_call(call: Mapping[str, object]) -> dict[str, object]:
    arguments = call.get("arguments", "{}")
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {
        "id": call.get("id", "call_1"),
        "type": "function",
        "function": {"name": call["name"], "arguments": text},
    }


def _tool_call_deltas(index: int, call: Mapping[str, object]) -> Iterator[dict[str, object]]:
    whole = _tool_call(call)
    function = whole["function"]
    assert isinstance(function, dict)
    arguments = function["arguments"]
    half = len(arguments) // 2
    yield {"index": index, **whole, "function": {"name": function["name"], "arguments": ""}}
    for piece in (arguments[:half], arguments[half:]):
        yield {"index": index, "function": {"arguments": piece}}
