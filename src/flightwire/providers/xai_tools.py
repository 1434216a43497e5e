"""xAI's own tools, as values to hand to a call.

Owns: their names and settings, as https://docs.x.ai/docs/guides/tools/overview has them. Refuses to know: how they are sent,
what they answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from flightwire.providers.base import ProviderToolSpec

__all__ = ["XaiTools"]


class XaiTools:
    """Makes xAI's tools; every setting that is left out is xAI's to choose."""

    def web_search(
        self,
        *,
        allowed_domains: Sequence[str] | None = None,
        excluded_domains: Sequence[str] | None = None,
        enable_image_search: bool | None = None,
        enable_image_understanding: bool | None = None,
    ) -> ProviderToolSpec:
        """Search the web."""
        return _tool(
            "web_search",
            allowed_domains=_list(allowed_domains),
            excluded_domains=_list(excluded_domains),
            enable_image_search=enable_image_search,
            enable_image_understanding=enable_image_understanding,
        )

    def x_search(
        self,
        *,
        allowed_x_handles: Sequence[str] | None = None,
        excluded_x_handles: Sequence[str] | None = None,
        from_date: str | None = None,
        to_date: str | None = None,
        enable_image_understanding: bool | None = None,
        enable_video_understanding: bool | None = None,
    ) -> ProviderToolSpec:
        """Search X; dates are written 2026-11-25."""
        return _tool(
            "x_search",
            allowed_x_handles=_list(allowed_x_handles),
            excluded_x_handles=_list(excluded_x_handles),
            from_date=from_date,
            to_date=to_date,
            enable_image_understanding=enable_image_understanding,
            enable_video_understanding=enable_video_understanding,
        )

    def code_execution(self) -> ProviderToolSpec:
        """Write and run Python."""
        return _tool("code_execution")

    def view_image(self) -> ProviderToolSpec:
        """Look at images that were found."""
        return _tool("view_image")

    def view_x_video(self) -> ProviderToolSpec:
        """Look at videos on X."""
        return _tool("view_x_video")

    def image_generation(
        self, *, action: Literal["auto", "generate", "edit"] | None = None
    ) -> ProviderToolSpec:
        """Make images."""
        return _tool("image_generation", action=action)

    def file_search(
        self, vector_store_ids: Sequence[str], *, max_num_results: int | None = None
    ) -> ProviderToolSpec:
        """Search in files that were uploaded."""
        return _tool("file_search", vector_store_ids=list(vector_store_ids), max_num_results=max_num_results)

    def mcp(
        self,
        server_url: str,
        *,
        server_label: str | None = None,
        server_description: str | None = None,
        allowed_tools: Sequence[str] | None = None,
        headers: Mapping[str, str] | None = None,
        authorization: str | None = None,
    ) -> ProviderToolSpec:
        """The tools of an MCP server, which xAI calls."""
        return _tool(
            "mcp",
            server_url=server_url,
            server_label=server_label,
            server_description=server_description,
            allowed_tools=_list(allowed_tools),
            headers=headers,
            authorization=authorization,
        )


def _list(given: Sequence[str] | None) -> list[str] | None:
    return None if given is None else list(given)


def _tool(tool: str, **settings: Any) -> ProviderToolSpec:
    args = {key: setting for key, setting in settings.items() if setting is not None}
    return ProviderToolSpec(f"xai.{tool}", tool, args)
