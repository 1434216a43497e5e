"""Tools and the choice among them, as Anthropic takes them.

Owns: the shape of a tool's definition, `tool_choice`. Refuses to know: messages.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from flightwire._frozen import value
from flightwire.errors import InvalidArgumentError
from flightwire.events import CallWarning
from flightwire.jsontypes import JSONValue
from flightwire.providers.anthropic.caching import CacheMarks, marked
from flightwire.providers.anthropic.tool_names import TOOLS, TOOLSET, key_of
from flightwire.providers.base import ProviderToolSpec, ToolChoice, ToolSpec
from flightwire.providers.options import option_of, snake_case

__all__ = ["ToolRules", "write_tools"]

STRICT = "structured-outputs-2025-11-13"
ADVANCED = "advanced-tool-use-2025-11-20"


@value
class ToolRules:
    """What the model and the other settings of a call mean for its tools.

    Attributes:
        takes_strict: whether a tool may be strict.
        names_beta: whether a tool of the user's own needs the beta of structured answers.
        is_eager: inputs are streamed as they are written, unless a tool says otherwise.
        can_be_forced: whether a call of a tool may be required.
        only_one: at most one call per answer; None leaves it to the API.
    """

    takes_strict: bool
    names_beta: bool
    is_eager: bool
    can_be_forced: bool
    only_one: bool | None


def write_tools(
    tools: Sequence[ToolSpec | ProviderToolSpec],
    choice: ToolChoice,
    rules: ToolRules,
    *,
    marks: CacheMarks,
    betas: dict[str, None],
    warnings: list[CallWarning],
) -> dict[str, object]:
    """The fields `tools` and `tool_choice`; adds the betas they need.

    Raises:
        InvalidArgumentError: a tool of Anthropic's whose settings cannot work.
    """
    written: list[dict[str, object]] = []
    for tool in tools:
        if isinstance(tool, ToolSpec):
            written.append(_own(tool, rules, marks, betas, warnings))
        elif (theirs := _theirs(tool, betas, warnings)) is not None:
            written.append(theirs)
    if not tools:
        return {}
    return _chosen(written, choice, rules, warnings)


def _own(
    tool: ToolSpec, rules: ToolRules, marks: CacheMarks, betas: dict[str, None], warnings: list[CallWarning]
) -> dict[str, object]:
    def option(name: str) -> JSONValue:
        return option_of(tool.provider_options, "anthropic", name)

    eager = option("eagerInputStreaming")
    callers = option("allowedCallers")
    fields: dict[str, object] = {
        "name": tool.name,
        "description": tool.description,
        "input_schema": tool.input_schema,
        "eager_input_streaming": True if (rules.is_eager if eager is None else eager) else None,
        "strict": tool.strict if rules.takes_strict else None,
        "defer_loading": option("deferLoading"),
        "allowed_callers": callers,
        "input_examples": list(tool.input_examples) or None,
    }
    if tool.strict and not rules.takes_strict:
        warnings.append(
            CallWarning("unsupported", f"tool {tool.name!r}: this model has no strict tools", "strict")
        )
    if rules.names_beta and rules.takes_strict:
        betas[STRICT] = None
    if tool.input_examples or callers is not None:
        betas[ADVANCED] = None
    known = {name: field for name, field in fields.items() if field is not None}
    return marked(known, marks.mark(tool.provider_options))


def _theirs(
    tool: ProviderToolSpec, betas: dict[str, None], warnings: list[CallWarning]
) -> dict[str, object] | None:
    key = key_of(tool)
    known = TOOLS.get(key) if key is not None else None
    if known is None:
        feature = f"provider-defined tool {tool.id}"
        warnings.append(CallWarning("unsupported", f"Anthropic does not know the {feature}", feature))
        return None
    if known.beta is not None:
        betas[known.beta] = None
    settings = {snake_case(name): setting for name, setting in tool.args.items()}
    if key == "advisor_20260301" and not isinstance(settings.get("model"), str):
        raise InvalidArgumentError("the advisor needs a model: anthropic.tools.advisor_20260301(model='…').")
    sent = {name: settings[name] for name in known.settings if settings.get(name) is not None}
    if key == TOOLSET:
        return {"type": known.type, **_configs(sent.get("configs"))}
    return {"type": known.type, "name": known.name, **sent}


def _configs(configs: JSONValue) -> dict[str, object]:
    if not isinstance(configs, Mapping):
        return {}
    return {
        "configs": {
            member: {snake_case(name): setting for name, setting in config.items() if setting is not None}
            for member, config in configs.items()
            if isinstance(config, Mapping)
        }
    }


def _chosen(
    tools: list[dict[str, object]], choice: ToolChoice, rules: ToolRules, warnings: list[CallWarning]
) -> dict[str, object]:
    only_one = {} if rules.only_one is None else {"disable_parallel_tool_use": rules.only_one}
    if choice.type == "none":
        return {"tools": tools, "tool_choice": {"type": "none"}}
    if choice.type == "auto":
        return {"tools": tools, "tool_choice": {"type": "auto", **only_one}}
    if not rules.can_be_forced:
        message = (
            f"this model, or its thinking, takes no tool_choice {choice.type!r}; 'auto' was sent instead"
        )
        warnings.append(CallWarning("unsupported", message, "tool_choice"))
        if choice.type == "tool":
            tools = [tool for tool in tools if tool.get("name") == choice.tool_name]
        return {"tools": tools, "tool_choice": {"type": "auto", **only_one}}
    if choice.type == "required":
        return {"tools": tools, "tool_choice": {"type": "any", **only_one}}
    return {"tools": tools, "tool_choice": {"type": "tool", "name": choice.tool_name, **only_one}}
