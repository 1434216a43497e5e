"""Cookies of one server.

Owns: which ones an answer sets or removes. Refuses to know: other servers: paths and domains do not matter here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookies import CookieError, SimpleCookie

from flightwire.errors import InvalidArgumentError

_SEPARATORS = frozenset(";, \t\r\n\0")


def cookie_header(cookies: Mapping[str, str]) -> str:
    """The header that sends them.

    Raises:
        InvalidArgumentError: a name or content would be read as something else.
    """
    for name, content in cookies.items():
        if not name or _SEPARATORS & set(name + content) or "=" in name:
            raise InvalidArgumentError(
                f"the cookie {name!r} has a character that cookies cannot have; quote it, as urllib.parse.quote does."
            )
    return "; ".join(f"{name}={content}" for name, content in cookies.items())


def keep_cookies(cookies: dict[str, str], headers: Iterable[tuple[str, str]]) -> None:
    """Take over what an answer's Set-Cookie headers say."""
    for name, content in headers:
        if name == "set-cookie":
            _keep(cookies, content)


def _keep(cookies: dict[str, str], header: str) -> None:
    try:
        found = SimpleCookie(header)
    except CookieError:
        return
    for name, morsel in found.items():
        if _is_over(morsel["max-age"], morsel["expires"]):
            cookies.pop(name, None)
        else:
            cookies[name] = morsel.coded_value


def _is_over(max_age: str, expires: str) -> bool:
    if max_age:
        return max_age.lstrip("-").isdigit() and int(max_age) <= 0
    try:
        moment = parsedate_to_datetime(expires)
    except ValueError:
        return False
    return moment.replace(tzinfo=moment.tzinfo or UTC) <= datetime.now(UTC)
