"""Chunks of HTTP/1.1, where they come whole.

Owns: the common case of RFC 9112, section 7.1: a read of the socket that is nothing but whole chunks. Refuses to know: everything
else of HTTP, which is the client's business.
"""

from __future__ import annotations

from flightwire.wire.chunked import HEADS_BY_LENGTH, LINE_END

__all__ = ["content_of_chunks"]

_HEX = b"0123456789abcdefABCDEF"
_MOST_DIGITS = 7


def content_of_chunks(data: bytes) -> bytes:
    """What is in these bytes if they are whole chunks and nothing else; b"" of all others, and of the last chunk."""
    length = len(data)
    if length < len(HEADS_BY_LENGTH):  # how long a chunk is says how it begins; to read it costs more
        head = HEADS_BY_LENGTH[length]
        if head is not None and data[: len(head)] == head and data[-2:] == LINE_END:
            return data[len(head) : -2]
    return _content_of_several(data)


def _content_of_several(data: bytes) -> bytes:
    pieces: list[bytes] = []
    at = 0
    while at < len(data):
        begin = data.find(LINE_END, at)
        digits = data[at:begin]
        if not 0 < len(digits) <= _MOST_DIGITS or begin < 0 or digits.strip(_HEX):
            return b""
        begin += 2
        end = begin + int(digits, 16)
        if end == begin or data[end : end + 2] != LINE_END:
            return b""
        pieces.append(data[begin:end])
        at = end + 2
    return b"".join(pieces)
