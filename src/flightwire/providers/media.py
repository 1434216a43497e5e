"""What a file in the messages is: bytes, an address or a name at the provider, and of which type.

Owns: reading file parts and the files inside tool outputs; recognising a type by its first bytes. Refuses to know: how
any API writes them; downloads.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import replace
from typing import cast
from urllib.parse import unquote_to_bytes

from flightwire._frozen import value
from flightwire.errors import InvalidPromptError
from flightwire.messages import FilePart, ImagePart, ProviderOptions, ReasoningFilePart

__all__ = ["Media", "base64_of", "full_media_type", "media_in_output", "media_of", "top_level"]

_ADDRESS = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*://")
_DATA_URL = re.compile(r"data:([^;,]*)((?:;[^;,]*)*),", re.IGNORECASE)
_ANY = -1  # a byte of a signature that may be anything

# First bytes as in the AI SDK v7 (`packages/provider-utils/src/detect-media-type.ts`); `_ANY` stands for sizes.
_SIGNATURES: tuple[tuple[str, tuple[int, ...]], ...] = (
    ("image/gif", tuple(b"GIF8")),
    ("image/png", tuple(b"\x89PNG")),
    ("image/jpeg", tuple(b"\xff\xd8")),
    ("image/webp", (*b"RIFF", *(_ANY,) * 4, *b"WEBP")),
    ("image/bmp", (*b"BM", *(_ANY,) * 4, 0, 0, 0, 0)),
    ("image/tiff", tuple(b"II*\0")),
    ("image/tiff", tuple(b"MM\0*")),
    ("image/avif", (0, 0, 0, _ANY, *b"ftypavif")),
    ("image/heic", (0, 0, 0, _ANY, *b"ftypheic")),
    ("application/pdf", tuple(b"%PDF")),
    ("audio/mpeg", tuple(b"ID3")),
    *((("audio/mpeg", (0xFF, second))) for second in (0xFB, 0xFA, 0xF3, 0xF2, 0xE3, 0xE2)),
    *((("audio/aac", (0xFF, second))) for second in (0xF0, 0xF1, 0xF8, 0xF9)),
    ("audio/wav", (*b"RIFF", *(_ANY,) * 4, *b"WAVE")),
    ("audio/ogg", tuple(b"OggS")),
    ("audio/flac", tuple(b"fLaC")),
    ("audio/webm", tuple(b"\x1aE\xdf\xa3")),
    ("video/mp4", (0, 0, 0, _ANY, *b"ftyp")),
    ("video/webm", tuple(b"\x1aE\xdf\xa3")),
)


@value
class Media:
    """A file as a model may be shown it; exactly one of `data`, `url` and `reference` is set.

    Attributes:
        media_type: "image/png", or only the first half of it, "image".
        reference: what providers call an uploaded file, `{"openai": "file-…"}`.
    """

    media_type: str
    where: str
    data: bytes | None = None
    url: str | None = None
    reference: Mapping[str, str] | None = None
    filename: str | None = None
    provider_options: ProviderOptions | None = None

    @property
    def kind(self) -> str:
        """The first half of the type: "image", "audio", "application"."""
        return top_level(self.media_type)

    def reference_for(self, provider: str) -> str:
        """What this provider calls the file.

        Raises:
            InvalidPromptError: it was uploaded elsewhere.
        """
        found = (self.reference or {}).get(provider)
        if found is None:
            known = ", ".join(sorted(self.reference or {})) or "nowhere"
            raise InvalidPromptError(
                f"{self.where} is an uploaded file that {provider} does not have; it is known at: {known}."
            )
        return found


def top_level(media_type: str) -> str:
    """The first half of a type: "image" for "image/png", "image/*" and "image"."""
    return media_type.partition("/")[0]


def media_of(part: FilePart | ImagePart | ReasoningFilePart, where: str) -> Media:
    """Read a file part.

    Raises:
        InvalidPromptError: its data is neither bytes nor an address nor a data URL nor base64.
    """
    if isinstance(part, ImagePart):
        media = _media(part.image, part.media_type or "image", where, None, part.provider_options)
        found = _detected(
            "image", media.data or b""
        )  # goes before what was said, as in the AI SDK: APIs look, too
        return media if found is None else replace(media, media_type=found)
    filename = part.filename if isinstance(part, FilePart) else None
    return _media(part.data, part.media_type, where, filename, part.provider_options)


def media_in_output(item: Mapping[str, object], where: str) -> Media | None:
    """Read a file among the content of a tool's output, in the AI SDK's JSON of v7 or the older ones; None for other content.

    Raises:
        InvalidPromptError: as `media_of`.
    """
    kind = item.get("type")
    source = item.get("data")
    if kind in ("file-url", "image-url"):
        source = item.get("url")
    elif kind == "file" and isinstance(source, Mapping) and "type" in source:
        source = source.get(str(source["type"]))
    elif kind not in ("file", "media", "file-data", "image-data"):
        return None
    default = "image" if str(kind).startswith("image") else "application/octet-stream"
    media_type = item.get("mediaType") or item.get("media_type") or default
    filename, options = item.get("filename"), item.get("providerOptions", item.get("provider_options"))
    return _media(
        source,
        str(media_type),
        where,
        filename if isinstance(filename, str) else None,
        cast("ProviderOptions", options) if isinstance(options, Mapping) else None,
    )


def _media(
    source: object, media_type: str, where: str, filename: str | None, options: ProviderOptions | None
) -> Media:
    if media_type.endswith("/*"):
        media_type = top_level(media_type)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Media(media_type, where, bytes(source), None, None, filename, options)
    if isinstance(source, Mapping):
        reference = {str(key): str(name) for key, name in source.items()}
        return Media(media_type, where, None, None, reference, filename, options)
    text = str(source)
    if found := _DATA_URL.match(text):
        said = found[1] or media_type
        data = _data_of(text[found.end() :], is_base64="base64" in found[2].lower(), where=where)
        return Media(
            said if "/" not in media_type else media_type, where, data, None, None, filename, options
        )
    if isinstance(source, str) and _ADDRESS.match(text):
        return Media(media_type, where, None, text, None, filename, options)
    if isinstance(source, str) and len(text) % 4 == 0 and text:
        try:
            return Media(media_type, where, b64decode(text, validate=True), None, None, filename, options)
        except binascii.Error:
            pass
    raise InvalidPromptError(
        f"{where} is a file given as {_shown(source)}; expected bytes, a URL, a data URL or base64."
    )


def _shown(source: object) -> str:
    return f"text ({source[:30]!r})" if isinstance(source, str) else type(source).__name__


def _data_of(text: str, *, is_base64: bool, where: str) -> bytes:
    if not is_base64:
        return unquote_to_bytes(text)
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error as error:
        raise InvalidPromptError(f"{where} is a data URL whose base64 is broken: {error}.") from None


def full_media_type(media: Media) -> str:
    """The whole type, as "image/png", recognised by the first bytes where it was only half said.

    Raises:
        InvalidPromptError: it cannot be told.
    """
    if "/" in media.media_type:
        return media.media_type
    found = _detected(media.media_type, media.data or b"")
    if found is not None:
        return found
    raise InvalidPromptError(
        f"{media.where} is an {media.media_type} of an unknown kind; pass media_type='{media.media_type}/…'."
    )


def _detected(kind: str, data: bytes) -> str | None:
    """The whole type, by the first bytes."""
    types = (name for name, signature in _SIGNATURES if top_level(name) == kind and _matches(data, signature))
    return next(types, None)


def _matches(data: bytes, signature: tuple[int, ...]) -> bool:
    return len(data) >= len(signature) and all(
        wanted in (_ANY, got) for wanted, got in zip(signature, data, strict=False)
    )


def base64_of(media: Media) -> str:
    """The bytes as base64."""
    return b64encode(media.data or b"").decode()
