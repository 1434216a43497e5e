"""How fast a step was.

Owns: the arithmetic of `packages/ai/src/generate-text/stream-language-model-call.ts` (AI SDK v7). Refuses to know: clocks.
"""

from __future__ import annotations

from collections.abc import Mapping

from flightwire.events import Performance, Usage
from flightwire.pauses import Pauses


def measured(
    usage: Usage,
    *,
    response_time_s: float,
    step_time_s: float,
    tool_execution_s: Mapping[str, float],
    pauses: Pauses | None = None,
    called_at: float = 0.0,
) -> Performance:
    """The figures of a step.

    Arguments:
        usage: what the provider reported.
        response_time_s: how long the model took.
        step_time_s: how long everything took.
        tool_execution_s: how long each tool took.
        pauses: when output came; None for answers that came at once.
        called_at: when the model was called, by the same clock.
    """
    first_s = None if pauses is None or pauses.first is None else pauses.first - called_at
    total = None
    if usage.input_tokens is not None or usage.output_tokens is not None:
        total = (usage.input_tokens or 0) + (usage.output_tokens or 0)
    return Performance(
        tool_execution_s,
        step_time_s=step_time_s,
        response_time_s=response_time_s,
        effective_output_tokens_per_second=_rate(usage.output_tokens, response_time_s),
        effective_total_tokens_per_second=_rate(total, response_time_s),
        output_tokens_per_second=None
        if first_s is None
        else _rate(usage.output_tokens, response_time_s - first_s),
        input_tokens_per_second=None if first_s is None else _rate(usage.input_tokens, first_s),
        time_to_first_output_s=first_s,
        pauses=pauses,
    )


def _rate(tokens: int | None, seconds: float) -> float:
    return tokens / seconds if tokens and seconds > 0 else 0.0
