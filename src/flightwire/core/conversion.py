"""From the messages of a step to the messages that a provider is sent.

Owns: `packages/ai/src/prompt/convert-to-language-model-prompt.ts` (AI SDK v7). Refuses to know: HTTP, models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from flightwire.errors import MissingToolResultsError
from flightwire.messages import (
    AssistantContentPart,
    AssistantMessage,
    ModelMessage,
    SystemMessage,
    TextPart,
    ToolApprovalRequest,
    ToolApprovalResponse,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
    UserMessage,
)


def to_prompt(
    instructions: Sequence[SystemMessage], messages: Sequence[ModelMessage]
) -> tuple[ModelMessage, ...]:
    """Join them; what no provider needs to see is left out.

    Raises:
        MissingToolResultsError: a tool call that nobody answered.
    """
    joined: list[ModelMessage] = [*instructions]
    for message in messages:
        cleaned = _cleaned(message)
        last = joined[-1] if joined else None
        if isinstance(cleaned, ToolMessage) and isinstance(last, ToolMessage):
            joined[-1] = _merged(last, cleaned)
        else:
            joined.append(cleaned)
    _check_results(joined)
    return tuple(each for each in joined if not isinstance(each, ToolMessage) or each.content)


def _cleaned(message: ModelMessage) -> ModelMessage:
    if isinstance(message, SystemMessage) or isinstance(message.content, str):
        return message
    if isinstance(message, UserMessage):
        said = tuple(part for part in message.content if not isinstance(part, TextPart) or part.text)
        return message if len(said) == len(message.content) else UserMessage(said, message.provider_options)
    if isinstance(message, ToolMessage):
        answered = tuple(
            part
            for part in message.content
            if not isinstance(part, ToolApprovalResponse) or part.provider_executed
        )
        return (
            message
            if len(answered) == len(message.content)
            else ToolMessage(answered, message.provider_options)
        )
    kept = tuple(part for part in message.content if not _is_void(part))
    return message if len(kept) == len(message.content) else AssistantMessage(kept, message.provider_options)


def _is_void(part: AssistantContentPart) -> bool:
    if isinstance(part, TextPart):
        return not part.text and part.provider_options is None
    return isinstance(part, ToolApprovalRequest)


def _merged(first: ToolMessage, second: ToolMessage) -> ToolMessage:
    """One message of tools; what was said about the first as a whole goes to its last part."""
    content = list(first.content)
    if content and first.provider_options is not None and isinstance(content[-1], ToolResultPart):
        own = content[-1].provider_options or {}
        content[-1] = dataclasses.replace(content[-1], provider_options={**first.provider_options, **own})
    options = second.provider_options
    if not content and first.provider_options is not None:
        options = {**first.provider_options, **(options or {})}
    return ToolMessage((*content, *second.content), options)


def _check_results(messages: Sequence[ModelMessage]) -> None:
    waiting: dict[str, None] = {}
    for message in messages:
        if isinstance(message, AssistantMessage) and not isinstance(message.content, str):
            for said in message.content:
                if isinstance(said, ToolCallPart) and not said.provider_executed:
                    waiting[said.tool_call_id] = None
        elif isinstance(message, ToolMessage):
            for answered in message.content:
                if isinstance(answered, ToolResultPart):
                    waiting.pop(answered.tool_call_id, None)
        elif waiting:
            raise MissingToolResultsError(tuple(waiting))
    if waiting:
        raise MissingToolResultsError(tuple(waiting))
