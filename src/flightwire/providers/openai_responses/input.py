"""From our messages to the input items of the Responses API.

Owns: which item each message and part becomes; what OpenAI has stored is only referred to. Refuses to know: settings,
transport, answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import cast

from flightwire._frozen import value
from flightwire.errors import InvalidPromptError, UnsupportedFunctionalityError
from flightwire.events import CallWarning
from flightwire.jsontypes import JSONObject, JSONValue, loads
from flightwire.messages import (
    AssistantContentPart,
    AssistantMessage,
    CustomPart,
    ModelMessage,
    ProviderOptions,
    ReasoningPart,
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
from flightwire.providers.chat_dialect.messages import json_text, json_text_unless_json
from flightwire.providers.media import full_media_type, media_of
from flightwire.providers.openai_responses.outputs import (
    breakpoint_of,
    function_output,
    input_file,
    own_output,
    safety_check,
    shell_output,
)
from flightwire.providers.openai_responses.parallel import Group, groups_of, wrapped_in
from flightwire.providers.openai_responses.tools import Names, options_in
from flightwire.providers.openai_schema import openai_schema
from flightwire.providers.options import Options, camel_case, option_of, snake_case, without_none

__all__ = ["InputRules", "InputWriter"]

Fields = dict[str, object]

# OpenAI's own tools that run here: their calls and outputs are items of their own.
_RUN_HERE = ("local_shell", "shell", "apply_patch", "computer")


@value
class InputRules:
    """What decides how messages become items.

    Attributes:
        system_role: how instructions are marked; "remove" for models that take none.
        store: whether OpenAI keeps what was said, so that items can be referred to.
        reasons: whether messages are bound to the reasoning before them.
        has_conversation: OpenAI has all items with an id already.
        has_previous: OpenAI has the items of the response before already.
        passes_files: send files of any type.
        no_updates: why the configuration cannot change on the way, if it cannot.
    """

    system_role: str = "system"
    store: bool = True
    reasons: bool = False
    has_conversation: bool = False
    has_previous: bool = False
    passes_files: bool = False
    no_updates: str | None = None


class InputWriter:
    """Writes one call's input items.

    Attributes:
        warnings: what could not be said.
    """

    def __init__(self, rules: InputRules, names: Names, with_output_schema: set[str]) -> None:
        self.warnings: list[CallWarning] = []
        self._rules = rules
        self._names = names
        self._with_output_schema = with_output_schema
        self._approvals_here: set[str] = set()
        self._answered: set[str] = set()
        self._programmatic: set[str] = set()
        self._groups: Mapping[str, Group] = {}
        self._grouped: set[tuple[str, str]] = set()

    def write(self, messages: Sequence[ModelMessage]) -> list[Fields]:
        """The items.

        Raises:
            InvalidPromptError: a part that the API has no form for; names the message and the part.
        """
        rules = self._rules
        if rules.has_conversation or rules.has_previous:
            self._groups = groups_of(messages)
        self._approvals_here = _approvals_of_our_tools(messages)
        items: list[Fields] = []
        for index, message in enumerate(messages):
            where = f"messages[{index}]"
            if isinstance(message, SystemMessage):
                items += self._system(message, where)
            elif isinstance(message, UserMessage):
                items.append({"role": "user", "content": list(self._user_parts(message, where))})
            elif isinstance(message, AssistantMessage):
                items += _Turn(self, message).items()
            else:
                items += self._answers(message, where)
        return self._without_lost_reasoning(items)

    def warn(self, message: str) -> None:
        """Something was left out."""
        self.warnings.append(CallWarning("other", message))

    def _without_lost_reasoning(self, items: list[Fields]) -> list[Fields]:
        kept = [item for item in items if item.get("type") != "reasoning" or item.get("encrypted_content")]
        if self._rules.store or len(kept) == len(items):
            return items
        self.warn(
            "Reasoning without encrypted content cannot be sent back while store is false; it was left out."
        )
        return kept

    # --- system --------------------------------------------------------------------------------------------------

    def _system(self, message: SystemMessage, where: str) -> list[Fields]:
        controls = self._controls(message, where)
        if controls is not None:
            return controls
        if self._rules.system_role == "remove":
            self.warn("System messages were left out for this model.")
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
        group = self.group_of(part.provider_options)
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
        if kind not in _RUN_HERE or not self._names.has(kind):
            return None
        return own_output(kind, call_id, output.get("value"))

    def _function_answer(self, part: ToolResultPart, where: str) -> Fields:
        name = self._names.theirs(part.tool_name)
        is_custom = name in self._names.custom
        caller = option_of(part.provider_options, "openai", "caller")
        is_programmatic = (
            isinstance(caller, Mapping) and caller.get("type") == "program"
        ) or part.tool_call_id in self._programmatic
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

    def group_of(self, options: ProviderOptions | None) -> Group | None:
        """The complete group that a call or an answer belongs to."""
        wrapped = wrapped_in(options) if self._groups else None
        return None if wrapped is None else self._groups.get(cast("str", wrapped["toolCallId"]))

    def first_of(self, group: Group, what: str) -> bool:
        """Whether nothing of this kind was written for the group."""
        is_first = (group.call_id, what) not in self._grouped
        self._grouped.add((group.call_id, what))
        return is_first

    def _group_answer(self, group: Group, where: str) -> Iterable[Fields]:
        if not self.first_of(group, "answer"):
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

    # --- for turns -----------------------------------------------------------------------------------------------

    @property
    def rules(self) -> InputRules:
        """What decides how messages become items."""
        return self._rules

    @property
    def names(self) -> Names:
        """What tools are called."""
        return self._names

    def is_programmatic(self, call_id: str) -> None:
        """A program of OpenAI's made this call."""
        self._programmatic.add(call_id)


