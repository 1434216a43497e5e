"""Putting files in the place of their addresses.

Owns: which parts of messages hold addresses, whether a model takes them, and asking for the others. Refuses to know: HTTP.
"""

from __future__ import annotations

from collections.abc import Sequence

from flightwire.core.downloads import Download
from flightwire.messages import ModelMessage
from flightwire.providers.base import LanguageModel


async def with_downloads(
    messages: Sequence[ModelMessage], model: LanguageModel, download: Download | None
) -> tuple[ModelMessage, ...]:
    """The messages with files in them that the model cannot fetch.

    Raises:
        DownloadError: a file cannot be fetched.
    """
    return tuple(messages)
