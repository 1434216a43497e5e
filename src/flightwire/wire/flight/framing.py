"""Cutting the bytes of a response into rows.

Owns: where a row begins and ends, however the bytes were split. Refuses to know: what rows mean.
Syntax: react-server-dom-webpack 19.3.1, `processBinaryChunk` of its browser client.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, TypeAlias

from flightwire.errors import DecodeError

Row: TypeAlias = tuple[int | None, str, bytes]
"""(id or None, tag or "" for a model, payload)"""

MAX_ROW_BYTES: Final = 64 * 1024 * 1024

DATA_TAGS: Final = frozenset("TAOobUSsLlGgMmV")
"""Rows with a length and bytes."""

_LENGTH_TAGS: Final = frozenset("".join(DATA_TAGS).encode())
_HEADER: Final = re.compile(rb"([0-9a-f]{0,7}):")
_LENGTH: Final = re.compile(rb"([0-9a-f]{1,8}),")
_LENGTH_BEGUN: Final = re.compile(rb"[0-9a-f]{0,8}")
_HEADER_BEGUN: Final = re.compile(rb"[0-9a-f]{0,7}")


class RowCutter:
    """Cuts rows. Feed it bytes as they come; it gives the rows that are complete.

    Args:
        max_row_bytes: the longest row that is read.
    """

    __slots__ = ("_buffer", "_max_row_bytes", "_scanned")

    def __init__(self, max_row_bytes: int = MAX_ROW_BYTES) -> None:
        self._buffer = bytearray()
        self._max_row_bytes = max_row_bytes
        self._scanned = 0  # no line feed before this place, for a row that is not complete

    @property
    def is_empty(self) -> bool:
        """Whether no row has begun."""
        return not self._buffer

    def feed(self, data: bytes) -> Iterator[Row]:
        """Give the rows that these bytes complete.

        Raises:
            DecodeError: these are no rows, or one is too long.
        """
        self._buffer += data
        start = 0
        try:
            while (cut := self._cut(start)) is not None:
                row, start = cut
                self._scanned = 0
                yield row
        finally:
            del self._buffer[:start]

    def _cut(self, start: int) -> tuple[Row, int] | None:
        """The row at a place and where it ends, or None when it is not complete."""
        buffer = self._buffer
        header = _HEADER.match(buffer, start)
        if header is None:
            if not _HEADER_BEGUN.fullmatch(buffer, start):
                raise DecodeError("The response is not made of Flight rows.")
            return None
        body = header.end()
        if body == len(buffer):
            return None
        row_id = int(header[1], 16) if header[1] else None
        return (
            self._cut_bytes(row_id, body)
            if buffer[body] in _LENGTH_TAGS
            else self._cut_line(row_id, start, body)
        )

    def _cut_bytes(self, row_id: int | None, body: int) -> tuple[Row, int] | None:
        buffer = self._buffer
        length = _LENGTH.match(buffer, body + 1)
        if length is None:
            if not _LENGTH_BEGUN.fullmatch(buffer, body + 1):
                raise DecodeError("The response has a row without a length.")
            return None
        size = int(length[1], 16)
        self._check(size)
        end = length.end() + size
        if len(buffer) < end:
            return None
        return (row_id, chr(buffer[body]), bytes(buffer[length.end() : end])), end

    def _cut_line(self, row_id: int | None, start: int, body: int) -> tuple[Row, int] | None:
        buffer = self._buffer
        end = buffer.find(b"\n", max(body, start + self._scanned))
        self._check((len(buffer) if end < 0 else end) - start)
        if end < 0:
            self._scanned = len(buffer) - start
            return None
        first = chr(buffer[body])
        tag = first if first.isalpha() and first not in "tfn" else ""
        return (row_id, tag, bytes(buffer[body + len(tag) : end])), end + 1

    def _check(self, row_bytes: int) -> None:
        if row_bytes > self._max_row_bytes:
            raise DecodeError(f"The response has a row of more than {self._max_row_bytes} bytes.")
