"""Tools that Anthropic knows itself, as users name them: `anthropic.tools.web_search_20250305(max_uses=3)`.

Owns: one function per version of a tool, with its settings. Refuses to know: requests.
Some are run by Anthropic (`web_search`, `web_fetch`, `code_execution`, `tool_search`, `advisor`); the others are only defined
there, and the calls of them are for the app to answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypedDict

from flightwire.jsontypes import JSONValue
from flightwire.providers.anthropic.tool_names import TOOLS
from flightwire.providers.base import ProviderToolSpec

__all__ = ["AnthropicTools", "UserLocation"]


# What Anthropic may go on with in its next message, after the app's own tools have answered or at once.
_DEFERRED = (
    "web_search_", "web_fetch_", "code_execution_20250825", "code_execution_20260120", "tool_search_", "advisor_",
)  # fmt: skip


class UserLocation(TypedDict, total=False):
    """Where the person is, about."""

    type: Literal["approximate"]
    city: str
    region: str
    country: str
    timezone: str


def _tool(key: str, name: str | None, **settings: object) -> ProviderToolSpec:
    args: dict[str, JSONValue] = {
        setting: value  # type: ignore[misc] # the functions below say what they are
        for setting, value in settings.items()
        if value is not None
    }
    return ProviderToolSpec(
        f"anthropic.{key}", name or TOOLS[key].name, args, supports_deferred_results=key.startswith(_DEFERRED)
    )


class AnthropicTools:
    """Makes tools; `name` is what calls of them are named, else Anthropic's own name."""

    def web_search_20250305(
        self,
        *,
        max_uses: int | None = None,
        allowed_domains: Sequence[str] | None = None,
        blocked_domains: Sequence[str] | None = None,
        user_location: UserLocation | None = None,
        name: str | None = None,
    ) -> ProviderToolSpec:
        """Search the web."""
        return _tool(
            "web_search_20250305",
            name,
            **_web(max_uses, allowed_domains, blocked_domains),
            user_location=user_location,
        )

    def web_search_20260209(
        self,
        *,
        max_uses: int | None = None,
        allowed_domains: Sequence[str] | None = None,
        blocked_domains: Sequence[str] | None = None,
        user_location: UserLocation | None = None,
        name: str | None = None,
    ) -> ProviderToolSpec:
        """Search the web and filter what was found by code."""
        return _tool(
            "web_search_20260209",
            name,
            **_web(max_uses, allowed_domains, blocked_domains),
            user_location=user_location,
        )

    def web_search_20260318(
        self,
        *,
        max_uses: int | None = None,
        allowed_domains: Sequence[str] | None = None,
        blocked_domains: Sequence[str] | None = None,
        user_location: UserLocation | None = None,
        response_inclusion: Literal["full", "excluded"] | None = None,
        name: str | None = None,
    ) -> ProviderToolSpec:
        """Search the web; the results may be left out of the answer."""
        return _tool(
            "web_search_20260318",
            name,
            **_web(max_uses, allowed_domains, blocked_domains),
            user_location=user_location,
            response_inclusion=response_inclusion,
        )

    def web_fetch_20250910(
        self,
        *,
        max_uses: int | None = None,
        allowed_domains: Sequence[str] | None = None,
        blocked_domains: Sequence[str] | None = None,
        citations: bool | None = None,
        max_content_tokens: int | None = None,
        name: str | None = None,
    ) -> ProviderToolSpec:
        """Read pages and PDFs by their address."""
        return _tool(
            "web_fetch_20250910",
            name,
            **_web(max_uses, allowed_domains, blocked_domains),
            **_fetch(citations, max_content_tokens),
        )

    def web_fetch_20260209(
        self,
        *,
        max_uses: int | None = None,
        allowed_domains: Sequence[str] | None = None,
        blocked_domains: Sequence[str] | None = None,
        citations: bool | None = None,
        max_content_tokens: int | None = None,
        name: str | None = None,
    ) -> ProviderToolSpec:
        """Read pages and PDFs and filter them by code."""
        return _tool(
            "web_fetch_20260209",
            name,
            **_web(max_uses, allowed_domains, blocked_domains),
            **_fetch(citations, max_content_tokens),
        )

    def web_fetch_20260318(
        self,
        *,
        max_uses: int | None = None,
        allowed_domains: Sequence[str] | None = None,
        blocked_domains: Sequence[str] | None = None,
        citations: bool | None = None,
        max_content_tokens: int | None = None,
        use_cache: bool | None = None,
        response_inclusion: Literal["full", "excluded"] | None = None,
        name: str | None = None,
    ) -> ProviderToolSpec:
        """Read pages and PDFs; the results may be left out of the answer."""
        return _tool(
            "web_fetch_20260318",
            name,
            **_web(max_uses, allowed_domains, blocked_domains),
            **_fetch(citations, max_content_tokens),
            use_cache=use_cache,
            response_inclusion=response_inclusion,
        )

    def code_execution_20250522(self, *, name: str | None = None) -> ProviderToolSpec:
        """Run Python."""
        return _tool("code_execution_20250522", name)

    def code_execution_20250825(self, *, name: str | None = None) -> ProviderToolSpec:
        """Run Bash and edit files."""
        return _tool("code_execution_20250825", name)

    def code_execution_20260120(self, *, name: str | None = None) -> ProviderToolSpec:
        """Run code that may call other tools."""
        return _tool("code_execution_20260120", name)

    def tool_search_regex_20251119(self, *, name: str | None = None) -> ProviderToolSpec:
        """Find tools that are loaded late, by a pattern."""
        return _tool("tool_search_regex_20251119", name)

    def tool_search_bm25_20251119(self, *, name: str | None = None) -> ProviderToolSpec:
        """Find tools that are loaded late, by words."""
        return _tool("tool_search_bm25_20251119", name)

    def advisor_20260301(
        self,
        *,
        model: str,
        max_uses: int | None = None,
        max_tokens: int | None = None,
        caching: Mapping[str, str] | None = None,
        name: str | None = None,
    ) -> ProviderToolSpec:
        """Ask another model for advice."""
        return _tool(
            "advisor_20260301", name, model=model, max_uses=max_uses, max_tokens=max_tokens, caching=caching
        )

    def bash_20241022(self, *, name: str | None = None) -> ProviderToolSpec:
        """Bash, for the app to run."""
        return _tool("bash_20241022", name)

    def bash_20250124(self, *, name: str | None = None) -> ProviderToolSpec:
        """Bash, for the app to run."""
        return _tool("bash_20250124", name)

    def computer_20241022(
        self,
        *,
        display_width_px: int,
        display_height_px: int,
        display_number: int | None = None,
        name: str | None = None,
    ) -> ProviderToolSpec:
        """A screen, mouse and keyboard, for the app to drive."""
        return _tool(
            "computer_20241022", name, **_display(display_width_px, display_height_px, display_number)
        )

    def computer_20250124(
        self,
        *,
        display_width_px: int,
        display_height_px: int,
        display_number: int | None = None,
        name: str | None = None,
    ) -> ProviderToolSpec:
        """A screen, mouse and keyboard, for the app to drive."""
        return _tool(
            "computer_20250124", name, **_display(display_width_px, display_height_px, display_number)
        )

    def computer_20251124(
        self,
        *,
        display_width_px: int,
        display_height_px: int,
        display_number: int | None = None,
        enable_zoom: bool | None = None,
        name: str | None = None,
    ) -> ProviderToolSpec:
        """A screen, mouse and keyboard, for the app to drive."""
        return _tool(
            "computer_20251124",
            name,
            **_display(display_width_px, display_height_px, display_number),
            enable_zoom=enable_zoom,
        )

    def computer_toolset_20260801(
        self, *, configs: Mapping[str, Mapping[str, bool]] | None = None, name: str | None = None
    ) -> ProviderToolSpec:
        """A screen, mouse and keyboard as a set of tools; `configs` switches some of them off: `{"wait": {"enabled": False}}`."""
        return _tool("computer_toolset_20260801", name, configs=configs)

    def memory_20250818(self, *, name: str | None = None) -> ProviderToolSpec:
        """Files to remember things in, for the app to keep."""
        return _tool("memory_20250818", name)

    def text_editor_20241022(self, *, name: str | None = None) -> ProviderToolSpec:
        """A text editor, for the app to run."""
        return _tool("text_editor_20241022", name)

    def text_editor_20250124(self, *, name: str | None = None) -> ProviderToolSpec:
        """A text editor, for the app to run."""
        return _tool("text_editor_20250124", name)

    def text_editor_20250429(self, *, name: str | None = None) -> ProviderToolSpec:
        """A text editor, for the app to run."""
        return _tool("text_editor_20250429", name)

    def text_editor_20250728(
        self, *, max_characters: int | None = None, name: str | None = None
    ) -> ProviderToolSpec:
        """A text editor, for the app to run."""
        return _tool("text_editor_20250728", name, max_characters=max_characters)


def _web(
    max_uses: int | None, allowed_domains: Sequence[str] | None, blocked_domains: Sequence[str] | None
) -> dict[str, object]:
    return {
        "max_uses": max_uses,
        "allowed_domains": None if allowed_domains is None else list(allowed_domains),
        "blocked_domains": None if blocked_domains is None else list(blocked_domains),
    }


def _fetch(citations: bool | None, max_content_tokens: int | None) -> dict[str, object]:
    return {
        "citations": None if citations is None else {"enabled": citations},
        "max_content_tokens": max_content_tokens,
    }


def _display(width_px: int, height_px: int, number: int | None) -> dict[str, object]:
    return {"display_width_px": width_px, "display_height_px": height_px, "display_number": number}
