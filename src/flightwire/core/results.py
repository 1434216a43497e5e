"""What finished model calls leave behind.

Owns: `StepResult`, and `Answer`: what several steps come to. Refuses to know: streams, models.
Follows `packages/ai/src/generate-text/step-result.ts` and `generate-text-result.ts` (AI SDK v7).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from flightwire._frozen import value
from flightwire.events import (
    NO_PERFORMANCE,
    CallWarning,
    Custom,
    File,
    FinishReason,
    Performance,
    ProviderMetadata,
    ReasoningFile,
    RequestMetadata,
    ResponseMetadata,
    Source,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolCall,
    ToolError,
    ToolResult,
    Usage,
)
from flightwire.messages import ModelMessage
from flightwire.providers.base import Reasoning, Text

StepContent: TypeAlias = (
    Text
    | Reasoning
    | ToolCall
    | ToolResult
    | ToolError
    | ToolApprovalRequested
    | ToolApprovalAnswered
    | Source
    | File
    | ReasoningFile
    | Custom
)
_C = TypeVar("_C")


@value
class ModelInfo:
    """Which model answered."""

    provider: str
    model_id: str


@value
class StepResult:
    """One model call and what came of it.

    Attributes:
        step_number: counted from 0.
        model: which model answered.
        content: everything the model produced, and what tools answered, in order.
        finish_reason: why it ended.
        usage: the tokens of the call.
        raw_finish_reason: why it ended, in the provider's word.
        warnings: what the provider could not honour.
        request: what was sent, as far as `include` asked for it.
        response: what the provider said about its answer; `messages` is the answer as messages.
        provider_metadata: what only this provider says.
        call_id: the same for all steps of an answer.
        performance: how fast it was.
        tools_context, runtime_context: as they were in this step.
    """

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
    call_id: str = ""
    performance: Performance = NO_PERFORMANCE
    tools_context: Mapping[str, Any] | None = None
    runtime_context: Any = None

    @property
    def text(self) -> str:
        """All text of the step."""
        return "".join(part.text for part in self.content if isinstance(part, Text))

    @property
    def reasoning(self) -> tuple[Reasoning | ReasoningFile, ...]:
        """The pieces of reasoning."""
        return tuple(part for part in self.content if isinstance(part, (Reasoning, ReasoningFile)))

    @property
    def reasoning_text(self) -> str | None:
        """The reasoning as text, or None when there was none."""
        return "".join(part.text for part in self._of(Reasoning)) or None

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
    def static_tool_calls(self) -> tuple[ToolCall, ...]:
        """Calls of tools whose inputs were known beforehand."""
        return tuple(call for call in self.tool_calls if not call.dynamic)

    @property
    def dynamic_tool_calls(self) -> tuple[ToolCall, ...]:
        """Calls of dynamic tools, and invalid calls."""
        return tuple(call for call in self.tool_calls if call.dynamic)

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """What tools answered."""
        return self._of(ToolResult)

    @property
    def static_tool_results(self) -> tuple[ToolResult, ...]:
        """What tools answered whose inputs were known beforehand."""
        return tuple(result for result in self.tool_results if not result.dynamic)

    @property
    def dynamic_tool_results(self) -> tuple[ToolResult, ...]:
        """What dynamic tools answered."""
        return tuple(result for result in self.tool_results if result.dynamic)

    @property
    def tool_errors(self) -> tuple[ToolError, ...]:
        """Calls that failed."""
        return self._of(ToolError)

    @property
    def tool_approval_requests(self) -> tuple[ToolApprovalRequested, ...]:
        """Calls that wait for approval, or that a rule has answered."""
        return self._of(ToolApprovalRequested)

    @property
    def response_messages(self) -> tuple[ModelMessage, ...]:
        """The step as messages, to be appended to a history."""
        return tuple(self.response.messages)

    def _of(self, kind: type[_C]) -> tuple[_C, ...]:
        return tuple(part for part in self.content if isinstance(part, kind))


@value
class Answer:
    """What the steps of an answer come to: text, reasons and metadata are the last step's, lists and sums all steps'.

    Attributes:
        steps: at least one.
        preamble: messages of tools that ran before the first step, because they were approved.
    """

    steps: Sequence[StepResult]
    preamble: Sequence[ModelMessage] = ()

    @property
    def final_step(self) -> StepResult:
        """The last step."""
        return self.steps[-1]

    @property
    def text(self) -> str:
        """The text of the last step."""
        return self.final_step.text

    @property
    def content(self) -> tuple[StepContent, ...]:
        """Everything the model produced and tools answered, of all steps."""
        return self._all(lambda step: step.content)

    @property
    def reasoning(self) -> tuple[Reasoning | ReasoningFile, ...]:
        """The reasoning of the last step."""
        return self.final_step.reasoning

    @property
    def reasoning_text(self) -> str | None:
        """The reasoning of the last step as text."""
        return self.final_step.reasoning_text

    @property
    def files(self) -> tuple[File, ...]:
        """The files the model made, in any step."""
        return self._all(lambda step: step.files)

    @property
    def sources(self) -> tuple[Source, ...]:
        """What the answer is based on, in any step."""
        return self._all(lambda step: step.sources)

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools the model called, in any step."""
        return self._all(lambda step: step.tool_calls)

    @property
    def static_tool_calls(self) -> tuple[ToolCall, ...]:
        """Calls of tools whose inputs were known beforehand, in any step."""
        return self._all(lambda step: step.static_tool_calls)

    @property
    def dynamic_tool_calls(self) -> tuple[ToolCall, ...]:
        """Calls of dynamic tools and invalid calls, in any step."""
        return self._all(lambda step: step.dynamic_tool_calls)

    @property
    def tool_results(self) -> tuple[ToolResult, ...]:
        """What tools answered, in any step."""
        return self._all(lambda step: step.tool_results)

    @property
    def static_tool_results(self) -> tuple[ToolResult, ...]:
        """What tools answered whose inputs were known beforehand, in any step."""
        return self._all(lambda step: step.static_tool_results)

    @property
    def dynamic_tool_results(self) -> tuple[ToolResult, ...]:
        """What dynamic tools answered, in any step."""
        return self._all(lambda step: step.dynamic_tool_results)

    @property
    def finish_reason(self) -> FinishReason:
        """Why the last step ended."""
        return self.final_step.finish_reason

    @property
    def raw_finish_reason(self) -> str | None:
        """Why the last step ended, in the provider's word."""
        return self.final_step.raw_finish_reason

    @property
    def usage(self) -> Usage:
        """The tokens of all steps."""
        return total_usage(self.steps)

    @property
    def total_usage(self) -> Usage:
        """The older name of `usage`."""
        return self.usage

    @property
    def warnings(self) -> tuple[CallWarning, ...]:
        """What the provider could not honour, in any step."""
        return self._all(lambda step: step.warnings)

    @property
    def request(self) -> RequestMetadata:
        """What was sent in the last step."""
        return self.final_step.request

    @property
    def response(self) -> ResponseMetadata:
        """What the provider said about its last answer."""
        return self.final_step.response

    @property
    def response_messages(self) -> tuple[ModelMessage, ...]:
        """The answer as messages, to be appended to a history: of the model and of tools."""
        return (*self.preamble, *self._all(lambda step: step.response.messages))

    @property
    def provider_metadata(self) -> ProviderMetadata | None:
        """What only this provider says."""
        return self.final_step.provider_metadata

    def _all(self, of: Callable[[StepResult], Sequence[_C]]) -> tuple[_C, ...]:
        return tuple(part for step in self.steps for part in of(step))


def total_usage(steps: Sequence[StepResult]) -> Usage:
    """The sum over steps; what no step reported stays None."""
    total = steps[0].usage
    for step in steps[1:]:
        total += step.usage
    return total
