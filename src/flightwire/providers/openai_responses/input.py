"""From our messages to the input items of the Responses API.

Owns: which item each message and part becomes; what OpenAI has stored is only referred to. Refuses to know: settings,
transport, answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from flightwire.errors import InvalidPromptError, UnsupportedFunctionalityError
from flightwire.events import CallWarning
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.messages import (
    AssistantMessage,
    ModelMessage,
    ProviderOptions,
    SystemMessage,
    TextPart,
    ToolApprovalRequest,
    ToolApprovalResponse,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
    UserContentPart,
    UserMessage,
)
from flightwire.providers.chat_dialect.messages import json_text
from flightwire.providers.media import full_media_type, media_of
from flightwire.providers.openai_responses.outputs import (
    breakpoint_of,
    function_output,
    input_file,
    own_output,
)
from flightwire.providers.openai_responses.parallel import Group
from flightwire.providers.openai_responses.replayed import RUN_HERE, caller_item
from flightwire.providers.openai_responses.said import InputRules, Said
from flightwire.providers.openai_responses.tool_settings import options_in
from flightwire.providers.openai_responses.tools import Names
from flightwire.providers.openai_responses.turns import Turn
from flightwire.providers.openai_schema import openai_schema
from flightwire.providers.options import camel_case, option_of

__all__ = ["InputRules", "InputWriter", "text_format"]

Fields = dict[str, object]


class InputWriter:
    """Writes one call's input items."""

    def __init__(self, rules: InputRules, names: Names, with_output_schema: set[str]) -> None:
        self._rules = rules
        self._names = names
        self._with_output_schema = with_output_schema
        self._said = Said(rules, names, ())
        self._approvals_here: set[str] = set()
        self._answered: set[str] = set()

    @property
    def warnings(self) -> list[CallWarning]:
        """What could not be said."""
        return self._said.warnings

    def write(self, messages: Sequence[ModelMessage]) -> list[Fields]:
        """The items.

        Raises:
            InvalidPromptError: a part that the API has no form for; names the message and the part.
        """
        self._said = Said(self._rules, self._names, messages)
        self._approvals_here = _approvals_of_our_tools(messages)
        items: list[Fields] = []
        for index, message in enumerate(messages):
            where = f"messages[{index}]"
            if isinstance(message, SystemMessage):
                items += self._system(message, where)
            elif isinstance(message, UserMessage):
                items.append({"role": "user", "content": list(self._user_parts(message, where))})
            elif isinstance(message, AssistantMessage):
                items += Turn(self._said, message).items()
            else:
                items += self._answers(message, where)
        return self._without_lost_reasoning(items)

    def _without_lost_reasoning(self, items: list[Fields]) -> list[Fields]:
        kept = [item for item in items if item.get("type") != "reasoning" or item.get("encrypted_content")]
        if self._rules.store or len(kept) == len(items):
            return items
        self._said.warn(
            "Reasoning without encrypted content cannot be sent back while store is false; it was left out."
        )
        return kept

    # --- system --------------------------------------------------------------------------------------------------

    def _system(self, message: SystemMessage, where: str) -> list[Fields]:
        controls = self._controls(message, where)
        if controls is not None:
            return controls
        if self._rules.system_role == "remove":
            self._said.warn("System messages were left out for this model.")
            return []
        mark = breakpoint_of(message.provider_options)
        content: object = message.content
        if mark:
            content = [{"type": "input_text", "text": message.content, **mark}]
        return [{"role": self._rules.system_role, "content": content}]

    def _controls(self, message: SystemMessage, where: str) -> list[Fields] | None:
        """An empty system message may change how the model works from there on."""

        def option(name: str) -> JSONValue:
            return option_of(message.provider_options, "openai", name)

        effort, form, tools = (
            option("reasoningEffortUpdate"), option("textFormatUpdate"), option("additionalTools"),
        )  # fmt: skip
        if effort is None and form is None and tools is None:
            return None
        if message.content:
            raise UnsupportedFunctionalityError(
                f"{where} changes the configuration; its content must be empty, which it is not."
            )
        items: list[Fields] = []
        if effort is not None or form is not None:
            if self._rules.no_updates is not None:
                raise UnsupportedFunctionalityError(f"{where}: {self._rules.no_updates}")
            update: Fields = {"type": "configuration_update"}
            if effort is not None:
                update["reasoning"] = {"effort": effort}
            if isinstance(form, Mapping):
                update["text"] = {"format": text_format(form, self.warnings)}
            items.append(update)
        if tools:
            items.append({"type": "additional_tools", "role": "developer", "tools": tools})
        return items

    # --- user ----------------------------------------------------------------------------------------------------

    def _user_parts(self, message: UserMessage, where: str) -> Iterable[Fields]:
        content = message.content
        parts = (TextPart(content),) if isinstance(content, str) else content
        for index, part in enumerate(parts):
            mark = breakpoint_of(part.provider_options)
            yield {**self._user_part(part, index, f"{where}.content[{index}]"), **mark}

    def _user_part(self, part: UserContentPart, index: int, where: str) -> Fields:
        if isinstance(part, TextPart):
            return {"type": "input_text", "text": part.text}
        given = part.image if hasattr(part, "image") else part.data
        is_image = hasattr(part, "image") or (part.media_type or "").startswith("image")
        if isinstance(given, str) and given.startswith("file-"):  # what OpenAI calls an uploaded file
            return {"type": "input_image" if is_image else "input_file", "file_id": given}
        media = media_of(part, where)
        if media.kind != "image" and media.data is not None:
            media_type = full_media_type(media)
            if media_type != "application/pdf" and not self._rules.passes_files:
                raise InvalidPromptError(
                    f"{where} is a file of type {media_type!r}; the Responses API takes images and PDFs. Pass "
                    f"provider_options={{'openai': {{'pass_through_unsupported_files': True}}}} to send it all the same."
                )
            return input_file(
                media, f"part-{index}.pdf" if media_type == "application/pdf" else f"part-{index}"
            )
        return input_file(media, f"part-{index}")

    # --- what tools answered -------------------------------------------------------------------------------------

    def _answers(self, message: ToolMessage, where: str) -> Iterable[Fields]:
        for index, part in enumerate(message.content):
            if isinstance(part, ToolApprovalResponse):
                yield from self._approval(part)
            else:
                yield from self._answer(part, f"{where}.content[{index}]")

    def _approval(self, part: ToolApprovalResponse) -> Iterable[Fields]:
        if part.approval_id in self._approvals_here or part.approval_id in self._answered:
            return
        self._answered.add(part.approval_id)
        rules = self._rules
        if rules.store and not rules.has_conversation and not rules.has_previous:
            yield {"type": "item_reference", "id": part.approval_id}
        yield {
            "type": "mcp_approval_response",
            "approval_request_id": part.approval_id,
            "approve": part.approved,
        }

    def _answer(self, part: ToolResultPart, where: str) -> Iterable[Fields]:
        group = self._said.group_of(part.provider_options)
        if group is not None:
            yield from self._group_answer(group, where)
            return
        output = part.output
        if output.get("type") == "execution-denied" and _approval_id_in(output) is not None:
            return  # said by the approval
        item = self._own_answer(part)
        if item is None:
            item = self._function_answer(part, where)
        yield item
        yield from _additional_tools(part.provider_options)

    def _own_answer(self, part: ToolResultPart) -> Fields | None:
        kind, output, call_id = self._names.theirs(part.tool_name), part.output, part.tool_call_id
        if output.get("type") != "json":
            return None
        if kind == "tool_search" and self._names.has("tool_search"):
            tools = options_in(output.get("value"))["tools"]
            return {
                "type": "tool_search_output", "execution": "client", "call_id": call_id, "status": "completed",
                "tools": tools,
            }  # fmt: skip
        if kind not in RUN_HERE or not self._names.has(kind):
            return None
        return own_output(kind, call_id, output.get("value"))

    def _function_answer(self, part: ToolResultPart, where: str) -> Fields:
        name = self._names.theirs(part.tool_name)
        is_custom = name in self._names.custom
        caller = option_of(part.provider_options, "openai", "caller")
        is_programmatic = (
            isinstance(caller, Mapping) and caller.get("type") == "program"
        ) or part.tool_call_id in self._said.programmatic
        if part.output.get("type") == "execution-denied" and is_programmatic:
            raise UnsupportedFunctionalityError(
                f"{where}: a program of OpenAI's called {name!r}; its answer cannot be that it was denied."
            )
        output = function_output(
            part.output,
            part.provider_options,
            where,
            self.warnings,
            has_schema=not is_custom and part.tool_name in self._with_output_schema,
        )
        kind = "custom_tool_call_output" if is_custom else "function_call_output"
        item: Fields = {"type": kind, "call_id": part.tool_call_id, "output": output}
        if not is_custom and isinstance(caller, Mapping):
            item["caller"] = caller_item(caller)
        return item

    # --- wrapped calls -------------------------------------------------------------------------------------------

    def _group_answer(self, group: Group, where: str) -> Iterable[Fields]:
        if not self._said.is_first(group, "answer"):
            return
        outputs = [
            function_output(
                result.output,
                None,
                where,
                self.warnings,
                has_schema=result.tool_name in self._with_output_schema,
            )
            for result in group.results
        ]
        text = "\n".join(
            each if isinstance(each, str) else json_text(cast("JSONValue", each)) for each in outputs
        )
        yield {"type": "function_call_output", "call_id": group.call_id, "output": text}
        for result in group.results:
            yield from _additional_tools(result.provider_options)


