"""The heads of chunks that are looked up are those that RFC 9112, section 7.1, asks for: read by h11, which owes us nothing."""

from __future__ import annotations

import h11
import pytest

from flightwire.wire.chunked import HEADS, HEADS_BY_LENGTH, LINE_END

HEAD = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
SIZES = [1, 9, 10, 15, 16, 17, 255, 256, 257, len(HEADS) - 1]


def read_by_h11(chunks: bytes) -> list[bytes]:
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method="GET", target="/", headers=[("host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(HEAD + chunks)
    seen: list[bytes] = []
    while (event := client.next_event()) is not h11.NEED_DATA:
        if isinstance(event, h11.Data):
            seen.append(bytes(event.data))
    return seen


@pytest.mark.parametrize("size", SIZES)
def test_a_head_says_the_size(size: int) -> None:
    body = b"a" * size
    assert read_by_h11(HEADS[size] + body + LINE_END) == [body]


def test_a_length_names_the_one_head_that_such_a_chunk_can_have() -> None:
    lengths = {len(HEADS[size]) + size + len(LINE_END): size for size in range(1, len(HEADS))}
    assert len(lengths) == len(HEADS) - 1
    for length, head in enumerate(HEADS_BY_LENGTH):
        assert head == (HEADS[lengths[length]] if length in lengths else None)


def test_nothing_and_the_last_chunk_have_no_length_of_their_own() -> None:
    assert HEADS[0] + LINE_END == b"0\r\n\r\n"  # which ends a body, and is not a chunk like others
    assert HEADS_BY_LENGTH[: len(HEADS[0] + LINE_END) + 1] == (None,) * 6


@pytest.mark.parametrize("length", [21, 262])
def test_no_chunk_is_as_long_as_where_a_digit_is_added(length: int) -> None:
    assert HEADS_BY_LENGTH[length] is None
