"""Files over HTTP: assets of a build and the app's public files.

Owns: which form of a file is sent (as it is, or compressed when it was built), its validators, what caches may do with it, 304,
ranges. Refuses to know: which path means which file.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Mapping
from dataclasses import field
from email.utils import formatdate, parsedate_to_datetime
from os import stat_result
from pathlib import Path
from typing import Final

from starlette.responses import FileResponse

from flightwire._frozen import value
from flightwire.server.compression import choose_encoding, joined_header
from flightwire.server.responses import ASGIScope, Receive, Send, header

FOR_EVER: Final = "public, max-age=31536000, immutable"  # for names that carry the hash of their content
REVALIDATED: Final = (
    "public, no-cache"  # for names that stay while the content changes: kept, but asked about each time
)
ENCODINGS: Final = {"br": ".br", "gzip": ".gz"}  # the best first; made by web/vite-plugin/compress.mjs
# The machine's own table may say otherwise (Windows: .js is text/plain), and browsers insist on these.
MEDIA_TYPES: Final = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".css": "text/css",
    ".json": "application/json",
    ".map": "application/json",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webp": "image/webp",
    ".avif": "image/avif",
    ".woff2": "font/woff2",
    ".webmanifest": "application/manifest+json",
}
_RANGES: Final = re.compile(
    r"bytes=((?:[ \t]*(?:\d{1,18}-(?:\d{1,18})?|-\d{1,18})[ \t]*(?:,(?!\Z)|\Z))+)\Z", re.ASCII
)
_MOST_PIECES: Final = 10


@value
class StaticFile:
    """A file and its compressed forms, by coding: `{"br": Path("app-1a2b.js.br")}`."""

    path: Path
    encoded: Mapping[str, Path] = field(default_factory=dict)

    @classmethod
    def find(cls, path: Path) -> StaticFile:
        """The file with the forms that lie beside it."""
        forms = {coding: path.with_name(path.name + ending) for coding, ending in ENCODINGS.items()}
        return cls(path, {coding: form for coding, form in forms.items() if form.is_file()})


async def send_static(
    file: StaticFile, scope: ASGIScope, receive: Receive, send: Send, *, cache_control: str
) -> None:
    """Answer a GET or HEAD with a file.

    Arguments:
        file: it exists.
        scope: the request.
        receive: as ASGI gives it.
        send: as ASGI gives it.
        cache_control: `FOR_EVER` or `REVALIDATED`.

    Raises:
        FileNotFoundError: it is gone; nothing has been sent.
    """
    # A range is of the bytes as they are: whoever asks for pieces would have to join them before they can be decoded.
    is_partial = _asks_for_pieces(scope)
    accepted = None if is_partial else joined_header(scope, b"accept-encoding")
    coding = choose_encoding(accepted, file.encoded)
    path = file.path if coding is None else file.encoded[coding]
    status = path.stat()
    headers = {
        "cache-control": cache_control,
        "etag": _etag(status, coding),
        "last-modified": formatdate(status.st_mtime, usegmt=True),
        "x-content-type-options": "nosniff",
    }
    if file.encoded:
        headers["vary"] = "accept-encoding"
    if _is_fresh(scope, headers["etag"], status):
        await send({"type": "http.response.start", "status": 304, "headers": _raw(headers)})
        await send({"type": "http.response.body", "body": b""})
        return
    if coding is not None:
        headers["content-encoding"] = coding
    if not is_partial:
        scope = {**scope, "headers": [each for each in scope["headers"] if each[0] != b"range"]}
    response = FileResponse(path, media_type=_media_type(file.path), headers=headers, stat_result=status)
    await response(scope, receive, send)


def _asks_for_pieces(scope: ASGIScope) -> bool:
    """Whether a `Range` counts (RFC 9110, 14.2): of a GET, in bytes, well formed, and of few pieces; others are ignored."""
    asked = header(scope, b"range")
    if asked is None or scope["method"] != "GET" or (found := _RANGES.match(asked)) is None:
        return False
    pieces = [piece.strip().split("-") for piece in found[1].split(",")]
    return len(pieces) <= _MOST_PIECES and all(
        not first or not last or int(first) <= int(last) for first, last in pieces
    )


def _media_type(path: Path) -> str:
    if known := MEDIA_TYPES.get(path.suffix.lower()):
        return known
    guessed, packed_as = mimetypes.guess_type(path.name)
    return guessed if guessed and packed_as is None else "application/octet-stream"


def _etag(status: stat_result, coding: str | None) -> str:
    form = "" if coding is None else f"-{coding}"
    return f'"{status.st_mtime_ns:x}-{status.st_size:x}{form}"'


def _is_fresh(scope: ASGIScope, etag: str, status: stat_result) -> bool:
    """Whether the client has this form already (RFC 9110, 13.2.2: the tag decides, and without one the date)."""
    known = joined_header(scope, b"if-none-match")
    if known is not None:
        return any(each.strip().removeprefix("W/") in (etag, "*") for each in known.split(","))
    since = header(scope, b"if-modified-since")
    if since is None or _asks_for_pieces(scope):
        return False
    try:
        return int(status.st_mtime) <= parsedate_to_datetime(since).timestamp()
    except (ValueError, TypeError, OverflowError):
        return False


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), text.encode()) for name, text in headers.items()]
