"""One step in the making, and what it comes to.

Owns: its clocks, its content, its result. Refuses to know: tasks, readers, whether there is another step.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TypeAlias

from flightwire.core.abort import AbortSignal
from flightwire.core.callbacks import ModelCallEndEvent
from flightwire.core.collect import StepCollector
from flightwire.core.loop import Loop, StepPlan, StepTally
from flightwire.core.performance import measured
from flightwire.core.response_messages import to_response_messages
from flightwire.core.results import ModelInfo, StepContent, StepResult
from flightwire.core.step_tools import StepTools, ToolRunner
from flightwire.errors import NoOutputGeneratedError, ToolChoiceViolationError
from flightwire.events import FinishStep, Performance, ProviderFinish, ResponseMetadata, Usage

Content: TypeAlias = tuple[StepContent, ...]


class Step:
    """One step in the making.

    Arguments:
        loop: the answer it belongs to.
        plan: what it is.
        collector: takes what the model says.
        signal: fires when the answer is stopped.
        said: gives what the model has said.
        shown: gives what readers see of it; the same, unless transforms stand between.
        is_whole: whether the model answers at once.

    Attributes:
        finish: the end of the step as readers see it, when transforms stand between.
    """

    __slots__ = (
        "_began_at",
        "_began_at_s",
        "_called_at",
        "_is_whole",
        "_loop",
        "_made_id",
        "_response_time_s",
        "_said",
        "_shown",
        "_signal",
        "_tools",
        "collector",
        "finish",
        "plan",
    )

    def __init__(
        self,
        loop: Loop,
        plan: StepPlan,
        collector: StepCollector,
        *,
        signal: AbortSignal,
        said: Callable[[], Content],
        shown: Callable[[], Content],
        is_whole: bool,
    ) -> None:
        self.plan = plan
        self.collector = collector
        self.finish: FinishStep | None = None
        self._loop = loop
        self._tools: StepTools | None = None
        self._signal = signal
        self._said = said
        self._shown = shown
        self._is_whole = is_whole
        self._began_at = self._called_at = time.monotonic()
        self._began_at_s = time.time()
        self._response_time_s = 0.0
        self._made_id: str | None = None

    @property
    def tools(self) -> StepTools:
        """Does what the model says about tools; made when it first says something."""
        if self._tools is None:
            plan = self.plan
            runner = ToolRunner(self._loop, plan.tools, plan.messages, self._signal)
            self._tools = StepTools(plan, self._loop, runner, in_order=self._is_whole)
        return self._tools

    @property
    def has_tools(self) -> bool:
        """Whether it has said something about them."""
        return self._tools is not None

    def model_is_called(self) -> None:
        """The model's time begins."""
        self._called_at = time.monotonic()

    def model_has_ended(self) -> ProviderFinish:
        """The model's time is over; gives its last word.

        Raises:
            NoOutputGeneratedError: there is none: it broke off.
        """
        self._response_time_s = time.monotonic() - self._called_at
        finish = self.collector.finish
        if finish is not None:
            return finish
        if self.collector.has_output:
            raise NoOutputGeneratedError("The model's stream broke off: it ended without its end mark.")
        raise NoOutputGeneratedError("The model's stream ended without an answer.")

    def check_choice(self, finish: ProviderFinish) -> None:
        """See whether the model did as it was told.

        Raises:
            ToolChoiceViolationError: it did not do what `tool_choice` demands.
        """
        choice, reason = self.plan.tool_choice, finish.finish_reason
        names = [call.tool_name for call in self.tools.calls] if self.has_tools else []
        problem = None
        if choice.type == "none" and names:
            problem = f"The model called '{names[0]}', though tool_choice is 'none'."
        elif choice.type == "required" and not names and reason != "interrupted":
            problem = f"The model did not call a tool, which tool_choice demands (finish reason '{reason}')."
        elif choice.type == "tool" and choice.tool_name not in names and reason != "interrupted":
            problem = f"The model did not call '{choice.tool_name}', which tool_choice demands (finish reason '{reason}')."
        if problem is not None:
            raise ToolChoiceViolationError(problem, finish_reason=reason)

    # --- what it comes to ----------------------------------------------------------------------------------------

    @property
    def response(self) -> ResponseMetadata:
        """What the provider said about its answer; what it did not say is made up, as in the AI SDK."""
        said = self.collector.response
        if not said.id and self._made_id is None:
            self._made_id = f"aitxt-{secrets.token_hex(12)}"
        return ResponseMetadata(
            said.id or self._made_id,
            said.model_id or self.plan.model.model_id,
            self._began_at_s if said.timestamp_s is None else said.timestamp_s,
            said.headers,
            said.messages,
            said.body,
        )

    def model_call_end(self, finish: ProviderFinish) -> ModelCallEndEvent:
        """What callbacks are told when the model has ended."""
        response = self.response
        return ModelCallEndEvent(
            self._loop.call_id,
            self.plan.model.provider,
            response.model_id or self.plan.model.model_id,
            finish.finish_reason,
            finish.usage,
            self._said(),
            response.id,
            finish.provider_metadata,
            self._performance(finish.usage),
        )

    def finish_part(self, finish: ProviderFinish) -> FinishStep:
        """What readers are told of its end."""
        return FinishStep(
            finish.finish_reason,
            finish.usage,
            self.response,
            finish.raw_finish_reason,
            finish.provider_metadata,
            self._performance(finish.usage),
        )

    def failed_part(self) -> FinishStep:
        """The same of a step that failed."""
        said = self.collector.finish or ProviderFinish("error", Usage())
        return self.finish_part(replace(said, finish_reason="error"))

    def stopped_part(self) -> FinishStep:
        """The same of a step that was stopped."""
        return self.finish_part(ProviderFinish("other", Usage()))

    def tally(self, finish: ProviderFinish) -> StepTally:
        """What it comes to for the question whether there is another."""
        if not self.has_tools:
            return StepTally(finish.finish_reason)
        return StepTally(finish.finish_reason, self.tools.calls, self.tools.outputs, self.tools.answers)

    async def result(self, finish: FinishStep) -> StepResult:
        """Everything, with its messages."""
        content = self._shown()
        messages = await to_response_messages(content, self._loop.request.tools)
        said = finish.response
        response = ResponseMetadata(
            said.id, said.model_id, said.timestamp_s, said.headers, messages, said.body
        )
        return self._result(finish, response, content)

    def so_far(self, finish: FinishStep) -> StepResult:
        """Everything until now, without messages."""
        return self._result(finish, finish.response, self._shown())

    def _result(self, finish: FinishStep, response: ResponseMetadata, content: Content) -> StepResult:
        request = self.collector.start.request
        if "request_messages" in self._loop.request.include:
            request = replace(request, messages=self.plan.messages)
        return StepResult(
            step_number=self.plan.number,
            model=ModelInfo(self.plan.model.provider, self.plan.model.model_id),
            content=content,
            finish_reason=finish.finish_reason,
            usage=finish.usage,
            raw_finish_reason=finish.raw_finish_reason,
            warnings=self.collector.start.warnings,
            request=request,
            response=response,
            provider_metadata=finish.provider_metadata,
            call_id=self._loop.call_id,
            performance=finish.performance,
            tools_context=self._loop.tools_context,
            runtime_context=self._loop.runtime_context,
        )

    def _performance(self, usage: Usage) -> Performance:
        return measured(
            usage,
            response_time_s=self._response_time_s,
            step_time_s=time.monotonic() - self._began_at,
            tool_execution_s=dict(self.tools.seconds) if self.has_tools else {},
            pauses=None if self._is_whole else self.collector.finish_times(),
            called_at=self._called_at,
        )
