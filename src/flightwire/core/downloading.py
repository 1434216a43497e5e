"""Files in messages: every one as bytes, or as an address that the model fetches itself.

Owns: data URLs, sizes, which addresses a model takes, and asking for the others (AI SDK v7,
`packages/ai/src/prompt/convert-to-language-model-prompt.ts`, `downloadAssets`). Refuses to know: HTTP.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_to_bytes

from flightwire.core.downloads import Download, Downloaded, DownloadRequest
from flightwire.errors import DownloadError, InvalidPromptError
from flightwire.messages import (
    AssistantMessage,
    FilePart,
    ImagePart,
    ModelMessage,
    ReasoningFilePart,
    UserMessage,
)
from flightwire.providers.base import LanguageModel

MAX_FILE_BYTES: Final = 64 * 1024 * 1024
MAX_DOWNLOADS: Final = 32

_File: TypeAlias = ImagePart | FilePart | ReasoningFilePart
_DATA_URL: Final = re.compile(r"data:([^,;]*)((?:;[^,;]*)*),", re.IGNORECASE)
_ADDRESS: Final = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)


async def with_files(
    messages: Sequence[ModelMessage], model: LanguageModel, download: Download | None
) -> tuple[ModelMessage, ...]:
    """The messages with their data URLs as bytes, and with the files that the model cannot fetch.

    Raises:
        InvalidPromptError: a file that is none, or too large.
        DownloadError: a file cannot be fetched, or must be and nobody may.
    """
    if not any(_has_files(message) for message in messages):
        return tuple(messages)
    read = [_with_parts(message, _read) for message in messages]
    wanted = [
        DownloadRequest(_url(part), _is_supported(model, part), _media_type(part))
        for message in read
        for part in _addressed(message)
    ]
    fetched = iter(await _fetched(wanted, model, download))
    return tuple(
        _with_parts(message, lambda part: _filled(part, next(fetched)) if _url(part) else part)
        if isinstance(message, UserMessage)
        else message
        for message in read
    )


async def _fetched(
    wanted: Sequence[DownloadRequest], model: LanguageModel, download: Download | None
) -> Sequence[Downloaded | None]:
    if not wanted:
        return ()
    if len(wanted) > MAX_DOWNLOADS and download is not None:
        raise InvalidPromptError(
            f"the messages hold {len(wanted)} addresses of files; at most {MAX_DOWNLOADS}."
        )
    if download is not None:
        return await download(wanted)
    for each in wanted:
        if not each.is_url_supported_by_model and _patterns(model, each.media_type):
            raise DownloadError(
                f"{model.provider} {model.model_id} cannot fetch this file ({each.media_type}) itself, and addresses in "
                "messages are not fetched unless you say so. Send bytes, or pass download=True",
                url=_without_query(each.url),
            )
    return [None] * len(wanted)


# --- reading -----------------------------------------------------------------------------------------------------


def _read(part: _File) -> _File:
    """The file as bytes, unless it has an address."""
    data: Any = part.image if isinstance(part, ImagePart) else part.data
    media_type: str | None = part.media_type
    if isinstance(data, str):
        data, media_type = _decoded(data, media_type)
    if isinstance(data, (bytes, bytearray, memoryview)):
        if len(data) > MAX_FILE_BYTES:
            raise InvalidPromptError(f"a file of {len(data)} bytes; at most {MAX_FILE_BYTES} are allowed.")
        data = bytes(data)
    elif not isinstance(data, (str, Mapping)):
        raise InvalidPromptError(f"a file is bytes, a URL or a data URL, got {type(data).__name__}.")
    return _with_data(part, data, media_type)


def _decoded(text: str, media_type: str | None) -> tuple[bytes | str, str | None]:
    """A data URL's bytes, an address as it is, and anything else as base64."""
    if found := _DATA_URL.match(text):
        body = text[found.end() :]
        is_base64 = found[2].lower().endswith(";base64")
        data = _base64(body, "data URL") if is_base64 else unquote_to_bytes(body)
        return data, found[1] or media_type or "text/plain"
    if _ADDRESS.match(text):
        return text, media_type
    return _base64(text, "text that is neither a URL nor base64"), media_type


def _base64(text: str, what: str) -> bytes:
    if len(text) > MAX_FILE_BYTES * 4 // 3 + 4:
        raise InvalidPromptError(
            f"a file of more than {MAX_FILE_BYTES} bytes; at most that many are allowed."
        )
    try:
        return b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (Base64Error, ValueError):
        raise InvalidPromptError(f"a file is given as a {what} that cannot be read: {text[:40]!r}…") from None


def _with_data(part: _File, data: Any, media_type: str | None) -> _File:
    if isinstance(part, ImagePart):
        return replace(part, image=data, media_type=media_type)
    return replace(part, data=data, media_type=media_type or part.media_type)


def _filled(part: _File, downloaded: Downloaded | None) -> _File:
    if downloaded is None:
        return part
    said = (downloaded.media_type or "").partition(";")[0].strip().lower()
    known = part.media_type if part.media_type and not part.media_type.endswith("/*") else None
    is_vague = said in ("", "application/octet-stream", "binary/octet-stream")
    return _with_data(part, downloaded.data, known or (None if is_vague else said) or part.media_type)


# --- addresses ---------------------------------------------------------------------------------------------------


def _url(part: _File) -> str:
    data = part.image if isinstance(part, ImagePart) else part.data
    return data if isinstance(data, str) else ""


def _media_type(part: _File) -> str:
    return part.media_type or "image/*"


def _is_supported(model: LanguageModel, part: _File) -> bool:
    """Whether the model says that it fetches such an address itself."""
    return any(re.search(pattern, _url(part)) for pattern in _patterns(model, _media_type(part)))


def _patterns(model: LanguageModel, media_type: str) -> list[str | re.Pattern[str]]:
    """Which addresses of such files the model says it takes; none when it says nothing about them."""
    supported: Mapping[str, Iterable[str | re.Pattern[str]]] = getattr(model, "supported_urls", {})
    return [
        pattern
        for kind, patterns in supported.items()
        if _covers(kind.lower(), media_type.lower())
        for pattern in patterns
    ]


def _covers(kind: str, media_type: str) -> bool:
    if kind in ("*", "*/*") or kind == media_type:
        return True
    return kind.endswith("/*") and (media_type.startswith(kind[:-1]) or media_type == kind[:-2])


def _without_query(url: str) -> str:
    return re.split(r"[?#]", url, maxsplit=1)[0]


# --- messages ----------------------------------------------------------------------------------------------------


def _addressed(message: ModelMessage) -> Iterable[_File]:
    """What people have given the addresses of; a model's own files are not fetched."""
    return (part for part in _files(message) if _url(part)) if isinstance(message, UserMessage) else ()


def _has_files(message: ModelMessage) -> bool:
    return next(iter(_files(message)), None) is not None


def _files(message: ModelMessage) -> Iterable[_File]:
    if isinstance(message, (UserMessage, AssistantMessage)) and not isinstance(message.content, str):
        for part in message.content:
            if isinstance(part, (ImagePart, FilePart, ReasoningFilePart)):
                yield part


def _with_parts(message: ModelMessage, change: Any) -> ModelMessage:
    if not _has_files(message) or isinstance(message.content, str):
        return message
    content: Any = tuple(
        change(part) if isinstance(part, (ImagePart, FilePart, ReasoningFilePart)) else part
        for part in message.content
    )
    return replace(message, content=content)
