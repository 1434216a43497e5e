"""Files in messages: bytes, URLs and data URLs, and who fetches what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import pytest

from flightwire import Downloaded, DownloadRequest, FilePart, ImagePart, TextPart, UserMessage, generate_text
from flightwire.core.downloading import MAX_FILE_BYTES
from flightwire.errors import DownloadError, InvalidArgumentError, InvalidPromptError
from flightwire.testing import ScriptedModel

pytestmark = pytest.mark.anyio


class Blind(ScriptedModel):
    """A model that says nothing of addresses."""

    def __init__(self) -> None:
        super().__init__()
        del self.supported_urls


async def sent(part: Any, *, model: ScriptedModel | None = None, **settings: Any) -> Any:
    model = model or ScriptedModel(supported_urls={"image/*": [r"^https://"]})
    await generate_text(model=model, messages=[UserMessage((TextPart("Look"), part))], **settings)
    message = model.calls[0].messages[0]
    assert isinstance(message, UserMessage)
    return message.content[1]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (ImagePart(b"png"), ImagePart(b"png")),
        (ImagePart("data:image/png;base64,cG5n"), ImagePart(b"png", "image/png")),
        (ImagePart("DATA:image/png;BASE64,cG5n"), ImagePart(b"png", "image/png")),
        (ImagePart("data:image/svg+xml,%3Csvg/%3E"), ImagePart(b"<svg/>", "image/svg+xml")),
        (ImagePart("cG5n"), ImagePart(b"png")),
        (
            FilePart("data:application/pdf;base64,cGRm", "application/pdf"),
            FilePart(b"pdf", "application/pdf"),
        ),
        (FilePart("data:;base64,cGRm", "application/pdf"), FilePart(b"pdf", "application/pdf")),
        (
            FilePart({"openai": "file-1"}, "application/pdf"),
            FilePart({"openai": "file-1"}, "application/pdf"),
        ),
        (ImagePart("https://example.com/a.png"), ImagePart("https://example.com/a.png")),
    ],
)
async def test_files_reach_the_model(given: Any, expected: Any) -> None:
    assert await sent(given) == expected


async def test_what_is_said_about_a_part_stays() -> None:
    options = {"openai": {"imageDetail": "low"}}
    assert (await sent(ImagePart("cG5n", provider_options=options))).provider_options == options


@pytest.mark.parametrize(
    ("part", "letter"),
    [
        (ImagePart("data:image/png;base64,%%%"), "data URL"),
        (ImagePart("not base64!"), "neither a URL nor base64"),
        (ImagePart(b"x" * (MAX_FILE_BYTES + 1)), "at most"),
        (ImagePart("x" * (MAX_FILE_BYTES * 2)), "at most"),
        (ImagePart(5), "got int"),  # type: ignore[arg-type]
    ],
)
async def test_what_is_no_file_is_refused(part: Any, letter: str) -> None:
    with pytest.raises(InvalidPromptError, match=letter):
        await sent(part)


async def test_nothing_is_fetched_unless_it_is_said() -> None:
    with pytest.raises(
        DownloadError, match=r"cannot fetch.*download=True.*http://example\.com/a\.png"
    ) as caught:
        await sent(ImagePart("http://example.com/a.png?key=secret"))
    assert "secret" not in str(caught.value)


async def test_a_model_that_says_nothing_gets_addresses_as_they_are() -> None:
    part = ImagePart("http://example.com/a.png")
    assert await sent(part, model=Blind()) == part


async def test_what_the_model_cannot_fetch_is_fetched() -> None:
    asked: list[DownloadRequest] = []

    async def download(requests: Sequence[DownloadRequest]) -> Sequence[Downloaded | None]:
        asked.extend(requests)
        return [
            None if each.is_url_supported_by_model else Downloaded(b"png", "image/png") for each in requests
        ]

    part = await sent(ImagePart("http://example.com/a.png"), download=download)
    assert part == ImagePart(b"png", "image/png")
    assert await sent(ImagePart("https://example.com/b.png"), download=download) == ImagePart(
        "https://example.com/b.png"
    )
    assert asked == [
        DownloadRequest("http://example.com/a.png", False, "image/*"),
        DownloadRequest("https://example.com/b.png", True, "image/*"),
    ]


@pytest.mark.parametrize(
    ("part", "served", "media_type"),
    [
        (FilePart("http://x.example/a", "application/pdf"), "text/plain", "application/pdf"),
        (ImagePart("http://x.example/a"), "application/octet-stream", None),
        (ImagePart("http://x.example/a", "image/*"), "image/webp; q=1", "image/webp"),
    ],
)
async def test_the_message_knows_the_type_better_than_the_server(
    part: Any, served: str, media_type: Any
) -> None:
    async def download(requests: Sequence[DownloadRequest]) -> Sequence[Downloaded | None]:
        return [Downloaded(b"x", served)]

    assert (await sent(part, download=download)).media_type == media_type


@pytest.mark.parametrize(
    ("kind", "media_type", "is_covered"),
    [
        ("*", "image/png", True),
        ("*/*", "image/png", True),
        ("image/*", "image/png", True),
        ("image/*", None, True),
        ("IMAGE/PNG", "image/png", True),
        ("image/png", None, False),
        ("audio/*", "image/png", False),
    ],
)
async def test_models_say_which_addresses_they_take(kind: str, media_type: Any, is_covered: bool) -> None:
    model = ScriptedModel(supported_urls={kind: [re.compile(r"^http://").pattern]})
    part = ImagePart("http://x.example/a", media_type)
    seen: list[bool] = []

    async def download(requests: Sequence[DownloadRequest]) -> Sequence[Downloaded | None]:
        seen.extend(each.is_url_supported_by_model for each in requests)
        return [None for _ in requests]

    assert await sent(part, model=model, download=download) == part
    assert seen == [is_covered]


async def test_too_many_addresses_are_refused() -> None:
    async def download(requests: Sequence[DownloadRequest]) -> Sequence[Downloaded | None]:
        raise AssertionError

    parts = tuple(ImagePart(f"http://x.example/{number}") for number in range(33))
    with pytest.raises(InvalidPromptError, match="33 addresses"):
        await generate_text(model=ScriptedModel(), messages=[UserMessage(parts)], download=download)


async def test_our_own_fetcher_refuses_the_inner_network() -> None:
    with pytest.raises(DownloadError, match="public internet"):
        await sent(ImagePart("http://127.0.0.1:1/a.png"), download=True)


async def test_download_is_true_or_a_function() -> None:
    with pytest.raises(InvalidArgumentError, match="safe_download"):
        await sent(ImagePart(b"x"), download="yes")
