"""The task that makes an answer and writes it into the log.

Owns: when the model is called, the order of an answer's parts, how it ends (done, failed, aborted), and stopping it from
any thread. Refuses to know: who reads, and how; what tools do.
Follows `packages/ai/src/generate-text/stream-text.ts` (AI SDK v7); `generate_text` is the same loop over whole answers.
"""

from __future__ import annotations

import asyncio
import secrets
import threading
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from flightwire.core.abort import AbortController
from flightwire.core.approvals import ApprovalPolicy, Decisions, collect_decisions, judge
from flightwire.core.callbacks import (
    AbortEvent,
    ChunkEvent,
    EndEvent,
    ErrorEvent,
    ModelCallEndEvent,
    ModelCallStartEvent,
    StartEvent,
    StepErrorEvent,
)
from flightwire.core.collect import DEFAULT_MAX_OUTPUT_BYTES, PartIds, Recorder, StepCollector
from flightwire.core.log import PartLog
from flightwire.core.loop import Loop, StepPlan, StepTally
from flightwire.core.performance import measured
from flightwire.core.pipe import Pipe
from flightwire.core.response_messages import denied, result_part, to_response_messages
from flightwire.core.results import Answer, ModelInfo, StepResult, total_usage
from flightwire.core.settings import Request
from flightwire.core.step_tools import StepTools, ToolRunner
from flightwire.core.timeouts import StepTimers, Timeout
from flightwire.core.whole import whole_answer
from flightwire.errors import (
    AbortError,
    GenerationTimeoutError,
    NoObjectGeneratedError,
    NoOutputGeneratedError,
    ToolChoiceViolationError,
)
from flightwire.events import (
    Abort,
    Error,
    Finish,
    FinishStep,
    Performance,
    ProviderFinish,
    ProviderPart,
    ResponseMetadata,
    Start,
    StreamPart,
    ToolCall,
    ToolError,
    ToolOutputDenied,
    Usage,
)
from flightwire.messages import ToolMessage, ToolResultPart
from flightwire.providers.base import LanguageModel
from flightwire.scope import current_scope

if TYPE_CHECKING:
    from flightwire.core.output import Output


DRAIN_TIMEOUT_S = 1.0  # how long a transform may take over its last words when an answer fails or is stopped


class Step:
    """One step in the making.

    Attributes:
        recorder: what the model said.
        shown: what readers see of it; the same, unless transforms stand between.
        finish: the end of the step as readers see it, when transforms stand between.
    """

    def __init__(self, plan: StepPlan, collector: StepCollector, recorder: Recorder, shown: Recorder) -> None:
        self.plan = plan
        self.collector = collector
        self.recorder = recorder
        self.shown = shown
        self.finish: FinishStep | None = None
        self.began_at = time.monotonic()
        self.called_at = self.began_at
        self.response_time_s = 0.0
        self.tools: StepTools | None = None
        self._made_id = f"aitxt-{secrets.token_hex(12)}"
        self._began_at_s = time.time()

    @property
    def response(self) -> ResponseMetadata:
        """What the provider said about its answer; what it did not say is made up, as in the AI SDK."""
        said = self.collector.response
        return replace(
            said,
            id=said.id or self._made_id,
            model_id=said.model_id or self.plan.model.model_id,
            timestamp_s=self._began_at_s if said.timestamp_s is None else said.timestamp_s,
        )


