"""What each of Anthropic's models can take.

Owns: the table, from https://platform.claude.com/docs/en/about-claude/models/overview and the AI SDK v7
(`packages/anthropic/src/anthropic-model-catalog.ts`). Refuses to know: how requests are written.
"""

from __future__ import annotations

import re
from dataclasses import replace

from flightwire._frozen import value

__all__ = ["Claude", "claude"]


@value
class Claude:
    """One model, or a family of them.

    Attributes:
        max_output_tokens: what is asked for when a call says nothing.
        is_known: the number above is a limit of the model, not a guess.
        has_json_schema: `output_config.format` and strict tools.
        thinks_adaptively: `thinking: adaptive` with an effort; else with a budget of tokens.
        takes_budget: `thinking: enabled` with a budget.
        takes_sampling: temperature, top_k, top_p.
        has_xhigh: the effort "xhigh".
        can_stop_thinking: `thinking: disabled`.
        can_stop_thinking_at_any_effort: … also at efforts above "high".
        can_be_forced: `tool_choice` "any" and a named tool.
        thinks_between_tools: `thinking: between_tools`, the least there is.
    """

    max_output_tokens: int = 4096
    is_known: bool = True
    has_json_schema: bool = False
    thinks_adaptively: bool = False
    takes_budget: bool = True
    takes_sampling: bool = True
    has_xhigh: bool = False
    can_stop_thinking: bool = True
    can_stop_thinking_at_any_effort: bool = True
    can_be_forced: bool = True
    thinks_between_tools: bool = False


_CURRENT = Claude(max_output_tokens=128_000, has_json_schema=True, thinks_adaptively=True)
_NEW = replace(_CURRENT, takes_sampling=False, has_xhigh=True)
_NEW_CALM = replace(_NEW, can_stop_thinking_at_any_effort=False)
_ALWAYS_THINKING = replace(_NEW, can_stop_thinking=False, takes_budget=False)
_UNKNOWN = Claude(is_known=False)

# The first pattern that is found in a model's name decides.
_TABLE: tuple[tuple[str, Claude], ...] = (
    (
        "claude-sonnet-5-5",
        replace(
            _ALWAYS_THINKING,
            can_stop_thinking_at_any_effort=False,
            can_be_forced=False,
            thinks_between_tools=True,
        ),
    ),
    (
        "claude-opus-5-5",
        replace(_ALWAYS_THINKING, can_stop_thinking_at_any_effort=False, can_be_forced=False),
    ),
    ("claude-haiku-5-5", replace(_NEW_CALM, takes_budget=False)),
    ("claude-opus-5", _NEW_CALM),
    ("claude-fable-5-[12]", replace(_ALWAYS_THINKING, can_be_forced=False)),
    ("claude-fable-5", _ALWAYS_THINKING),
    ("claude-opus-4-[78]|claude-sonnet-5", _NEW),
    ("claude-(sonnet|opus)-4-6", _CURRENT),
    ("claude-(sonnet|opus|haiku)-4-5", Claude(max_output_tokens=64_000, has_json_schema=True)),
    ("claude-opus-4-1", Claude(max_output_tokens=32_000, has_json_schema=True)),
    ("claude-sonnet-4[-@]", Claude(max_output_tokens=64_000)),
    ("claude-opus-4[-@]", Claude(max_output_tokens=32_000)),
    ("claude-3-haiku", Claude()),
    (r"claude-(instant(-|$)|v?2(?=$|[-.:])|3(?=$|[-.]))", _UNKNOWN),
    ("claude-", replace(_NEW_CALM, is_known=False)),  # newer than this table
)


def claude(model_id: str) -> Claude:
    """What is known of a model."""
    return next((model for pattern, model in _TABLE if re.search(pattern, model_id)), _UNKNOWN)
