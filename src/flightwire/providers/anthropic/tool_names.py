"""The tools that Anthropic knows itself.

Owns: their ids, the names Anthropic calls them by, the betas they need, and which of their settings are sent.
Refuses to know: tools of the user's own.
"""

from __future__ import annotations

from collections.abc import Iterable

from flightwire._frozen import value
from flightwire.providers.base import ProviderToolSpec, ToolSpec

__all__ = ["TOOLS", "ToolNames"]


@value
class KnownTool:
    """One version of a tool.

    Attributes:
        type: its type in a request.
        name: what the model calls it.
        beta: what the header must name.
        settings: those that are sent, in snake_case.
    """

    type: str
    name: str
    beta: str | None = None
    settings: tuple[str, ...] = ()


_COMPUTER_USE = "computer-use-2025-01-24"
_OLD_COMPUTER_USE = "computer-use-2024-10-22"
_WEB_TOOLS = "code-execution-web-tools-2026-02-09"
_DISPLAY = ("display_width_px", "display_height_px", "display_number")
_SEARCH = ("max_uses", "allowed_domains", "blocked_domains", "user_location")
_FETCH = ("max_uses", "allowed_domains", "blocked_domains", "citations", "max_content_tokens")

TOOLS: dict[str, KnownTool] = {
    "advisor_20260301": KnownTool(
        "advisor_20260301",
        "advisor",
        "advisor-tool-2026-03-01",
        ("model", "max_uses", "max_tokens", "caching"),
    ),
    "bash_20241022": KnownTool("bash_20241022", "bash", _OLD_COMPUTER_USE),
    "bash_20250124": KnownTool("bash_20250124", "bash", _COMPUTER_USE),
    "code_execution_20250522": KnownTool(
        "code_execution_20250522", "code_execution", "code-execution-2025-05-22"
    ),
    "code_execution_20250825": KnownTool(
        "code_execution_20250825", "code_execution", "code-execution-2025-08-25"
    ),
    "code_execution_20260120": KnownTool("code_execution_20260120", "code_execution"),
    "computer_20241022": KnownTool("computer_20241022", "computer", _OLD_COMPUTER_USE, _DISPLAY),
    "computer_20250124": KnownTool("computer_20250124", "computer", _COMPUTER_USE, _DISPLAY),
    "computer_20251124": KnownTool(
        "computer_20251124", "computer", "computer-use-2025-11-24", (*_DISPLAY, "enable_zoom")
    ),
    "computer_toolset_20260801": KnownTool("computer_toolset_20260801", "computer", None, ("configs",)),
    "memory_20250818": KnownTool("memory_20250818", "memory", "context-management-2025-06-27"),
    "text_editor_20241022": KnownTool("text_editor_20241022", "str_replace_editor", _OLD_COMPUTER_USE),
    "text_editor_20250124": KnownTool("text_editor_20250124", "str_replace_editor", _COMPUTER_USE),
    "text_editor_20250429": KnownTool("text_editor_20250429", "str_replace_based_edit_tool", _COMPUTER_USE),
    "text_editor_20250728": KnownTool(
        "text_editor_20250728", "str_replace_based_edit_tool", None, ("max_characters",)
    ),
    "tool_search_bm25_20251119": KnownTool("tool_search_tool_bm25_20251119", "tool_search_tool_bm25"),
    "tool_search_regex_20251119": KnownTool("tool_search_tool_regex_20251119", "tool_search_tool_regex"),
    "web_fetch_20250910": KnownTool("web_fetch_20250910", "web_fetch", "web-fetch-2025-09-10", _FETCH),
    "web_fetch_20260209": KnownTool("web_fetch_20260209", "web_fetch", _WEB_TOOLS, _FETCH),
    "web_fetch_20260318": KnownTool(
        "web_fetch_20260318", "web_fetch", None, (*_FETCH, "use_cache", "response_inclusion")
    ),
    "web_search_20250305": KnownTool("web_search_20250305", "web_search", None, _SEARCH),
    "web_search_20260209": KnownTool("web_search_20260209", "web_search", _WEB_TOOLS, _SEARCH),
    "web_search_20260318": KnownTool(
        "web_search_20260318", "web_search", None, (*_SEARCH, "response_inclusion")
    ),
}
TOOLSET = "computer_toolset_20260801"
TOOLSET_MEMBERS = frozenset(
    (
        "screenshot", "zoom", "left_click", "right_click", "middle_click", "double_click", "triple_click",
        "left_click_drag", "mouse_move", "left_mouse_down", "left_mouse_up", "cursor_position", "scroll", "type", "key",
        "hold_key", "wait",
    )
)  # fmt: skip
# Versions of the web tools that run code to filter what they found, whether or not code execution was asked for.
_FILTERING = ("web_fetch_20260209", "web_fetch_20260318", "web_search_20260209", "web_search_20260318")


class ToolNames:
    """How the tools of one call are called by the user, and by Anthropic."""

    def __init__(self, tools: Iterable[ToolSpec | ProviderToolSpec]) -> None:
        self._to_theirs: dict[str, str] = {}
        self._to_ours: dict[str, str] = {}
        self.toolsets: dict[str, str] = {}  # our name → Anthropic's name of the set
        asked: set[str] = set()
        for tool in tools:
            known = TOOLS.get(key) if (key := key_of(tool)) is not None else None
            if known is None or key is None:
                continue
            asked.add(key)
            self._to_theirs[tool.name] = known.name
            self._to_ours[known.name] = tool.name
            if key == TOOLSET:
                self.toolsets[tool.name] = known.name
        runs_code = any(key.startswith("code_execution") for key in asked)
        self.has_hidden_code = not runs_code and any(key in asked for key in _FILTERING)

    def theirs(self, name: str) -> str:
        """Anthropic's name of one of our tools."""
        return self._to_theirs.get(name, name)

    def ours(self, name: str) -> str:
        """Our name of one of Anthropic's tools."""
        return self._to_ours.get(name, name)


def key_of(tool: ToolSpec | ProviderToolSpec) -> str | None:
    """What stands behind "anthropic." in the id of a tool; None for the user's own and for other providers'."""
    if isinstance(tool, ToolSpec):
        return None
    provider, _, key = tool.id.partition(".")
    return key if provider == "anthropic" else None
