"""Pages of other origins that may call: what their browsers ask first, and what they must be told to read our answers.

Owns: preflight requests, the header fields of answers. Refuses to know: which origins are allowed and why (origin.py), actions.

The rules are those of the Fetch standard ("HTTP-CORS protocol"). Credentials are always allowed: an origin is listed by name, and
cookies of other sites are the browser's business (SameSite).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from flightwire.server.origin import is_allowed
from flightwire.server.responses import ASGIScope, Headers, Message, Send, header, send_text

MAX_AGE_S: Final = 7200  # Chromium's limit; Firefox allows a day
METHODS: Final = ("GET", "HEAD", "POST")
EXPOSED: Final = b"flightwire-error, retry-after"  # what the browser runtime reads beside the content type
VARY: Final = (b"vary", b"origin")
_VARY_PREFLIGHT: Final = (b"vary", b"origin, access-control-request-method, access-control-request-headers")
_HEADER_NAMES: Final = re.compile(
    r"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*", re.ASCII
)


def is_preflight(scope: ASGIScope) -> bool:
    """Whether a browser asks if a page may make a request."""
    return scope["method"] == "OPTIONS" and header(scope, b"access-control-request-method") is not None


async def send_preflight(scope: ASGIScope, send: Send, allowed_origins: Sequence[str]) -> None:
    """Answer it: 204 for an origin that is allowed, with the header fields it wants to send; 403 for any other."""
    origin = _allowed(scope, allowed_origins)
    method = header(scope, b"access-control-request-method")
    wanted = header(scope, b"access-control-request-headers")
    if origin is None:
        letter = "Pages of this origin may not call. If they should, write flightwire.app(…, allowed_origins=['https://…'])."
    elif method not in METHODS:
        letter = "Only GET, HEAD and POST are served here."
    elif wanted and _HEADER_NAMES.fullmatch(wanted.strip()) is None:
        letter = "Access-Control-Request-Headers is no list of header names."
    else:
        headers: Headers = [
            *_fields(origin),
            (b"access-control-allow-methods", ", ".join(METHODS).encode()),
            (b"access-control-max-age", str(MAX_AGE_S).encode()),
            _VARY_PREFLIGHT,
        ]
        if wanted:
            headers.append((b"access-control-allow-headers", wanted.strip().encode("latin-1")))
        await send({"type": "http.response.start", "status": 204, "headers": headers})
        await send({"type": "http.response.body", "body": b""})
        return
    await send_text(send, 403, letter, headers=[_VARY_PREFLIGHT])


def readable(scope: ASGIScope, send: Send, allowed_origins: Sequence[str]) -> Send:
    """The same `send`, whose answers pages of allowed origins may read."""
    if not allowed_origins:
        return send
    origin = _allowed(scope, allowed_origins)
    fields = (
        [VARY] if origin is None else [*_fields(origin), (b"access-control-expose-headers", EXPOSED), VARY]
    )

    async def send_readable(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], *fields]}
        await send(message)

    return send_readable


def _allowed(scope: ASGIScope, allowed_origins: Sequence[str]) -> str | None:
    origins = [str(value, "latin-1") for key, value in scope["headers"] if key == b"origin"]
    return origins[0] if len(origins) == 1 and is_allowed(origins[0], allowed_origins) else None


def _fields(origin: str) -> Headers:
    return [
        (b"access-control-allow-origin", origin.encode("ascii")),
        (b"access-control-allow-credentials", b"true"),
    ]
