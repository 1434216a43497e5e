"""What lives across the steps of an answer: messages, contexts, and whether there is another step.

Owns: `Loop` and `StepPlan`, the rules of carrying forward, continuing and stopping (AI SDK v7,
`packages/ai/src/generate-text/stream-text.ts`, `streamStep`). Refuses to know: streams, tasks, running tools.
"""

from __future__ import annotations

import dataclasses
import inspect
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from flightwire.core.callbacks import StepStartEvent
from flightwire.core.conversion import to_prompt
from flightwire.core.downloading import with_files
from flightwire.core.models import resolve_model
from flightwire.core.prepare_step import PreparedStep, PrepareStepOptions
from flightwire.core.prompt import check_roles, to_instructions
from flightwire.core.results import Answer, StepResult
from flightwire.core.settings import ModelSettings, Request, check_model_settings
from flightwire.core.stop import is_met
from flightwire.core.tool_sets import ToolName, ToolSet, active, to_specs, to_tool_choice
from flightwire.errors import InvalidArgumentError
from flightwire.events import FinishReason, ToolApprovalAnswered, ToolCall, ToolError, ToolResult
from flightwire.messages import ModelMessage, ProviderOptions, SystemMessage, to_messages
from flightwire.providers.base import LanguageModel, ModelCall, ProviderToolSpec, ResponseFormat, ToolChoice

_MODEL_SETTINGS: Final = tuple(ModelSettings.__annotations__)
_PREPARED: Final = frozenset(PreparedStep.__annotations__)


@dataclass(slots=True)
class StepPlan:
    """One model call in the making.

    Attributes:
        number: of the step, counted from 0.
        model: who is asked.
        instructions, messages: what it is asked, before conversion.
        tools: the tools that it may call.
        tool_choice: whether it must.
        call: what it is sent.
        active_tools, tool_order: which of the tools, and in which order.
    """

    number: int
    model: LanguageModel
    instructions: Sequence[SystemMessage]
    messages: tuple[ModelMessage, ...]
    tools: ToolSet
    tool_choice: ToolChoice
    call: ModelCall
    active_tools: Sequence[ToolName] | None
    tool_order: Sequence[ToolName] | None


@dataclass(slots=True)
class StepTally:
    """What a step comes to for the question whether there is another."""

    finish_reason: FinishReason
    calls: Sequence[ToolCall] = ()
    outputs: Sequence[ToolResult | ToolError] = ()
    answers: Sequence[ToolApprovalAnswered] = ()


_NONE: Final[frozenset[str]] = frozenset()
_TEXT: Final = ResponseFormat()


