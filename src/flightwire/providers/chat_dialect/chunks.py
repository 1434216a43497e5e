"""The JSON of a chat-completions stream, as far as we read it.

Owns: typed decoding of the needed fields straight from bytes, and a patient reader for chunks that are not quite as
documented. Refuses to know: what a chunk means.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from itertools import takewhile
from typing import Literal

import msgspec
from msgspec import Struct

from flightwire.jsontypes import dumps, loads
from flightwire.providers.reading import REFUSALS

Fields = dict[str, object]


class Function(Struct, gc=False):
    """A piece of a function call."""

    name: str | None = None
    arguments: str | None = None


class ToolCallDelta(Struct, gc=False):
    """A piece of a tool call; the id and name come with the first. `extra_content` is Google's thought signature."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None
    extra_content: object = None


class Delta(Struct, gc=False):
    """What is new. Reasoning has two names among the APIs that send it, or stands among content parts."""

    content: str | list[object] | None = None
    tool_calls: list[ToolCallDelta] | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: str | None = None
    annotations: list[object] | None = None


class Choice(Struct, gc=False):
    """One of the answers; only the one with index 0 is read."""

    delta: Delta | None = None
    finish_reason: str | None = None
    index: int | None = 0
    logprobs: object = None
    usage: Fields | None = None  # where Moonshot puts it


class Groq(Struct, gc=False):
    """What Groq says apart."""

    usage: Fields | None = None


class Chunk(Struct, gc=False):
    """One event of the stream."""

    choices: list[Choice] | None = None
    usage: Fields | None = None
    error: object = None
    x_groq: Groq | None = None


class PlainDelta(Struct, gc=False):
    """A piece of text and nothing else."""

    content: str
    tool_calls: None = None
    reasoning_content: None = None
    reasoning: None = None
    refusal: None = None
    annotations: None = None


class PlainChoice(Struct, gc=False):
    """A choice that only adds text."""

    delta: PlainDelta
    finish_reason: None = None
    index: Literal[0] = 0
    logprobs: None = None
    usage: None = None


class PlainChunk(Struct, gc=False):
    """What nearly every event is. The decoder refuses all others, so that nobody has to look at each field of each token."""

    choices: tuple[PlainChoice]
    usage: None = None
    error: None = None
    x_groq: None = None


class Metadata(Struct, gc=False):
    """What every chunk repeats; read from the first alone."""

    id: str | None = None
    model: str | None = None
    created: float | None = None
    system_fingerprint: str | None = None


decode_chunk = msgspec.json.Decoder(Chunk).decode
decode_plain = msgspec.json.Decoder(PlainChunk).decode
decode_metadata = msgspec.json.Decoder(Metadata).decode


def plain_texts(events: Iterable[bytes]) -> list[str]:
    """The texts of chunks, up to the first that is not plain, or whose text is empty or has to be cleaned."""
    texts: list[str] = []
    append = texts.append
    with suppress(*REFUSALS):
        for data in events:
            append(decode_plain(data).choices[0].delta.content)
    if all(texts) and "\0" not in "".join(texts):
        return texts
    return list(takewhile(lambda text: text and "\0" not in text, texts))


def read_chunk(data: bytes) -> tuple[Chunk, Mapping[str, object]]:
    """Read a chunk that the typed decoder refuses: halves of surrogate pairs, broken UTF-8, fields of other types.

    Raises:
        ValueError: it is not a JSON object at all.
    """
    body = loads(data.decode("utf-8", "replace"))
    if not isinstance(body, Mapping):
        raise ValueError(f"expected a JSON object, got {type(body).__name__}")
    choices, groq = body.get("choices"), body.get("x_groq")
    return Chunk(
        [_choice(choice) for choice in choices if isinstance(choice, Mapping)]
        if isinstance(choices, list)
        else None,
        _mapping(body.get("usage")),
        body.get("error"),
        Groq(_mapping(groq.get("usage"))) if isinstance(groq, Mapping) else None,
    ), body


def _mapping(field: object) -> Fields | None:
    return dict(field) if isinstance(field, Mapping) else None


def _choice(choice: Mapping[str, object]) -> Choice:
    delta, index = choice.get("delta"), choice.get("index")
    return Choice(
        _delta(delta) if isinstance(delta, Mapping) else None,
        text_of(choice.get("finish_reason")),
        index if isinstance(index, int) else 0,
        choice.get("logprobs"),
        _mapping(choice.get("usage")),
    )


def _delta(delta: Mapping[str, object]) -> Delta:
    calls, content, annotations = delta.get("tool_calls"), delta.get("content"), delta.get("annotations")
    return Delta(
        content if isinstance(content, (str, list)) else None,
        [_call(call) for call in calls if isinstance(call, Mapping)] if isinstance(calls, list) else None,
        text_of(delta.get("reasoning_content")),
        text_of(delta.get("reasoning")),
        text_of(delta.get("refusal")),
        annotations if isinstance(annotations, list) else None,
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
        text_of(call.get("id")),
        Function(text_of(function.get("name")), text_of(arguments)),
        call.get("extra_content"),
    )


def text_of(field: object) -> str | None:
    """Text, or the texts of a list of content parts."""
    if isinstance(field, list):
        return "".join(text for kind, text in contents_of(field) if kind == "text") or None
    return field if isinstance(field, str) else None


def contents_of(content: object) -> Iterator[tuple[Literal["text", "reasoning"], str]]:
    """The texts and thoughts of a message's content: plain text, or a list of parts as Mistral sends it."""
    if isinstance(content, str):
        yield "text", content
    for part in content if isinstance(content, list) else ():
        if not isinstance(part, Mapping):
            continue
        if part.get("type") == "thinking":
            thoughts = part.get("thinking")
            yield (
                "reasoning",
                thoughts if isinstance(thoughts, str) else "".join(text for _, text in contents_of(thoughts)),
            )
        elif isinstance(text := part.get("text"), str):
            yield "text", text


def citations_of(annotations: object) -> Iterator[tuple[str, str | None]]:
    """Address and title of each page that an answer cites."""
    for annotation in annotations if isinstance(annotations, list) else ():
        cited = annotation.get("url_citation") if isinstance(annotation, Mapping) else None
        if isinstance(cited, Mapping) and isinstance(url := cited.get("url"), str):
            title = cited.get("title")
            yield url, title if isinstance(title, str) else None


def thought_signature_of(extra_content: object) -> str | None:
    """What Gemini's compatible API wants to see again with the call."""
    google = extra_content.get("google") if isinstance(extra_content, Mapping) else None
    signature = google.get("thought_signature") if isinstance(google, Mapping) else None
    return signature if isinstance(signature, str) and signature else None
