"""What a step does about tools: it reads the model's calls, asks who must be asked, and runs what may run.

Owns: `packages/ai/src/generate-text/execute-tools-from-stream.ts` and `invoke-tool-callbacks-from-stream.ts` (AI SDK v7).
Refuses to know: the model's stream, readers, further steps.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from flightwire.core.abort import AbortController, AbortSignal
from flightwire.core.approvals import ApprovalPolicy, StatusName, new_approval_id
from flightwire.core.callbacks import ToolExecutionEndEvent, ToolExecutionStartEvent
from flightwire.core.loop import Loop, StepPlan
from flightwire.core.tool_calls import CallParser
from flightwire.core.tool_runs import run_tool
from flightwire.core.tool_sets import ToolSet
from flightwire.core.tools import Tool, ToolContext
from flightwire.errors import ProviderToolError, ToolCallNotFoundForApprovalError
from flightwire.events import (
    Error,
    ProviderApprovalRequest,
    ProviderPart,
    StreamPart,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolCall,
    ToolError,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
    ToolOutputDenied,
    ToolResult,
)
from flightwire.messages import ModelMessage

RUNNABLE: Final = ("stop", "tool-calls")
"""The finish reasons after which tools run: a call that was cut off is not what the model meant."""

Emit = Callable[[Sequence[StreamPart]], Awaitable[None]]


class ToolRunner:
    """Runs calls, several at a time.

    Arguments:
        loop: contexts, callbacks, limits.
        tools: the tools that may run.
        messages: what the model was sent.
        signal: fires when the answer is stopped.
    """

    __slots__ = ("_loop", "_messages", "_signal", "_tools")

    def __init__(
        self, loop: Loop, tools: ToolSet, messages: Sequence[ModelMessage], signal: AbortSignal
    ) -> None:
        self._loop = loop
        self._tools = tools
        self._messages = messages
        self._signal = signal

    def context(self, call: ToolCall, signal: AbortSignal | None = None) -> ToolContext[Any]:
        """What a tool is told about a call."""
        return ToolContext(
            call.tool_call_id,
            call.tool_name,
            self._messages,
            signal or self._signal,
            self._loop.tools_context.get(call.tool_name),
            self._loop.runtime_context,
        )

    async def run(
        self, calls: Sequence[ToolCall], emit: Emit | None, seconds: dict[str, float]
    ) -> list[ToolResult | ToolError]:
        """Run calls at the same time.

        Arguments:
            calls: which; their inputs fit.
            emit: told what they answer, as it comes; None when nobody reads it before all have.
            seconds: gets how long each took.

        Returns:
            The answers, in the order in which they came; without `emit` in the order of the calls.
        """
        if not calls:
            return []
        parts: asyncio.Queue[ToolResult | ToolError | None] = asyncio.Queue()
        limit = asyncio.Semaphore(self._loop.request.tool_call_concurrency or len(calls))
        tasks = [asyncio.ensure_future(self._limited(call, parts, seconds, limit)) for call in calls]
        everybody = asyncio.gather(*tasks)
        everybody.add_done_callback(lambda _: parts.put_nowait(None))
        outputs: list[ToolResult | ToolError] = []
        try:
            while (part := await parts.get()) is not None:
                if emit is not None:
                    await emit([part])
                if isinstance(part, ToolError) or not part.preliminary:
                    outputs.append(part)
            await everybody
        finally:
            everybody.cancel()
            await asyncio.wait(tasks)
            everybody.cancelled() or everybody.exception()
        if emit is None:
            places = {call.tool_call_id: place for place, call in enumerate(calls)}
            outputs.sort(key=lambda output: places[output.tool_call_id])
        return outputs

    async def _limited(
        self,
        call: ToolCall,
        parts: asyncio.Queue[ToolResult | ToolError | None],
        seconds: dict[str, float],
        limit: asyncio.Semaphore,
    ) -> None:
        async with limit:
            await self._run(call, parts, seconds)

    async def _run(
        self, call: ToolCall, parts: asyncio.Queue[ToolResult | ToolError | None], seconds: dict[str, float]
    ) -> None:
        tool = self._tools[call.tool_name]
        assert isinstance(tool, Tool)
        callbacks, call_id = self._loop.request.callbacks, self._loop.call_id
        stop = AbortController()
        forget = self._signal.add_listener(lambda: stop.abort(self._signal.reason))
        context = self.context(call, stop.signal)
        told = (call_id, call, self._messages, context.context)
        try:
            await callbacks.tell("on_tool_execution_start", ToolExecutionStartEvent(*told))
            output, took_s = await run_tool(
                tool,
                call,
                context,
                timeout_s=self._timeout(call, tool),
                stop=stop,
                on_preliminary=parts.put_nowait,
            )
            seconds[call.tool_call_id] = took_s
            await callbacks.tell("on_tool_execution_end", ToolExecutionEndEvent(*told, output, took_s))
        finally:
            forget()
        parts.put_nowait(output)

    def _timeout(self, call: ToolCall, tool: Tool[..., Any]) -> float | None:
        """The limits of the call come before the tool's own."""
        limit = self._loop.request.timeout.for_tool(call.tool_name)
        return tool.timeout_s if limit is None else limit


