"""The body of a call: read under limits, and told what it is.

Owns: counting bytes and time while they come, content types. Refuses to know: Flight, actions, what a form looks like.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from flightwire.errors import BodyTimeoutError, BodyTooLargeError, DecodeError
from flightwire.server.forms import MAX_PARTS, parse_form, text_of
from flightwire.server.responses import Receive
from flightwire.wire.flight.parts import Part

BODY_TIMEOUT_S: Final = 30.0
_UTF8: Final = frozenset({"utf-8", "utf8", "us-ascii"})


class ClientDisconnected(Exception):  # noqa: N818 - not an error: the client has gone
    """The client went away while its body was being read."""


async def read_body(
    receive: Receive,
    *,
    max_body_bytes: int,
    content_length: str | int | None = None,
    timeout_s: float = BODY_TIMEOUT_S,
) -> bytes:
    """Read the whole body, never more than one message beyond what is allowed.

    Arguments:
        receive: the ASGI callable.
        max_body_bytes: the most that is read; a larger `content_length` is refused before anything is.
        content_length: the header, which may lie.
        timeout_s: how long the whole body may take to come, in seconds.

    Raises:
        BodyTooLargeError: as soon as the limit is passed.
        BodyTimeoutError: it came too slowly.
        DecodeError: `content_length` is not a number.
        ClientDisconnected: the client has gone.
    """
    _check_length(content_length, max_body_bytes)
    try:
        async with asyncio.timeout(timeout_s):
            return await _read(receive, max_body_bytes)
    except TimeoutError:
        raise BodyTimeoutError(
            f"The request body did not come within {timeout_s:g} s. Send it faster, or send less."
        ) from None


async def _read(receive: Receive, max_body_bytes: int) -> bytes:
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        chunk = message.get("body", b"")
        if len(body) + len(chunk) > max_body_bytes:
            raise BodyTooLargeError(max_body_bytes)
        body += chunk  # one buffer: a body that comes byte by byte must not cost an object for each
        if not message.get("more_body", False):
            return bytes(body)


def _check_length(content_length: str | int | None, max_body_bytes: int) -> None:
    if content_length is None:
        return
    digits = str(content_length).strip()
    if not (digits.isascii() and digits.isdigit()):
        raise DecodeError("The header content-length is not a number.")
    if len(digits.lstrip("0")) > 18 or int(digits) > max_body_bytes:
        raise BodyTooLargeError(max_body_bytes)


def parse_body(content_type: str | None, body: bytes, *, max_parts: int = MAX_PARTS) -> str | list[Part]:
    """The text of a body, or the parts of its form, in order.

    Arguments:
        content_type: the header; a body without one is text.
        body: the whole body.
        max_parts: how many parts of a form are read.

    Raises:
        DecodeError: another content type than the two that React sends, text that is not UTF-8, a malformed form.
    """
    media_type, parameters = _content_type(content_type or "text/plain")
    if media_type == "text/plain":
        charset = parameters.get("charset", "utf-8").lower()
        if charset not in _UTF8:
            raise DecodeError(f"A call is UTF-8 text, not {charset[:40]!r}.")
        return text_of(body, "The body")
    if media_type != "multipart/form-data":
        raise DecodeError(
            f"A call has the content type text/plain or multipart/form-data, not {media_type[:60]!r}."
        )
    if "boundary" not in parameters:
        raise DecodeError("The content type multipart/form-data names no boundary.")
    return parse_form(body, parameters["boundary"].encode("latin-1"), max_parts=max_parts)


def _content_type(header: str) -> tuple[str, dict[str, str]]:
    media_type, *rest = header.split(";")
    return media_type.strip().lower(), dict(_parameters(rest))


def _parameters(parts: list[str]) -> Iterator[tuple[str, str]]:
    for part in parts:
        name, equals, content = part.strip().partition("=")
        if equals:
            is_quoted = len(content) >= 2 and content[0] == content[-1] == '"'
            yield name.lower(), content[1:-1] if is_quoted else content
