"""What the answers of a scripted model consist of.

Owns: `Reply`, `tool_call`, and reading scripts. Refuses to know: streams, waiting.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Literal, TypeAlias

from flightwire.errors import InvalidArgumentError
from flightwire.events import (
    CallWarning,
    FinishReason,
    ProviderMetadata,
    ProviderPart,
    ResponseMetadata,
    ToolCall,
    Usage,
)
from flightwire.jsontypes import JSONValue
from flightwire.providers.base import ModelCall, Reasoning

Wait: TypeAlias = asyncio.Event | Callable[[], Awaitable[object]]
Item: TypeAlias = str | BaseException | Reasoning | ProviderPart | Wait
"""Texts, errors that are raised there, reasoning, tool calls, any part of a provider, and what to wait for."""


def tool_call(name: str, input: JSONValue = None, *, id: str = "", **arguments: JSONValue) -> ToolCall:
    """A call of a tool, for a script: `tool_call("get_weather", city="Berlin")`.

    Arguments:
        name: of the tool.
        input: the whole input; a text is sent as it is, so it may be wrong.
        id: of the call; by default counted in each model: `call-1`, `call-2`, …
        arguments: the input, name by name.
    """
    given = input if isinstance(input, str) else json.dumps(arguments if input is None else input)
    return ToolCall(id, name, given)


class Reply:
    """One answer.

    Arguments:
        items: what it consists of.
        finish_reason: why it ends; "auto" is "tool-calls" when it calls tools, else "stop". None: it breaks off.
        usage: what is reported; by default one token per message and per item.
        raw_finish_reason: in the provider's word.
        warnings: what the provider could not honour.
        response: what the provider says about its answer.
        provider_metadata: what only this provider says.

    Raises:
        InvalidArgumentError: a list was given instead of its items.
    """

    def __init__(
        self,
        *items: Item,
        finish_reason: FinishReason | Literal["auto"] | None = "auto",
        usage: Usage | None = None,
        raw_finish_reason: str | None = None,
        warnings: Sequence[CallWarning] = (),
        response: ResponseMetadata | None = None,
        provider_metadata: ProviderMetadata | None = None,
    ) -> None:
        if listed := next((each for each in items if isinstance(each, (list, tuple, dict))), None):
            raise InvalidArgumentError(
                f"Reply({listed!r:.60}) was given a {type(listed).__name__}; its items stand side by side: Reply('Hel', 'lo')."
            )
        self.items = items
        self.usage = usage
        self.raw_finish_reason = raw_finish_reason
        self.warnings = tuple(warnings)
        self.response = response
        self.provider_metadata = provider_metadata
        self.finish_reason: FinishReason | None = _reason(items) if finish_reason == "auto" else finish_reason


Script: TypeAlias = (
    Iterable[Item] | Iterable[Iterable[Item]] | Iterable[Reply] | Reply | Callable[[ModelCall], Any]
)


class Answers:
    """A script, read: which answer each call gets.

    Arguments:
        script: as `ScriptedModel` takes it.
        options: of a script that is one answer, see `Reply`.
    """

    def __init__(self, script: Script, options: dict[str, Any]) -> None:
        self._ask = script if callable(script) and not isinstance(script, Reply) else None
        self._options = options
        self._always: Reply | None = None
        self._in_turn: list[Reply] = []
        if self._ask is None:
            self._read(script)

    def _read(self, script: Any) -> None:
        items: list[Any] = [script] if isinstance(script, Reply) else list(script)
        if items and all(isinstance(each, (list, tuple, Reply)) for each in items):
            self._in_turn = [self._reply(each) for each in items]
            self._always = self._in_turn[0] if isinstance(script, Reply) else None
        else:
            self._always = Reply(*items, **self._options)

    def _reply(self, given: Any) -> Reply:
        if isinstance(given, Reply):
            return given
        items: list[Any] = [given] if isinstance(given, str) else list(given)
        return Reply(*items, **self._options)

    def get(self, call: ModelCall, number: int) -> Reply:
        """The answer to a call, counted from 0.

        Raises:
            InvalidArgumentError: the script is over.
        """
        if self._ask is not None:
            return self._reply(self._ask(call))
        if self._always is not None:
            return self._always
        if number >= len(self._in_turn):
            raise InvalidArgumentError(
                f"the script of this model has {len(self._in_turn)} answers, and this is call {number + 1}."
            )
        return self._in_turn[number]


def _reason(items: Sequence[Item]) -> FinishReason:
    calls = any(isinstance(each, ToolCall) and not each.provider_executed for each in items)
    return "tool-calls" if calls else "stop"