class StepTools:
    """The tools of one step.

    Arguments:
        plan: the step.
        loop: contexts, callbacks, rules.
        runner: runs what may run.
        in_order: whether what comes of the calls is told at the end, in their order; else as it comes.

    Attributes:
        calls: the calls of the model, with what providers run themselves.
        outputs: what was answered.
        answers: what rules have decided.
        seconds: call id → how long its tool ran.
    """

    __slots__ = (
        "_asked",
        "_by_id",
        "_errors",
        "_in_order",
        "_is_forbidden",
        "_loop",
        "_parser",
        "_policy",
        "_runner",
        "_to_run",
        "_tools",
        "_writing",
        "answers",
        "calls",
        "outputs",
        "seconds",
    )

    def __init__(self, plan: StepPlan, loop: Loop, runner: ToolRunner, *, in_order: bool) -> None:
        self.calls: list[ToolCall] = []
        self.outputs: list[ToolResult | ToolError] = []
        self.answers: list[ToolApprovalAnswered] = []
        self.seconds: dict[str, float] = {}
        request = loop.request
        self._loop = loop
        self._runner = runner
        self._in_order = in_order
        # A model that must not call tools is not humoured: its calls are refused when it has ended, and until then
        # nobody may act on them.
        self._is_forbidden = plan.tool_choice.type == "none"
        self._tools: ToolSet = {} if self._is_forbidden else plan.tools
        self._parser = CallParser(
            plan.tools,
            plan.messages,
            plan.instructions,
            None if self._is_forbidden else request.repair_tool_call,
            None if self._is_forbidden else request.refine_tool_input,
        )
        self._policy = ApprovalPolicy(
            self._tools,
            request.tool_approval,
            plan.messages,
            loop.tools_context,
            loop.runtime_context,
            runner.context,
        )
        self._by_id: dict[str, ToolCall] = {}
        self._writing: dict[str, str] = {}  # call id → tool, while the model writes the input
        self._to_run: list[ToolCall] = []
        self._errors: list[ToolError] = []  # what is told at the end of a whole answer
        self._asked: list[StreamPart] = []

    # --- while the model answers ---------------------------------------------------------------------------------

    async def think(self, part: ProviderPart, emit: Emit) -> None:
        """One part that has to do with tools, or says that the provider failed.

        Raises:
            BaseException: what a provider reports as an error.
            ToolCallNotFoundForApprovalError: a provider wants a call approved that it has not made.
        """
        if isinstance(part, Error):
            raise part.error
        if isinstance(part, ToolCall):
            await self._take_call(part, emit)
        elif self._is_forbidden:
            return
        elif isinstance(part, ToolInputStart):
            await self._input_starts(part, emit)
        elif isinstance(part, ToolInputDelta):
            await emit([part])
            if (tool := self._tool(self._writing.get(part.id))) and tool.on_input_delta is not None:
                await _called(tool.on_input_delta, part.delta, self._context(part.id))
        elif isinstance(part, ToolInputEnd):
            await emit([part])
        elif isinstance(part, ToolResult):
            await self._take_result(part, emit)
        elif isinstance(part, ProviderApprovalRequest):
            call = self._by_id.get(part.tool_call_id)
            if call is None:
                raise ToolCallNotFoundForApprovalError(part.approval_id, part.tool_call_id)
            await emit([ToolApprovalRequested(part.approval_id, call)])

    async def _input_starts(self, part: ToolInputStart, emit: Emit) -> None:
        tool = self._tool(part.tool_name)
        self._writing[part.id] = part.tool_name
        if tool is None:
            await emit([part])
            return
        await emit(
            [
                ToolInputStart(
                    part.id,
                    part.tool_name,
                    part.provider_executed,
                    part.dynamic or tool.is_dynamic,
                    tool.title,
                    part.provider_metadata,
                )
            ]
        )
        if tool.on_input_start is not None:
            await _called(tool.on_input_start, self._context(part.id))

    async def _take_call(self, given: ToolCall, emit: Emit) -> None:
        call = await self._parser.parse(given)
        self._by_id[call.tool_call_id] = call
        self.calls.append(call)
        if self._is_forbidden:
            return
        await emit([call])
        if call.invalid:
            if not call.provider_executed:
                assert call.error is not None
                error = ToolError(call.tool_call_id, call.tool_name, call.input, call.error, dynamic=True)
                self.outputs.append(error)
                if self._in_order:
                    self._errors.append(error)
                else:
                    await emit([error])
            return
        tool = self._tool(call.tool_name)
        if tool is None:  # one of the provider's
            return
        if tool.on_input_start is not None and call.tool_call_id not in self._writing:
            await _called(tool.on_input_start, self._context(call.tool_call_id, call.tool_name))
        if tool.on_input_available is not None:
            await _called(
                tool.on_input_available, call.input, self._context(call.tool_call_id, call.tool_name)
            )
        await self._ask(call, tool, emit)

    async def _ask(self, call: ToolCall, tool: Tool[..., Any], emit: Emit) -> None:
        status, reason = await self._policy.status(call)
        if status != "not-applicable":
            parts = self._question(call, status, reason)
            if self._in_order:
                self._asked += parts
            else:
                await emit(parts)
        if status in ("not-applicable", "approved") and tool.is_executable and not call.provider_executed:
            self._to_run.append(call)

    def _question(self, call: ToolCall, status: StatusName, reason: str | None) -> list[StreamPart]:
        """The question, and what a rule has answered."""
        approval_id = new_approval_id()
        signature = self._loop.request.approvals.seal(approval_id, call)
        if status == "user-approval":
            return [ToolApprovalRequested(approval_id, call, False, signature, reason)]
        answer = ToolApprovalAnswered(approval_id, call, status == "approved", reason, call.provider_executed)
        self.answers.append(answer)
        denied = [] if answer.approved else [ToolOutputDenied(call.tool_call_id, call.tool_name)]
        return [ToolApprovalRequested(approval_id, call, True, signature), answer, *denied]

    async def _take_result(self, part: ToolResult, emit: Emit) -> None:
        """What a provider's own tool answered."""
        call = self._by_id.get(part.tool_call_id)
        given = call.input if call is not None else part.input
        output: ToolResult | ToolError
        if part.is_error:
            output = ToolError(
                part.tool_call_id,
                part.tool_name,
                given,
                _provider_tool_error(part.output),
                provider_executed=True,
                dynamic=part.dynamic,
                provider_metadata=part.provider_metadata,
            )
        else:
            output = ToolResult(
                part.tool_call_id,
                part.tool_name,
                given,
                part.output,
                preliminary=part.preliminary,
                provider_executed=True,
                dynamic=part.dynamic,
                provider_metadata=part.provider_metadata,
            )
        if not part.preliminary:
            self.outputs.append(output)
        await emit([output])

    # --- once it has ended ---------------------------------------------------------------------------------------

    async def run(self, finish_reason: str, emit: Emit) -> None:
        """Run what may run, if the model ended as it should."""
        runnable = self._to_run if finish_reason in RUNNABLE else ()
        outputs = await self._runner.run(runnable, None if self._in_order else emit, self.seconds)
        self.outputs += outputs
        if self._in_order:
            await emit(self._arranged([*self._errors, *outputs]))

    def _arranged(self, outputs: Sequence[ToolResult | ToolError]) -> list[StreamPart]:
        """What a whole answer ends with: answers of tools, questions and decisions, and answers that a rule allowed."""
        decided = {answer.tool_call.tool_call_id for answer in self.answers}
        return [
            *(output for output in outputs if output.tool_call_id not in decided),
            *(part for part in self._asked if isinstance(part, ToolApprovalRequested)),
            *(part for part in self._asked if not isinstance(part, ToolApprovalRequested)),
            *(output for output in outputs if output.tool_call_id in decided),
        ]

    # --- helpers -------------------------------------------------------------------------------------------------

    def _tool(self, name: str | None) -> Tool[..., Any] | None:
        tool = self._tools.get(name) if name is not None else None
        return tool if isinstance(tool, Tool) else None

    def _context(self, call_id: str, name: str | None = None) -> ToolContext[Any]:
        return self._runner.context(ToolCall(call_id, name or self._writing[call_id], None))


def _provider_tool_error(said: object) -> BaseException:
    return said if isinstance(said, BaseException) else ProviderToolError(said)


async def _called(hook: Callable[..., object], *args: object) -> None:
    result = hook(*args)
    if inspect.isawaitable(result):
        await result
