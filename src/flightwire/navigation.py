"""Where the page goes instead of getting a result.

Owns: which addresses an app may send its pages to. Refuses to know: how they get there.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn
from urllib.parse import urlsplit

from flightwire.errors import InvalidArgumentError, NotFound, Redirect

MAX_LOCATION_CHARS: Final = 8000
# Browsers take `\` for `/` and leave out tabs and line ends: `/\evil.example` and `/<tab>/evil.example` are other hosts.
_MISREAD: Final = re.compile(r"[\x00-\x20\x7f-\x9f\\\u2028\u2029\ud800-\udfff]")


def redirect(location: str, *, external: bool = False) -> NoReturn:
    """Send the page elsewhere instead of answering it.

    It raises: nothing after it runs, `except Exception` around it stops it, `finally`, `after` and background work go on.

    Arguments:
        location: a path of this app that begins with one `/`, its prefix left out: `/chat/7?new=1`. With `external` an address
            such as `https://example.com/login`.
        external: whether the address is another site's. Never pass what a browser sent: it could lead anywhere.

    Raises:
        Redirect: always, when the location is one.
        InvalidArgumentError: it is none, or not of the kind that was asked for.
    """
    problem = _problem(location, external=external)
    if problem is not None:
        shown = repr(location)[:120]
        raise InvalidArgumentError(f"redirect({shown}) {problem}")
    raise Redirect(location)


def not_found() -> NoReturn:
    """Let the page show that there is no such thing, as its `not-found.tsx` says it, with status 404.

    Raises:
        NotFound: always.
    """
    raise NotFound


def _problem(location: object, *, external: bool) -> str | None:
    if not isinstance(location, str) or not location:
        return "needs a path, as '/chat/7'."
    if len(location) > MAX_LOCATION_CHARS or _MISREAD.search(location):
        return (
            "holds characters that browsers read differently, or too many. Quote what comes from elsewhere."
        )
    if external:
        return _external_problem(location)
    if location.startswith("//") or not location.startswith("/"):
        return (
            "does not begin with one '/'. Write a path of this app; for another site write "
            "redirect('https://…', external=True)."
        )
    return None


def _external_problem(location: str) -> str | None:
    try:
        parts = urlsplit(location)
        has_host = bool(parts.hostname) and "@" not in parts.netloc
    except ValueError:
        has_host = False
    if not has_host or parts.scheme.lower() not in ("http", "https"):
        return "is no address of another site. Write it whole, as 'https://example.com/login'."
    return None
