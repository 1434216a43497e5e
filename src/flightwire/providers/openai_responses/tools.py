"""Tools as the Responses API takes them.

Owns: functions, OpenAI's own tools and their settings, tool choice, and what each tool is called on either side. Refuses
to know: messages, answers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from flightwire.errors import UnsupportedFunctionalityError
from flightwire.events import CallWarning
from flightwire.jsontypes import JSONValue
from flightwire.providers.base import ModelCall, ProviderToolSpec, ToolChoice, ToolSpec
from flightwire.providers.openai_responses.tool_settings import SETTINGS, options_in
from flightwire.providers.openai_schema import openai_schema
from flightwire.providers.options import Options, option_of, without_none

__all__ = ["Names", "PreparedTools", "prepare_tools"]

Fields = dict[str, object]

# OpenAI's own tools: id → what the API calls it.
OWN_TOOLS = {
    f"openai.{name}": name
    for name in (
        "code_interpreter", "computer", "file_search", "image_generation", "local_shell", "shell", "web_search",
        "web_search_preview", "mcp", "apply_patch", "tool_search", "programmatic_tool_calling",
    )
}  # fmt: skip
# These are chosen by their type alone.
_CHOSEN_BY_TYPE = {
    "code_interpreter", "file_search", "image_generation", "web_search_preview", "web_search", "mcp", "apply_patch",
    "computer", "programmatic_tool_calling",
}  # fmt: skip
_ALLOWED_BY_TYPE = (_CHOSEN_BY_TYPE - {"mcp"}) | {"shell", "local_shell"}


class Names:
    """What the tools of one call are named by the caller and by OpenAI, and which of OpenAI's are there."""

    def __init__(self, tools: Sequence[ToolSpec | ProviderToolSpec]) -> None:
        own = [tool for tool in tools if isinstance(tool, ProviderToolSpec)]
        self._theirs = {tool.name: OWN_TOOLS[tool.id] for tool in own if tool.id in OWN_TOOLS}
        self._ours = {theirs: ours for ours, theirs in self._theirs.items()}
        self._ids = {tool.id: tool for tool in reversed(own)}
        self.functions = frozenset(tool.name for tool in tools if isinstance(tool, ToolSpec))
        self.custom = frozenset(tool.name for tool in own if tool.id == "openai.custom")

    def theirs(self, name: str) -> str:
        """What OpenAI calls a tool."""
        return self._theirs.get(name, name)

    def ours(self, name: str) -> str:
        """What the caller calls a tool."""
        return self._ours.get(name, name)

    def has(self, name: str) -> bool:
        """Whether OpenAI's tool is there."""
        return f"openai.{name}" in self._ids

    @property
    def web_search(self) -> str:
        """What the caller calls the web search, whichever it is."""
        found = self._ids.get("openai.web_search") or self._ids.get("openai.web_search_preview")
        return found.name if found else "web_search"

    @property
    def has_web_search(self) -> bool:
        """Whether there is one."""
        return self.has("web_search") or self.has("web_search_preview")

    @property
    def runs_shell_itself(self) -> bool:
        """Whether OpenAI runs the shell, in a container of its own."""
        shell = self._ids.get("openai.shell")
        environment = shell.args.get("environment") if shell else None
        kind = environment.get("type") if isinstance(environment, Mapping) else None
        return kind in ("containerAuto", "containerReference", "container_auto", "container_reference")


class PreparedTools:
    """The tools of one call as they are sent."""

    def __init__(self) -> None:
        self.tools: list[Fields] = []
        self.choice: object = None
        self.with_output_schema: set[str] = set()


def prepare_tools(
    call: ModelCall, options: Options, names: Names, warnings: list[CallWarning], *, takes_async: bool
) -> PreparedTools:
    """Write the tools.

    Raises:
        UnsupportedFunctionalityError: tools or choices that exclude each other.
    """
    prepared = PreparedTools()
    allowed = options["allowedTools"]
    if not call.tools:
        return prepared
    namespaces: dict[str, Fields] = {}
    allowable: dict[str, Fields | str] = {}
    for tool in call.tools:
        if isinstance(tool, ProviderToolSpec):
            written = _own_tool(tool, warnings, takes_async=takes_async)
            if written is not None:
                prepared.tools.append(written)
                allowable[tool.name] = allowable[names.theirs(tool.name)] = _allowed(written)
            continue
        _add_function(tool, prepared, namespaces, allowable, warnings, takes_async=takes_async)
    if isinstance(allowed, Mapping):
        prepared.choice = _allowed_tools(options_in(allowed), allowable, names, warnings)
    else:
        prepared.choice = _choice(call.tool_choice, names)
    return prepared


# --- functions ---------------------------------------------------------------------------------------------------


