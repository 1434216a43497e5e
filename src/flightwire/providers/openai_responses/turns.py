"""One message of the model's, as the items it was.

Owns: what is referred to because OpenAI keeps it, and what is told again. Refuses to know: what people and tools said.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from flightwire.messages import (
    AssistantContentPart,
    AssistantMessage,
    CustomPart,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from flightwire.providers.chat_dialect.messages import json_text, json_text_unless_json
from flightwire.providers.openai_responses.outputs import shell_output
from flightwire.providers.openai_responses.replayed import (
    RUN_HERE,
    caller_item,
    function_call,
    given_to,
    item_id_of,
    own_call,
    told_again,
)
from flightwire.providers.openai_responses.said import Said
from flightwire.providers.options import option_of, without_none

__all__ = ["Turn"]

Fields = dict[str, object]


class Turn:
    """One message of the model's, part by part."""

    def __init__(self, said: Said, message: AssistantMessage) -> None:
        self._said = said
        self._rules = said.rules
        self._names = said.names
        content = message.content
        self._parts: Sequence[AssistantContentPart] = (
            (TextPart(content),) if isinstance(content, str) else content
        )
        self._items: list[Fields] = []
        self._has_reasoned = False
        self._referred: set[str] = set()
        self._reasonings: dict[str, Fields] = {}

    def items(self) -> list[Fields]:
        """The items that the parts become."""
        for part in self._parts:
            if isinstance(part, TextPart):
                self._text(part)
            elif isinstance(part, ReasoningPart):
                self._reasoning(part)
            elif isinstance(part, ToolCallPart):
                self._call(part)
            elif isinstance(part, ToolResultPart):
                self._result(part)
            elif isinstance(part, CustomPart) and part.kind == "openai.compaction":
                self._compaction(part)
        return self._items

    def _refer(self, item_id: str) -> None:
        self._items.append({"type": "item_reference", "id": item_id})

    def _text(self, part: TextPart) -> None:
        item_id, phase = (
            item_id_of(part.provider_options),
            option_of(part.provider_options, "openai", "phase"),
        )
        rules = self._rules
        if rules.has_conversation and item_id is not None:
            return
        # A stored message of a reasoning model cannot be referred to without the reasoning it belongs to.
        if rules.store and item_id is not None and (not rules.reasons or self._has_reasoned):
            if item_id not in self._referred:
                self._referred.add(item_id)
                self._refer(item_id)
            return
        item: Fields = {"role": "assistant", "content": part.text}
        self._items.append(item if phase is None else {**item, "phase": phase})

    def _reasoning(self, part: ReasoningPart) -> None:
        self._has_reasoned = True
        item_id = item_id_of(part.provider_options)
        encrypted = option_of(part.provider_options, "openai", "reasoningEncryptedContent")
        rules = self._rules
        if (rules.has_conversation or rules.has_previous) and item_id is not None:
            return
        summary: list[Fields] = [{"type": "summary_text", "text": part.text}] if part.text else []
        if item_id is None:
            if encrypted is None:
                self._said.warn("Reasoning of another provider cannot be sent to OpenAI; it was left out.")
            else:
                self._items.append({"type": "reasoning", "encrypted_content": encrypted, "summary": summary})
            return
        known = self._reasonings.get(item_id)
        if rules.store:
            if known is None:
                self._reasonings[item_id] = {}
                self._refer(item_id)
        elif known is None:
            item = without_none(
                {"type": "reasoning", "id": item_id, "encrypted_content": encrypted, "summary": summary}
            )
            self._reasonings[item_id] = item
            self._items.append(item)
        else:
            if not summary:
                self._said.warn("An empty piece of reasoning cannot follow another; it was left out.")
            cast("list[Fields]", known["summary"]).extend(summary)
            if encrypted is not None:
                known["encrypted_content"] = encrypted

    # --- calls ---------------------------------------------------------------------------------------------------

    def _call(self, part: ToolCallPart) -> None:
        rules = self._rules
        group = self._said.group_of(part.provider_options)
        if group is not None:
            if self._said.is_first(group, "call") and not rules.has_conversation:
                self._items.append(function_call(group.call_id, group.name, group.input))
            return
        item_id, caller = (
            item_id_of(part.provider_options),
            option_of(part.provider_options, "openai", "caller"),
        )
        if isinstance(caller, Mapping) and caller.get("type") == "program":
            self._said.programmatic.add(part.tool_call_id)
        if rules.has_conversation and item_id is not None:
            return
        name = self._names.theirs(part.tool_name)
        if name in ("tool_search", "programmatic_tool_calling") and self._names.has(name):
            self._kept_call(part, name, item_id)
            return
        if part.provider_executed:
            if rules.store and item_id is not None:
                self._refer(item_id)
            # What OpenAI's shell did must be told again when nothing is stored.
            if rules.store or name != "shell" or not self._names.has("shell"):
                return
        is_own = (name in RUN_HERE and self._names.has(name)) or name in self._names.custom
        if rules.store and item_id is not None and is_own:
            if not rules.has_previous:
                self._refer(item_id)
            return
        self._items.append(self._call_item(part, name, item_id))

    def _kept_call(self, part: ToolCallPart, name: str, item_id: str | None) -> None:
        if self._rules.store and item_id is not None:
            self._refer(item_id)
            return
        given = given_to(part.input)
        if name == "tool_search":
            call_id = given["callId"]
            self._items.append(
                {
                    "type": "tool_search_call",
                    "id": item_id or part.tool_call_id,
                    "execution": "client" if call_id is not None else "server",
                    "call_id": call_id,
                    "status": "completed",
                    "arguments": given["arguments"],
                }
            )
            return
        self._items.append(
            {
                "type": "program",
                "id": item_id or part.tool_call_id,
                "call_id": part.tool_call_id,
                "code": given["code"],
                "fingerprint": given["fingerprint"],
            }
        )

    def _call_item(self, part: ToolCallPart, name: str, item_id: str | None) -> Fields:
        call_id = part.tool_call_id
        is_async = option_of(part.provider_options, "openai", "async")
        if name in RUN_HERE and self._names.has(name):
            return without_none(own_call(name, call_id, item_id, given_to(part.input)))
        if name in self._names.custom:
            text = part.input if isinstance(part.input, str) else json_text(part.input)
            item = {
                "type": "custom_tool_call", "call_id": call_id, "name": name, "input": text, "async": is_async,
                "id": item_id,
            }  # fmt: skip
            return without_none(item)
        caller = option_of(part.provider_options, "openai", "caller")
        return without_none(
            {
                **function_call(call_id, name, json_text_unless_json(part.input)),
                "async": is_async,
                "namespace": option_of(part.provider_options, "openai", "namespace"),
                "caller": caller_item(caller) if isinstance(caller, Mapping) else None,
            }
        )

    # --- results of what OpenAI ran ------------------------------------------------------------------------------

    def _result(self, part: ToolResultPart) -> None:
        output, rules = part.output, self._rules
        answer = output.get("value")
        is_denied = output.get("type") == "execution-denied" or (
            isinstance(answer, Mapping) and answer.get("type") == "execution-denied"
        )
        if is_denied or rules.has_conversation:
            return
        name = self._names.theirs(part.tool_name)
        item_id = item_id_of(part.provider_options) or part.tool_call_id
        is_json = output.get("type") == "json"
        if name == "shell" and self._names.has("shell"):
            if is_json:  # it is an item of its own, whose id nobody kept
                self._items.append(shell_output(part.tool_call_id, answer))
        elif rules.store:
            self._refer(item_id)
        elif (item := told_again(name, item_id, part, self._names) if is_json else None) is not None:
            self._items.append(item)
        elif not (name in ("tool_search", "programmatic_tool_calling") and self._names.has(name)):
            self._said.warn(
                f"What OpenAI's tool {part.tool_name!r} answered cannot be sent while store is false; it was left out."
            )

    def _compaction(self, part: CustomPart) -> None:
        item_id = item_id_of(part.provider_options)
        if item_id is None or self._rules.has_conversation:
            return
        if self._rules.store:
            self._refer(item_id)
            return
        encrypted = option_of(part.provider_options, "openai", "encryptedContent")
        self._items.append(
            without_none({"type": "compaction", "id": item_id, "encrypted_content": encrypted})
        )
