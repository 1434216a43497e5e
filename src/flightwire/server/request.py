"""The request of a call or a page, as actions and layouts get to see it, and what they say about the response.

Owns: headers and cookies that the app sets, until the response starts. Refuses to know: bodies of responses, who sends them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, Literal

from starlette import requests
from starlette.datastructures import MutableHeaders
from starlette.responses import Response

from flightwire.errors import InvalidArgumentError
from flightwire.server.responses import ASGIScope, Headers

# They say how the body is written, or who may keep it; that is not the app's to say.
RESERVED_HEADERS: Final = frozenset(
    {
        "cache-control",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "date",
        "keep-alive",
        "transfer-encoding",
        "upgrade",
    }
)
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f]")
_NOT_IN_VALUES: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Request(requests.Request):
    """Starlette's Request, with what the app wants to say in the response.

    Actions and layouts that ask for a `Request`, ours or Starlette's, are given this one.
    """

    def __init__(self, scope: ASGIScope) -> None:
        super().__init__(scope)
        self._head = ResponseHead()
        self.users: dict[object, object] = {}  # who it is, as each Auth has found

    @property
    def response(self) -> ResponseHead:
        """Headers, cookies and the status of the response, until it starts."""
        return self._head


class ResponseHead:
    """What an app adds to the head of a response. It can be changed until the response starts: while the action runs, not later.

    Attributes:
        headers: as Starlette's; names in any case.
    """

    def __init__(self) -> None:
        self._status: int | None = None
        self._headers = _Headers()
        self.headers: MutableHeaders = self._headers

    @property
    def status_code(self) -> int | None:
        """The HTTP status when all goes well; None for the usual one.

        Raises, when it is set:
            InvalidArgumentError: the response has started, or no body may come with this status.
        """
        return self._status

    @status_code.setter
    def status_code(self, status: int) -> None:
        self.check_open("status_code")
        if not isinstance(status, int) or not 200 <= status <= 599 or status in (204, 205, 304):
            raise InvalidArgumentError(f"{status!r} cannot be the status of an answer, which has a body.")
        self._status = status

    def set_cookie(  # noqa: PLR0917 - as Starlette's
        self,
        key: str,
        value: str = "",
        max_age: int | None = None,
        expires: datetime | str | int | None = None,
        path: str | None = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: Literal["lax", "strict", "none"] | None = "lax",
    ) -> None:
        """Set a cookie; the arguments are those of Starlette's `Response.set_cookie`.

        Raises:
            InvalidArgumentError: the response has started, or this cannot be a cookie.
        """
        if _CONTROL.search(value):  # newer releases of Python refuse them, others write them in octal
            raise InvalidArgumentError(
                f"This cannot be a cookie: the value of {key!r} holds a control character. "
                "Encode it: set_cookie(name, urllib.parse.quote(value))."
            )
        self._add_cookies(
            lambda response: response.set_cookie(
                key, value, max_age, expires, path, domain, secure, httponly, samesite
            )
        )

    def delete_cookie(  # noqa: PLR0917 - as Starlette's
        self,
        key: str,
        path: str = "/",
        domain: str | None = None,
        secure: bool = False,
        httponly: bool = False,
        samesite: Literal["lax", "strict", "none"] | None = "lax",
    ) -> None:
        """Delete a cookie that was set with the same path and domain.

        Raises:
            InvalidArgumentError: the response has started, or this cannot be a cookie.
        """
        self._add_cookies(
            lambda response: response.delete_cookie(key, path, domain, secure, httponly, samesite)
        )

    def _add_cookies(self, write: Any) -> None:
        response = Response()
        try:
            write(response)
        except Exception as error:  # http.cookies has a class of its own, assertions, and more
            raise InvalidArgumentError(
                f"This cannot be a cookie: {error or type(error).__name__}."
            ) from error
        for name, content in response.raw_headers:
            if name == b"set-cookie":
                self.headers.append("set-cookie", content.decode("latin-1"))

    def check_open(self, what: str) -> None:
        """See whether the response can still be changed.

        Raises:
            InvalidArgumentError: it has started.
        """
        self._headers.check_open(what)

    def start(self) -> Headers:
        """What the app has set; from now on nothing can be."""
        self._headers.has_started = True
        return list(self.headers.raw)


class _Headers(MutableHeaders):
    """Headers that see whether they may still be changed, and that nobody can end early and begin another with."""

    def __init__(self) -> None:
        super().__init__()
        self.has_started = (
            False  # here: a way back to the head were a circle, which waits for the garbage collector
        )

    def check_open(self, what: str) -> None:
        """As `ResponseHead.check_open`."""
        if self.has_started:
            raise InvalidArgumentError(
                f"{what} cannot be set any more: the response has started. Set headers and cookies in the action itself, "
                "before it returns; not in start_soon(…), after(…), or what it returns to be awaited."
            )

    def __setitem__(self, key: str, value: str) -> None:
        self._check(key, value)
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.check_open(f"The header {key!r}")
        super().__delitem__(key)

    def append(self, key: str, value: str) -> None:
        self._check(key, value)
        super().append(key, value)

    def setdefault(self, key: str, value: str) -> str:
        self._check(key, value)
        return super().setdefault(key, value)

    def update(self, other: Mapping[str, str]) -> None:
        for key, value in other.items():
            self[key] = value

    def _check(self, key: object, value: object) -> None:
        self.check_open(f"The header {key!r}")
        if not isinstance(key, str) or not _NAME.fullmatch(key):
            raise InvalidArgumentError(f"{key!r} is no name of a header.")
        if key.lower() in RESERVED_HEADERS:
            raise InvalidArgumentError(
                f"The header {key!r} belongs to the wire between page and server; an action cannot set it."
            )
        if not isinstance(value, str) or _NOT_IN_VALUES.search(value) or not _is_latin_1(value):
            raise InvalidArgumentError(
                f"The header {key!r} cannot hold this value: headers are text of one line, in latin-1."
            )


def _is_latin_1(text: str) -> bool:
    try:
        text.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True
