"""The JSON of a chat-completions stream, as far as we read it.

Owns: typed decoding of the needed fields straight from bytes, and a patient reader for chunks that are not quite as
documented. Refuses to know: what a chunk means.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from flightwire.jsontypes import dumps, loads


class Function(Struct, gc=False):
    """A piece of a function call."""

    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(Struct, gc=False):
    """A piece of a tool call; the id and name come with the first."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Delta(Struct, gc=False):
    """What is new. Reasoning has two names among the APIs that send it."""

    content: str | None = None
    tool_calls: list[ToolCallDelta] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None


class Choice(Struct, gc=False):
    """One of the answers; only the one with index 0 is read."""

    delta: Delta | None = None
    finish_reason: str | None = None
    index: int | None = 0


class Chunk(Struct, gc=False):
    """One event of the stream."""

    choices: list[Choice] | None = None
    usage: dict[str, object] | None = None
    error: object = None


class Metadata(Struct, gc=False):
    """What every chunk repeats; read from the first alone."""

    id: str | None = None
    model: str | None = None
    created: float | None = None


decode_chunk = msgspec.json.Decoder(Chunk).decode
decode_metadata = msgspec.json.Decoder(Metadata).decode


def read_chunk(data: bytes) -> tuple[Chunk, Mapping[str, object]]:
    """Read a chunk that the typed decoder refuses: halves of surrogate pairs, broken UTF-8, fields of other types.

    Raises:
        ValueError: it is not a JSON object at all.
    """
    body = loads(data.decode("utf-8", "replace"))
    if not isinstance(body, Mapping):
        raise ValueError(f"expected a JSON object, got {type(body).__name__}")
    usage, choices = body.get("usage"), body.get("choices")
    return Chunk(
        [_choice(choice) for choice in choices if isinstance(choice, Mapping)]
        if isinstance(choices, list)
        else None,
        dict(usage) if isinstance(usage, Mapping) else None,
        body.get("error"),
    ), body


def _choice(choice: Mapping[str, object]) -> Choice:
    delta, index = choice.get("delta"), choice.get("index")
    return Choice(
        _delta(delta) if isinstance(delta, Mapping) else None,
        _text(choice.get("finish_reason")),
        index if isinstance(index, int) else 0,
    )


def _delta(delta: Mapping[str, object]) -> Delta:
    calls = delta.get("tool_calls")
    return Delta(
        _text(delta.get("content")),
        [_call(call) for call in calls if isinstance(call, Mapping)] if isinstance(calls, list) else None,
        _text(delta.get("reasoning_content")),
        _text(delta.get("reasoning")),
        _text(delta.get("refusal")),
    )


def _call(call: Mapping[str, object]) -> ToolCallDelta:
    index, function = call.get("index"), call.get("function")
    if not isinstance(function, Mapping):
        function = {}
    arguments = function.get("arguments")
    if isinstance(arguments, Mapping):
        arguments = dumps(arguments)
    return ToolCallDelta(
        index if isinstance(index, int) else None,
        _text(call.get("id")),
        Function(_text(function.get("name")), _text(arguments)),
    )


def _text(field: object) -> str | None:
    """Text, or the texts of a list of content parts."""
    if isinstance(field, list):
        return "".join(str(part.get("text", "")) for part in field if isinstance(part, Mapping)) or None
    return field if isinstance(field, str) else None