class Run:
    """One answer in the making.

    Arguments:
        model: who is asked.
        request: what for.
        output: what the answer must look like; None for text.
        is_whole: ask for whole answers instead of streams.
        max_output_bytes: where to stop a model that does not stop.

    Attributes:
        log: what readers see.
        error: what ended the answer, when it failed.
        aborted: whether it was stopped.
        reason: why.
    """

    def __init__(
        self,
        model: LanguageModel,
        request: Request,
        *,
        output: Output[Any, Any, Any] | None = None,
        is_whole: bool = False,
        max_output_bytes: int = DEFAULT_MAX_OUTPUT_BYTES,
    ) -> None:
        self.log: PartLog[StreamPart] = PartLog()
        self.error: BaseException | None = None
        self.aborted = False
        self.reason: object = None
        self._output = output
        self._loop = Loop(model, request, response_format=None if output is None else output.response_format)
        self._request = request
        self._is_whole = is_whole
        self._max_output_bytes = max_output_bytes
        self._ids = PartIds()
        self._tell = request.callbacks.tell
        self._shows_chunks = request.callbacks.has("on_chunk")
        self._step: Step | None = None
        self._pipe: Pipe | None = None
        self._has_finished = False  # readers have been told of the end
        self._stop = AbortController()
        self._task: asyncio.Task[None] | None = None
        self._has_begun = False
        self._event_loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0
        self._lock = threading.Lock()

    @property
    def steps(self) -> Sequence[StepResult]:
        """The steps that are complete, and one that failed as far as it came."""
        return tuple(self._loop.steps)

    @property
    def answer(self) -> Answer:
        """What the steps come to."""
        return Answer(tuple(self._loop.steps), self._loop.preamble)

    # --- starting and stopping -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Call the model, once; the first reader does this."""
        if self._task is not None or self.log.closed:
            return
        self._event_loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        with self._lock:
            self._task = self._event_loop.create_task(
                self._pull(), name=f"flightwire {self._loop.model.model_id}"
            )
        # A task that is cancelled before its first step never runs a line of its own.
        self._task.add_done_callback(lambda _: self._end_aborted())
        scope = current_scope()
        if scope is not None:
            scope.own(self._task)
        signal = self._request.abort_signal
        if signal is not None:
            self._task.add_done_callback(_ignoring(signal.add_listener(lambda: self.abort(signal.reason))))

    def abort(self, reason: object) -> None:
        """Stop, from any thread; the first reason wins, before the start nothing is ever called."""
        with self._lock:
            if self.aborted or self.log.closed:
                return
            self.aborted = True
            self.reason = reason
        self._stop.abort(reason)
        if (
            not self._has_begun
            or self._task is None
            or self._event_loop is None
            or self._event_loop.is_closed()
        ):
            return  # what has not begun sees for itself
        if threading.get_ident() == self._thread:
            self._task.cancel()
        else:
            self._event_loop.call_soon_threadsafe(self._task.cancel)

    async def wait_stopped(self) -> None:
        """Wait until the task has ended and its connection is closed."""
        if self._task is not None and self._task is not asyncio.current_task():
            await asyncio.wait([self._task])

    async def wait_finished(self) -> None:
        """Wait for the end of the answer.

        Raises:
            BaseException: what ended it; AbortError, or the reason if that is an exception, after an abort.
        """
        self.start()
        await self.log.wait_settled()
        if self.error is not None:
            raise self.error
        if self.aborted:
            raise self.reason if isinstance(self.reason, BaseException) else AbortError(self.reason)

    # --- pulling -------------------------------------------------------------------------------------------------

    async def _pull(self) -> None:
        with self._lock:
            self._has_begun = True
        if self.aborted:
            self.log.extend([Start()])
            await self._aborted()
            return
        total_s = self._request.timeout.total_s
        timer = None
        if total_s is not None:
            timer = asyncio.get_running_loop().call_later(
                total_s, self.abort, GenerationTimeoutError("Total", total_s)
            )
        try:
            if self._request.transforms:
                self._open_pipe()
            await self._answer()
        except asyncio.CancelledError:
            if not self.aborted and self._pipe is not None and self._pipe.stopped:
                await self._end_stopped(self._pipe)
            else:
                stopped_by_us = self.aborted
                await self._aborted()
                if not stopped_by_us:
                    raise
        except Exception as error:
            await (self._aborted() if self.aborted else self._fail(error))
        finally:
            if timer is not None:
                timer.cancel()
            if self._pipe is not None:
                await self._pipe.close()

    async def _answer(self) -> None:
        await self._emit([Start()])
        await self._tell("on_start", self._start_event())
        await self._run_approved()
        while True:
            step, tally = await self._make_step()
            if not await self._loop.goes_on(step.plan, tally):
                break
        last = self._loop.steps[-1]
        await self._emit([Finish(last.finish_reason, total_usage(self._loop.steps), last.raw_finish_reason)])
        if self._pipe is not None:
            await self._pipe.finish()
        await self._end()

    async def _end(self) -> None:
        """Everything is there. Whoever awaits it has it before `on_end` is told, which may await it too."""
        self.log.settle()
        event = EndEvent(self.steps, self._loop.preamble, self._loop.call_id)
        if self._output is not None and not self._is_whole and self._request.callbacks.has("on_end"):
            with suppress(NoObjectGeneratedError):
                event.output = self._output.parse_step(event.final_step)
        await self._tell("on_end", event)
        self.log.close()

    async def _make_step(self) -> tuple[Step, StepTally]:
        loop, timeout = self._loop, self._request.timeout
        timers = StepTimers(
            timeout, abort=self.abort, last_chunk=self._last_chunk, is_paused=lambda: self.log.is_paused
        )
        timers.step_begins()
        try:
            plan = await loop.plan()
            recorder = Recorder()
            collector = StepCollector(
                ids=self._ids,
                recorder=recorder,
                max_output_bytes=self._max_output_bytes,
                include_raw="raw_chunks" in self._request.include,
            )
            step = Step(plan, collector, recorder, recorder if self._pipe is None else Recorder())
            step.tools = StepTools(
                plan,
                loop,
                ToolRunner(loop, plan.tools, plan.messages, self._stop.signal),
                self._stop.signal,
                in_order=self._is_whole,
            )
            await self._tell("on_step_start", plan.event)
            self._step = step
            await self._tell(
                "on_language_model_call_start",
                ModelCallStartEvent(loop.call_id, plan.model.provider, plan.model.model_id, plan.call),
            )
            step.called_at = time.monotonic()
            await self._read_model(step, timers)
            finish = await self._end_model_call(step)
            await step.tools.run(finish.finish_reason, self._emit_and_wait)
            tally = StepTally(finish.finish_reason, step.tools.calls, step.tools.outputs, step.tools.answers)
            await self._end_step(step, finish)
        finally:
            timers.step_ends()
        return step, tally

    async def _read_model(self, step: Step, timers: StepTimers) -> None:
        log, collector, tools = self.log, step.collector, step.tools
        take, is_plain = collector.take, not self._shows_chunks and self._pipe is None
        assert tools is not None
        async with aclosing(self._batches(step.plan)) as batches:
            if not self._is_whole:
                timers.stream_begins()
            async for batch in batches:
                if is_plain:
                    log.extend(take(batch))
                else:
                    await self._emit(take(batch), recorded=True)
                if collector.rest:
                    await self._think(step, tools)
                if not log.wants_more:
                    await log.wait_for_demand()
        timers.stream_ends()
        step.response_time_s = time.monotonic() - step.called_at

    def _batches(self, plan: StepPlan) -> AsyncGenerator[Sequence[ProviderPart], None]:
        if not self._is_whole:
            return plan.model.stream(plan.call)
        return whole_answer(plan.model, plan.call, Timeout() if plan.number else self._request.timeout)

    async def _think(self, step: Step, tools: StepTools) -> None:
        """What the collector left: calls are parsed, hooks are told, and the rest goes the usual way."""
        rest, step.collector.rest = step.collector.rest, ()
        for part in rest:
            if step.collector.needs_thought(part):
                await tools.think(part, self._emit_and_wait)
            else:
                await self._emit(step.collector.resume(part), recorded=True)

    def _last_chunk(self) -> float | None:
        step = self._step
        return step.collector.chunks[-1] if step is not None and step.collector.chunks else None

    # --- parts ---------------------------------------------------------------------------------------------------

    async def _emit(self, parts: Sequence[StreamPart], *, recorded: bool = False) -> None:
        """Every part but the deltas of the hot path goes to readers through here."""
        step = self._step
        if not recorded and step is not None:
            parts = [each for part in parts for each in step.collector.resume(part)]
        if self._pipe is not None and self._pipe.is_open:
            await self._pipe.push(parts)
        elif not self._shows_chunks:
            self.log.extend(parts)
        else:
            for part in parts:
                await self._show(part)

    async def _show(self, part: StreamPart) -> None:
        self.log.extend([part])
        if self._shows_chunks:
            await self._tell("on_chunk", ChunkEvent(part))

    # --- transforms ----------------------------------------------------------------------------------------------

    def _open_pipe(self) -> None:
        task = self._task
        assert task is not None
        self._pipe = Pipe(
            self._request.transforms,
            tools=self._request.tools,
            deliver=self._deliver,
            on_stop=task.cancel,
        )

    async def _deliver(self, part: StreamPart) -> None:
        """What the transforms gave."""
        step = self._step
        if step is not None:
            step.shown.record([part])
            if isinstance(part, FinishStep):
                step.finish = part
        self._has_finished = self._has_finished or isinstance(part, Finish)
        await self._show(part)

    async def _end_stopped(self, pipe: Pipe) -> None:
        """A transform has ended the answer. What it does not say about the end is said for it."""
        try:
            await pipe.finish()
        except Exception as error:
            await self._fail(error)
            return
        step = self._step
        if step is not None:
            finish = step.finish or FinishStep(
                "other", Usage(), step.response, performance=self._performance(step, Usage())
            )
            if step.finish is None:
                await self._show(finish)
            await self._close_step(step, finish)
        if not self._loop.steps:
            await self._fail(
                NoOutputGeneratedError("A transform ended the answer before the model was asked.")
            )
            return
        if not self._has_finished:
            last = self._loop.steps[-1]
            await self._show(
                Finish(last.finish_reason, total_usage(self._loop.steps), last.raw_finish_reason)
            )
        await self._end()

    async def _drain_pipe(self) -> None:
        """Let go what waits in a transform for more text; one that is at work with what nobody has seen is left."""
        if self._pipe is not None and self._pipe.is_idle:
            with suppress(Exception, TimeoutError):  # the answer ends otherwise in any case
                async with asyncio.timeout(DRAIN_TIMEOUT_S):
                    await self._pipe.finish()

    async def _emit_and_wait(self, parts: Sequence[StreamPart]) -> None:
        """The same, at the pace of readers."""
        await self._emit(parts)
        if not self.log.wants_more:
            await self.log.wait_for_demand()

    # --- the ends of a step --------------------------------------------------------------------------------------

    async def _end_model_call(self, step: Step) -> ProviderFinish:
        """The model has ended.

        Raises:
            NoOutputGeneratedError: it broke off.
            ToolChoiceViolationError: it did not do what `tool_choice` demands.
        """
        finish, plan, tools = step.collector.finish, step.plan, step.tools
        assert tools is not None
        if finish is None:
            raise _broke_off(step)
        if self._request.callbacks.has("on_language_model_call_end"):
            await self._tell("on_language_model_call_end", self._model_call_end(step, finish))
        choice = plan.tool_choice
        names = [call.tool_name for call in tools.calls]
        if choice.type == "none" and names:
            raise ToolChoiceViolationError(
                f"The model called '{names[0]}', though tool_choice is 'none'.",
                finish_reason=finish.finish_reason,
            )
        is_missing = not names if choice.type == "required" else choice.tool_name not in names
        if choice.type in ("required", "tool") and is_missing and finish.finish_reason != "interrupted":
            wanted = "a tool" if choice.type == "required" else f"'{choice.tool_name}'"
            raise ToolChoiceViolationError(
                f"The model did not call {wanted}, which tool_choice demands (finish reason "
                f"'{finish.finish_reason}').",
                finish_reason=finish.finish_reason,
            )
        return finish

    def _model_call_end(self, step: Step, finish: ProviderFinish) -> ModelCallEndEvent:
        model, response = step.plan.model, step.response
        return ModelCallEndEvent(
            self._loop.call_id,
            model.provider,
            response.model_id or model.model_id,
            finish.finish_reason,
            finish.usage,
            step.recorder.content(),
            response.id,
            finish.provider_metadata,
            self._performance(step, finish.usage),
        )

    async def _end_step(self, step: Step, finish: ProviderFinish) -> None:
        part = FinishStep(
            finish.finish_reason,
            finish.usage,
            step.response,
            finish.raw_finish_reason,
            finish.provider_metadata,
            self._performance(step, finish.usage),
        )
        await self._emit([part])
        await self._close_step(step, step.finish or part)

    async def _close_step(self, step: Step, finish: FinishStep) -> None:
        result = await self._result(step, finish)
        self._step = None
        self._loop.end_step(result)
        await self._tell("on_step_end", result)

    async def _result(self, step: Step, finish: FinishStep) -> StepResult:
        content = step.shown.content()
        return self._partial(
            step,
            finish,
            replace(finish.response, messages=await to_response_messages(content, self._request.tools)),
        )

    def _partial(self, step: Step, finish: FinishStep, response: ResponseMetadata) -> StepResult:
        plan, include = step.plan, self._request.include
        request = step.collector.start.request
        return StepResult(
            step_number=plan.number,
            model=ModelInfo(plan.model.provider, plan.model.model_id),
            content=step.shown.content(),
            finish_reason=finish.finish_reason,
            usage=finish.usage,
            raw_finish_reason=finish.raw_finish_reason,
            warnings=step.collector.start.warnings,
            request=replace(request, messages=plan.messages) if "request_messages" in include else request,
            response=response,
            provider_metadata=finish.provider_metadata,
            call_id=self._loop.call_id,
            performance=finish.performance,
            tools_context=self._loop.tools_context,
            runtime_context=self._loop.runtime_context,
        )

    def _performance(self, step: Step, usage: Usage) -> Performance:
        return measured(
            usage,
            response_time_s=step.response_time_s,
            step_time_s=time.monotonic() - step.began_at,
            tool_execution_s=dict(step.tools.seconds) if step.tools is not None else {},
            chunks=() if self._is_whole else step.collector.chunks,
            called_at=step.called_at,
        )

    # --- the ends of the answer ----------------------------------------------------------------------------------

    async def _fail(self, error: Exception) -> None:
        """An error ends the answer. What had come of the step is kept, as a step that ended with an error."""
        self.error = error
        await self._drain_pipe()
        step, self._step = self._step, None
        if step is not None and step.collector.has_output:
            last = step.collector.finish or ProviderFinish("error", Usage())
            finish = FinishStep(
                "error",
                last.usage,
                step.response,
                last.raw_finish_reason,
                last.provider_metadata,
                self._performance(step, last.usage),
            )
            result = await self._result(step, finish)
            self._loop.end_step(result)
            self.log.settle()
            await self._emit([Error(error)])
            await self._tell("on_error", ErrorEvent(error, self.steps))
            await self._emit([finish])
            await self._tell("on_step_end", result)
            await self._emit([Finish("error", total_usage(self._loop.steps), last.raw_finish_reason)])
            await self._end()
            return
        self.log.settle()
        if step is not None:
            await self._tell("on_step_error", StepErrorEvent(step.plan.event, error))
        await self._emit([Error(error)])
        await self._tell("on_error", ErrorEvent(error, self.steps))
        self.log.close()

    async def _aborted(self) -> None:
        if not self.aborted:
            self.aborted, self.reason = True, "the request it belonged to has ended"
            self._stop.abort(self.reason)
        await self._drain_pipe()
        self.log.settle()
        await self._tell("on_abort", AbortEvent(self._loop.call_id, self.steps, self.reason, self._so_far()))
        self._end_aborted()

    def _so_far(self) -> StepResult | None:
        """The step that was stopped, as far as it came."""
        step = self._step
        if step is None or not step.collector.has_begun:
            return None
        finish = FinishStep("other", Usage(), step.response, performance=self._performance(step, Usage()))
        return self._partial(step, finish, finish.response)

    def _end_aborted(self) -> None:
        if not self.log.closed:
            if not self.aborted:
                self.aborted, self.reason = True, "the request it belonged to has ended"
            self.log.extend([Abort(None if self.reason is None else str(self.reason))])
            self.log.close()

    # --- approvals -----------------------------------------------------------------------------------------------

    async def _run_approved(self) -> None:
        """Run what somebody has approved since, before the model is asked; it is no step."""
        decisions = collect_decisions(self._request.messages)
        if not decisions:
            return
        loop, request = self._loop, self._request
        runner = ToolRunner(loop, request.tools, request.messages, self._stop.signal)
        policy = ApprovalPolicy(
            request.tools,
            request.tool_approval,
            request.messages,
            loop.tools_context,
            loop.runtime_context,
            runner.context,
        )
        judged = await judge(
            decisions, policy=policy, approvals=request.approvals, refine=request.refine_tool_input
        )
        await self._emit(
            [ToolOutputDenied(each.call.tool_call_id, each.call.tool_name) for each in judged.denied]
        )
        errors = [_invalid(each.call, problem) for each, problem in judged.invalid]
        await self._emit(errors)
        calls = [each.call for each in judged.approved]
        outputs = await runner.run(calls, None if self._is_whole else self._emit_and_wait, {})
        if self._is_whole:
            await self._emit(outputs)
        results = [await result_part(output, request.tools) for output in (*outputs, *errors)]
        results += _denials(judged)
        if results:
            loop.add_preamble([ToolMessage(tuple(results))])

    def _start_event(self) -> StartEvent:
        request, loop = self._request, self._loop
        return StartEvent(
            call_id=loop.call_id,
            provider=loop.model.provider,
            model_id=loop.model.model_id,
            instructions=request.instructions,
            messages=request.messages,
            tools=request.tools,
            tool_choice=request.tool_choice,
            active_tools=request.active_tools,
            tool_order=request.tool_order,
            settings=request.call,
            timeout=request.timeout,
            tools_context=request.tools_context,
            runtime_context=request.runtime_context,
        )


def _invalid(call: ToolCall, problem: Exception) -> ToolError:
    return ToolError(call.tool_call_id, call.tool_name, call.input, problem, dynamic=call.dynamic)


def _denials(judged: Decisions) -> list[ToolResultPart]:
    return [
        ToolResultPart(each.call.tool_call_id, each.call.tool_name, denied(each.response.reason))
        for each in judged.denied
        if not each.has_result and not each.call.provider_executed
    ]


def _broke_off(step: Step) -> NoOutputGeneratedError:
    if step.collector.has_output:
        return NoOutputGeneratedError("The model's stream broke off: it ended without its end mark.")
    return NoOutputGeneratedError("The model's stream ended without an answer.")


def _ignoring(remove: Callable[[], None]) -> Callable[[object], None]:
    return lambda _: remove()
