"""The body of a call: read under limits, and cut into the parts that React's `encodeReply` made.

Owns: counting bytes and time while they come; multipart. Refuses to know: Flight, actions.
"""

from __future__ import annotations

import asyncio

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from flightwire.errors import BodyTimeoutError, BodyTooLargeError, DecodeError
from flightwire.server.responses import Receive
from flightwire.wire.flight.parts import FileField, Part, TextField

MAX_PARTS = 1000
MAX_PART_HEADER_BYTES = 8 * 1024
TEXT_TYPES = ("text/plain", "")


class ClientDisconnected(Exception):  # noqa: N818 - not an error: the client has gone
    """The client went away while its body was being read."""


async def read_body(
    receive: Receive, *, max_body_bytes: int, content_length: str | None, timeout_s: float
) -> bytes:
    """Read the whole body, never more than allowed.

    Arguments:
        receive: the ASGI callable.
        max_body_bytes: the most that is read; a larger `content_length` is refused before anything is.
        content_length: the header, which may lie.
        timeout_s: how long the body may take to come, in seconds.

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
        raise BodyTimeoutError(f"The request body did not come within {timeout_s:g} s.") from None


async def _read(receive: Receive, max_body_bytes: int) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientDisconnected
        chunk = message.get("body", b"")
        size += len(chunk)
        if size > max_body_bytes:
            raise BodyTooLargeError(max_body_bytes)
        chunks.append(chunk)
        if not message.get("more_body", False):
            return b"".join(chunks)


def _check_length(content_length: str | None, max_body_bytes: int) -> None:
    if content_length is None:
        return
    if not (content_length.isascii() and content_length.isdigit()):
        raise DecodeError("The header content-length is not a number.")
    if int(content_length[:20]) > max_body_bytes:
        raise BodyTooLargeError(max_body_bytes)


def parse_body(content_type: str | None, body: bytes) -> str | list[Part]:
    """Give the text of a body, or the parts of its form, in order.

    Raises:
        DecodeError: another content type than the two that React sends, text that is not UTF-8, a malformed form.
    """
    kind, options = parse_options_header(content_type or "")
    media_type = kind.decode("latin-1").lower()
    if media_type in TEXT_TYPES:
        return _text(body, "The body")
    if media_type != "multipart/form-data":
        raise DecodeError(
            f"A call has the content type text/plain or multipart/form-data, not {media_type[:100]!r}."
        )
    boundary = options.get(b"boundary")
    if not boundary:
        raise DecodeError("The content type multipart/form-data names no boundary.")
    return _Form(boundary).parse(body)


def _text(raw: bytes, what: str) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError(f"{what} is not UTF-8 text.") from None


class _Form:
    """Collects the parts of one form."""

    def __init__(self, boundary: bytes) -> None:
        self._parts: list[Part] = []
        self._headers: dict[bytes, bytes] = {}
        self._field = bytearray()
        self._value = bytearray()
        self._data: list[bytes] = []
        self._header_bytes = 0
        self._ended = False
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": self._header_field,
                "on_header_value": self._header_value,
                "on_header_end": self._header_end,
                "on_part_data": self._part_data,
                "on_part_end": self._end,
                "on_end": self._finish,
            },
        )

    def parse(self, body: bytes) -> list[Part]:
        try:
            self._parser.write(body)
            self._parser.finalize()
        except FormParserError as error:
            raise DecodeError(f"The form is malformed: {error}.") from None
        if not self._ended:
            raise DecodeError("The form breaks off before its end.")
        return self._parts

    def _begin(self) -> None:
        if len(self._parts) >= MAX_PARTS:
            raise DecodeError(f"The form has more than {MAX_PARTS} parts.")
        self._headers, self._data, self._header_bytes = {}, [], 0

    def _header_field(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._field += data[start:end]

    def _header_value(self, data: bytes, start: int, end: int) -> None:
        self._count(end - start)
        self._value += data[start:end]

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > MAX_PART_HEADER_BYTES:
            raise DecodeError(f"A part of the form has more than {MAX_PART_HEADER_BYTES} bytes of headers.")

    def _header_end(self) -> None:
        self._headers[bytes(self._field).lower()] = bytes(self._value)
        self._field.clear()
        self._value.clear()

    def _part_data(self, data: bytes, start: int, end: int) -> None:
        self._data.append(data[start:end])

    def _finish(self) -> None:
        self._ended = True

    def _end(self) -> None:
        disposition, options = parse_options_header(self._headers.get(b"content-disposition", b""))
        if disposition != b"form-data" or b"name" not in options:
            raise DecodeError("A part of the form has no name.")
        if self._headers.get(b"content-transfer-encoding", b"binary").lower() not in (
            b"binary",
            b"8bit",
            b"7bit",
        ):
            raise DecodeError("A part of the form has a transfer encoding; browsers send none.")
        name = _name(options[b"name"])
        data = b"".join(self._data)
        if b"filename" in options:
            kind = self._headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
            self._parts.append(FileField(name, _name(options[b"filename"]), kind, data))
        else:
            self._parts.append(TextField(name, _text(data, f"The part {name!r} of the form")))


def _name(raw: bytes) -> str:
    """Browsers write names as UTF-8 and percent-encode just `"`, CR and LF (WHATWG HTML, multipart/form-data)."""
    for escaped, plain in ((b"%22", b'"'), (b"%0D", b"\r"), (b"%0A", b"\n")):
        raw = raw.replace(escaped, plain)
    return _text(raw, "A name in the form")
