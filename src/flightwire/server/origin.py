"""Who may call: pages of the same origin, pages of allowed origins, and programs without cookies.

Owns: the rule. Refuses to know: actions, bodies, proxies (`X-Forwarded-*` is whatever the caller writes).

The order: `Sec-Fetch-Site`, which no page can forge; then `Origin` against `Host` and the allowed origins. A
request with neither is from no browser page, and is let through when it carries no cookie that it could abuse.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from flightwire.errors import ForbiddenError, InvalidArgumentError

MAX_SHOWN_CHARS: Final = 200
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
# RFC 6454, 6.2: scheme, host and port, nothing else. Browsers write international names in ASCII.
_ORIGIN: Final = re.compile(
    r"([a-z][a-z0-9+.-]*)://([a-z0-9._-]+|\[[0-9a-f:.]+\])(?::([0-9]{1,5}))?", re.ASCII | re.IGNORECASE
)


def check_allowed_origins(origins: Iterable[str]) -> tuple[str, ...]:
    """Normalise the origins that an app allows.

    Raises:
        InvalidArgumentError: one of them is not an origin, as `https://example.com`.
    """
    if isinstance(origins, str):
        raise InvalidArgumentError(f"allowed_origins is a list; write allowed_origins=[{origins!r}].")
    return tuple(_checked(origin) for origin in origins)


def check_origin(
    headers: Sequence[tuple[bytes, bytes]], *, scheme: str, allowed_origins: Sequence[str]
) -> None:
    """Let a call through, or refuse it.

    Arguments:
        headers: as ASGI gives them: lower-case names.
        scheme: of the request, "http" or "https".
        allowed_origins: as `check_allowed_origins` returned them.

    Raises:
        ForbiddenError: the page that calls is of another site; the letter says how to allow it.
    """
    found = _only(headers, (b"sec-fetch-site", b"origin", b"host", b"cookie"))
    site, origin = found.get(b"sec-fetch-site"), found.get(b"origin")
    if site in ("same-origin", "none"):
        return
    if origin is None:
        _check_without_origin(site, has_cookie=b"cookie" in found)
    # A browser that says "cross-site" of our own host means the page came over http, where anybody could have changed it.
    elif site is not None or not _is_own(origin, found.get(b"host", ""), scheme):
        _check_foreign(origin, allowed_origins)


def is_allowed(origin: str, allowed_origins: Sequence[str]) -> bool:
    """Whether an `Origin` is one of those that `check_allowed_origins` returned."""
    return _normalised(origin) in allowed_origins


def _check_without_origin(site: str | None, *, has_cookie: bool) -> None:
    if site is not None:
        raise ForbiddenError(f"A call from another site ({_shown(site)}) that does not say which is refused.")
    if has_cookie:
        raise ForbiddenError(
            "A call with cookies must say where it comes from: send Origin, or leave the cookies out."
        )


def _check_foreign(origin: str, allowed_origins: Sequence[str]) -> None:
    normalised = _normalised(origin)
    if normalised is None:
        raise ForbiddenError(f"A call from a page without an origin (Origin: {_shown(origin)}) is refused.")
    if normalised not in allowed_origins:
        raise ForbiddenError(
            f"A call from {_shown(normalised)} is refused: it is another origin. If pages there may call, "
            f"write flightwire.app(…, allowed_origins=['{_shown(normalised)}'])."
        )


def _is_own(origin: str, host: str, scheme: str) -> bool:
    """Whether the origin is the host that was asked.

    Behind a proxy that ends TLS the request's scheme is "http" while the page's is "https"; the host decides then.
    """
    normalised = _normalised(origin)
    return normalised is not None and any(
        normalised == _normalised(f"{each}://{host}") for each in (scheme, "https")
    )


def _normalised(origin: str) -> str | None:
    """`HTTPS://Example.com:443` → `https://example.com`; None for what is no origin (`null` is none)."""
    found = _ORIGIN.fullmatch(origin)
    if found is None:
        return None
    scheme, host, digits = found[1].lower(), found[2].lower(), found[3]
    port = None if digits is None else int(digits)
    if port is not None and port > 65535:
        return None
    return f"{scheme}://{host}" + ("" if port in (None, _DEFAULT_PORTS.get(scheme)) else f":{port}")


def _shown(text: str) -> str:
    return text if len(text) <= MAX_SHOWN_CHARS else f"{text[:MAX_SHOWN_CHARS]}…"


def _checked(origin: str) -> str:
    normalised = _normalised(origin.removesuffix("/")) if isinstance(origin, str) else None
    if normalised is None:
        raise InvalidArgumentError(
            f"allowed_origins: {origin!r} is not an origin. Write scheme and host, as 'https://example.com'."
        )
    return normalised


def _only(headers: Sequence[tuple[bytes, bytes]], names: tuple[bytes, ...]) -> dict[bytes, str]:
    """The first of each; a repeated Origin or Host is joined, so that it equals nothing."""
    found: dict[bytes, str] = {}
    for name, raw in headers:
        if name in names:
            text = raw.decode("latin-1").strip()
            found[name] = f"{found[name]},{text}" if name in found else text
    return found
