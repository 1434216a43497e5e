"""When a loop of steps ends.

Owns: the conditions of `packages/ai/src/generate-text/stop-condition.ts` (AI SDK v7). Refuses to know: the loop.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

from flightwire.core.results import StepResult
from flightwire.core.tool_sets import AnyTool, name_of
from flightwire.errors import InvalidArgumentError

StopCondition: TypeAlias = Callable[[Sequence[StepResult]], bool | Awaitable[bool]]
StopWhen: TypeAlias = StopCondition | Sequence[StopCondition] | None


def is_step_count(count: int) -> StopCondition:
    """Stop after so many steps."""
    if isinstance(count, bool) or not isinstance(count, int) or count < 1:
        raise InvalidArgumentError(f"is_step_count takes a number of steps, at least 1, got {count!r}.")
    return lambda steps: len(steps) == count


step_count_is = is_step_count
"""The older name of `is_step_count`."""

_ONE_STEP: Final = (is_step_count(1),)


def has_tool_call(*tools: str | AnyTool) -> StopCondition:
    """Stop when the last step called one of these tools."""
    names = {each if isinstance(each, str) else name_of(each) for each in tools}
    return lambda steps: any(call.tool_name in names for call in steps[-1].tool_calls)


def is_loop_finished() -> StopCondition:
    """Never stop by itself: go on until the model calls no tool any more."""
    return lambda steps: False


def to_conditions(given: StopWhen) -> tuple[StopCondition, ...]:
    """A list of conditions; one step when nothing was said.

    Raises:
        InvalidArgumentError: something is no condition.
    """
    if given is None:
        return _ONE_STEP
    found: Sequence[StopCondition] = given if isinstance(given, (list, tuple)) else (given,)
    for each in found:
        if not callable(each):
            raise InvalidArgumentError(
                f"stop_when takes conditions such as is_step_count(5), got {each!r:.80}."
            )
    return tuple(found)


async def is_met(conditions: Sequence[StopCondition], steps: Sequence[StepResult]) -> bool:
    """Whether any of them says stop."""
    for condition in conditions:
        says = condition(steps)
        if await says if inspect.isawaitable(says) else says:
            return True
    return False
