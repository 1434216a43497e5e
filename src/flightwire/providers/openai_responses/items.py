"""The items that an answer of the Responses API consists of, as content.

Owns: what each kind of item says, whole. Refuses to know: how items come, in a document or piece by piece.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from typing import cast

from flightwire.events import Custom, ProviderApprovalRequest, ProviderMetadata, Source, ToolCall, ToolResult
from flightwire.jsontypes import JSONObject, JSONValue, dumps
from flightwire.messages import AssistantMessage, ToolApprovalRequest
from flightwire.providers.base import ContentBlock, ModelCall, Reasoning, Text
from flightwire.providers.openai_responses.parallel import expand
from flightwire.providers.openai_responses.tools import Names
from flightwire.providers.options import option_of
from flightwire.providers.reading import clean
from flightwire.providers.responses_dialect.events import list_of, text_at

__all__ = ["Items", "annotation_source", "metadata_of_item", "new_id"]

Fields = dict[str, JSONValue]
Item = Mapping[str, object]


def new_id() -> str:
    """An id for what came without one."""
    return secrets.token_hex(8)


def metadata_of_item(item_id: str | None, **facts: object) -> ProviderMetadata:
    """What an item must be called when it goes back, and what else it says."""
    known = {name: fact for name, fact in facts.items() if fact is not None}
    return {"openai": cast("JSONObject", {"itemId": item_id, **known})}


class Items:
    """Reads the items of one answer to one call.

    Attributes:
        calls_here: a tool was called that does not run at OpenAI's.
        refused: the model would not answer.
        searched: pages came with a search of the web, so that citations name nothing new.
        found_files: the same for files.
    """

    def __init__(self, call: ModelCall, *, whole: bool = False) -> None:
        self.names = Names(call.tools)
        self._whole = whole
        self.calls_here = False
        self.refused = False
        self.searched = False
        self.found_files = False
        self._approvals = _approvals_in(call)
        self._searches: list[str] = []
        self._files: set[str] = set()
        self._readers: dict[str, Callable[[Item, str], Iterator[ContentBlock]]] = {
            "message": self._message,
            "reasoning": self._reasoning,
            "function_call": self._function,
            "custom_tool_call": self._custom_tool,
            "web_search_call": self._web_search,
            "file_search_call": self._file_search,
            "code_interpreter_call": self._code,
            "image_generation_call": self._image,
            "mcp_call": self._mcp,
            "mcp_approval_request": self._mcp_approval,
            "computer_call": self._computer,
            "local_shell_call": self._local_shell,
            "shell_call": self._shell,
            "shell_call_output": self._shell_output,
            "apply_patch_call": self._patch,
            "tool_search_call": self._tool_search,
            "tool_search_output": self._tool_search_output,
            "program": self._program,
            "program_output": self._program_output,
            "compaction": self._compaction,
        }

    def blocks_of(self, item: Item) -> Iterator[ContentBlock]:
        """What an item says; nothing for kinds we do not know."""
        reader = self._readers.get(text_at(item, "type"))
        if reader is not None:
            yield from reader(item, text_at(item, "id"))

    # --- texts ---------------------------------------------------------------------------------------------------

    def _message(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        for part in list_of(item, "content"):
            if part.get("type") == "refusal":
                self.refused = True
                yield Text(
                    clean(text_at(part, "refusal")), metadata_of_item(item_id, phase=item.get("phase"))
                )
                continue
            annotations = list_of(part, "annotations")
            metadata = metadata_of_item(item_id, phase=item.get("phase"), annotations=annotations or None)
            yield Text(clean(text_at(part, "text")), metadata)
            for annotation in annotations:
                if not self.is_known(annotation) and (source := annotation_source(annotation)) is not None:
                    yield source

    def is_known(self, annotation: Item) -> bool:
        """Whether the search that an annotation cites has given its sources itself."""
        kind = annotation.get("type")
        return (kind == "url_citation" and self.searched) or (kind == "file_citation" and self.found_files)

    def _reasoning(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        metadata: ProviderMetadata = {
            "openai": {
                "itemId": item_id,
                "reasoningEncryptedContent": cast("JSONValue", item.get("encrypted_content")),
            }
        }
        texts = [text_at(part, "text") for part in list_of(item, "summary")]
        texts = texts or [text_at(part, "text") for part in list_of(item, "content")]
        for text in texts or [""]:
            yield Reasoning(clean(text), metadata)

    # --- calls of the caller's tools -----------------------------------------------------------------------------

    def _function(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        self.calls_here = True
        call_id, name, arguments = (text_at(item, key) for key in ("call_id", "name", "arguments"))
        wrapped = expand(call_id, name, arguments, item_id, self.names.functions)
        if wrapped is not None:
            yield from wrapped
            return
        caller = item.get("caller")
        if isinstance(caller, Mapping) and caller.get("type") == "program":
            caller = {"type": "program", "callerId": caller.get("caller_id")}
        metadata = metadata_of_item(
            item_id,
            **{"async": item.get("async"), "namespace": item.get("namespace"), "caller": caller},
        )
        yield ToolCall(call_id, name, clean(arguments), provider_metadata=metadata)

    def _custom_tool(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        self.calls_here = True
        metadata = metadata_of_item(item_id, **{"async": item.get("async")})
        text = dumps(clean(text_at(item, "input")))
        name = self.names.ours(text_at(item, "name"))
        yield ToolCall(text_at(item, "call_id"), name, text, provider_metadata=metadata)

    def _computer(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        call_id = item.get("call_id")
        if not isinstance(call_id, str):
            name = self.names.ours("computer_use")
            yield ToolCall(item_id, name, "", provider_executed=True)
            output = {"type": "computer_use_tool_result", "status": item.get("status")}
            yield _result(item_id, name, output)
            return
        self.calls_here = True
        given = {
            "actions": [_computer_action(action) for action in _computer_actions(item)],
            "pendingSafetyChecks": [
                _known(check, "id", "code", "message") for check in list_of(item, "pending_safety_checks")
            ],
            "status": item.get("status"),
        }
        yield self._call_here(call_id, "computer", given, item_id)

    def _local_shell(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        action = _object(item, "action")
        given: dict[str, object] = {"action": action}  # in a document the AI SDK keeps OpenAI's names
        if not self._whole:
            given = {
                "action": _without_none(
                    type="exec", command=action.get("command"), timeoutMs=action.get("timeout_ms"),
                    user=action.get("user"), workingDirectory=action.get("working_directory"), env=action.get("env"),
                )
            }  # fmt: skip
        yield self._call_here(text_at(item, "call_id"), "local_shell", given, item_id)

    def _shell(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        action = _object(item, "action")
        given = {
            "action": _without_none(
                commands=action.get("commands"), timeoutMs=action.get("timeout_ms"),
                maxOutputLength=action.get("max_output_length"),
            )
        }  # fmt: skip
        yield self._call_here(
            text_at(item, "call_id"),
            "shell",
            given,
            item_id,
            provider_executed=self.names.runs_shell_itself,
        )

    def _shell_output(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        outputs = [
            {
                "stdout": line.get("stdout"),
                "stderr": line.get("stderr"),
                "outcome": _outcome(_object(line, "outcome")),
            }
            for line in list_of(item, "output")
        ]
        output = _without_none(maxOutputLength=item.get("max_output_length"), output=outputs)
        yield _result(text_at(item, "call_id"), self.names.ours("shell"), output)

    def _patch(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        call_id = text_at(item, "call_id")
        self.calls_here = True
        given = {"callId": call_id, "operation": item.get("operation")}
        yield self._call_here(call_id, "apply_patch", given, item_id)

    def _call_here(
        self, call_id: str, name: str, given: object, item_id: str, *, provider_executed: bool = False
    ) -> ToolCall:
        return ToolCall(
            call_id,
            self.names.ours(name),
            dumps(cast("JSONValue", given)),
            provider_executed=provider_executed,
            provider_metadata=metadata_of_item(item_id),
        )

    # --- what OpenAI runs itself ---------------------------------------------------------------------------------

    def _web_search(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        name = self.names.ours(self.names.web_search)
        yield ToolCall(item_id, name, "{}", provider_executed=True)
        status = item.get("status")
        if status != "completed":
            yield _result(item_id, name, {"status": status}, is_error=True)
        else:
            yield _result(item_id, name, _web_search_output(_object(item, "action")))
        action = _object(item, "action")
        for source in list_of(action, "sources") if action.get("type") == "search" else ():
            if source.get("type") == "url":
                self.searched = True
                yield Source("url", new_id(), text_at(source, "url"))

    def _file_search(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        name = self.names.ours("file_search")
        yield ToolCall(item_id, name, "{}", provider_executed=True)
        results = list_of(item, "results")
        found = [
            {
                "attributes": result.get("attributes"),
                "fileId": result.get("file_id"),
                "filename": result.get("filename"),
                "score": result.get("score"),
                "text": result.get("text"),
            }
            for result in results
        ]
        yield _result(
            item_id,
            name,
            {
                "queries": item.get("queries"),
                "results": found if isinstance(item.get("results"), list) else None,
            },
        )
        for result in results:
            self.found_files = True
            file_id, filename = text_at(result, "file_id"), text_at(result, "filename")
            if file_id not in self._files:
                self._files.add(file_id)
                metadata: ProviderMetadata = {"openai": {"type": "file_search", "fileId": file_id}}
                yield Source("document", new_id(), None, filename, "text/plain", filename, metadata)

    def _code(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        name = self.names.ours("code_interpreter")
        given = {"code": item.get("code"), "containerId": item.get("container_id")}
        yield ToolCall(item_id, name, dumps(cast("JSONValue", given)), provider_executed=True)
        yield _result(item_id, name, {"outputs": item.get("outputs")})

    def _image(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        name = self.names.ours("image_generation")
        yield ToolCall(item_id, name, "{}", provider_executed=True)
        yield _result(item_id, name, {"result": item.get("result")})

    def _mcp(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        call_id = self._approvals.get(text_at(item, "approval_request_id"), item_id)
        name, arguments = f"mcp.{text_at(item, 'name')}", text_at(item, "arguments")
        yield ToolCall(call_id, name, arguments, provider_executed=True, dynamic=True)
        output = _without_none(
            type="call", serverLabel=item.get("server_label"), name=item.get("name"), arguments=arguments,
            output=item.get("output"), error=item.get("error"),
        )  # fmt: skip
        yield _result(call_id, name, output, dynamic=True, metadata=metadata_of_item(item_id))

    def _mcp_approval(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        approval_id, call_id = text_at(item, "approval_request_id") or item_id, new_id()
        self._approvals[approval_id] = call_id
        name = f"mcp.{text_at(item, 'name')}"
        # The call that follows names the request; so must the one that is kept (AI SDK: `approvalRequestId`).
        metadata: ProviderMetadata = {"openai": {"approvalRequestId": approval_id}}
        yield ToolCall(
            call_id,
            name,
            text_at(item, "arguments"),
            provider_executed=True,
            dynamic=True,
            provider_metadata=metadata,
        )
        yield ProviderApprovalRequest(approval_id, call_id)

    def _tool_search(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        is_hosted = item.get("execution") == "server"
        call_id = text_at(item, "call_id") or item_id
        if is_hosted:
            self._searches.append(call_id)
        given = {"arguments": item.get("arguments"), "call_id": None if is_hosted else call_id}
        yield self._call_here(call_id, "tool_search", given, item_id, provider_executed=is_hosted)

    def _tool_search_output(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        call_id = text_at(item, "call_id") or (self._searches.pop(0) if self._searches else item_id)
        output = {"tools": item.get("tools")}
        yield _result(call_id, self.names.ours("tool_search"), output, metadata=metadata_of_item(item_id))

    def _program(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        given = {"code": item.get("code"), "fingerprint": item.get("fingerprint")}
        call_id = text_at(item, "call_id")
        yield self._call_here(call_id, "programmatic_tool_calling", given, item_id, provider_executed=True)

    def _program_output(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        name = self.names.ours("programmatic_tool_calling")
        output = {"result": item.get("result"), "status": item.get("status")}
        yield _result(text_at(item, "call_id"), name, output, metadata=metadata_of_item(item_id))

    def _compaction(self, item: Item, item_id: str) -> Iterator[ContentBlock]:
        metadata = metadata_of_item(
            item_id, type="compaction", encryptedContent=item.get("encrypted_content")
        )
        yield Custom("openai.compaction", metadata)


# --- pieces ------------------------------------------------------------------------------------------------------


def _result(
    call_id: str,
    name: str,
    output: object,
    *,
    is_error: bool = False,
    dynamic: bool = False,
    metadata: ProviderMetadata | None = None,
) -> ToolResult:
    return ToolResult(
        call_id,
        name,
        None,
        output,
        provider_executed=True,
        dynamic=dynamic,
        is_error=is_error,
        provider_metadata=metadata,
    )


def annotation_source(annotation: Item) -> Source | None:
    """The source that an annotation of a text names; None for kinds we do not know."""
    kind = annotation.get("type")
    if kind == "url_citation":
        return Source("url", new_id(), text_at(annotation, "url"), text_at(annotation, "title") or None)
    if kind not in ("file_citation", "container_file_citation", "file_path"):
        return None
    file_id = text_at(annotation, "file_id")
    name = file_id if kind == "file_path" else text_at(annotation, "filename")
    facts: Fields = {"type": kind, "fileId": file_id}
    if kind == "container_file_citation":
        facts["containerId"] = cast("JSONValue", annotation.get("container_id"))
    else:
        facts["index"] = cast("JSONValue", annotation.get("index"))
    media_type = "application/octet-stream" if kind == "file_path" else "text/plain"
    return Source("document", new_id(), None, name, media_type, name, {"openai": facts})


def _web_search_output(action: Item) -> Fields:
    kind = action.get("type")
    if kind == "search":
        output = {
            "action": _without_none(type="search", query=action.get("query"), queries=action.get("queries"))
        }
        sources = action.get("sources")
        return cast("Fields", output if sources is None else {**output, "sources": sources})
    if kind == "open_page":
        return {"action": _without_none(type="openPage", url=action.get("url"))}
    if kind == "find_in_page":
        return {
            "action": _without_none(type="findInPage", url=action.get("url"), pattern=action.get("pattern"))
        }
    return {}


def _outcome(outcome: Item) -> Fields:
    if outcome.get("type") == "exit":
        return {"type": "exit", "exitCode": cast("JSONValue", outcome.get("exit_code"))}
    return {"type": "timeout"}


def _computer_actions(item: Item) -> list[Item]:
    actions = list_of(item, "actions")
    single = item.get("action")
    return actions or ([single] if isinstance(single, Mapping) else [])


def _computer_action(action: Item) -> dict[str, object]:
    renamed = {"scroll_x": "scrollX", "scroll_y": "scrollY"}
    return {renamed.get(name, name): each for name, each in action.items() if each is not None}


def _known(fields: Item, *names: str) -> dict[str, object]:
    return {name: fields[name] for name in names if fields.get(name) is not None}


def _object(item: Item, name: str) -> Item:
    field = item.get(name)
    return field if isinstance(field, Mapping) else {}


def _without_none(**fields: object) -> Fields:
    return {name: cast("JSONValue", field) for name, field in fields.items() if field is not None}


def _approvals_in(call: ModelCall) -> dict[str, str]:
    """Requests for approval that earlier answers made: request → the call that stands for it."""
    found: dict[str, str] = {}
    for message in call.messages:
        if not isinstance(message, AssistantMessage) or isinstance(message.content, str):
            continue
        for part in message.content:
            asked = option_of(getattr(part, "provider_options", None), "openai", "approvalRequestId")
            if isinstance(asked, str):
                found[asked] = getattr(part, "tool_call_id", asked)
            elif isinstance(part, ToolApprovalRequest):
                found.setdefault(part.approval_id, part.tool_call_id)
    return found
