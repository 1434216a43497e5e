"""The options of OpenAI's Responses API.

Owns: their names and types. Refuses to know: how they are sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

__all__ = ["OpenAIResponsesOptions"]


class OpenAIResponsesOptions(TypedDict, total=False):
    """What `provider_options={"openai": …}` may say; camelCase is read too. Names and meaning as in the AI SDK v7."""

    conversation: str
    include: Sequence[str]
    include_web_search_sources: bool
    instructions: str
    logprobs: bool | int
    max_tool_calls: int
    metadata: Mapping[str, Any]
    parallel_tool_calls: bool
    previous_response_id: str
    prompt_cache_key: str
    prompt_cache_options: Mapping[str, Any]
    prompt_cache_retention: Literal["in_memory", "24h"]
    reasoning_effort: str
    reasoning_effort_update: Literal["none", "low", "medium", "high", "xhigh", "max"]
    reasoning_mode: Literal["standard", "pro"]
    reasoning_context: Literal["auto", "current_turn", "all_turns"]
    reasoning_summary: str | None
    safety_identifier: str
    service_tier: Literal["auto", "flex", "priority", "fast", "ultrafast", "default"]
    store: bool
    pass_through_unsupported_files: bool
    strict_json_schema: bool
    text_verbosity: Literal["low", "medium", "high"]
    text_format: Mapping[str, Any]
    truncation: Literal["auto", "disabled"]
    user: str
    system_message_mode: Literal["system", "developer", "remove"]
    force_reasoning: bool
    context_management: Sequence[Mapping[str, Any]]
    compaction_trigger: bool
    allowed_tools: Mapping[str, Any]
