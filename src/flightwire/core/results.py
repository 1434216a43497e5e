"""What a finished model call leaves behind.

Owns: `StepResult` and how results of several steps are put together. Refuses to know: streams, models.
Follows `packages/ai/src/generate-text/step-result.ts` (AI SDK v7).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias, TypeVar

from flightwire._frozen import value
from flightwire.events import (
    CallWarning,
    File,
    FinishReason,
    ProviderMetadata,
    RequestMetadata,
    ResponseMetadata,
    Source,
    ToolCall,
    ToolError,
    ToolResult,
    Usage,
)
from flightwire.messages import AssistantContentPart, AssistantMessage, ModelMessage, ReasoningPart, TextPart
from flightwire.providers.base import ContentBlock, Reasoning, Text

StepContent: TypeAlias = ContentBlock | ToolError
_C = TypeVar("_C")


@value
class ModelInfo:
    """Which model answered."""

    provider: str
    model_id: str


@value
class StepResult:
    """One model call and what came of it."""

    step_number: int
    model: ModelInfo
    content: Sequence[StepContent]
    finish_reason: FinishReason
    usage: Usage
    raw_finish_reason: str | None = None
    warnings: Sequence[CallWarning] = ()
    request: RequestMetadata = RequestMetadata()
    response: ResponseMetadata = ResponseMetadata()
    provider_metadata: ProviderMetadata | None = None

    @property
    def text(self) -> str:
        """All text of the step."""
        return "".join(part.text for part in self.content if isinstance(part, Text))

    @property
    def reasoning(self) -> tuple[Reasoning, ...]:
        """The pieces of reasoning."""
        return self._of(Reasoning)

    @property
    def reasoning_text(self) -> str | None:
        """The reasoning as text, or None when there was none."""
        return "".join(part.text for part in self.reasoning) or None

    @property
    def files(self) -> tuple[File, ...]:
        """The files the model made."""
        return self._of(File)

    @property
    def sources(self) -> tuple[Source, ...]:
        """What the answer is based on."""
        return self._of(Source)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools the model called."""
        return self._of(ToolCall)

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """What tools answered."""
        return self._of(ToolResult)

    def _of(self, kind: type[_C]) -> tuple[_C, ...]:
        return tuple(part for part in self.content if isinstance(part, kind))

    @property
    def response_messages(self) -> tuple[ModelMessage, ...]:
        """The step as messages, to be appended to a history."""
        parts: list[AssistantContentPart] = []
        for part in self.content:
            if isinstance(part, Text) and part.text:
                parts.append(TextPart(part.text, part.provider_metadata))
            elif isinstance(part, Reasoning):
                parts.append(ReasoningPart(part.text, part.provider_metadata))
        return (AssistantMessage(tuple(parts)),) if parts else ()


def total_usage(steps: Sequence[StepResult]) -> Usage:
    """The sum over steps; what no step reported stays None."""
    total = steps[0].usage
    for step in steps[1:]:
        total += step.usage
    return total
