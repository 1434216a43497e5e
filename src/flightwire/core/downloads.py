"""Files in the messages that somebody must fetch.

Owns: what a fetcher is asked and answers, and the seam through which the front door hands in ours. Refuses to know: HTTP.

Nothing is fetched unless `download=` says so: addresses in messages come from browsers and from models, and a server that
fetches whatever it is told can be made to look at its own network.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeAlias

from flightwire import wiring
from flightwire._frozen import value
from flightwire.errors import InvalidArgumentError


@value
class DownloadRequest:
    """A file to be fetched.

    Attributes:
        url: its address.
        is_url_supported_by_model: whether the model can fetch it itself.
        media_type: what the message says it is, `image/*` when it says only that it is an image.
    """

    url: str
    is_url_supported_by_model: bool
    media_type: str


@value
class Downloaded:
    """A file that was fetched; `media_type` is what its server says it is."""

    data: bytes
    media_type: str | None = None


Download: TypeAlias = Callable[[Sequence[DownloadRequest]], Awaitable[Sequence[Downloaded | None]]]
"""Fetches files; None in the place of one leaves its address to the model."""
DownloadLike: TypeAlias = Download | bool | None


def to_download(given: DownloadLike) -> Download | None:
    """The function to fetch with; None fetches nothing.

    Raises:
        InvalidArgumentError: neither True nor a function.
    """
    if given is None or given is False:
        return None
    if given is True:
        if wiring.make_download is None:
            raise InvalidArgumentError(
                "download=True works after `import flightwire`; pass a function instead."
            )
        made: Download = wiring.make_download()
        return made
    if not callable(given):
        raise InvalidArgumentError(
            f"download is True or a function such as safe_download(), got {given!r:.80}."
        )
    return given
