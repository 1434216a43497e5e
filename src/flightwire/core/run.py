"""The task that makes an answer and writes it into the log.

Owns: when the model is called, the order of an answer's parts, how it ends (done, failed, aborted), and stopping it from
any thread. Refuses to know: who reads, and how; what tools do.
Follows `packages/ai/src/generate-text/stream-text.ts` (AI SDK v7); `generate_text` is the same loop over whole answers.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing, suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from flightwire.core.abort import AbortController
from flightwire.core.callbacks import (
    AbortEvent,
    ChunkEvent,
    EndEvent,
    ErrorEvent,
    ModelCallStartEvent,
    StartEvent,
    StepErrorEvent,
)
from flightwire.core.collect import DEFAULT_MAX_OUTPUT_BYTES, PartIds, StepCollector
from flightwire.core.content import Recorder, last_step
from flightwire.core.joining import joined
from flightwire.core.log import PartLog
from flightwire.core.loop import Loop, StepPlan, StepTally
from flightwire.core.pipe import Pipe
from flightwire.core.preamble import run_approved
from flightwire.core.results import Answer, StepResult, total_usage
from flightwire.core.settings import Request
from flightwire.core.step import Content, Step
from flightwire.core.timeouts import NoTimers, StepTimers, Timeout, step_timers
from flightwire.core.whole import whole_answer
from flightwire.errors import (
    AbortError,
    GenerationTimeoutError,
    NoObjectGeneratedError,
    NoOutputGeneratedError,
)
from flightwire.events import (
    Abort,
    Error,
    Finish,
    FinishStep,
    ProviderPart,
    Start,
    StreamPart,
)
from flightwire.providers.base import HandedOver, LanguageModel
from flightwire.scope import contained, current_scope

if TYPE_CHECKING:
    from flightwire.core.output import Output


# Of all answers: it is held for a moment. Can be taken twice, as that of signals (`core.abort`).
_lock = threading.RLock()

BREATH_BATCHES = 64
DRAIN_TIMEOUT_S = 1.0  # how long a transform may take over its last words when an answer fails or is stopped


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

    __slots__ = (
        "__weakref__",
        "_event_loop",
        "_has_begun",
        "_has_finished",
        "_ids",
        "_is_whole",
        "_loop",
        "_max_output_bytes",
        "_output",
        "_pipe",
        "_request",
        "_said",
        "_shown",
        "_shows_chunks",
        "_step",
        "_stop",
        "_task",
        "_tell",
        "_thread",
        "aborted",
        "error",
        "log",
        "reason",
    )

    def __init__(
        self,
        model: LanguageModel,
        request: Request,
        *,
        output: Output[Any, Any, Any] | None = None,
        is_whole: bool = False,
        max_output_bytes: int = DEFAULT_MAX_OUTPUT_BYTES,
    ) -> None:
        self.log: PartLog[StreamPart] = PartLog(joined)
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
        self._said: Recorder | None = None  # with transforms: what the model says in a step
        self._shown: Recorder | None = None  # and what they make of it
        self._has_finished = False  # readers have been told of the end
        self._stop = AbortController()
        self._task: asyncio.Task[None] | None = None
        self._has_begun = False
        self._event_loop: asyncio.AbstractEventLoop | None = None
        self._thread = 0

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
        with _lock:
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
        with _lock:
            if self.aborted or self.log.settled:
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
        with _lock:
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
            await contained(self._answer(), "an answer")
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
        if self._request.callbacks.has("on_start"):
            await self._tell("on_start", self._start_event())
        await run_approved(self._loop, self._stop.signal, self._emit_and_wait, in_order=self._is_whole)
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
        timers = step_timers(
            timeout, abort=self.abort, last_chunk=self._last_chunk, is_paused=lambda: self.log.is_paused
        )
        timers.step_begins()
        try:
            step = self._planned(await loop.plan())
            plan = step.plan
            if self._request.callbacks.has("on_step_start"):
                await self._tell("on_step_start", loop.start_event(plan))
            self._step = step
            if self._request.callbacks.has("on_language_model_call_start"):
                await self._tell(
                    "on_language_model_call_start",
                    ModelCallStartEvent(loop.call_id, plan.model.provider, plan.model.model_id, plan.call),
                )
            step.model_is_called()
            await self._read_model(step, timers)
            finish = step.model_has_ended()
            if self._request.callbacks.has("on_language_model_call_end"):
                await self._tell("on_language_model_call_end", step.model_call_end(finish))
            step.check_choice(finish)
            if step.has_tools:
                await step.tools.run(finish.finish_reason, self._emit_and_wait)
            part = step.finish_part(finish)
            await self._emit([part])
            await self._close_step(step, step.finish or part)
        finally:
            timers.step_ends()
        return step, step.tally(finish)

    def _planned(self, plan: StepPlan) -> Step:
        said: Callable[[], Content] = partial(last_step, self.log.parts, plan.number)  # no text is kept twice
        shown = said
        if self._pipe is not None:
            self._said, self._shown = Recorder(), Recorder()
            said, shown = self._said.content, self._shown.content
        return Step(
            self._loop,
            plan,
            StepCollector(
                ids=self._ids,
                max_output_bytes=self._max_output_bytes,
                include_raw="raw_chunks" in self._request.include,
            ),
            signal=self._stop.signal,
            said=said,
            shown=shown,
            is_whole=self._is_whole,
        )

    async def _read_model(self, step: Step, timers: StepTimers | NoTimers) -> None:
        log, collector = self.log, step.collector
        take, deliver = collector.take, log.deliver
        is_plain = not self._shows_chunks and self._pipe is None
        me = self._task
        assert me is not None
        count = 0
        async with aclosing(self._batches(step.plan)) as batches:
            if is_plain and isinstance(batches, HandedOver):
                batches.hand_to(self._take_at_once)
            if not self._is_whole:
                timers.stream_begins()
            async for batch in batches:
                if is_plain:
                    wants_more = deliver(take(batch), me)
                else:
                    await self._emit(take(batch), recorded=True)
                    wants_more = log.wants_more
                if collector.rest:
                    await self._think(step)
                    wants_more = log.wants_more
                if not wants_more:
                    await log.wait_for_demand()
                count += 1
                if not count % BREATH_BATCHES:  # a model that never waits must not hold up the loop
                    await asyncio.sleep(0)
        timers.stream_ends()

    def _take_at_once(self, batch: Sequence[ProviderPart]) -> bool:
        """See `HandedOver`: a batch of the step that is being made."""
        step = self._step
        assert step is not None
        return self.log.deliver(step.collector.take(batch), None) and not step.collector.rest

    def _batches(self, plan: StepPlan) -> AsyncGenerator[Sequence[ProviderPart], None]:
        if not self._is_whole:
            return plan.model.stream(plan.call)
        return whole_answer(plan.model, plan.call, Timeout() if plan.number else self._request.timeout)

    async def _think(self, step: Step) -> None:
        """What the collector left: calls are parsed, hooks are told, and the rest goes the usual way."""
        rest, step.collector.rest = step.collector.rest, ()
        for part in rest:
            if step.collector.needs_thought(part):
                await step.tools.think(part, self._emit_and_wait)
            else:
                await self._emit(step.collector.resume(part), recorded=True)

    def _last_chunk(self) -> float | None:
        step = self._step
        return None if step is None else step.collector.last_chunk

    # --- parts ---------------------------------------------------------------------------------------------------

    async def _emit(self, parts: Sequence[StreamPart], *, recorded: bool = False) -> None:
        """Every part but the deltas of the hot path goes to readers through here."""
        step = self._step
        if not recorded and step is not None:
            parts = [each for part in parts for each in step.collector.resume(part)]
        if self._said is not None and step is not None:
            self._said.record(parts)
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
        if step is not None and self._shown is not None:
            self._shown.record([part])
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
            finish = step.finish or step.stopped_part()
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

    # --- the ends of the answer ----------------------------------------------------------------------------------

    async def _close_step(self, step: Step, finish: FinishStep) -> None:
        result = await step.result(finish)
        self._step = None
        self._loop.end_step(result)
        await self._tell("on_step_end", result)

    async def _fail(self, error: Exception) -> None:
        """An error ends the answer. What had come of the step is kept, as a step that ended with an error."""
        self.error = error
        await self._drain_pipe()
        step, self._step = self._step, None
        if step is not None and step.collector.has_output:
            finish = step.failed_part()
            result = await step.result(finish)
            self._loop.end_step(result)
            self.log.settle()
            await self._emit([Error(error)])
            await self._tell("on_error", ErrorEvent(error, self.steps))
            await self._emit([finish])
            await self._tell("on_step_end", result)
            await self._emit([Finish("error", total_usage(self._loop.steps), finish.raw_finish_reason)])
            await self._end()
            return
        self.log.settle()
        if step is not None and self._request.callbacks.has("on_step_error"):
            await self._tell("on_step_error", StepErrorEvent(self._loop.start_event(step.plan), error))
        await self._emit([Error(error)])
        await self._tell("on_error", ErrorEvent(error, self.steps))
        self.log.close()

    async def _aborted(self) -> None:
        if not self.aborted and self.log.settled:  # it was complete; only its callbacks are cut short
            self.log.close()
            return
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
        return step.so_far(step.stopped_part())

    def _end_aborted(self) -> None:
        if not self.aborted and self.log.settled:
            self.log.close()
        if not self.log.closed:
            if not self.aborted:
                self.aborted, self.reason = True, "the request it belonged to has ended"
            self.log.extend([Abort(None if self.reason is None else str(self.reason))])
            self.log.close()

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


def _ignoring(remove: Callable[[], None]) -> Callable[[object], None]:
    return lambda _: remove()