def _additional_tools(options: ProviderOptions | None) -> Iterable[Fields]:
    tools = option_of(options, "openai", "additionalTools")
    if tools:
        yield {"type": "additional_tools", "role": "developer", "tools": tools}


def _approval_id_in(output: JSONObject) -> JSONValue:
    options = output.get("providerOptions", output.get("provider_options"))
    own = options.get("openai") if isinstance(options, Mapping) else None
    return own.get("approvalId") if isinstance(own, Mapping) else None


def _approvals_of_our_tools(messages: Sequence[ModelMessage]) -> set[str]:
    """Approvals of tools that run here: OpenAI did not ask for them and must not hear of them."""
    parts = [
        part
        for message in messages
        if isinstance(message, AssistantMessage) and not isinstance(message.content, str)
        for part in message.content
    ]
    here = {
        part.tool_call_id for part in parts if isinstance(part, ToolCallPart) and not part.provider_executed
    }
    return {
        part.approval_id
        for part in parts
        if isinstance(part, ToolApprovalRequest) and part.tool_call_id in here
    }


def text_format(form: JSONObject, warnings: list[CallWarning]) -> Fields:
    """The format of texts, with a schema as OpenAI takes it."""
    written = {camel_case(name): each for name, each in form.items()}
    if isinstance(schema := written.get("schema"), Mapping):
        written["schema"] = openai_schema(schema, warnings)
    return dict(written)
