"""What a client may be sent compressed, and compressing what is made for it alone.

Owns: reading `Accept-Encoding`, gzip for whole bodies. Refuses to know: files (static.py), and Flight streams, which are never
compressed here: a row that waits in a compressor is a row that is late.
"""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Iterable, Sequence
from typing import Final

from flightwire.server.responses import ASGIScope, Headers

MIN_COMPRESSED_BYTES: Final = 1400  # less fits into one packet either way
IN_THREAD_BYTES: Final = 64 * 1024  # about a millisecond; more would hold up other requests
GZIP_LEVEL: Final = 6
VARY: Final = (b"vary", b"accept-encoding")
_CODING: Final = re.compile(
    r"\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*(?:;\s*q\s*=\s*(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?", re.ASCII
)


def choose_encoding(accepted: str | None, offered: Iterable[str]) -> str | None:
    """The first of the offered codings that the client takes (RFC 9110, 12.5.3); `None` for the bytes as they are.

    Arguments:
        accepted: the request's `Accept-Encoding`.
        offered: coding names, the best first.
    """
    qualities: dict[str, float] = {}
    for item in (accepted or "").split(","):
        found = _CODING.fullmatch(item)
        if found is not None:
            qualities[found[1].lower()] = float(found[2] or 1)
    rest = qualities.get("*", 0.0)
    return next((coding for coding in offered if qualities.get(coding, rest) > 0), None)


async def compressed(scope: ASGIScope, body: bytes) -> tuple[bytes, Headers]:
    """A whole body as this client takes it, and the header fields that say so."""
    if len(body) < MIN_COMPRESSED_BYTES:
        return body, []
    if choose_encoding(joined_header(scope, b"accept-encoding"), ["gzip"]) is None:
        return body, [VARY]
    if len(body) > IN_THREAD_BYTES:
        body = await asyncio.to_thread(_gzip, body)
    else:
        body = _gzip(body)
    return body, [VARY, (b"content-encoding", b"gzip")]


def joined_header(scope: ASGIScope, name: bytes) -> str | None:
    """A list-like request header by its lower-case name, however many lines it came in."""
    values: Sequence[str] = [str(value, "latin-1") for key, value in scope["headers"] if key == name]
    return ",".join(values) if values else None


def _gzip(body: bytes) -> bytes:
    return gzip.compress(body, GZIP_LEVEL, mtime=0)
