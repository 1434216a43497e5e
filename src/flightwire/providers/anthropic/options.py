"""What only Anthropic knows, as users write it.

Owns: the names and types of provider options. Refuses to know: what becomes of them.
Either spelling is taken, snake_case or camelCase; both here and inside.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

__all__ = ["AnthropicOptions", "AnthropicPartOptions", "AnthropicToolOptions", "CacheControl"]

Effort = Literal["low", "medium", "high", "xhigh", "max"]


class CacheControl(TypedDict, total=False):
    """Marks the end of what Anthropic may keep for the next call."""

    type: Literal["ephemeral"]
    ttl: Literal["5m", "1h"]


class AnthropicOptions(TypedDict, total=False):
    """`provider_options["anthropic"]` of a call."""

    thinking: Mapping[str, Any]
    effort: Effort
    send_reasoning: bool
    structured_output_mode: Literal["outputFormat", "jsonTool", "auto"]
    disable_parallel_tool_use: bool
    tool_streaming: bool
    cache_control: CacheControl
    metadata: Mapping[str, str]
    mcp_servers: Sequence[Mapping[str, Any]]
    container: Mapping[str, Any]
    context_management: Mapping[str, Any]
    compaction: Mapping[str, Any]
    task_budget: Mapping[str, Any]
    thread: Mapping[str, str]
    speed: Literal["fast", "standard"]
    service_tier: Literal["auto", "standard_only"]
    inference_geo: Literal["us", "global"]
    fallbacks: Literal["default"] | Sequence[Mapping[str, Any]]
    safeguards: Sequence[Mapping[str, Any]]
    anthropic_beta: Sequence[str]


class AnthropicPartOptions(TypedDict, total=False):
    """`provider_options["anthropic"]` of a message or a part of one; the last four are for files."""

    cache_control: CacheControl
    citations: Mapping[str, bool]
    title: str
    context: str
    container_upload: bool


class AnthropicToolOptions(TypedDict, total=False):
    """`provider_options["anthropic"]` of a tool."""

    cache_control: CacheControl
    eager_input_streaming: bool
    defer_loading: bool
    allowed_callers: Sequence[str]
