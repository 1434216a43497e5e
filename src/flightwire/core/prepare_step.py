"""What may be changed before each step.

Owns: the types of `packages/ai/src/generate-text/prepare-step.ts` (AI SDK v7). Refuses to know: the loop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypedDict

from flightwire.core.models import ModelLike
from flightwire.core.prompt import Instructions
from flightwire.core.results import StepResult
from flightwire.core.tool_sets import ToolChoiceLike, ToolName
from flightwire.messages import MessageLike, ModelMessage, ProviderOptions, SystemMessage
from flightwire.providers.base import LanguageModel, ReasoningEffort


@dataclass(slots=True)
class PrepareStepOptions:
    """What `prepare_step` is told.

    Attributes:
        model: the model of the call.
        steps: the steps so far.
        step_number: of the step to come, counted from 0.
        instructions, messages: what the model would be sent.
        initial_instructions, initial_messages: what the call was given.
        response_messages: what model and tools have said so far.
        tools_context, runtime_context: as they are now.
    """

    model: LanguageModel
    steps: Sequence[StepResult]
    step_number: int
    instructions: Sequence[SystemMessage]
    initial_instructions: Sequence[SystemMessage]
    messages: Sequence[ModelMessage]
    initial_messages: Sequence[ModelMessage]
    response_messages: Sequence[ModelMessage]
    tools_context: Mapping[str, Any]
    runtime_context: Any


class PreparedStep(TypedDict, total=False):
    """What `prepare_step` may change; what it does not name, or names as None, stays.

    `instructions`, `messages`, `tools_context` and `runtime_context` hold for the steps that follow too, the rest for this
    step alone. `provider_options` are merged into those of the call.
    """

    model: ModelLike
    instructions: Instructions
    system: Instructions
    messages: Iterable[MessageLike]
    tool_choice: ToolChoiceLike
    active_tools: Sequence[ToolName]
    tool_order: Sequence[ToolName]
    tools_context: Mapping[str, Any]
    runtime_context: Any
    provider_options: ProviderOptions
    max_output_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    stop_sequences: Sequence[str] | None
    seed: int | None
    reasoning: ReasoningEffort


PrepareStep: TypeAlias = Callable[[PrepareStepOptions], PreparedStep | Awaitable[PreparedStep | None] | None]
