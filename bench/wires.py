"""The protocols that the servers answer in, each read as its client would.

Owns: which values a body holds, and what is wrong with it. Refuses to know: our encoder, whose mistakes it must not share;
sockets and times.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

from bench import rows


def ui_messages(body: bytes) -> list[Any]:
    """Every text delta of a UI message stream (`useChat`).

    Raises:
        ValueError: an error part, or no end.
    """
    seen: list[Any] = []
    for part in _events(body):
        if part["type"] == "text-delta":
            seen.append(part["delta"])
        elif part["type"] == "error":
            raise ValueError(f"the stream ended with {part!r}")
    return seen


def chat_completions(body: bytes) -> list[Any]:
    """Every text of the API's own chunks.

    Raises:
        ValueError: no end.
    """
    chosen = (chunk["choices"][0]["delta"] for chunk in _events(body) if chunk.get("choices"))
    return [delta["content"] for delta in chosen if delta.get("content")]


def _events(body: bytes) -> Iterator[dict[str, Any]]:
    if not body.rstrip().endswith(b"data: [DONE]"):
        raise ValueError(f"no end mark: …{body[-200:]!r}")
    for line in body.split(b"\n"):
        if line.startswith(b"data: {"):
            yield json.loads(line[6:])


WIRES: dict[str, Callable[[bytes], list[Any]]] = {
    "flight": rows.deltas,
    "ui-messages": ui_messages,
    "chat-completions": chat_completions,
}
