"""Items of earlier answers, as they go back.

Owns: the calls and results of functions and of OpenAI's own tools, one item each. Refuses to know: what is referred to
instead of told, and in which order.
"""

from __future__ import annotations

from collections.abc import Mapping

from flightwire.jsontypes import JSONObject, JSONValue, loads
from flightwire.messages import ProviderOptions, ToolResultPart
from flightwire.providers.openai_responses.outputs import safety_check
from flightwire.providers.openai_responses.tool_settings import options_in
from flightwire.providers.openai_responses.tools import Names
from flightwire.providers.options import Options, option_of, snake_case, without_none

__all__ = ["RUN_HERE", "caller_item", "function_call", "given_to", "item_id_of", "own_call", "told_again"]

Fields = dict[str, object]

RUN_HERE = ("local_shell", "shell", "apply_patch", "computer")
"""OpenAI's own tools that run here: their calls and outputs are items of their own."""


def function_call(call_id: str, name: str, arguments: str) -> Fields:
    """A call of a function of the caller's."""
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def caller_item(caller: JSONObject) -> Fields:
    """Who called a tool: the model itself, or a program it wrote."""
    if caller.get("type") != "program":
        return dict(caller)
    return {"type": "program", "caller_id": caller.get("callerId", caller.get("caller_id"))}


def given_to(given: JSONValue) -> Options:
    """A tool's input, parsed if it is still JSON text; read in either spelling."""
    if isinstance(given, str):
        try:
            given = loads(given)
        except ValueError:
            given = {}
    return options_in(given)


def own_call(name: str, call_id: str, item_id: str | None, said: Options) -> Fields:
    """A call of one of OpenAI's own tools that runs here."""
    action = options_in(said["action"])
    if name == "local_shell":
        inner = {
            "type": "exec", "command": action["command"], "timeout_ms": action["timeoutMs"], "user": action["user"],
            "working_directory": action["workingDirectory"], "env": action["env"],
        }  # fmt: skip
        return {
            "type": "local_shell_call",
            "call_id": call_id,
            "id": item_id,
            "action": without_none(inner),
        }
    if name == "shell":
        inner = {
            "commands": action["commands"],
            "timeout_ms": action["timeoutMs"],
            "max_output_length": action["maxOutputLength"],
        }
        return {
            "type": "shell_call", "call_id": call_id, "id": item_id, "status": "completed",
            "action": without_none(inner),
        }  # fmt: skip
    if name == "apply_patch":
        return {
            "type": "apply_patch_call", "call_id": said["callId"], "id": item_id, "status": "completed",
            "operation": said["operation"],
        }  # fmt: skip
    actions, checks = said["actions"], said["pendingSafetyChecks"]
    return {
        "type": "computer_call",
        "call_id": call_id,
        "id": item_id,
        "status": said["status"],
        "actions": [_computer_action(each) for each in actions] if isinstance(actions, (list, tuple)) else [],
        "pending_safety_checks": [safety_check(each) for each in checks]
        if isinstance(checks, (list, tuple))
        else [],
    }


def _computer_action(action: JSONValue) -> Fields:
    given = action if isinstance(action, Mapping) else {}
    return {snake_case(name) if name.startswith("scroll") else name: each for name, each in given.items()}


def told_again(name: str, item_id: str, part: ToolResultPart, names: Names) -> Fields | None:
    """What OpenAI's tool answered, as an item, for when nothing is stored."""
    said = options_in(part.output.get("value"))
    if name in ("web_search", "web_search_preview"):
        return _web_search_item(item_id, said["action"], said["sources"])
    if name == "tool_search" and names.has(name):
        return {
            "type": "tool_search_output", "id": item_id, "execution": "server", "call_id": None,
            "status": "completed", "tools": said["tools"],
        }  # fmt: skip
    if name == "programmatic_tool_calling" and names.has(name):
        return {
            "type": "program_output", "id": item_id, "call_id": part.tool_call_id, "result": said["result"],
            "status": said["status"],
        }  # fmt: skip
    return None


def _web_search_item(item_id: str, action: JSONValue, sources: JSONValue) -> Fields | None:
    said = options_in(action)
    kind = said["type"]
    if kind == "search":
        inner = {"type": "search", "query": said["query"], "queries": said["queries"], "sources": sources}
    elif kind == "openPage":
        inner = {"type": "open_page", "url": said["url"]}
    elif kind == "findInPage":
        inner = {"type": "find_in_page", "url": said["url"], "pattern": said["pattern"]}
    else:
        return None
    return {"type": "web_search_call", "id": item_id, "status": "completed", "action": without_none(inner)}


def item_id_of(options: ProviderOptions | None) -> str | None:
    """What OpenAI calls the item that a part was."""
    found = option_of(options, "openai", "itemId")
    return found if isinstance(found, str) else None
