"""What only Google knows, as users write it.

Owns: the names and types of provider options. Refuses to know: what becomes of them. Either spelling is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypedDict

__all__ = ["GoogleOptions", "ThinkingConfig"]


class ThinkingConfig(TypedDict, total=False):
    """How much a model thinks, and whether one sees it."""

    thinking_budget: int
    thinking_level: Literal["minimal", "low", "medium", "high", "xhigh"]
    include_thoughts: bool


class GoogleOptions(TypedDict, total=False):
    """`provider_options["google"]` of a call."""

    thinking_config: ThinkingConfig
    safety_settings: Sequence[Mapping[str, str]]
    threshold: str
    cached_content: str
    structured_outputs: bool
    response_modalities: Sequence[Literal["TEXT", "IMAGE", "AUDIO"]]
    media_resolution: str
    image_config: Mapping[str, Any]
    audio_timestamp: bool
    labels: Mapping[str, str]
    retrieval_config: Mapping[str, Any]
    service_tier: Literal["standard", "flex", "priority"]
    continuation_token: str
