"""Files that the browser sent.

Owns: reading them wherever they are, names that are safe to use, what their first bytes say they are. Refuses to
know: forms, limits.
"""

from __future__ import annotations

import asyncio
import io
import re
import threading
from collections.abc import AsyncIterator, Generator
from os import PathLike
from typing import Any, BinaryIO, Final

from flightwire.errors import InvalidArgumentError

CHUNK_BYTES: Final = 64 * 1024
SNIFFED_BYTES: Final = 512
MAX_NAME_CHARS: Final = 255

# WHATWG MIME Sniffing, sections 6 and 7, as far as people upload such things: (offset, bytes, type).
_SIGNATURES: Final[tuple[tuple[int, bytes, str], ...]] = (
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (0, b"BM", "image/bmp"),
    (0, b"II*\x00", "image/tiff"),
    (0, b"MM\x00*", "image/tiff"),
    (0, b"\x00\x00\x01\x00", "image/x-icon"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (8, b"AVI ", "video/avi"),
    (4, b"ftypavif", "image/avif"),
    (4, b"ftypheic", "image/heic"),
    (4, b"ftypheix", "image/heic"),
    (4, b"ftypM4A ", "audio/mp4"),
    (4, b"ftypqt  ", "video/quicktime"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"OggS", "audio/ogg"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"\xff\xfb", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"%PDF-", "application/pdf"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b\x08", "application/gzip"),
    (0, b"7z\xbc\xaf'\x1c", "application/x-7z-compressed"),
    (0, b"Rar!\x1a\x07", "application/vnd.rar"),
    (0, b"\x7fELF", "application/x-elf"),
    (0, b"MZ", "application/x-msdownload"),
    (0, b"wOFF", "font/woff"),
    (0, b"wOF2", "font/woff2"),
    (0, b"%!PS-Adobe-", "application/postscript"),
)
_MARKUP: Final = re.compile(
    rb"\s*(?:<!--.*?-->\s*|<\?xml[^>]*>\s*|<!doctype\s[^>]*>\s*)*<([a-z!?/][a-z0-9:!-]*)",
    re.IGNORECASE | re.DOTALL,
)
_CONTROL_BYTES: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_UNSAFE: Final = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class File:
    """A File or Blob: in memory, or on disk while the call lasts that brought it.

    Attributes:
        filename: without any folder; the browser's word otherwise.
        content_type: the browser's word; `media_type` is what the content looks like.
        size: in bytes.
    """

    __slots__ = ("_data", "_lock", "_stored", "content_type", "filename", "size")

    def __init__(
        self,
        filename: str,
        content_type: str,
        data: bytes = b"",
        *,
        stored: BinaryIO | None = None,
        size: int | None = None,
    ) -> None:
        self.filename = filename
        self.content_type = content_type
        self.size = len(data) if size is None else size
        self._data = data
        self._stored = stored
        self._lock = threading.Lock()

    # --- reading -------------------------------------------------------------------------------------------------

    @property
    def data(self) -> bytes:
        """The whole content, in memory.

        Raises:
            InvalidArgumentError: its call has ended, and the file is gone.
        """
        return self._data if self._stored is None else self._at(0, -1)

    @property
    def media_type(self) -> str:
        """What the first bytes look like: `image/png`, `text/plain`; `application/octet-stream` when nothing is known."""
        return sniff(self._data[:SNIFFED_BYTES] if self._stored is None else self._at(0, SNIFFED_BYTES))

    @property
    def file(self) -> BinaryIO:
        """The content as a file that is open for reading, at its beginning: for libraries that want one, in plain functions."""
        if self._stored is None:
            return io.BytesIO(self._data)
        self._check_open()
        self._stored.seek(0)
        return self._stored

    async def read(self) -> bytes:
        """The whole content, without holding up the event loop.

        Raises:
            InvalidArgumentError: its call has ended, and the file is gone.
        """
        return self._data if self._stored is None else await asyncio.to_thread(self._at, 0, -1)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """The content in pieces of at most 64 KiB.

        Raises:
            InvalidArgumentError: its call has ended, and the file is gone.
        """
        for at in range(0, self.size, CHUNK_BYTES):
            in_memory = self._stored is None
            yield (
                self._part(at, CHUNK_BYTES)
                if in_memory
                else await asyncio.to_thread(self._at, at, CHUNK_BYTES)
            )

    def save(self, path: str | PathLike[str]) -> Saved:
        """Write it to a file of its own; done when this returns, and `await file.save(…)` may be written, too.

        Never make the path of `filename` alone: it is whatever the browser says, and may be that of another's file.

        Raises:
            InvalidArgumentError: its call has ended, and the file is gone.
            OSError: it cannot be written.
        """
        with open(path, "wb") as out:  # noqa: PTH123 - a text will do
            out.writelines(self._part(at, CHUNK_BYTES) for at in range(0, self.size, CHUNK_BYTES))
        return Saved()

    def _part(self, position: int, size: int) -> bytes:
        return self._data[position : position + size] if self._stored is None else self._at(position, size)

    def _at(self, position: int, size: int) -> bytes:
        with self._lock:
            self._check_open()
            assert self._stored is not None
            self._stored.seek(position)
            return self._stored.read(size)

    def _check_open(self) -> None:
        if self._stored is not None and self._stored.closed:
            raise InvalidArgumentError(
                f"The uploaded file {self.filename!r} is gone: it lasts as long as the call that brought it. Read or save it "
                "in the action, or in work that the action starts."
            )

    def discard(self) -> None:
        """Remove what is stored; afterwards it cannot be read."""
        if self._stored is not None:
            with self._lock:
                self._stored.close()

    # --- as a value ----------------------------------------------------------------------------------------------

    def __eq__(self, other: object) -> bool:
        """Equal names, types and content."""
        if not isinstance(other, File):
            return NotImplemented
        mine = (self.filename, self.content_type, self.size)
        return mine == (other.filename, other.content_type, other.size) and self.data == other.data

    def __hash__(self) -> int:
        """By name, type and size."""
        return hash((self.filename, self.content_type, self.size))

    def __repr__(self) -> str:
        """`File('cat.png', 'image/png', 1234 bytes)`: never the content."""
        return f"File({self.filename!r}, {self.content_type!r}, {self.size} bytes)"

    @classmethod
    def __get_pydantic_core_schema__(cls, source: object, handler: object) -> dict[str, Any]:
        """A field of a pydantic model takes a File as it is. Core schemas are plain dicts; pydantic is not imported here."""
        return {"type": "is-instance", "cls": cls}


class Saved:
    """What `File.save` returns: nothing is left to wait for."""

    __slots__ = ()

    def __await__(self) -> Generator[Any, None, None]:
        """Go on at once."""
        yield from ()


def base_name(filename: str) -> str:
    """A name without folders and invisible characters, of at most 255; one that is no name becomes `file`."""
    name = _UNSAFE.sub("", re.split(r"[/\\]", filename)[-1]).strip()
    if len(name) > MAX_NAME_CHARS:
        stem, dot, ending = name.rpartition(".")
        keep = MAX_NAME_CHARS - len(dot + ending)
        name = (stem[:keep] + dot + ending if stem and keep > 0 else name[:MAX_NAME_CHARS]).rstrip()
    return "file" if name.strip(".") == "" and filename else name


def sniff(start: bytes) -> str:
    """The media type that the first bytes of a file show.

    Text that begins like markup is `text/html`, `image/svg+xml` or `text/xml`, whatever it is called: it would run as that.
    """
    for offset, signature, media_type in _SIGNATURES:
        if start.startswith(signature, offset):
            return media_type
    if _CONTROL_BYTES.search(start):
        return "application/octet-stream"
    found = _MARKUP.match(start.removeprefix(b"\xef\xbb\xbf"))
    if found:
        return _markup(found[1].lower(), start)
    return "text/xml" if start.lstrip().startswith(b"<?xml") else "text/plain"


def _markup(tag: bytes, start: bytes) -> str:
    if tag.rpartition(b":")[2] == b"svg":
        return "image/svg+xml"
    is_xml = start.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<?xml")
    return "text/xml" if is_xml and tag != b"html" else "text/html"
