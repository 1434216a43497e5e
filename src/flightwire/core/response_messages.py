"""A step as messages: what the model said, and what its tools answered.

Owns: `packages/ai/src/generate-text/to-response-messages.ts` (AI SDK v7). Refuses to know: streams, running tools.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from flightwire.core.results import StepContent
from flightwire.core.tool_outputs import error_text, to_json_output, to_model_output
from flightwire.core.tool_sets import ToolSet
from flightwire.events import (
    Custom,
    File,
    ReasoningFile,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolCall,
    ToolError,
    ToolResult,
)
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.messages import (
    AssistantContentPart,
    AssistantMessage,
    CustomPart,
    FilePart,
    ModelMessage,
    ReasoningFilePart,
    ReasoningPart,
    TextPart,
    ToolApprovalRequest,
    ToolApprovalResponse,
    ToolCallPart,
    ToolContentPart,
    ToolMessage,
    ToolResultPart,
)
from flightwire.providers.base import Reasoning, Text


async def to_response_messages(content: Sequence[StepContent], tools: ToolSet) -> tuple[ModelMessage, ...]:
    """At most one message of the model and one of its tools."""
    said = [part for each in content if (part := await _said(each, tools)) is not None]
    answered: list[ToolContentPart] = []
    for each in content:
        answered += await _answered(each, tools)
    order = {each.tool_call_id: place for place, each in enumerate(content) if isinstance(each, ToolCall)}
    messages: list[ModelMessage] = [AssistantMessage(tuple(said))] if said else []
    if answered:
        messages.append(ToolMessage(tuple(_in_order(answered, order))))
    return tuple(messages)


async def _said(part: StepContent, tools: ToolSet) -> AssistantContentPart | None:
    """What stands in the model's own message; what a provider's tools answered is part of it."""
    match part:
        case Text():
            return (
                TextPart(part.text, part.provider_metadata) if part.text or part.provider_metadata else None
            )
        case Reasoning():
            return ReasoningPart(part.text, part.provider_metadata)
        case File():
            return FilePart(part.url or part.data, part.media_type, None, part.provider_metadata)
        case ReasoningFile():
            return ReasoningFilePart(part.url or part.data, part.media_type, part.provider_metadata)
        case Custom():
            return CustomPart(part.kind, part.provider_metadata)
        case _:
            return await _said_of_tools(part, tools)


async def _said_of_tools(part: StepContent, tools: ToolSet) -> AssistantContentPart | None:
    if isinstance(part, ToolCall):
        return ToolCallPart(
            part.tool_call_id, part.tool_name, _input(part), part.provider_executed, part.provider_metadata
        )
    if isinstance(part, ToolApprovalRequested):
        return ToolApprovalRequest(
            part.approval_id, part.tool_call.tool_call_id, part.is_automatic, part.signature, part.reason
        )
    if isinstance(part, ToolResult) and part.provider_executed:
        return _result_part(part, await _output(part, tools))
    if isinstance(part, ToolError) and part.provider_executed:
        return _result_part(part, {"type": "error-json", "value": _error_json(part.error)})
    return None


async def _answered(part: StepContent, tools: ToolSet) -> list[ToolContentPart]:
    """What stands in the tools' message."""
    if isinstance(part, ToolApprovalAnswered):
        answer = ToolApprovalResponse(part.approval_id, part.approved, part.reason, part.provider_executed)
        if part.approved:
            return [answer]
        call = part.tool_call
        return [answer, ToolResultPart(call.tool_call_id, call.tool_name, denied(part.reason))]
    if isinstance(part, ToolResult) and not part.provider_executed:
        return [_result_part(part, await _output(part, tools))]
    if isinstance(part, ToolError) and not part.provider_executed:
        return [_result_part(part, {"type": "error-text", "value": error_text(part.error)})]
    return []


def denied(reason: str | None) -> JSONObject:
    """The tagged output of a call that was denied."""
    return {"type": "execution-denied"} if reason is None else {"type": "execution-denied", "reason": reason}


async def result_part(output: ToolResult | ToolError, tools: ToolSet) -> ToolResultPart:
    """What a tool answered, for the model."""
    part = (await _answered(output, tools))[0]
    assert isinstance(part, ToolResultPart)
    return part


def _input(call: ToolCall) -> JSONValue:
    """An input that is no object has no place in a message: the model sees an empty one, and the error."""
    return {} if call.invalid and not isinstance(call.input, (dict, list)) else call.input


async def _output(part: ToolResult, tools: ToolSet) -> JSONObject:
    return await to_model_output(tools.get(part.tool_name), part.tool_call_id, part.input, part.output)


def _result_part(part: ToolResult | ToolError, output: JSONObject) -> ToolResultPart:
    return ToolResultPart(part.tool_call_id, part.tool_name, output, part.provider_metadata)


def _error_json(error: Any) -> JSONValue:
    """What a provider said went wrong with its tool."""
    said = getattr(error, "data", None)
    return error_text(error) if said is None else to_json_output(said)


def _in_order(parts: Sequence[ToolContentPart], order: dict[str, int]) -> Iterable[ToolContentPart]:
    """Results in the order of their calls; what is no result stays in its place."""
    last = len(order)
    results = iter(
        sorted(
            (part for part in parts if isinstance(part, ToolResultPart)),
            key=lambda part: order.get(part.tool_call_id, last),
        )
    )
    return [next(results) if isinstance(part, ToolResultPart) else part for part in parts]