class _Turn:
    """One message of the model's, part by part."""

    def __init__(self, writer: InputWriter, message: AssistantMessage) -> None:
        self._writer = writer
        self._rules = writer.rules
        self._names = writer.names
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
        item_id, phase = _item_id(part.provider_options), option_of(part.provider_options, "openai", "phase")
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
        item_id = _item_id(part.provider_options)
        encrypted = option_of(part.provider_options, "openai", "reasoningEncryptedContent")
        rules = self._rules
        if (rules.has_conversation or rules.has_previous) and item_id is not None:
            return
        summary: list[Fields] = [{"type": "summary_text", "text": part.text}] if part.text else []
        if item_id is None:
            if encrypted is None:
                self._writer.warn("Reasoning of another provider cannot be sent to OpenAI; it was left out.")
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
                self._writer.warn("An empty piece of reasoning cannot follow another; it was left out.")
            cast("list[Fields]", known["summary"]).extend(summary)
            if encrypted is not None:
                known["encrypted_content"] = encrypted

    # --- calls ---------------------------------------------------------------------------------------------------

    def _call(self, part: ToolCallPart) -> None:
        rules = self._rules
        group = self._writer.group_of(part.provider_options)
        if group is not None:
            if self._writer.first_of(group, "call") and not rules.has_conversation:
                self._items.append(_function_call(group.call_id, group.name, group.input))
            return
        item_id, caller = (
            _item_id(part.provider_options),
            option_of(part.provider_options, "openai", "caller"),
        )
        if isinstance(caller, Mapping) and caller.get("type") == "program":
            self._writer.is_programmatic(part.tool_call_id)
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
        is_own = (name in _RUN_HERE and self._names.has(name)) or name in self._names.custom
        if rules.store and item_id is not None and is_own:
            if not rules.has_previous:
                self._refer(item_id)
            return
        self._items.append(self._call_item(part, name, item_id))

    def _kept_call(self, part: ToolCallPart, name: str, item_id: str | None) -> None:
        if self._rules.store and item_id is not None:
            self._refer(item_id)
            return
        given = _given(part.input)
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
        if name in _RUN_HERE and self._names.has(name):
            return without_none(_own_call(name, call_id, item_id, _given(part.input)))
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
                **_function_call(call_id, name, json_text_unless_json(part.input)),
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
        item_id = _item_id(part.provider_options) or part.tool_call_id
        is_json = output.get("type") == "json"
        if name == "shell" and self._names.has("shell"):
            if is_json:  # it is an item of its own, whose id nobody kept
                self._items.append(shell_output(part.tool_call_id, answer))
        elif rules.store:
            self._refer(item_id)
        elif (item := _told_again(name, item_id, part, self._names) if is_json else None) is not None:
            self._items.append(item)
        elif not (name in ("tool_search", "programmatic_tool_calling") and self._names.has(name)):
            self._writer.warn(
                f"What OpenAI's tool {part.tool_name!r} answered cannot be sent while store is false; it was left out."
            )

    def _compaction(self, part: CustomPart) -> None:
        item_id = _item_id(part.provider_options)
        if item_id is None or self._rules.has_conversation:
            return
        if self._rules.store:
            self._refer(item_id)
            return
        encrypted = option_of(part.provider_options, "openai", "encryptedContent")
        self._items.append(
            without_none({"type": "compaction", "id": item_id, "encrypted_content": encrypted})
        )


# --- single items ------------------------------------------------------------------------------------------------


def _function_call(call_id: str, name: str, arguments: str) -> Fields:
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}


def caller_item(caller: JSONObject) -> Fields:
    """Who called a tool: the model itself, or a program it wrote."""
    if caller.get("type") != "program":
        return dict(caller)
    return {"type": "program", "caller_id": caller.get("callerId", caller.get("caller_id"))}


def _given(given: JSONValue) -> Options:
    """A tool's input, parsed if it is still JSON text; read in either spelling."""
    if isinstance(given, str):
        try:
            given = loads(given)
        except ValueError:
            given = {}
    return options_in(given)


def _own_call(name: str, call_id: str, item_id: str | None, said: Options) -> Fields:
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


def _told_again(name: str, item_id: str, part: ToolResultPart, names: Names) -> Fields | None:
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


def _item_id(options: ProviderOptions | None) -> str | None:
    found = option_of(options, "openai", "itemId")
    return found if isinstance(found, str) else None


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