def _add_function(
    tool: ToolSpec,
    prepared: PreparedTools,
    namespaces: dict[str, Fields],
    allowable: dict[str, Fields | str],
    warnings: list[CallWarning],
    *,
    takes_async: bool,
) -> None:
    option = _option_reader(tool)
    if option("outputSchema") is not None:
        prepared.with_output_schema.add(tool.name)
    if option("omitFromRequestTools") is True:
        allowable[tool.name] = "it is left out of the request's tools"
        return
    function = _function(tool, option, warnings, takes_async=takes_async)
    namespace = option("namespace")
    if not isinstance(namespace, Mapping):
        prepared.tools.append(function)
        deferred = "it is loaded later" if option("deferLoading") is True else None
        allowable[tool.name] = deferred or {"type": "function", "name": tool.name}
        return
    allowable[tool.name] = "it is in a namespace"
    name, description = str(namespace.get("name")), namespace.get("description")
    group = namespaces.get(name)
    if group is None:
        group = {"type": "namespace", "name": name, "description": description, "tools": []}
        namespaces[name] = group
        prepared.tools.append(group)
    elif group["description"] != description:
        raise UnsupportedFunctionalityError(
            f"the namespace {name!r} has two descriptions; write the same one."
        )
    cast("list[Fields]", group["tools"]).append(function)


def _option_reader(tool: ToolSpec) -> Callable[[str], JSONValue]:
    return lambda name: option_of(tool.provider_options, "openai", name)


def _function(
    tool: ToolSpec, option: Callable[[str], JSONValue], warnings: list[CallWarning], *, takes_async: bool
) -> Fields:
    output_schema = option("outputSchema")
    return without_none(
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": openai_schema(tool.input_schema, warnings),
            "async": _async(option("async"), tool.name, warnings, takes_async=takes_async),
            "strict": bool(tool.strict),
            "defer_loading": option("deferLoading"),
            "allowed_callers": option("allowedCallers"),
            "output_schema": openai_schema(output_schema, warnings)
            if isinstance(output_schema, Mapping)
            else None,
        }
    )


def _async(wanted: JSONValue, name: str, warnings: list[CallWarning], *, takes_async: bool) -> JSONValue:
    if wanted is not True or takes_async:
        return wanted
    why = f"This model waits for every tool; async was left out of {name!r}."
    warnings.append(CallWarning("unsupported", why, "async"))
    return None


# --- OpenAI's own ------------------------------------------------------------------------------------------------


def _own_tool(tool: ProviderToolSpec, warnings: list[CallWarning], *, takes_async: bool) -> Fields | None:
    args = options_in(tool.args)
    if tool.id == "openai.custom":
        return without_none(
            {
                "type": "custom",
                "name": tool.name,
                "description": args["description"],
                "async": _async(args["async"], tool.name, warnings, takes_async=takes_async),
                "format": args["format"],
            }
        )
    kind = OWN_TOOLS.get(tool.id)
    if kind is None:
        warnings.append(
            CallWarning("unsupported", f"OpenAI has no tool {tool.id}; it was left out.", tool.id)
        )
        return None
    settings = SETTINGS.get(kind)
    return {"type": kind, **(without_none(settings(args)) if settings else {})}


# --- choice ------------------------------------------------------------------------------------------------------


def _choice(choice: ToolChoice, names: Names) -> object:
    if choice.type != "tool":
        return choice.type
    name = names.theirs(choice.tool_name or "")
    if name in _CHOSEN_BY_TYPE:
        return {"type": name}
    return {"type": "custom" if name in names.custom else "function", "name": name}


def _allowed(tool: Fields) -> Fields | str:
    kind = tool["type"]
    if kind == "custom":
        return {"type": "custom", "name": tool["name"]}
    if kind == "mcp":
        return {"type": "mcp", "server_label": tool["server_label"]}
    return {"type": kind} if kind in _ALLOWED_BY_TYPE else f"OpenAI does not allow {kind} there"


def _allowed_tools(
    allowed: Options, allowable: Mapping[str, Fields | str], names: Names, warnings: list[CallWarning]
) -> Fields:
    entries: list[Fields] = []
    wanted = allowed.get("toolNames", cast("Sequence[str]", ()))
    for name in wanted:
        found = allowable.get(name)
        if isinstance(found, dict):
            entries.append(found)
            continue
        if found is None:
            entries.append({"type": "function", "name": names.theirs(name)})
        why = found or "it is none of this call's tools, and was sent as a function"
        warnings.append(CallWarning("unsupported", f"allowed_tools names {name!r}: {why}.", "allowed_tools"))
    if not entries:
        raise UnsupportedFunctionalityError(
            f"allowed_tools names only tools that cannot stand there: {', '.join(wanted) or 'none'}."
        )
    return {"type": "allowed_tools", "mode": allowed.get("mode", "auto"), "tools": entries}
