"""Who is told what, while an answer is made.

Owns: the events of `packages/ai/src/generate-text/*-events.ts` (AI SDK v7) and how they are told: awaited, those of one event
at the same time, their exceptions logged and swallowed (`util/notify.ts`). Refuses to know: when things happen.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypedDict, TypeVar

from flightwire.core.results import Answer, StepContent, StepResult
from flightwire.core.timeouts import Timeout
from flightwire.core.tool_sets import ToolName, ToolSet
from flightwire.errors import InvalidArgumentError
from flightwire.events import (
    FinishReason,
    Performance,
    ProviderMetadata,
    StreamPart,
    ToolCall,
    ToolError,
    ToolResult,
    Usage,
)
from flightwire.messages import ModelMessage, ProviderOptions, SystemMessage
from flightwire.providers.base import ModelCall, ToolChoice

log = logging.getLogger("flightwire.core")

E = TypeVar("E")
Callback: TypeAlias = Callable[[E], object]
"""A function, plain or async, that is told of an event; what it returns is not looked at."""
Callbacks: TypeAlias = Callback[E] | Sequence[Callback[E]] | None


@dataclass(slots=True)
class StartEvent:
    """An answer begins.

    Attributes:
        call_id: the same in all events of an answer.
        provider, model_id: of the model that was asked for.
        instructions, messages: what it was asked.
        tools, tool_choice, active_tools, tool_order: what it may call.
        settings: all call settings, `max_retries` and `headers` included.
        timeout: the time limits.
        tools_context, runtime_context: as they were given.
        output: what was asked for with `output=`.
    """

    call_id: str
    provider: str
    model_id: str
    instructions: Sequence[SystemMessage]
    messages: Sequence[ModelMessage]
    tools: ToolSet
    tool_choice: ToolChoice
    active_tools: Sequence[ToolName] | None
    tool_order: Sequence[ToolName] | None
    settings: ModelCall
    timeout: Timeout
    tools_context: Mapping[str, Any]
    runtime_context: Any
    output: object = None


@dataclass(slots=True)
class StepStartEvent:
    """A step begins.

    Attributes:
        call_id: of the answer.
        provider, model_id: of the model that is asked.
        step_number: counted from 0.
        instructions, messages: what it is asked.
        tools, tool_choice, active_tools, tool_order: what it may call.
        steps: those before this one.
        provider_options: for the provider.
        tools_context, runtime_context: as they are now.
        output: what was asked for with `output=`.
    """

    call_id: str
    provider: str
    model_id: str
    step_number: int
    instructions: Sequence[SystemMessage]
    messages: Sequence[ModelMessage]
    tools: ToolSet
    tool_choice: ToolChoice
    active_tools: Sequence[ToolName] | None
    tool_order: Sequence[ToolName] | None
    steps: Sequence[StepResult]
    provider_options: ProviderOptions | None
    tools_context: Mapping[str, Any]
    runtime_context: Any
    output: object = None


@dataclass(slots=True)
class StepErrorEvent:
    """A step that had begun failed before there was anything of it."""

    step: StepStartEvent
    error: BaseException


@dataclass(slots=True)
class ModelCallStartEvent:
    """A model is about to be called; `call` is what it is sent."""

    call_id: str
    provider: str
    model_id: str
    call: ModelCall


@dataclass(slots=True)
class ModelCallEndEvent:
    """A model has said its last word; its tools have not run yet."""

    call_id: str
    provider: str
    model_id: str
    finish_reason: FinishReason
    usage: Usage
    content: Sequence[StepContent]
    response_id: str | None
    provider_metadata: ProviderMetadata | None
    performance: Performance


@dataclass(slots=True)
class ToolExecutionStartEvent:
    """A tool is about to run."""

    call_id: str
    tool_call: ToolCall
    messages: Sequence[ModelMessage]
    tool_context: Any


@dataclass(slots=True)
class ToolExecutionEndEvent:
    """A tool has run, or failed."""

    call_id: str
    tool_call: ToolCall
    messages: Sequence[ModelMessage]
    tool_context: Any
    tool_output: ToolResult | ToolError
    tool_execution_s: float


class EndEvent(Answer):
    """An answer is complete: everything a result has."""

    __slots__ = ("call_id", "output")

    def __init__(self, steps: Sequence[StepResult], preamble: Sequence[ModelMessage], call_id: str) -> None:
        super().__init__(steps, preamble)
        self.call_id = call_id
        self.output: Any = None

    @property
    def step_number(self) -> int:
        """Of the last step."""
        return self.final_step.step_number

    @property
    def model(self) -> Any:
        """Of the last step."""
        return self.final_step.model

    @property
    def tools_context(self) -> Mapping[str, Any] | None:
        """Of the last step."""
        return self.final_step.tools_context

    @property
    def runtime_context(self) -> Any:
        """Of the last step."""
        return self.final_step.runtime_context


@dataclass(slots=True)
class ChunkEvent:
    """A part, right after readers got it."""

    chunk: StreamPart


@dataclass(slots=True)
class ErrorEvent:
    """An answer failed; `steps` are those before, and the one that broke off as far as it came."""

    error: BaseException
    steps: Sequence[StepResult]


@dataclass(slots=True)
class AbortEvent:
    """An answer was stopped.

    Attributes:
        call_id: of the answer.
        steps: those that are complete.
        reason: what `abort` was given, or the GenerationTimeoutError.
        partial: the step that was stopped, as far as it came; None between steps.
    """

    call_id: str
    steps: Sequence[StepResult]
    reason: object
    partial: StepResult | None = None


class AnswerCallbacks(TypedDict, total=False):
    """The callbacks of `generate_text` and `stream_text`; each is a function, plain or async, or a list of them.

    `on_finish` and `on_step_finish` are the older names of `on_end` and `on_step_end`.
    """

    on_start: Callbacks[StartEvent]
    on_step_start: Callbacks[StepStartEvent]
    on_language_model_call_start: Callbacks[ModelCallStartEvent]
    on_language_model_call_end: Callbacks[ModelCallEndEvent]
    on_tool_execution_start: Callbacks[ToolExecutionStartEvent]
    on_tool_execution_end: Callbacks[ToolExecutionEndEvent]
    on_step_end: Callbacks[StepResult]
    on_step_finish: Callbacks[StepResult]
    on_step_error: Callbacks[StepErrorEvent]
    on_end: Callbacks[EndEvent]
    on_finish: Callbacks[EndEvent]


class StreamCallbacks(AnswerCallbacks, total=False):
    """Those that only `stream_text` has."""

    on_chunk: Callbacks[ChunkEvent]
    on_error: Callbacks[ErrorEvent]
    on_abort: Callbacks[AbortEvent]


class Notifier:
    """Tells an answer's callbacks what happens.

    Arguments:
        given: the callbacks by their names.

    Raises:
        InvalidArgumentError: one that cannot be called.
    """

    __slots__ = ("_by_name",)

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._by_name = {
            _modern(name): _listed(name, each) for name, each in given.items() if each is not None
        }

    def has(self, name: str) -> bool:
        """Whether anybody wants to know."""
        return name in self._by_name

    async def tell(self, name: str, event: object) -> None:
        """Call everybody who wants to know, and wait for all of them."""
        callbacks = self._by_name.get(name)
        if not callbacks:
            return
        if len(callbacks) == 1:
            await _call(name, callbacks[0], event)
        else:
            await asyncio.gather(*(_call(name, each, event) for each in callbacks))


def _modern(name: str) -> str:
    return {"on_finish": "on_end", "on_step_finish": "on_step_end"}.get(name, name)


def _listed(name: str, given: Any) -> tuple[Callback[Any], ...]:
    listed = (given,) if callable(given) or not isinstance(given, Sequence) else tuple(given)
    if wrong := [each for each in listed if not callable(each)]:
        raise InvalidArgumentError(f"{name} is a function, or a list of them; got {wrong[0]!r:.80}.")
    return listed


async def _call(name: str, callback: Callback[Any], event: object) -> None:
    try:
        result = callback(event)
        if inspect.isawaitable(result):
            await result
    except (Exception, SystemExit):  # asyncio would end the whole server
        log.exception("%s raised; the answer goes on", name)
