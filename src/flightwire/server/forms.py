"""Forms as browsers send them: multipart/form-data, cut into parts.

Owns: multipart, names, limits on parts and their headers, where files go meanwhile.
Refuses to know: what React puts into a form, how bodies are read.
Format: WHATWG HTML (multipart/form-data encoding algorithm) on RFC 7578, and nothing that only mail programs write.
"""

from __future__ import annotations

import re
import tempfile
from typing import BinaryIO, Final, cast

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser

from flightwire._frozen import value
from flightwire.errors import BodyTooLargeError, DecodeError
from flightwire.files import File, base_name
from flightwire.wire.flight.parts import FileField, Part, TextField

MAX_PARTS: Final = 1000
MAX_PART_HEADERS: Final = 8
MAX_PART_HEADER_BYTES: Final = 8 * 1024
MAX_BOUNDARY_BYTES: Final = 70  # RFC 2046, 5.1.1
SPOOLED_BYTES: Final = 64 * 1024
MAX_FILE_MEMORY_BYTES: Final = 1024 * 1024
MAX_STORED_FILES: Final = 100
"""Files on disk are open files, of which a process has not many."""

_PARAMETER: Final = re.compile(rb';[ \t]*([A-Za-z0-9_-]+\*?)=("[^"\r\n]*"|[^\s";]+)[ \t]*')
_TRANSFER_ENCODINGS: Final = (b"binary", b"8bit", b"7bit")
_ESCAPED: Final = re.compile(rb"%(22|0[AaDd])")


@value
class FormLimits:
    """What a form may consist of.

    Attributes:
        max_parts: how many parts are read.
        max_text_bytes: of all parts together that are no files: they are kept in memory.
        max_file_bytes: of one file.
        max_files: how many files there may be.
        spooled_bytes: a file that is larger goes to disk.
        file_memory_bytes: what the small files may take in memory together; further ones go to disk.
    """

    max_parts: int = MAX_PARTS
    max_text_bytes: int = 1024 * 1024
    max_file_bytes: int = 1024 * 1024
    max_files: int = MAX_PARTS
    spooled_bytes: int = SPOOLED_BYTES
    file_memory_bytes: int = MAX_FILE_MEMORY_BYTES


def parse_form(body: bytes, boundary: bytes, *, max_parts: int = MAX_PARTS) -> list[Part]:
    """The parts of a form that is in memory already, in order; names may repeat.

    Raises:
        DecodeError: as `FormReader`.
    """
    size = len(body) + 1
    reader = FormReader(boundary, FormLimits(max_parts, size, size, max_parts, size, size))
    reader.feed(body)
    return reader.finish()


