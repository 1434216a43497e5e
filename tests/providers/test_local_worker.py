"""What the child says of llama.cpp's chunks: the short way for plain text says what the long one says."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from flightwire.providers.local_worker import PLAIN, Chat, Desk, Out, Run


def chunk_of(text: str, *, finish_reason: str | None = None, **more: object) -> bytes:
    """As llama.cpp writes it."""
    choice = {"finish_reason": finish_reason, "index": 0, "delta": {"content": text}}
    tail = {"created": 1795772480, "id": "chatcmpl-1", "model": "m.gguf", "object": "chat.completion.chunk"}
    return json.dumps(
        {"choices": [choice], **tail, **more}, ensure_ascii=False, separators=(",", ":")
    ).encode()


def said(*chunks: bytes, **order: Any) -> list[dict[str, Any]]:
    """The frames that the parent gets."""
    there, here = os.pipe()
    chat = Chat({"id": 7, "body": {"messages": []}, **order})
    run = Run(chat, Desk(1), Out(here), None)
    for chunk in chunks:
        assert run.on_chunk(chunk) is False
    os.close(here)
    with os.fdopen(there, "rb") as lines:
        return [json.loads(line) for line in lines]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@given(texts)
@example('"}}],"created":1')
@example('\\"}}],"created":')
@example("ends in a backslash \\")
@example("line\nbreak\r\u2028\x00\x7f é 😀")
@example("")
@example(',"usage":')
def test_plain_text_is_told_as_it_is(text: str) -> None:
    chunk = chunk_of(text)
    assert chunk.startswith(PLAIN)
    spaced = json.dumps(json.loads(chunk)).encode()
    assert not spaced.startswith(PLAIN)
    first = chunk_of("first")
    begin, word, *frames = said(first, chunk)
    assert (begin["op"], word) == ("begin", {"op": "text", "id": 7, "text": "first"})
    assert frames == said(first, spaced)[2:]
    assert [frame["text"] for frame in frames] == ([text] if text else [])


@pytest.mark.parametrize(
    ("chunk", "ops"),
    [
        (chunk_of("a", finish_reason="stop"), ["text"]),
        (chunk_of("a", usage={"completion_tokens": 1}, timings={}), ["text", "end"]),
    ],
)
def test_what_says_more_than_text_is_read_whole(chunk: bytes, ops: list[str]) -> None:
    assert [frame["op"] for frame in said(chunk_of("first"), chunk)[2:]] == ops


def test_raw_chunks_come_before_their_text() -> None:
    frames = said(chunk_of("first"), chunk_of("a"), want_raw=True)
    assert [frame["op"] for frame in frames] == ["begin", "raw", "text", "raw", "text"]


def test_what_is_no_utf_8_fails_in_the_child_and_is_not_sent() -> None:
    there, here = os.pipe()
    run = Run(Chat({"id": 7, "body": {"messages": []}}), Desk(1), Out(here), None)
    run.on_chunk(chunk_of("first"))
    with pytest.raises(UnicodeDecodeError):
        run.on_chunk(chunk_of("x").replace(b'"x"', b'"\xff"'))
    os.close(here)
    with os.fdopen(there, "rb") as lines:
        assert [json.loads(line)["op"] for line in lines] == ["begin", "text"]


def test_a_chat_that_was_stopped_says_nothing_more() -> None:
    there, here = os.pipe()
    chat = Chat({"id": 7, "body": {"messages": []}})
    run = Run(chat, Desk(1), Out(here), None)
    run.on_chunk(chunk_of("first"))
    chat.is_cancelled = True
    assert run.on_chunk(chunk_of("more")) is True
    os.close(here)
    with os.fdopen(there, "rb") as lines:
        assert len(lines.readlines()) == 2
