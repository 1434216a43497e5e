"""From the events of OpenAI's Responses stream to parts.

Owns: how items come piece by piece. Pure: bytes in, parts out. Refuses to know: what a whole item says, see `items`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from msgspec import Struct, field

from flightwire.events import (
    ProviderFinish,
    ProviderMetadata,
    ProviderPart,
    ResponseMetadata,
    TextDelta,
    ToolCall,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
    ToolResult,
)
from flightwire.jsontypes import JSONValue, dumps
from flightwire.providers.base import ModelCall, Reasoning, Text
from flightwire.providers.openai_responses.answers import final_metadata, finish_reason_of, usage_of
from flightwire.providers.openai_responses.items import Items, annotation_source, metadata_of_item
from flightwire.providers.openai_responses.parallel import is_wrapper
from flightwire.providers.options import option_of
from flightwire.providers.reading import clean
from flightwire.providers.responses_dialect import Event, ResponseInfo, ResponsesReader
from flightwire.providers.responses_dialect.events import text_at
from flightwire.providers.responses_dialect.reader import Handler

__all__ = ["OpenAIReader"]

Item = Mapping[str, object]


class _Pending(Struct):
    """A tool call whose input is being written."""

    id: str
    name: str
    kind: str
    container_id: object = None
    held: list[str] | None = None  # pieces of a wrapper, until it is known whether it is one
    has_diff: bool = False
    is_closed: bool = False


class _Thinking(Struct):
    """A reasoning item that is being written; `done` are the parts that may end when another begins."""

    id: str
    encrypted: JSONValue = None
    open: list[int] = field(default_factory=list)
    done: list[int] = field(default_factory=list)


class OpenAIReader(ResponsesReader):
    """Reads one streamed answer to one call; see `EventReader`."""

    def __init__(
        self,
        call: ModelCall,
        *,
        service: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        include_raw: bool = False,
    ) -> None:
        super().__init__(service=service, url=url, headers=headers, include_raw=include_raw)
        self._items = Items(call)
        self._names = self._items.names
        # A part of the reasoning ends as soon as it is written when OpenAI keeps it: nothing needs to be sent back.
        self._keeps = option_of(call.provider_options, "openai", "store") is True
        self._wants_logprobs = bool(option_of(call.provider_options, "openai", "logprobs"))
        self._response_id: str | None = None
        self._item_ids: dict[
            int, str
        ] = {}  # some servers change an item's id from event to event, not its index
        self._pending: dict[int, _Pending] = {}
        self._thinking: dict[str, _Thinking] = {}
        self._phase: object = None
        self._annotations: list[Item] = []
        self._citations: list[Item] = []  # sources, unless a search names its own
        self._announced: set[str] = set()  # calls that were given before their item was done

    def handlers(self) -> Mapping[str, Handler]:
        """What OpenAI's events mean."""
        return {
            "response.output_item.added": self._on_added,
            "response.output_item.done": self._on_done,
            "response.function_call_arguments.delta": self._on_input,
            "response.custom_tool_call_input.delta": self._on_input,
            "response.code_interpreter_call_code.delta": self._on_code,
            "response.code_interpreter_call_code.done": self._on_code_done,
            "response.apply_patch_call_operation_diff.delta": self._on_diff,
            "response.apply_patch_call_operation_diff.done": self._on_diff_done,
            "response.image_generation_call.partial_image": self._on_partial_image,
            "response.refusal.delta": self._on_refusal,
            "response.refusal.done": self._on_refusal_done,
            "response.output_text.annotation.added": self._on_annotation,
            "response.reasoning_summary_part.added": self._on_summary_part,
            "response.reasoning_summary_text.delta": self._on_summary,
            "response.reasoning_summary_part.done": self._on_summary_part_done,
            "response.reasoning_text.delta": self._on_thought,
        }

    # --- texts ---------------------------------------------------------------------------------------------------

    def on_started(self, info: ResponseInfo) -> None:
        """What the answer is called."""
        self._response_id = info.id

    def text_id(self, event: Event) -> str:
        """The id of the message that an event belongs to."""
        return self._item_id(event)

    def _item_id(self, event: Event) -> str:
        found = None if event.output_index is None else self._item_ids.get(event.output_index)
        return found or event.item_id or "0"

    def take_logprobs(self, logprobs: list[object]) -> None:
        """Kept when they were asked for."""
        if self._wants_logprobs:
            self._logprobs.append(logprobs)

    def _on_refusal(self, event: Event, out: list[ProviderPart]) -> None:
        self._items.refused = True
        if event.delta:
            self.write_text(event, event.delta, out)

    def _on_refusal_done(self, event: Event, out: list[ProviderPart]) -> None:
        self._items.refused = True

    def _on_annotation(self, event: Event, out: list[ProviderPart]) -> None:
        annotation = event.annotation or {}
        self._annotations.append(annotation)
        if annotation.get("type") in ("url_citation", "file_citation"):
            self._citations.append(annotation)  # the search itself may still name its sources
        elif (source := annotation_source(annotation)) is not None:
            out.append(source)

    # --- reasoning -----------------------------------------------------------------------------------------------

    def _on_summary_part(self, event: Event, out: list[ProviderPart]) -> None:
        thinking, index = self._thinking.get(self._item_id(event)), event.summary_index or 0
        if thinking is None or index == 0:
            return
        for done in thinking.done:
            self._end_summary(thinking, done, {"openai": {"itemId": thinking.id}}, out)
        thinking.done.clear()
        thinking.open.append(index)
        self.start_reasoning(f"{thinking.id}:{index}", _thoughts(thinking.id, thinking.encrypted), out)

    def _end_summary(
        self, thinking: _Thinking, index: int, metadata: ProviderMetadata, out: list[ProviderPart]
    ) -> None:
        block_id = f"{thinking.id}:{index}"
        if block_id in self._reasonings:
            self.end_reasoning(block_id, metadata, out)

    def _on_summary(self, event: Event, out: list[ProviderPart]) -> None:
        item_id = self._item_id(event)
        block_id = f"{item_id}:{event.summary_index or 0}"
        self.write_reasoning(block_id, event.delta or "", {"openai": {"itemId": item_id}}, out)

    def _on_thought(self, event: Event, out: list[ProviderPart]) -> None:
        """What open models think, word by word; OpenAI's own only sum it up."""
        item_id = self._item_id(event)
        self.write_reasoning(f"{item_id}:0", event.delta or "", {"openai": {"itemId": item_id}}, out)

    def _on_summary_part_done(self, event: Event, out: list[ProviderPart]) -> None:
        thinking, index = self._thinking.get(self._item_id(event)), event.summary_index or 0
        if thinking is None:
            return
        if index in thinking.open:
            thinking.open.remove(index)
        if self._keeps:
            self._end_summary(thinking, index, {"openai": {"itemId": thinking.id}}, out)
        else:
            thinking.done.append(index)

    # --- items ---------------------------------------------------------------------------------------------------

    def _on_added(self, event: Event, out: list[ProviderPart]) -> None:
        item = event.item or {}
        kind, item_id, index = text_at(item, "type"), text_at(item, "id"), event.output_index or 0
        if kind == "message":
            self._item_ids[index] = item_id
            self._annotations = []
            self._phase = item.get("phase")
            self.start_text(item_id, metadata_of_item(item_id, phase=self._phase), out)
        elif kind == "reasoning":
            self._item_ids[index] = item_id
            encrypted = cast("JSONValue", item.get("encrypted_content"))
            self._thinking[item_id] = _Thinking(item_id, encrypted, [0])
            self.start_reasoning(f"{item_id}:0", _thoughts(item_id, encrypted), out)
        elif kind in ("file_search_call", "image_generation_call"):
            name = self._names.ours(kind.removesuffix("_call"))
            self._announce(ToolCall(item_id, name, "{}", provider_executed=True), out)
        else:
            self._begin_input(kind, item, item_id, index, out)

    def _begin_input(self, kind: str, item: Item, item_id: str, index: int, out: list[ProviderPart]) -> None:
        call_id = text_at(item, "call_id")
        if kind == "function_call":
            name = text_at(item, "name")
            held: list[str] | None = [] if is_wrapper(name, self._names.functions) else None
            pending = _Pending(call_id, name, kind, held=held)
        elif kind == "custom_tool_call":
            pending = _Pending(call_id, self._names.ours(text_at(item, "name")), kind)
        elif kind == "computer_call":
            pending = _Pending(call_id or item_id, self._names.ours("computer"), kind)
        elif kind == "code_interpreter_call":
            name = self._names.ours("code_interpreter")
            pending = _Pending(item_id, name, kind, item.get("container_id"))
        elif kind == "apply_patch_call":
            pending = _Pending(call_id, self._names.ours("apply_patch"), kind)
        elif kind == "web_search_call":
            self._begin_web_search(item_id, out)
            return
        elif kind == "tool_search_call" and item.get("execution") == "server":
            pending = _Pending(item_id, self._names.ours("tool_search"), kind)
        else:
            return
        self._pending[index] = pending
        if pending.held is None:
            is_theirs = kind in ("code_interpreter_call", "tool_search_call")
            out.append(ToolInputStart(pending.id, pending.name, provider_executed=is_theirs))
        self._begin_text_of_input(pending, item, out)

    def _begin_text_of_input(self, pending: _Pending, item: Item, out: list[ProviderPart]) -> None:
        """Inputs that OpenAI does not send as JSON are written as JSON around the pieces that come."""
        if pending.kind == "code_interpreter_call":
            beginning = f'{{"containerId":{dumps(cast("JSONValue", pending.container_id))},"code":"'
            out.append(ToolInputDelta(pending.id, beginning))
        elif pending.kind == "apply_patch_call":
            operation = item.get("operation")
            said = operation if isinstance(operation, Mapping) else {}
            whole = dumps({"callId": pending.id, "operation": said})
            if said.get("type") == "delete_file":
                out += (ToolInputDelta(pending.id, whole), ToolInputEnd(pending.id))
                pending.is_closed = True
            else:
                kind, path = (dumps(text_at(said, name)) for name in ("type", "path"))
                beginning = (
                    f'{{"callId":{dumps(pending.id)},"operation":{{"type":{kind},"path":{path},"diff":"'
                )
                out.append(ToolInputDelta(pending.id, beginning))

    def _begin_web_search(self, item_id: str, out: list[ProviderPart]) -> None:
        name = self._names.ours(self._names.web_search)
        out += (ToolInputStart(item_id, name, provider_executed=True), ToolInputEnd(item_id))
        self._announce(ToolCall(item_id, name, "{}", provider_executed=True), out)

    def _announce(self, call: ToolCall, out: list[ProviderPart]) -> None:
        if call.tool_call_id not in self._announced:
            self._announced.add(call.tool_call_id)
            out.append(call)

    # --- inputs, piece by piece ----------------------------------------------------------------------------------

    def _on_input(self, event: Event, out: list[ProviderPart]) -> None:
        pending = self._pending.get(event.output_index or 0)
        if pending is None or not event.delta:
            return
        text = self._joined(pending.id, event.delta)
        if pending.held is not None:
            pending.held.append(text)
        elif text:
            out.append(ToolInputDelta(pending.id, text))

    def _on_code(self, event: Event, out: list[ProviderPart]) -> None:
        pending = self._pending.get(event.output_index or 0)
        if pending is not None and event.delta and (text := self._joined(pending.id, event.delta)):
            out.append(ToolInputDelta(pending.id, _within_json(text)))

    def _on_code_done(self, event: Event, out: list[ProviderPart]) -> None:
        pending = self._pending.get(event.output_index or 0)
        if pending is None or pending.is_closed:
            return
        self._close(pending, '"}', out)
        given = {
            "code": cast("JSONValue", event.code),
            "containerId": cast("JSONValue", pending.container_id),
        }
        self._announce(ToolCall(pending.id, pending.name, dumps(given), provider_executed=True), out)

    def _on_diff(self, event: Event, out: list[ProviderPart]) -> None:
        pending = self._pending.get(event.output_index or 0)
        if pending is not None and pending.kind == "apply_patch_call" and event.delta:
            pending.has_diff = True
            if text := self._joined(pending.id, event.delta):
                out.append(ToolInputDelta(pending.id, _within_json(text)))

    def _on_diff_done(self, event: Event, out: list[ProviderPart]) -> None:
        pending = self._pending.get(event.output_index or 0)
        if pending is not None and pending.kind == "apply_patch_call":
            self._close_patch(pending, event.diff or "", out)

    def _close_patch(self, pending: _Pending, diff: str, out: list[ProviderPart]) -> None:
        if pending.is_closed:
            return
        if not pending.has_diff:
            out.append(ToolInputDelta(pending.id, _within_json(clean(diff))))
        self._close(pending, '"}}', out)

    def _close(self, pending: _Pending, end: str, out: list[ProviderPart]) -> None:
        pending.is_closed = True
        if self._held.pop(pending.id, None):
            end = "\ufffd" + end
        if end:
            out.append(ToolInputDelta(pending.id, end))
        out.append(ToolInputEnd(pending.id))

    def _on_partial_image(self, event: Event, out: list[ProviderPart]) -> None:
        name = self._names.ours("image_generation")
        output = {"result": event.partial_image_b64}
        out.append(
            ToolResult(event.item_id or "", name, None, output, preliminary=True, provider_executed=True)
        )

    # --- items that are done -------------------------------------------------------------------------------------

    def _on_done(self, event: Event, out: list[ProviderPart]) -> None:
        item, index = event.item or {}, event.output_index or 0
        kind = text_at(item, "type")
        if kind == "message":
            self._end_message(item, index, out)
        elif kind == "reasoning":
            self._end_thinking(item, index, out)
        else:
            self._end_item(kind, item, self._pending.pop(index, None), out)

    def _end_message(self, item: Item, index: int, out: list[ProviderPart]) -> None:
        item_id = self._item_ids.pop(index, None) or text_at(item, "id")
        if item_id not in self._texts:  # a server that sends messages whole
            self.start_text(item_id, metadata_of_item(item_id, phase=item.get("phase")), out)
            texts = [block.text for block in self._items.blocks_of(item) if isinstance(block, Text)]
            out += [TextDelta(item_id, text) for text in texts if text]
        phase = item.get("phase") or self._phase
        self._phase = None
        metadata = metadata_of_item(item_id, phase=phase, annotations=self._annotations or None)
        self.end_text(item_id, metadata, out)

    def _end_thinking(self, item: Item, index: int, out: list[ProviderPart]) -> None:
        item_id = self._item_ids.pop(index, None) or text_at(item, "id")
        metadata = _thoughts(item_id, cast("JSONValue", item.get("encrypted_content")))
        thinking = self._thinking.pop(item_id, None)
        if thinking is None:
            for place, block in enumerate(self._items.blocks_of(item)):
                if isinstance(block, Reasoning):
                    self.write_reasoning(f"{item_id}:{place}", block.text, metadata, out)
                    self.end_reasoning(f"{item_id}:{place}", metadata, out)
            return
        for place in sorted({*thinking.open, *thinking.done}):
            self._end_summary(thinking, place, metadata, out)

    def _end_item(self, kind: str, item: Item, pending: _Pending | None, out: list[ProviderPart]) -> None:
        if kind == "apply_patch_call":
            operation = item.get("operation")
            if pending is not None:
                self._close_patch(
                    pending, text_at(operation, "diff") if isinstance(operation, Mapping) else "", out
                )
            if item.get("status") != "completed":
                return
        blocks = list(self._items.blocks_of(item))
        calls = [block for block in blocks if isinstance(block, ToolCall)]
        if pending is not None and not pending.is_closed:
            self._end_pending(pending, calls, out)
        elif kind == "tool_search_call" and pending is None:
            for call in calls:
                out += (ToolInputStart(call.tool_call_id, call.tool_name), ToolInputEnd(call.tool_call_id))
        elif kind in ("function_call", "custom_tool_call") and pending is None:
            self._give_input_whole(calls, out)
        for block in blocks:
            if isinstance(block, ToolCall):
                self._announce(block, out)
            elif not isinstance(block, (Text, Reasoning)):
                out.append(block)

    def _end_pending(self, pending: _Pending, calls: list[ToolCall], out: list[ProviderPart]) -> None:
        if pending.held is not None and not (len(calls) == 1 and calls[0].tool_call_id == pending.id):
            self._give_input_whole(calls, out)  # it was a wrapper: these are the calls inside
            return
        if pending.held is not None:
            out.append(ToolInputStart(pending.id, pending.name))
            out += [ToolInputDelta(pending.id, piece) for piece in pending.held]
        if pending.kind == "computer_call" and calls and calls[0].input:
            out.append(ToolInputDelta(pending.id, str(calls[0].input)))
        self._close(pending, "", out)

    def _give_input_whole(self, calls: list[ToolCall], out: list[ProviderPart]) -> None:
        for call in calls:
            out.append(ToolInputStart(call.tool_call_id, call.tool_name))
            if call.input:
                out.append(ToolInputDelta(call.tool_call_id, str(call.input)))
            out.append(ToolInputEnd(call.tool_call_id))

    # --- the end -------------------------------------------------------------------------------------------------

    def finish(self) -> list[ProviderPart]:
        """The last parts of the answer."""
        out: list[ProviderPart] = []
        info = self._info or ResponseInfo()
        self.end_blocks(out)
        cited = [citation for citation in self._citations if not self._items.is_known(citation)]
        out += [source for citation in cited if (source := annotation_source(citation)) is not None]
        if not self._has_metadata:
            out.append(ResponseMetadata(info.id, info.model, info.created_at, self._headers))
        self.ended = self.begun = True
        out.append(
            ProviderFinish(
                finish_reason_of(info, self._items),
                usage_of(info.usage),
                info.incomplete_reason or ("error" if info.status == "failed" else None),
                final_metadata(info, self._response_id, self._logprobs),
            )
        )
        return out


def _thoughts(item_id: str, encrypted: JSONValue) -> ProviderMetadata:
    return {"openai": {"itemId": item_id, "reasoningEncryptedContent": encrypted}}


def _within_json(text: str) -> str:
    return dumps(text)[1:-1]
