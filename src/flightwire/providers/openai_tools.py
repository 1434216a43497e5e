"""OpenAI's own tools, as values to hand to a call.

Owns: their names and settings, as https://platform.openai.com/docs/guides/tools has them. Refuses to know: how they are
sent, what they answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

from flightwire.providers.base import ProviderToolSpec

__all__ = ["OpenAITools"]


class OpenAITools:
    """Makes OpenAI's tools; every setting that is left out is OpenAI's to choose."""

    def web_search(
        self,
        *,
        filters: Mapping[str, Sequence[str]] | None = None,
        external_web_access: bool | None = None,
        search_context_size: Literal["low", "medium", "high"] | None = None,
        user_location: Mapping[str, str] | None = None,
    ) -> ProviderToolSpec:
        """Search the web; `filters` are `allowed_domains` and `blocked_domains`."""
        return _tool(
            "web_search",
            filters=filters,
            external_web_access=external_web_access,
            search_context_size=search_context_size,
            user_location=user_location,
        )

    def file_search(
        self,
        vector_store_ids: Sequence[str],
        *,
        max_num_results: int | None = None,
        ranking: Mapping[str, Any] | None = None,
        filters: Mapping[str, Any] | None = None,
    ) -> ProviderToolSpec:
        """Search in files that were uploaded."""
        return _tool(
            "file_search",
            vector_store_ids=list(vector_store_ids),
            max_num_results=max_num_results,
            ranking=ranking,
            filters=filters,
        )

    def code_interpreter(self, *, container: str | Mapping[str, Any] | None = None) -> ProviderToolSpec:
        """Write and run Python, in a container of OpenAI's."""
        return _tool("code_interpreter", container=container)

    def image_generation(self, **settings: Any) -> ProviderToolSpec:
        """Make images: `size`, `quality`, `output_format`, `partial_images` and so on."""
        return _tool("image_generation", **settings)

    def mcp(
        self,
        server_label: str,
        *,
        server_url: str | None = None,
        connector_id: str | None = None,
        require_approval: Literal["always", "never"] | Mapping[str, Any] | None = None,
        allowed_tools: Sequence[str] | Mapping[str, Any] | None = None,
        authorization: str | None = None,
        headers: Mapping[str, str] | None = None,
        server_description: str | None = None,
    ) -> ProviderToolSpec:
        """The tools of an MCP server, which OpenAI calls; with `require_approval` the caller is asked first."""
        return _tool(
            "mcp",
            server_label=server_label,
            server_url=server_url,
            connector_id=connector_id,
            require_approval=require_approval,
            allowed_tools=allowed_tools,
            authorization=authorization,
            headers=headers,
            server_description=server_description,
        )

    def custom(
        self, name: str, *, description: str | None = None, format: Mapping[str, Any] | None = None
    ) -> ProviderToolSpec:
        """A tool of the caller's whose input is plain text, or text of a grammar."""
        spec = _tool("custom", description=description, format=format)
        return ProviderToolSpec(spec.id, name, spec.args)

    def tool_search(
        self,
        *,
        execution: Literal["server", "client"] | None = None,
        description: str | None = None,
        parameters: Mapping[str, Any] | None = None,
    ) -> ProviderToolSpec:
        """Find tools that are loaded late (`defer_loading` in their options); "client": the caller finds them."""
        return _tool("tool_search", execution=execution, description=description, parameters=parameters)

    def programmatic_tool_calling(self) -> ProviderToolSpec:
        """Programs of the model's, run by OpenAI, that call the caller's tools."""
        return replace(_tool("programmatic_tool_calling"), supports_deferred_results=True)

    def web_search_preview(
        self,
        *,
        search_context_size: Literal["low", "medium", "high"] | None = None,
        user_location: Mapping[str, str] | None = None,
    ) -> ProviderToolSpec:
        """The older search of the web."""
        return _tool(
            "web_search_preview", search_context_size=search_context_size, user_location=user_location
        )

    def shell(self, *, environment: Mapping[str, Any] | None = None) -> ProviderToolSpec:
        """A shell: the caller's, or one in a container of OpenAI's."""
        return _tool("shell", environment=environment)

    def local_shell(self) -> ProviderToolSpec:
        """The shell of the machine the caller runs on."""
        return _tool("local_shell")

    def apply_patch(self) -> ProviderToolSpec:
        """Changes of the caller's files."""
        return _tool("apply_patch")

    def computer(self) -> ProviderToolSpec:
        """A screen of the caller's, with mouse and keyboard."""
        return _tool("computer")


def _tool(tool: str, **settings: Any) -> ProviderToolSpec:
    args = {key: setting for key, setting in settings.items() if setting is not None}
    return ProviderToolSpec(f"openai.{tool}", tool, args)