class Loop:
    """The state of an answer between its steps.

    Arguments:
        model: who is asked.
        request: what for.
        output: gives the response format; None for text.

    Attributes:
        call_id: the same in everything that is told about the answer.
        steps: those that are complete, and one that failed as far as it came.
        preamble: messages of tools that ran before the first step.
        tools_context, runtime_context: as they are now.
    """

    __slots__ = (
        "_deferred",
        "_instructions",
        "_messages",
        "_response_format",
        "call_id",
        "model",
        "preamble",
        "request",
        "runtime_context",
        "steps",
        "tools_context",
    )

    def __init__(
        self, model: LanguageModel, request: Request, *, response_format: ResponseFormat | None
    ) -> None:
        self.call_id = f"call-{secrets.token_hex(12)}"
        self.model = model
        self.request = request
        self.steps: list[StepResult] = []
        self.preamble: tuple[ModelMessage, ...] = ()
        self.tools_context: Mapping[str, Any] = request.tools_context
        self.runtime_context: Any = request.runtime_context
        self._response_format = response_format
        self._instructions: Sequence[SystemMessage] = request.instructions
        self._messages: tuple[ModelMessage, ...] = request.messages
        self._deferred: frozenset[str] = _NONE  # calls of providers' tools whose results come later

    def add_preamble(self, messages: Sequence[ModelMessage]) -> None:
        """What approved tools said before the first step."""
        self.preamble = tuple(messages)
        self._messages = (*self._messages, *messages)

    # --- before a step -------------------------------------------------------------------------------------------

    async def plan(self) -> StepPlan:
        """What the next step is.

        Raises:
            InvalidPromptError: messages that no model could answer.
            InvalidArgumentError: `prepare_step` gave something that cannot work.
            DownloadError: a file in the messages cannot be fetched.
        """
        request = self.request
        model, names, order = self.model, request.active_tools, request.tool_order
        choice, options = request.tool_choice, request.call.provider_options
        settings: Mapping[str, Any] = {}
        if request.prepare_step is not None:
            prepared = await self._prepared(request.prepare_step)
            model = resolve_model(prepared["model"]) if prepared.get("model") is not None else model
            self._carry(prepared)
            names = _either(prepared.get("active_tools"), names)
            order = _either(prepared.get("tool_order"), order)
            choice = to_tool_choice(_either(prepared.get("tool_choice"), choice), request.tools)
            options = _merged(options, prepared.get("provider_options"))
            settings = _model_settings(prepared)
        messages, instructions = self._messages, self._instructions
        tools = active(request.tools, names)
        call = request.call.with_prompt(
            await with_files(to_prompt(instructions, messages), model, request.download),
            tools=to_specs(tools, order, self.tools_context),
            tool_choice=choice,
            provider_options=options,
            response_format=self._response_format or _TEXT,
        )
        if settings:
            call = dataclasses.replace(call, **settings)
        return StepPlan(len(self.steps), model, instructions, messages, tools, choice, call, names, order)

    def start_event(self, plan: StepPlan) -> StepStartEvent:
        """What callbacks are told of the step that was planned last."""
        return StepStartEvent(
            call_id=self.call_id,
            provider=plan.model.provider,
            model_id=plan.model.model_id,
            step_number=plan.number,
            instructions=plan.instructions,
            messages=plan.messages,
            tools=self.request.tools,
            tool_choice=plan.tool_choice,
            active_tools=plan.active_tools,
            tool_order=plan.tool_order,
            steps=tuple(self.steps),
            provider_options=plan.call.provider_options,
            tools_context=self.tools_context,
            runtime_context=self.runtime_context,
        )

    async def _prepared(self, prepare: Callable[[PrepareStepOptions], Any]) -> Mapping[str, Any]:
        said = prepare(
            PrepareStepOptions(
                model=self.model,
                steps=tuple(self.steps),
                step_number=len(self.steps),
                instructions=self._instructions,
                initial_instructions=self.request.instructions,
                messages=self._messages,
                initial_messages=self.request.messages,
                response_messages=Answer(self.steps, self.preamble).response_messages,
                tools_context=self.tools_context,
                runtime_context=self.runtime_context,
            )
        )
        prepared = await said if inspect.isawaitable(said) else said
        if prepared is None:
            return {}
        if not isinstance(prepared, Mapping) or (prepared.keys() - _PREPARED):
            got = min(prepared.keys() - _PREPARED) if isinstance(prepared, Mapping) else prepared
            raise InvalidArgumentError(
                f"prepare_step gives a dict of {', '.join(sorted(_PREPARED))}, or None; got {got!r:.80}."
            )
        return prepared

    def _carry(self, prepared: Mapping[str, Any]) -> None:
        """What is prepared for this step and those that follow."""
        instructions = _either(prepared.get("instructions"), prepared.get("system"))
        if instructions is not None:
            self._instructions = to_instructions(instructions)
        if prepared.get("messages") is not None:
            self._messages = tuple(to_messages(prepared["messages"]))
            check_roles(self._messages, allow_system=self.request.allow_system_in_messages)
        if prepared.get("tools_context") is not None:
            self.tools_context = prepared["tools_context"]
        if prepared.get("runtime_context") is not None:
            self.runtime_context = prepared["runtime_context"]

    # --- after a step --------------------------------------------------------------------------------------------

    def end_step(self, step: StepResult) -> None:
        """A step is complete."""
        self.steps.append(step)
        self._messages = (*self._messages, *step.response.messages)

    async def goes_on(self, plan: StepPlan, tally: StepTally) -> bool:
        """Whether there is another step: every call of ours was answered or denied, and something is to be told the model."""
        self._keep_deferred(plan, tally)
        if tally.finish_reason in ("interrupted", "error"):
            return False
        calls = [call for call in tally.calls if not call.provider_executed]
        outputs = [output for output in tally.outputs if not output.provider_executed]
        denials = [answer for answer in tally.answers if not answer.approved]
        if len(calls) != len(outputs) + len(denials):
            return False
        if not calls and not self._deferred:
            return False
        return not await is_met(self.request.stop_when, self.steps)

    def _keep_deferred(self, plan: StepPlan, tally: StepTally) -> None:
        answered = {output.tool_call_id for output in tally.outputs}
        for call in tally.calls:
            tool = plan.tools.get(call.tool_name)
            if (
                call.provider_executed
                and isinstance(tool, ProviderToolSpec)
                and tool.supports_deferred_results
            ):
                self._deferred |= {call.tool_call_id}
        if self._deferred:
            self._deferred -= answered


def _either(given: Any, otherwise: Any) -> Any:
    return otherwise if given is None else given


def _model_settings(prepared: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: prepared[name] for name in _MODEL_SETTINGS if prepared.get(name) is not None}
    check_model_settings(given)
    if "stop_sequences" in given:
        given["stop_sequences"] = tuple(given["stop_sequences"])
    return given


def _merged(outer: ProviderOptions | None, inner: ProviderOptions | None) -> ProviderOptions | None:
    """Deeply: what the step says wins."""
    if outer is None or inner is None:
        return inner if outer is None else outer
    return _deep(outer, inner)


def _deep(outer: Mapping[str, Any], inner: Mapping[str, Any]) -> dict[str, Any]:
    both = dict(outer)
    for name, each in inner.items():
        known = both.get(name)
        both[name] = _deep(known, each) if isinstance(known, Mapping) and isinstance(each, Mapping) else each
    return both
