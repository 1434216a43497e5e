"""Tools that were approved since: they run before the model is asked, and are no step.

Owns: what `packages/ai/src/generate-text/stream-text.ts` (AI SDK v7) does before its first step. Refuses to know: who
approves, how decisions are checked.
"""

from __future__ import annotations

from flightwire.core.abort import AbortSignal
from flightwire.core.approvals import ApprovalPolicy, Decisions, collect_decisions, judge
from flightwire.core.loop import Loop
from flightwire.core.response_messages import denied, result_part
from flightwire.core.step_tools import Emit, ToolRunner
from flightwire.events import ToolError, ToolOutputDenied
from flightwire.messages import ToolMessage, ToolResultPart


async def run_approved(loop: Loop, signal: AbortSignal, emit: Emit, *, in_order: bool) -> None:
    """Run what the last message approves, and tell the model of it and of what was denied.

    Raises:
        ToolApprovalError: a decision that this server does not accept; nothing was run.
    """
    request = loop.request
    decisions = collect_decisions(request.messages)
    if not decisions:
        return
    runner = ToolRunner(loop, request.tools, request.messages, signal)
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
    await emit([ToolOutputDenied(each.call.tool_call_id, each.call.tool_name) for each in judged.denied])
    errors = _errors(judged)
    await emit(errors)
    outputs = await runner.run([each.call for each in judged.approved], None if in_order else emit, {})
    if in_order:
        await emit(outputs)
    results = [await result_part(output, request.tools) for output in (*outputs, *errors)]
    results += _denials(judged)
    if results:
        loop.add_preamble([ToolMessage(tuple(results))])


def _errors(judged: Decisions) -> list[ToolError]:
    return [
        ToolError(
            each.call.tool_call_id, each.call.tool_name, each.call.input, problem, dynamic=each.call.dynamic
        )
        for each, problem in judged.invalid
    ]


def _denials(judged: Decisions) -> list[ToolResultPart]:
    return [
        ToolResultPart(each.call.tool_call_id, each.call.tool_name, denied(each.response.reason))
        for each in judged.denied
        if not each.has_result and not each.call.provider_executed
    ]
