"""The wrapper `parallel` that OpenAI's models sometimes call though nobody offered it.

Owns: taking such a call apart into calls of the tools inside, and putting their answers together again. Refuses to know:
streams, requests.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import cast

from flightwire._frozen import value
from flightwire.events import ToolCall
from flightwire.jsontypes import JSONObject, JSONValue, dumps, loads
from flightwire.messages import ModelMessage, ProviderOptions, ToolMessage, ToolResultPart

__all__ = ["Group", "expand", "groups_of", "is_wrapper", "wrapped_in"]

WRAPPER = "parallel"
_PREFIX = "functions."


def is_wrapper(name: str, functions: Collection[str]) -> bool:
    """Whether a call by this name is the wrapper, because no tool of the caller's has the name."""
    return name == WRAPPER and WRAPPER not in functions


def expand(
    call_id: str, name: str, arguments: str, item_id: str, functions: Collection[str]
) -> list[ToolCall] | None:
    """The calls inside a wrapper; None if it is not one, or holds something else than calls of the caller's tools."""
    if not is_wrapper(name, functions):
        return None
    try:
        given = loads(arguments)
    except ValueError:
        return None
    uses = given.get("tool_uses") if isinstance(given, Mapping) else None
    if not isinstance(uses, list) or not uses:
        return None
    calls = []
    for index, use in enumerate(uses):
        inner = _inner(use, functions)
        if inner is None:
            return None
        wrapped: dict[str, JSONValue] = {
            "itemId": item_id, "toolCallId": call_id, "toolName": name, "index": index, "count": len(uses),
        }  # fmt: skip
        if index == 0:
            wrapped["input"] = arguments
        metadata = {"openai": {"parallelToolCall": wrapped}}
        calls.append(ToolCall(f"{call_id}_{index}", *inner, provider_metadata=metadata))
    return calls


def _inner(use: JSONValue, functions: Collection[str]) -> tuple[str, str] | None:
    if not isinstance(use, Mapping):
        return None
    recipient, parameters = use.get("recipient_name"), use.get("parameters")
    if not isinstance(recipient, str) or not isinstance(parameters, Mapping):
        return None
    name = recipient.removeprefix(_PREFIX)
    return (name, dumps(parameters)) if recipient.startswith(_PREFIX) and name in functions else None


@value
class Group:
    """The answers to all calls of one wrapper, in order."""

    call_id: str
    name: str
    input: str
    results: tuple[ToolResultPart, ...]


def wrapped_in(options: ProviderOptions | None) -> JSONObject | None:
    """What a call or an answer says about the wrapper it came in."""
    found = (options or {}).get("openai", {})
    wrapped = found.get("parallelToolCall") if isinstance(found, Mapping) else None
    if not isinstance(wrapped, Mapping):
        return None
    index, count = wrapped.get("index"), wrapped.get("count")
    is_sound = isinstance(index, int) and isinstance(count, int) and 0 <= index < count
    return wrapped if is_sound and isinstance(wrapped.get("toolCallId"), str) else None


def groups_of(messages: Sequence[ModelMessage]) -> dict[str, Group]:
    """The wrappers all of whose calls were answered: call id → answers."""
    found: dict[str, dict[int, ToolResultPart]] = {}
    said: dict[str, JSONObject] = {}
    for part, wrapped in _wrapped_results(messages):
        call_id = cast("str", wrapped["toolCallId"])
        found.setdefault(call_id, {}).setdefault(cast("int", wrapped["index"]), part)
        if call_id not in said or "input" not in said[call_id]:
            said[call_id] = wrapped
    return {
        call_id: Group(
            call_id,
            str(wrapped.get("toolName")),
            cast("str", wrapped["input"]),
            tuple(found[call_id][index] for index in range(cast("int", wrapped["count"]))),
        )
        for call_id, wrapped in said.items()
        if len(found[call_id]) == wrapped["count"] and isinstance(wrapped.get("input"), str)
    }


def _wrapped_results(messages: Sequence[ModelMessage]) -> Iterator[tuple[ToolResultPart, JSONObject]]:
    for message in messages:
        for part in message.content if isinstance(message, ToolMessage) else ():
            if (
                isinstance(part, ToolResultPart)
                and (wrapped := wrapped_in(part.provider_options)) is not None
            ):
                yield part, wrapped
