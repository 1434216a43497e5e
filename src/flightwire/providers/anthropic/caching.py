"""Which parts of a request end a piece that Anthropic may keep.

Owns: `cache_control` in provider options, and the limit of marks. Refuses to know: what the parts are.
"""

from __future__ import annotations

from flightwire.events import CallWarning
from flightwire.jsontypes import JSONValue
from flightwire.messages import ProviderOptions
from flightwire.providers.options import option_of

MAX_MARKS = 4  # https://platform.claude.com/docs/en/build-with-claude/prompt-caching


class CacheMarks:
    """Counts the marks of one request."""

    def __init__(self) -> None:
        self.warnings: list[CallWarning] = []
        self._count = 0

    def mark(self, *options: ProviderOptions | None) -> JSONValue:
        """The first mark in these options that may be set."""
        for one in options:
            found = option_of(one, "anthropic", "cacheControl")
            if not found:
                continue
            self._count += 1
            if self._count <= MAX_MARKS:
                return found
            self._warn(
                "cache_control", f"a request holds {MAX_MARKS} cache marks; mark {self._count} was left out"
            )
        return None

    def refuse(self, options: ProviderOptions | None, what: str) -> None:
        """Tell that a mark cannot stand here."""
        if option_of(options, "anthropic", "cacheControl"):
            self._warn("cache_control", f"{what} takes no cache mark; it was left out")

    def _warn(self, feature: str, message: str) -> None:
        self.warnings.append(CallWarning("unsupported", message, feature))


def marked(block: dict[str, object], mark: JSONValue) -> dict[str, object]:
    """The block with its mark, if it has one."""
    return {**block, "cache_control": mark} if mark else block