class FormReader:
    """Reads a form while it comes in. Small files stay in memory, others go to disk, where they have no name.

    Arguments:
        boundary: from the content type.
        limits: what is read.

    Raises, in every method:
        DecodeError: the form is not as browsers write it, breaks off, goes on after its end, or has too many parts.
        BodyTooLargeError: a file, or all that is no file, is too large.
    """

    def __init__(self, boundary: bytes, limits: FormLimits) -> None:
        if not 0 < len(boundary) <= MAX_BOUNDARY_BYTES:
            raise DecodeError(f"The form's boundary must have 1 to {MAX_BOUNDARY_BYTES} bytes.")
        self.stored: list[File] = []
        self._frame = _Frame(boundary)
        self._limits = limits
        self._parts: list[Part] = []
        self._text_left = limits.max_text_bytes
        self._memory_left = limits.file_memory_bytes
        self._files = 0
        self._headers: dict[bytes, bytes] = {}
        self._field: list[bytes] = []
        self._value: list[bytes] = []
        self._name = ""
        self._filename: str | None = None
        self._data = (
            bytearray()
        )  # one buffer: a form that comes byte by byte must not cost an object for each
        self._size = 0
        self._spool: BinaryIO | None = None
        self._parser = MultipartParser(
            boundary,
            {
                "on_part_begin": self._begin,
                "on_header_field": lambda data, start, end: self._field.append(data[start:end]),
                "on_header_value": lambda data, start, end: self._value.append(data[start:end]),
                "on_header_end": self._header_end,
                "on_headers_finished": self._headers_end,
                "on_part_data": self._content,
                "on_part_end": self._end,
            },
            max_header_count=MAX_PART_HEADERS,
            max_header_size=MAX_PART_HEADER_BYTES,
        )

    @property
    def is_on_disk(self) -> bool:
        """Whether what comes next is written to disk: better not by the thread of the event loop."""
        return self._spool is not None

    def feed(self, chunk: bytes) -> None:
        """Read more of it."""
        chunk = self._frame.check(chunk)
        try:
            self._parser.write(chunk)
        except FormParserError as error:
            raise DecodeError(f"The form is malformed: {str(error)[:200]}.") from None

    def finish(self) -> list[Part]:
        """The parts, once everything has come."""
        if self._frame.finish():
            try:
                self._parser.finalize()
            except FormParserError as error:
                raise DecodeError(f"The form is malformed: {str(error)[:200]}.") from None
        return self._parts

    def discard(self) -> None:
        """Remove what is on disk."""
        if self._spool is not None:
            self._spool.close()
        for file in self.stored:
            file.discard()

    # --- parts ---------------------------------------------------------------------------------------------------

    def _begin(self) -> None:
        if len(self._parts) >= self._limits.max_parts:
            raise DecodeError(f"The form has more than {self._limits.max_parts} parts.")
        self._headers, self._data, self._size, self._spool = {}, bytearray(), 0, None

    def _header_end(self) -> None:
        name = b"".join(self._field).lower()
        if name in self._headers:
            raise DecodeError(f"A part of the form has two headers {_shown(name)}.")
        self._headers[name] = b"".join(self._value).strip()
        self._field, self._value = [], []

    def _headers_end(self) -> None:
        self._name, self._filename = _disposition(self._headers.get(b"content-disposition", b""))
        encoding = self._headers.get(b"content-transfer-encoding", b"binary")
        if encoding.lower() not in _TRANSFER_ENCODINGS:
            raise DecodeError("A part of the form has a transfer encoding; browsers send none.")
        if self._filename is not None:
            self._files += 1
            if self._files > self._limits.max_files:
                raise BodyTooLargeError(None, f"The call brings more than {self._limits.max_files} files.")

    def _content(self, data: bytes, start: int, end: int) -> None:
        self._size += end - start
        if self._filename is None:
            self._text_left -= end - start
            if self._text_left < 0:
                raise BodyTooLargeError(self._limits.max_text_bytes)
        elif self._size > self._limits.max_file_bytes:
            raise BodyTooLargeError(
                None,
                f"The file {self._filename[:60]!r} is larger than {self._limits.max_file_bytes} bytes, which is all that this "
                "action accepts.",
            )
        elif self._size > self._limits.spooled_bytes or self._size > self._memory_left:
            self._store()
        if self._spool is None:
            self._data += data[start:end]
        else:
            self._spool.write(data[start:end])

    def _store(self) -> None:
        """Go on on disk."""
        if self._spool is not None:
            return
        if len(self.stored) >= MAX_STORED_FILES:
            raise BodyTooLargeError(None, f"The call brings more than {MAX_STORED_FILES} large files.")
        self._spool = cast("BinaryIO", tempfile.TemporaryFile())  # noqa: SIM115 - it lives as long as the call
        self._spool.write(self._data)
        self._data = bytearray()

    def _end(self) -> None:
        data = bytes(self._data)
        self._data = bytearray()
        if self._filename is None:
            text = text_of(data, f"The part {self._name[:40]!r} of the form")
            self._parts.append(TextField(self._name, text))
            return
        content_type = self._headers.get(b"content-type", b"application/octet-stream").decode("latin-1")
        stored = None
        if self._spool is not None:
            stored = File(base_name(self._filename), content_type, stored=self._spool, size=self._size)
            self.stored.append(stored)
            self._spool = None
        else:
            self._memory_left -= len(data)
        self._parts.append(FileField(self._name, self._filename, content_type, data, stored))


class _Frame:
    """Sees to it that a form begins with its boundary and stops at its end; parsers pass over what stands around."""

    def __init__(self, boundary: bytes) -> None:
        self._start = b"--" + boundary + b"\r\n"
        self._end = b"\r\n--" + boundary + b"--"
        self._head = b""  # until it is long enough to be the start
        self._has_begun = False
        self._tail = b"\r\n"  # the form's end may stand at its beginning
        self._after: bytes | None = None  # what came after the end

    def check(self, chunk: bytes) -> bytes:
        """What of a chunk is for the parser."""
        self._look_for_end(chunk)
        if self._has_begun:
            return chunk
        self._head += chunk
        if len(self._head) < len(self._start) and self._start.startswith(self._head):
            return b""
        if self._is_empty_form():
            return b""
        if not self._head.startswith(self._start):
            raise DecodeError("The form does not begin with its boundary.")
        self._has_begun = True
        head, self._head = self._head, b""
        return head

    def _is_empty_form(self) -> bool:
        form = self._end[2:]
        return form.startswith(self._head) or self._head in (form + b"\r", form + b"\r\n")

    def _look_for_end(self, chunk: bytes) -> None:
        if self._after is None:
            seen = self._tail + chunk
            where = seen.find(self._end)
            if where < 0:
                self._tail = seen[-len(self._end) :]
                return
            self._after = seen[where + len(self._end) :]
        else:
            self._after += chunk
        if not b"\r\n".startswith(self._after):
            raise DecodeError("The form goes on after its end.")

    def finish(self) -> bool:
        """See whether it was whole; returns whether there was anything in it."""
        if not self._has_begun and self._after is None and self._head:
            raise DecodeError("The form does not begin with its boundary.")
        if self._after is None or self._after == b"\r":
            raise DecodeError("The form breaks off before its end.")
        return self._has_begun


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
