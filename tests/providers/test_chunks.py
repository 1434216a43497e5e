"""Chunks that come whole are taken past the client's parser; every other way to cut a response must make no difference."""

from __future__ import annotations

import gzip
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flightwire.providers import transport
from flightwire.providers.chunks import content_of_chunks
from flightwire.providers.transport import close_connections
from flightwire.testing.upstream import Delay, ScriptedUpstream
from flightwire.testing.upstream_script import chunk, head

from .test_transport import SSE_HEAD, anyio_backend, outgoing, read_all

__all__ = ["anyio_backend"]  # both loops

LAST = b"0\r\n\r\n"
PIECES = [b"data: 1\n\n", b"\r\n", b"5\r\nabcde\r\n", b"0\r\n\r\n", b"x" * 300, b"data: [DONE]\n\n"]


@given(st.lists(st.binary(min_size=1, max_size=40), min_size=1, max_size=4), st.booleans())
def test_whole_chunks_are_taken(pieces: list[bytes], upper: bool) -> None:
    data = b"".join(chunk(piece) for piece in pieces)
    if upper:
        data = b"".join(b"%04X\r\n%b\r\n" % (len(piece), piece) for piece in pieces)
    assert content_of_chunks(data) == b"".join(pieces)


@given(st.lists(st.binary(min_size=1, max_size=20), min_size=1, max_size=3), st.data())
def test_what_is_not_whole_is_left(pieces: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(chunk(piece) for piece in pieces)
    ends = {0}
    for piece in pieces:
        ends.add(max(ends) + len(chunk(piece)))
    cut = data.draw(st.integers(0, len(whole)))
    if cut not in ends:
        assert content_of_chunks(whole[:cut]) == b""
    assert content_of_chunks(whole + LAST) == b""
    assert content_of_chunks(LAST) == b""


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\r\n",
        b"5\r\nabcde",
        b"5\r\nabcde\r",
        b"5\r\nabcdeXY",
        b"5;name=value\r\nabcde\r\n",
        b"0x5\r\nabcde\r\n",
        b"+5\r\nabcde\r\n",
        b" 5\r\nabcde\r\n",
        b"1_0\r\n" + b"a" * 16 + b"\r\n",
        b"-1\r\n\r\n",
        b"fffffffff\r\nabcde\r\n",
        b"5\nabcde\n",
        b"1\r\na\r\n;5\r\nabcde\r\n",
        b"1\r\na\r\n0\r\n\r\n",
    ],
)
def test_what_looks_odd_is_left(data: bytes) -> None:
    assert content_of_chunks(data) == b""


def test_a_chunk_of_every_size_is_taken_and_one_of_another_is_not() -> None:
    for size in range(1, 1200):
        piece = b"a" * size
        assert content_of_chunks(chunk(piece)) == piece
        for said in {size - 1, size + 1, size // 16, size * 16} - {size}:
            assert content_of_chunks(b"%x\r\n%b\r\n" % (said, piece)) == b"", (size, said)


def cuts(whole: bytes) -> Iterator[int]:
    yield from range(1, len(whole), 1 if len(whole) < 150 else 3)


@pytest.mark.anyio
async def test_a_response_may_be_cut_anywhere(upstream: ScriptedUpstream) -> None:
    first, rest = PIECES[0], b"".join(map(chunk, PIECES[1:])) + LAST
    for cut in cuts(rest):
        upstream.play(SSE_HEAD, chunk(first), Delay(0.0005), rest[:cut], Delay(0.0005), rest[cut:])
        assert await read_all(outgoing(upstream)) == b"".join(PIECES), cut


@pytest.mark.anyio
async def test_whole_chunks_and_halves_may_alternate(upstream: ScriptedUpstream) -> None:
    script: list[bytes | Delay] = [SSE_HEAD]
    wanted = b""
    for number in range(60):
        piece = b"data: %d %b\n\n" % (number, b"y" * (number * 7 % 50))
        wanted += piece
        at = number % 5 * 4
        framed = chunk(piece)
        if number % 3 == 0:
            framed = b"%x;part=%d\r\n%b\r\n" % (len(piece), number, piece)
        script += [framed[:at], Delay(0.0005), framed[at:], Delay(0.0005)] if at else [framed, Delay(0.0005)]
    upstream.play(*[part for part in script if part], LAST)
    assert await read_all(outgoing(upstream)) == wanted


@pytest.mark.anyio
async def test_a_server_that_compresses_although_it_must_not_is_understood(
    upstream: ScriptedUpstream,
) -> None:
    packed = gzip.compress(b"".join(PIECES))
    headers = {
        "content-type": "text/event-stream",
        "content-encoding": "gzip",
        "transfer-encoding": "chunked",
    }
    script: list[bytes | Delay] = [head(200, headers)]
    for at in range(0, len(packed), 7):
        script += [chunk(packed[at : at + 7]), Delay(0.0005)]
    upstream.play(*script, LAST)
    assert await read_all(outgoing(upstream)) == b"".join(PIECES)


@pytest.mark.anyio
async def test_the_connection_is_good_for_another_call(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[bytes] = []

    def take(data: bytes) -> bytes:
        taken.append(content_of_chunks(data))
        return taken[-1]

    monkeypatch.setattr(transport, "content_of_chunks", take)
    await close_connections()
    for _ in range(3):
        script = [part for piece in PIECES for part in (chunk(piece), Delay(0.0005))]
        upstream.play(SSE_HEAD, *script, LAST)
        assert await read_all(outgoing(upstream)) == b"".join(PIECES)
    assert upstream.connections_made == 1
    assert len([piece for piece in taken if piece]) > len(PIECES)  # or this tests nothing
