"""Middleware that changes calls and nothing else.

Owns: default settings, default instructions, examples of tool inputs. Refuses to know: answers.
Follows `default-settings-middleware.ts`, `default-instructions-middleware.ts` and `add-tool-input-examples-middleware.ts`
(`packages/ai/src/middleware/`, AI SDK v7).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal, TypedDict

from flightwire.core.middleware.base import LanguageModelMiddleware
from flightwire.errors import InvalidArgumentError
from flightwire.jsontypes import JSONObject, dumps
from flightwire.messages import ProviderOptions, SystemMessage
from flightwire.providers.base import (
    LanguageModel,
    ModelCall,
    ProviderToolSpec,
    ReasoningEffort,
    ResponseFormat,
    ToolChoice,
    ToolSpec,
)

# A field of a call that has this value was not set by anybody.
_UNSET = {
    "stop_sequences": (),
    "tools": (),
    "tool_choice": ToolChoice(),
    "response_format": ResponseFormat(),
    "reasoning": "provider-default",
}


class DefaultSettings(TypedDict, total=False):
    """Settings that may have a default."""

    max_output_tokens: int
    temperature: float
    top_p: float
    top_k: int
    presence_penalty: float
    frequency_penalty: float
    stop_sequences: Sequence[str]
    seed: int
    reasoning: ReasoningEffort
    response_format: ResponseFormat
    tools: Sequence[ToolSpec | ProviderToolSpec]
    tool_choice: ToolChoice
    headers: Mapping[str, str]
    provider_options: ProviderOptions


def default_settings_middleware(settings: DefaultSettings) -> LanguageModelMiddleware:
    """Use these settings where a call does not say otherwise; headers and provider options are merged.

    Raises:
        InvalidArgumentError: an unknown setting.
    """
    if unknown := sorted(settings.keys() - DefaultSettings.__annotations__.keys()):
        known = ", ".join(sorted(DefaultSettings.__annotations__))
        raise InvalidArgumentError(f"unknown setting {unknown[0]!r}; there are: {known}.")
    return _DefaultSettings(settings)


class _DefaultSettings(LanguageModelMiddleware):
    def __init__(self, settings: Mapping[str, Any]) -> None:
        self._settings = settings

    async def transform_params(
        self, call: ModelCall, *, type: Literal["generate", "stream"], model: LanguageModel
    ) -> ModelCall:
        changes: dict[str, Any] = {}
        for name, default in self._settings.items():
            given = getattr(call, name)
            if given is None or given == _UNSET.get(name):
                changes[name] = default
            elif isinstance(given, Mapping):
                changes[name] = _merged(default, given)
        return replace(call, **changes)


def _merged(base: Any, over: Any) -> Any:
    """Objects are merged deeply, everything else replaces; what is None replaces nothing."""
    if not isinstance(base, Mapping) or not isinstance(over, Mapping):
        return base if over is None else over
    return {**base, **{name: _merged(base.get(name), each) for name, each in over.items()}}


def default_instructions_middleware(
    instructions: str | SystemMessage | Sequence[SystemMessage],
) -> LanguageModelMiddleware:
    """Begin with these instructions where a call has no system message."""
    if isinstance(instructions, str):
        instructions = SystemMessage(instructions)
    return _DefaultInstructions(
        (instructions,) if isinstance(instructions, SystemMessage) else tuple(instructions)
    )


class _DefaultInstructions(LanguageModelMiddleware):
    def __init__(self, messages: tuple[SystemMessage, ...]) -> None:
        self._messages = messages

    async def transform_params(
        self, call: ModelCall, *, type: Literal["generate", "stream"], model: LanguageModel
    ) -> ModelCall:
        if not self._messages or any(isinstance(message, SystemMessage) for message in call.messages):
            return call
        return replace(call, messages=(*self._messages, *call.messages))


def add_tool_input_examples_middleware(
    *,
    prefix: str = "Input Examples:",
    format: Callable[[JSONObject, int], str] | None = None,
    remove: bool = True,
) -> LanguageModelMiddleware:
    """Write examples of inputs into the descriptions of tools, for providers that take no examples.

    Arguments:
        prefix: the line before the examples.
        format: how to write one, given the input and its number from 0; by default as JSON.
        remove: whether the examples are left out where they stood.
    """
    return _ToolInputExamples(prefix, format or (lambda example, _: dumps(example)), remove)


class _ToolInputExamples(LanguageModelMiddleware):
    def __init__(self, prefix: str, format: Callable[[JSONObject, int], str], remove: bool) -> None:
        self._prefix = prefix
        self._format = format
        self._remove = remove

    async def transform_params(
        self, call: ModelCall, *, type: Literal["generate", "stream"], model: LanguageModel
    ) -> ModelCall:
        return replace(call, tools=tuple(self._described(tool) for tool in call.tools))

    def _described(self, tool: ToolSpec | ProviderToolSpec) -> ToolSpec | ProviderToolSpec:
        if not isinstance(tool, ToolSpec) or not tool.input_examples:
            return tool
        examples = [self._format(example, number) for number, example in enumerate(tool.input_examples)]
        section = "\n".join([self._prefix, *examples])
        return replace(
            tool,
            description=f"{tool.description}\n\n{section}" if tool.description else section,
            input_examples=() if self._remove else tool.input_examples,
        )
