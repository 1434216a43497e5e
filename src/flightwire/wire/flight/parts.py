"""The parts of a call that came as a form.

Owns: what a part is, and which parts are models, files, streams and forms, by their names. Refuses to know: multipart
bodies, what is inside a part. Names: react-server-dom-webpack 19.0.2 to 19.3.1, `encodeReply`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, TypeAlias

from flightwire._frozen import value
from flightwire.errors import DecodeError
from flightwire.files import File


@value
class TextField:
    """A text field of a form."""

    name: str
    text: str


@value
class FileField:
    """A file field of a form. A Blob is called "blob".

    Attributes:
        stored: the file, when its content is kept elsewhere than in `data`.
    """

    name: str
    filename: str
    content_type: str
    data: bytes
    stored: File | None = None


Part: TypeAlias = TextField | FileField

# Since 19.0.9/19.1.10/19.2.9/19.3.1 streams are `S<n>`, before that `<n>` (several times); since 19.0.6/19.1.7/19.2.6
# the fields of a FormData are `_<n>_<key>`, before that `<n>_<key>`.
_NAME: Final = re.compile(r"(S?)(0|[1-9][0-9]{0,8})|_?(0|[1-9][0-9]{0,8})_(.*)", re.DOTALL | re.ASCII)


class Parts:
    """The parts of one call, sorted by what they are. Each name is looked at once.

    Args:
        parts: in the order they came.
        max_parts: how many there may be.

    Raises:
        DecodeError: too many parts, or a name that React does not write.
    """

    __slots__ = ("_files", "_forms", "_streams", "_texts")

    def __init__(self, parts: Sequence[Part], max_parts: int) -> None:
        if len(parts) > max_parts:
            raise DecodeError(f"The call has {len(parts)} parts; at most {max_parts} are read.")
        self._texts: dict[int, list[str]] = {}
        self._files: dict[int, FileField] = {}
        self._streams: dict[int, list[str]] = {}
        self._forms: dict[int, list[tuple[str, Part]]] = {}
        for part in parts:
            self._add(part)

    def _add(self, part: Part) -> None:
        found = _NAME.fullmatch(part.name)
        if found is None:
            raise DecodeError(f"The call has a part named {part.name[:40]!r}, which React does not write.")
        stream, number, form, key = found.groups()
        if form is not None:
            self._forms.setdefault(int(form), []).append((key, part))
        elif isinstance(part, TextField):
            table = self._streams if stream else self._texts
            table.setdefault(int(number), []).append(part.text)
        elif stream or int(number) in self._files:
            raise DecodeError(f"Part {part.name} of the call is a file where it must not be.")
        else:
            self._files[int(number)] = part

    def model(self, part_id: int) -> str:
        """The JSON of a model.

        Raises:
            DecodeError: there is none, or there are several.
        """
        texts = self._texts.get(part_id)
        if texts is None:
            raise DecodeError(f"The call refers to part {part_id}, which was not sent.")
        if len(texts) > 1:
            raise DecodeError(f"Part {part_id} of the call was sent {len(texts)} times.")
        return texts[0]

    def file(self, part_id: int) -> FileField:
        """A binary part.

        Raises:
            DecodeError: there is none.
        """
        found = self._files.get(part_id)
        if found is None:
            raise DecodeError(f"The call refers to part {part_id} as a file, which was not sent as one.")
        return found

    def stream(self, part_id: int) -> list[str]:
        """The items of a stream, as JSON, without its end; and the return value's JSON at last, empty for none.

        Raises:
            DecodeError: there is no such stream, it does not end, or goes on after its end.
        """
        chunks = self._streams.get(part_id) or self._texts.get(part_id)
        if not chunks:
            raise DecodeError(f"The call refers to stream {part_id}, which was not sent.")
        ends = [index for index, chunk in enumerate(chunks) if chunk[:1] == "C"]
        if ends != [len(chunks) - 1]:
            raise DecodeError(f"Stream {part_id} of the call must have one end, after its last item.")
        return [*chunks[:-1], chunks[-1][1:]]

    def form(self, part_id: int) -> list[tuple[str, Part]]:
        """The fields of a FormData; none when it was empty."""
        return self._forms.get(part_id, [])
