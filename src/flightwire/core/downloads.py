"""Files in the messages that the model cannot fetch itself.

Owns: which files those are, and the seam through which the front door hands in whoever fetches them. Refuses to know: HTTP.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class DownloadRequest:
    """A file to be fetched.

    Attributes:
        url: its address.
        is_url_supported_by_model: whether the model can fetch it itself.
        media_type: what the message says it is.
    """

    url: str
    is_url_supported_by_model: bool
    media_type: str | None = None


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that was fetched; `media_type` is what its server says it is."""

    data: bytes
    media_type: str | None = None


Download: TypeAlias = Callable[[Sequence[DownloadRequest]], Awaitable[Sequence[Downloaded | None]]]
"""Fetches files; None in the place of one leaves its address to the model."""
