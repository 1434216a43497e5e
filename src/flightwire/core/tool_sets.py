"""The tools of a call: by which names, which of them, in which order, and whether the model must.

Owns: reading `tools`, `tool_choice`, `active_tools` and `tool_order` (AI SDK v7, `packages/ai/src/prompt/prepare-tools.ts`,
`prepare-tool-choice.ts`). Refuses to know: models, running tools.
"""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

from flightwire.core.tools import Tool, checked_name
from flightwire.errors import InvalidArgumentError
from flightwire.providers.base import ProviderToolSpec, ToolChoice, ToolSpec

AnyTool: TypeAlias = Tool[..., Any] | ProviderToolSpec
Tools: TypeAlias = Sequence[AnyTool] | Mapping[str, AnyTool] | None
ToolSet: TypeAlias = Mapping[str, AnyTool]
ToolName: TypeAlias = str | AnyTool
ToolChoiceLike: TypeAlias = (
    Literal["auto", "none", "required"] | Mapping[str, str] | AnyTool | ToolChoice | None
)


def to_tool_set(tools: Tools) -> dict[str, AnyTool]:
    """Tools by the names that the model calls them.

    Raises:
        InvalidArgumentError: something is no tool, or two have one name.
    """
    if not tools:
        return {}
    named = list(tools.items()) if isinstance(tools, Mapping) else [(name_of(each), each) for each in tools]
    found: dict[str, AnyTool] = {}
    for name, each in named:
        name_of(each)
        if name in found:
            raise InvalidArgumentError(
                f"two tools are named '{name}'. Rename one, or pass a dict: tools={{'{name}_2': …}}."
            )
        found[checked_name(name)] = each
    return found


def name_of(each: object) -> str:
    """The name of a tool.

    Raises:
        InvalidArgumentError: it is none.
    """
    if isinstance(each, (Tool, ProviderToolSpec)):
        return each.name
    kind = f"the function '{each.__name__}'" if inspect.isroutine(each) else repr(each)[:80]
    raise InvalidArgumentError(f"tools holds {kind}, which is no tool. Write @tool above its `def`.")


def to_tool_choice(choice: ToolChoiceLike, tools: ToolSet) -> ToolChoice:
    """A tool stands for `{"type": "tool", "tool_name": …}`.

    Raises:
        InvalidArgumentError: it is none of these.
    """
    if choice is None:
        return ToolChoice()
    if isinstance(choice, ToolChoice):
        return choice
    if isinstance(choice, (Tool, ProviderToolSpec)):
        return ToolChoice("tool", key_of(choice, tools))
    if choice in ("auto", "none", "required"):
        return ToolChoice(choice)
    if isinstance(choice, Mapping) and choice.get("type") == "tool":
        name = choice.get("tool_name", choice.get("toolName"))
        if isinstance(name, str):
            return ToolChoice("tool", name)
    raise InvalidArgumentError(
        f"tool_choice is 'auto', 'none', 'required', a tool or {{'type': 'tool', 'tool_name': …}}, got {choice!r:.80}."
    )


def key_of(tool: ToolName, tools: ToolSet) -> str:
    """What the model calls a tool of the set; a name stands for itself."""
    if isinstance(tool, str):
        return tool
    return next((name for name, each in tools.items() if each is tool), tool.name)


def active(tools: ToolSet, names: Sequence[ToolName] | None) -> dict[str, AnyTool]:
    """The tools that the model may call now."""
    if names is None:
        return dict(tools)
    wanted = {key_of(each, tools) for each in names}
    return {name: tool for name, tool in tools.items() if name in wanted}


def to_specs(
    tools: ToolSet, order: Sequence[ToolName] | None, contexts: Mapping[str, Any]
) -> tuple[ToolSpec | ProviderToolSpec, ...]:
    """The tools as the model sees them: those of `order` first, the others by name; without it as they were given.

    Raises:
        InvalidArgumentError: a tool whose parameters have no JSON Schema.
    """
    names = list(tools)
    if order is not None:
        first = [name for each in order if (name := key_of(each, tools)) in tools]
        names = [*dict.fromkeys(first), *sorted(name for name in tools if name not in first)]
    return tuple(_spec(name, tools[name], contexts.get(name)) for name in names)


def _spec(name: str, tool: AnyTool, context: Any) -> ToolSpec | ProviderToolSpec:
    if isinstance(tool, ProviderToolSpec):
        return tool if tool.name == name else dataclasses.replace(tool, name=name)
    return tool.to_spec(name, context)
