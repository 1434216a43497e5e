"""Forms as browsers send them: multipart/form-data, cut into parts.

Owns: multipart, names, limits on parts and their headers. Refuses to know: what React puts into a form, how bodies are read.
Format: WHATWG HTML (multipart/form-data encoding algorithm) on RFC 7578, and nothing that only mail programs write.
"""

from __future__ import annotations

import re
from typing import Final

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from flightwire.errors import DecodeError
from flightwire.wire.flight.parts import FileField, Part, TextField

MAX_PARTS: Final = 1000
MAX_PART_HEADERS: Final = 8
MAX_PART_HEADER_BYTES: Final = 8 * 1024
MAX_BOUNDARY_BYTES: Final = 70  # RFC 2046, 5.1.1

_PARAMETER: Final = re.compile(rb';[ \t]*([A-Za-z0-9_-]+\*?)=("[^"\r\n]*"|[^\s";]+)[ \t]*')
_TRANSFER_ENCODINGS: Final = (b"binary", b"8bit", b"7bit")
_ESCAPED: Final = re.compile(rb"%(22|0[AaDd])")


def parse_form(body: bytes, boundary: bytes, *, max_parts: int = MAX_PARTS) -> list[Part]:
    """The parts of a form, in order; names may repeat.

    Arguments:
        body: the whole body.
        boundary: from the content type.
        max_parts: how many parts are read.

    Raises:
        DecodeError: the form is not as browsers write it, breaks off, goes on after its end, or has too many parts.
    """
    if not 0 < len(boundary) <= MAX_BOUNDARY_BYTES:
        raise DecodeError(f"The form's boundary must have 1 to {MAX_BOUNDARY_BYTES} bytes.")
    end = b"--" + boundary + b"--"
    if body.removesuffix(b"\r\n") == end:
        return []
    if not body.startswith(b"--" + boundary + b"\r\n"):
        raise DecodeError("The form does not begin with its boundary.")
    where = body.find(b"\r\n" + end)
    if where < 0:
        raise DecodeError("The form breaks off before its end.")
    if body[where + 2 + len(end) :] not in (b"", b"\r\n"):
        raise DecodeError("The form goes on after its end.")
    return _Form(boundary, max_parts).parse(body)


class _Form:
    """Collects the parts of one form."""

    def __init__(self, boundary: bytes, max_parts: int) -> None:
        self._max_parts = max_parts
        self._parts: list[Part] = []
        self._headers: dict[bytes, bytes] = {}
        self._field: list[bytes] = []
        self._value: list[bytes] = []
        self._data: list[bytes] = []
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._field.append(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.append(data[start:end]),
                "on_header_end": self._header_end,
                "on_part_data": lambda data, start, end: self._data.append(data[start:end]),
                "on_part_end": self._end,
            },
            max_header_count=MAX_PART_HEADERS,
            max_header_size=MAX_PART_HEADER_BYTES,
        )

    def parse(self, body: bytes) -> list[Part]:
        try:
            self._parser.write(body)
            self._parser.finalize()
        except FormParserError as error:
            raise DecodeError(f"The form is malformed: {str(error)[:200]}.") from None
        return self._parts

    def _begin(self) -> None:
        if len(self._parts) >= self._max_parts:
            raise DecodeError(f"The form has more than {self._max_parts} parts.")
        self._headers, self._data = {}, []

    def _header_end(self) -> None:
        name = b"".join(self._field).lower()
        if name in self._headers:
            raise DecodeError(f"A part of the form has two headers {_shown(name)}.")
        self._headers[name] = b"".join(self._value).strip()
        self._field, self._value = [], []

    def _end(self) -> None:
        name, filename = _disposition(self._headers.get(b"content-disposition", b""))
        encoding = self._headers.get(b"content-transfer-encoding", b"binary")
        if encoding.lower() not in _TRANSFER_ENCODINGS:
            raise DecodeError("A part of the form has a transfer encoding; browsers send none.")
        data = b"".join(self._data)
        if filename is None:
            self._parts.append(TextField(name, text_of(data, f"The part {name[:40]!r} of the form")))
        else:
            content_type = self._headers.get(b"content-type", b"application/octet-stream")
            self._parts.append(FileField(name, filename, content_type.decode("latin-1"), data))


def _disposition(header: bytes) -> tuple[str, str | None]:
    """The name of a part, and its file name if it is a file."""
    kind = b"form-data"
    if header[: len(kind)].lower() != kind:
        raise DecodeError("A part of the form has no content-disposition of form-data.")
    found: dict[bytes, bytes] = {}
    at = len(kind)
    while at < len(header):
        parameter = _PARAMETER.match(header, at)
        if parameter is None or parameter[1].lower() in found:
            raise DecodeError(f"A part of the form has a malformed content-disposition: {_shown(header)}.")
        found[parameter[1].lower()] = parameter[2]
        at = parameter.end()
    if b"name" not in found:
        raise DecodeError("A part of the form has no name.")
    if found.keys() - {b"name", b"filename"}:
        raise DecodeError(
            f"A part of the form has a content-disposition that no browser writes: {_shown(header)}."
        )
    filename = found.get(b"filename")
    return _unescaped(found[b"name"]), None if filename is None else _unescaped(filename)


def _unescaped(raw: bytes) -> str:
    r"""Browsers write names as raw UTF-8 and escape just `"`, CR and LF, with `%`; a backslash is a backslash."""
    raw = raw[1:-1] if raw.startswith(b'"') else raw
    return text_of(_ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode()), raw), "A name in the form")


def text_of(raw: bytes, what: str) -> str:
    """Strict UTF-8.

    Raises:
        DecodeError: it is not; the letter calls it `what`.
    """
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise DecodeError(f"{what} is not UTF-8 text.") from None


def _shown(raw: bytes) -> str:
    return repr(raw[:60].decode("latin-1"))
