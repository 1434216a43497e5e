"""From a call as the provider sent it to a call that can be run, or one that the model is told is wrong.

Owns: parsing and checking inputs, repairing and refining them (AI SDK v7, `packages/ai/src/generate-text/parse-tool-call.ts`).
Refuses to know: running tools, streams.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from flightwire.core.tool_sets import ToolSet
from flightwire.core.tools import Tool
from flightwire.errors import InvalidToolInputError, NoSuchToolError, ToolCallRepairError
from flightwire.events import ToolCall
from flightwire.jsontypes import JSONObject, JSONValue, dumps, loads
from flightwire.messages import ModelMessage, SystemMessage
from flightwire.providers.base import ProviderToolSpec

MAX_INPUT_DEPTH: Final = 64


@dataclass(slots=True)
class RepairOptions:
    """What `repair_tool_call` is told.

    Attributes:
        tool_call: the call; its input is the text the model wrote.
        tools: the tools that the model was given.
        error: what is wrong.
        messages: what the model was sent, without instructions.
        instructions: the instructions.
    """

    tool_call: ToolCall
    tools: ToolSet
    error: NoSuchToolError | InvalidToolInputError
    messages: Sequence[ModelMessage]
    instructions: Sequence[SystemMessage]

    def input_schema(self, tool_name: str) -> JSONObject:
        """The JSON Schema of a tool's input; empty for tools that have none here."""
        tool = self.tools.get(tool_name)
        return tool.input_schema if isinstance(tool, Tool) else {}


RepairToolCall: TypeAlias = Callable[[RepairOptions], ToolCall | Awaitable[ToolCall | None] | None]
RefineToolInput: TypeAlias = Mapping[str, Callable[[Any], Any]]


@dataclass(slots=True)
class CallParser:
    """Parses the calls of one step."""

    tools: ToolSet
    messages: Sequence[ModelMessage]
    instructions: Sequence[SystemMessage]
    repair: RepairToolCall | None = None
    refine: RefineToolInput | None = None

    async def parse(self, call: ToolCall) -> ToolCall:
        """The call with its input as a value; a wrong one is `invalid` and carries its error."""
        try:
            try:
                return await self._refined(self._parsed(call))
            except (NoSuchToolError, InvalidToolInputError) as error:
                repaired = await self._repaired(call, error)
                if repaired is None:
                    raise
                return await self._refined(self._parsed(repaired))
        except Exception as error:
            return dataclasses.replace(
                call,
                input=_readable(call.input),
                dynamic=True,
                invalid=True,
                error=error,
                title=_title(self.tools.get(call.tool_name)),
            )

    def _parsed(self, call: ToolCall) -> ToolCall:
        tool = self.tools.get(call.tool_name)
        if tool is None and not (call.provider_executed and call.dynamic):
            # A provider's own dynamic tools (of an MCP server it asks) are not among ours.
            raise NoSuchToolError(call.tool_name, tuple(self.tools))
        text = _text(call.input)
        try:
            parsed = parse_input(text)
            if isinstance(tool, Tool):
                tool.check_input(parsed)
        except ValueError as error:
            raise InvalidToolInputError(call.tool_name, text, str(error)) from error
        is_dynamic = tool.is_dynamic if isinstance(tool, Tool) else call.dynamic
        return dataclasses.replace(call, input=parsed, dynamic=is_dynamic, title=_title(tool))

    async def _refined(self, call: ToolCall) -> ToolCall:
        refine = (self.refine or {}).get(call.tool_name)
        if refine is None:
            return call
        refined = refine(call.input)
        if inspect.isawaitable(refined):
            refined = await refined
        return dataclasses.replace(call, input=refined)

    async def _repaired(
        self, call: ToolCall, error: NoSuchToolError | InvalidToolInputError
    ) -> ToolCall | None:
        if self.repair is None:
            return None
        try:
            repaired = self.repair(RepairOptions(call, self.tools, error, self.messages, self.instructions))
            return await repaired if inspect.isawaitable(repaired) else repaired
        except Exception as failure:
            raise ToolCallRepairError(failure, original_error=error) from failure


async def refine_input(refine: RefineToolInput | None, call: ToolCall) -> ToolCall:
    """The call as `refine_tool_input` leaves it."""
    return await CallParser({}, (), (), refine=refine)._refined(call)


def parse_input(text: str) -> JSONValue:
    """The value of a tool's input; nothing at all means no arguments.

    Raises:
        ValueError: it is no JSON, or holds what could change objects in a browser (`__proto__`).
    """
    if not text.strip():
        return {}
    parsed = loads(text)
    _check_keys(parsed, MAX_INPUT_DEPTH)
    return parsed


def _check_keys(value: JSONValue, depth: int) -> None:
    """Refuse what the AI SDK's parser in the browser refuses: it would end the page's whole stream."""
    if depth == 0:
        raise ValueError(f"nested deeper than {MAX_INPUT_DEPTH} levels")
    if isinstance(value, list):
        for each in value:
            _check_keys(each, depth - 1)
    elif isinstance(value, dict):
        constructor = value.get("constructor")
        if "__proto__" in value or (isinstance(constructor, dict) and "prototype" in constructor):
            raise ValueError("an object has a forbidden prototype property")
        for each in value.values():
            _check_keys(each, depth - 1)


def _text(given: JSONValue) -> str:
    return given if isinstance(given, str) else dumps(given)


def _readable(given: JSONValue) -> JSONValue:
    """The input of a wrong call: its value if it is JSON, else the text as it is."""
    try:
        return parse_input(_text(given))
    except ValueError:
        return given


def _title(tool: Tool[..., Any] | ProviderToolSpec | None) -> str | None:
    return tool.title if isinstance(tool, Tool) else None
