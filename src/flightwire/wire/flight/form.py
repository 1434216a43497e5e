"""Parts as a form in bytes.

Owns: multipart/form-data as browsers write it (WHATWG HTML, "multipart/form-data encoding algorithm"; compared with
Chromium). Refuses to know: what the parts mean, randomness: the boundary is handed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from flightwire.wire.flight.parts import FileField, Part, TextField

_NEWLINE: Final = re.compile(r"\r\n|\r|\n")
_ESCAPES: Final = {'"': "%22", "\r": "%0D", "\n": "%0A"}
_SURROGATE: Final = re.compile("[\ud800-\udfff]")


def encode_form(parts: Iterable[Part], boundary: str) -> bytes:
    """The body of a form.

    As in a browser, line ends in names and texts become CRLF and halves of surrogate pairs U+FFFD.

    Args:
        parts: in the order they are to come.
        boundary: letters and digits that stand in no part.
    """
    body = bytearray()
    for part in parts:
        body += f'--{boundary}\r\nContent-Disposition: form-data; name="{_name(_crlf(part.name))}"'.encode()
        if isinstance(part, TextField):
            body += b"\r\n\r\n" + _crlf(part.text).encode()
        else:
            body += _file_head(part)
            body += part.data
        body += b"\r\n"
    body += f"--{boundary}--\r\n".encode()
    return bytes(body)


def _file_head(part: FileField) -> bytes:
    content_type = part.content_type if _is_header_text(part.content_type) else "application/octet-stream"
    return f'; filename="{_name(_plain(part.filename))}"\r\nContent-Type: {content_type}\r\n\r\n'.encode()


def _name(text: str) -> str:
    return "".join(_ESCAPES.get(char, char) for char in text)


def _crlf(text: str) -> str:
    return _NEWLINE.sub("\r\n", _plain(text))


def _plain(text: str) -> str:
    return _SURROGATE.sub("\ufffd", text.encode("utf-16", "surrogatepass").decode("utf-16", "surrogatepass"))


def _is_header_text(text: str) -> bool:
    return bool(text) and text.isascii() and text.isprintable()
