"""What an action accepts as files.

Owns: limits, and checking a file against them. Refuses to know: how files come in; whoever reads them asks for the limits first.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

from flightwire.errors import InvalidArgumentError
from flightwire.files import File
from flightwire.wire.flight.values import FormData

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

MAX_FILE_BYTES: Final = 10 * 1024 * 1024
MAX_FILES: Final = 10
# Text of any kind looks like text: what it is for is the browser's word.
_TEXT: Final = ("application/json", "application/x-ndjson", "application/yaml", "application/csv")


class FileLimits:
    """In an annotation, says which files are accepted: `photo: Annotated[File, FileLimits(accept=["image/png"])]`.

    It stands beside File, a list of Files, or FormData, also in the fields of classes. Files that are too large are refused
    while they come in.

    Arguments:
        max_file_bytes: how large each file may be, in bytes.
        max_files: how many files there may be.
        accept: media types, as `image/png`, `image/*` or `text/csv`; by default all. They are compared with what the
            content looks like, not with what the browser says.

    Raises:
        InvalidArgumentError: a limit that is no positive number, or something that is no media type.
    """

    __slots__ = ("accept", "max_file_bytes", "max_files")

    def __init__(
        self,
        *,
        max_file_bytes: int = MAX_FILE_BYTES,
        max_files: int = MAX_FILES,
        accept: Iterable[str] = (),
    ) -> None:
        self.max_file_bytes = _positive(max_file_bytes, "max_file_bytes")
        self.max_files = _positive(max_files, "max_files")
        self.accept = tuple(_media_type(each) for each in ([accept] if isinstance(accept, str) else accept))

    def check(self, value: Any) -> Any:
        """The same value, when all files in it are accepted.

        Raises:
            ValueError: one is not.
        """
        files = list(_files_in(value))
        if len(files) > self.max_files:
            raise ValueError(f"at most {self.max_files} files are accepted")
        for file in files:
            if file.size > self.max_file_bytes:
                raise ValueError(f"files of at most {self.max_file_bytes} bytes are accepted")
            if self.accept and not self._accepts(file):
                raise ValueError(
                    f"accepted are {', '.join(self.accept)}; its content looks like {file.media_type}"
                )
        return value

    def _accepts(self, file: File) -> bool:
        found = file.media_type
        if found == "text/plain":
            declared = file.content_type.partition(";")[0].strip().lower()
            if (
                declared.startswith("text/") and declared not in ("text/html", "text/xml")
            ) or declared in _TEXT:
                found = declared
            return found in self.accept or "text/*" in self.accept or "text/plain" in self.accept
        return found in self.accept or (
            f"{found.partition('/')[0]}/*" in self.accept and found != "image/svg+xml"
        )

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """How pydantic applies it: after the value itself is found to be right."""
        from pydantic_core import core_schema

        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __repr__(self) -> str:
        """As it was written."""
        return f"FileLimits(max_file_bytes={self.max_file_bytes}, max_files={self.max_files}, accept={list(self.accept)})"


def _files_in(value: Any) -> Iterator[File]:
    if isinstance(value, File):
        yield value
    elif isinstance(value, FormData):
        for _, content in value.entries:
            yield from _files_in(content)
    elif isinstance(value, list | tuple | set | frozenset):
        for each in value:
            yield from _files_in(each)


def _positive(number: Any, what: str) -> int:
    if isinstance(number, bool) or not isinstance(number, int) or number <= 0:
        raise InvalidArgumentError(f"{what} of FileLimits must be a positive whole number, got {number!r}.")
    return number


def _media_type(text: Any) -> str:
    kind, slash, subtype = text.partition("/") if isinstance(text, str) else ("", "", "")
    if not (kind and slash and subtype) or "/" in subtype or text != text.strip():
        raise InvalidArgumentError(
            f"accept of FileLimits holds {text!r}. Write media types: 'image/png' or 'image/*'."
        )
    return str(text).lower()
