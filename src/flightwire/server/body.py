"""The body of a call: read under limits, and told what it is.

Owns: counting bytes and time while they come, content types. Refuses to know: Flight, actions, what a form looks like.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Final

from flightwire.errors import BodyTimeoutError, BodyTooLargeError, DecodeError
from flightwire.server.forms import MAX_PARTS, FormLimits, FormReader, parse_form, text_of
from flightwire.server.responses import Receive
from flightwire.wire.flight.parts import Part

BODY_TIMEOUT_S: Final = 30.0
MIN_BYTES_PER_S: Final = 64 * 1024
"""What has come at this rate takes nothing from the time: a large file may take long, as long as it comes."""
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
        timeout_s: how long the body may take to come, in seconds; large ones get more, see MIN_BYTES_PER_S.

    Raises:
        BodyTooLargeError: as soon as the limit is passed.
        BodyTimeoutError: it came too slowly.
        DecodeError: `content_length` is not a number.
        ClientDisconnected: the client has gone.
    """
    body = bytearray()  # one buffer: a body that comes byte by byte must not cost an object for each

    async def collect(chunk: bytes) -> None:
        body.extend(chunk)

    await _receive(
        receive, collect, max_body_bytes=max_body_bytes, content_length=content_length, timeout_s=timeout_s
    )
    return bytes(body)


async def read_call(
    receive: Receive,
    content_type: str | None,
    *,
    max_body_bytes: int,
    form: FormLimits,
    uploads: Uploads,
    content_length: str | int | None = None,
    timeout_s: float = BODY_TIMEOUT_S,
) -> str | list[Part]:
    """The text of a call, or the parts of its form; files go to disk while they come.

    Arguments:
        receive: the ASGI callable.
        content_type: the header; a body without one is text.
        max_body_bytes: of a form; a text may have as much as `form.max_text_bytes`.
        form: what a form may consist of.
        uploads: keeps the files that are on disk, however this ends.
        content_length: the header, which may lie.
        timeout_s: as in `read_body`.

    Raises:
        BodyTooLargeError, BodyTimeoutError, DecodeError, ClientDisconnected: as `read_body` and `parse_body`.
    """
    boundary = _boundary(content_type)
    if boundary is None:
        body = await read_body(
            receive,
            max_body_bytes=min(max_body_bytes, form.max_text_bytes),
            content_length=content_length,
            timeout_s=timeout_s,
        )
        return parse_body(content_type, body)
    reader = FormReader(boundary, form)
    uploads.readers.append(reader)

    async def feed(chunk: bytes) -> None:
        await (asyncio.to_thread(reader.feed, chunk) if reader.is_on_disk else _now(reader.feed, chunk))

    await _receive(
        receive, feed, max_body_bytes=max_body_bytes, content_length=content_length, timeout_s=timeout_s
    )
    return reader.finish()


class Uploads:
    """The files on disk that one call has brought."""

    __slots__ = ("readers",)

    def __init__(self) -> None:
        self.readers: list[FormReader] = []

    def discard(self) -> None:
        """Remove them all."""
        for reader in self.readers:
            reader.discard()


async def _now(fn: Callable[[bytes], None], chunk: bytes) -> None:
    fn(chunk)


async def _receive(
    receive: Receive,
    take: Callable[[bytes], Awaitable[None]],
    *,
    max_body_bytes: int,
    content_length: str | int | None,
    timeout_s: float,
) -> None:
    """Hand over what comes, while there is neither too much of it nor too little."""
    _check_length(content_length, max_body_bytes)
    received = rewarded = 0
    try:
        async with asyncio.timeout(timeout_s) as limit:
            end = limit.when() or 0.0
            while True:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise ClientDisconnected
                chunk = message.get("body", b"")
                received += len(chunk)
                if received > max_body_bytes:
                    raise BodyTooLargeError(max_body_bytes)
                if chunk:
                    await take(chunk)
                if not message.get("more_body", False):
                    return
                if (
                    received - rewarded >= MIN_BYTES_PER_S
                ):  # a timer for each byte would cost more than the byte
                    rewarded = received
                    limit.reschedule(end + received / MIN_BYTES_PER_S)
    except TimeoutError:
        raise BodyTimeoutError(
            f"The request body did not come within {timeout_s:g} s. Send it faster, or send less."
        ) from None


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
    boundary = _boundary(content_type)
    if boundary is not None:
        return parse_form(body, boundary, max_parts=max_parts)
    parameters = {} if content_type == _TEXT else _content_type(content_type or "text/plain")[1]
    charset = parameters.get("charset", "utf-8").lower()
    if charset not in _UTF8:
        raise DecodeError(f"A call is UTF-8 text, not {charset[:40]!r}.")
    return text_of(body, "The body")


_TEXT: Final = "text/plain;charset=UTF-8"  # what browsers say of a text


def _boundary(content_type: str | None) -> bytes | None:
    """The boundary of a form; None for text."""
    if content_type == _TEXT:
        return None
    media_type, parameters = _content_type(content_type or "text/plain")
    if media_type == "text/plain":
        return None
    if media_type != "multipart/form-data":
        raise DecodeError(
            f"A call has the content type text/plain or multipart/form-data, not {media_type[:60]!r}."
        )
    if "boundary" not in parameters:
        raise DecodeError("The content type multipart/form-data names no boundary.")
    return parameters["boundary"].encode("latin-1")


def _content_type(header: str) -> tuple[str, dict[str, str]]:
    media_type, *rest = header.split(";")
    return media_type.strip().lower(), dict(_parameters(rest))


def _parameters(parts: list[str]) -> Iterator[tuple[str, str]]:
    for part in parts:
        name, equals, content = part.strip().partition("=")
        if equals:
            is_quoted = len(content) >= 2 and content[0] == content[-1] == '"'
            yield name.lower(), content[1:-1] if is_quoted else content
