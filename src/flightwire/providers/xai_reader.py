"""From the events of xAI's Responses stream to parts.

Owns: how items come piece by piece. Pure: bytes in, parts out. Refuses to know: what a whole item says, see `xai_items`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from flightwire.events import (
    ProviderFinish,
    ProviderMetadata,
    ProviderPart,
    ResponseMetadata,
    Source,
    TextDelta,
    ToolCall,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
)
from flightwire.providers.base import Text
from flightwire.providers.responses_dialect import Event, ResponseInfo, ResponsesReader
from flightwire.providers.responses_dialect.events import text_at
from flightwire.providers.responses_dialect.reader import Handler
from flightwire.providers.xai_items import (
    Items,
    Names,
    annotation_source,
    final_metadata,
    finish_reason_of,
    usage_of,
)

__all__ = ["XaiReader"]

Item = Mapping[str, object]


class XaiReader(ResponsesReader):
    """Reads one streamed answer; see `EventReader`."""

    def __init__(
        self,
        names: Names,
        *,
        service: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        include_raw: bool = False,
    ) -> None:
        super().__init__(service=service, url=url, headers=headers, include_raw=include_raw)
        self._items = Items(names)
        self._calls: dict[int, str] = {}  # calls of the caller's tools that are being written: index → id
        self._announced: set[str] = set()
        self._written: set[str] = set()  # texts that came piece by piece

    def handlers(self) -> Mapping[str, Handler]:
        """What xAI's events mean."""
        return {
            "response.output_item.added": self._on_added,
            "response.output_item.done": self._on_done,
            "response.function_call_arguments.delta": self._on_arguments,
            "response.reasoning_summary_part.added": self._on_thought,
            "response.reasoning_summary_text.delta": self._on_thought,
            "response.reasoning_text.delta": self._on_thought,
            "response.output_text.done": self._on_text_done,
            "response.output_text.annotation.added": self._on_annotation,
            **dict.fromkeys(
                (
                    "response.image_generation_call.in_progress",
                    "response.image_generation_call.generating",
                    "response.image_generation_call.completed",
                ),
                self._on_image,
            ),
        }

    # --- texts and thoughts --------------------------------------------------------------------------------------

    def text_id(self, event: Event) -> str:
        """The id of the message that an event belongs to."""
        text_id = f"text-{event.item_id}"
        self._written.add(text_id)
        return text_id

    def _on_thought(self, event: Event, out: list[ProviderPart]) -> None:
        metadata: ProviderMetadata = {"xai": {"itemId": event.item_id}}
        self.write_reasoning(f"reasoning-{event.item_id}", event.delta or "", metadata, out)

    def _on_text_done(self, event: Event, out: list[ProviderPart]) -> None:
        cited = [annotation for annotation in event.annotations or () if isinstance(annotation, Mapping)]
        out += [source for annotation in cited if (source := annotation_source(annotation)) is not None]

    def _on_annotation(self, event: Event, out: list[ProviderPart]) -> None:
        if (source := annotation_source(event.annotation or {})) is not None:
            out.append(source)

    # --- items ---------------------------------------------------------------------------------------------------

    def _on_arguments(self, event: Event, out: list[ProviderPart]) -> None:
        call_id = self._calls.get(event.output_index or 0)
        if call_id is not None and event.delta and (text := self._joined(call_id, event.delta)):
            out.append(ToolInputDelta(call_id, text))

    def _on_added(self, event: Event, out: list[ProviderPart]) -> None:
        item, index = event.item or {}, event.output_index or 0
        kind = text_at(item, "type")
        if kind == "function_call":
            call_id = self._calls[index] = text_at(item, "call_id")
            out.append(ToolInputStart(call_id, text_at(item, "name")))
        elif kind == "message":
            self._take_message(item, out)
        elif kind not in ("reasoning", "custom_tool_call"):
            self._announce(item, out)

    def _on_done(self, event: Event, out: list[ProviderPart]) -> None:
        item, index = event.item or {}, event.output_index or 0
        kind = text_at(item, "type")
        if kind == "reasoning":
            self._end_thoughts(item, out)
        elif kind == "message":
            self._take_message(item, out)
        elif kind == "function_call":
            self._calls.pop(index, None)
            call_id = text_at(item, "call_id")
            if self._held.pop(call_id, None):
                out.append(ToolInputDelta(call_id, "\ufffd"))
            out.append(ToolInputEnd(call_id))
            out += cast("list[ProviderPart]", list(self._items.blocks_of(item)))
        else:
            self._announce(item, out)
            blocks = [block for block in self._items.blocks_of(item) if not isinstance(block, ToolCall)]
            out += cast("list[ProviderPart]", blocks)
            if (end := self._items.end_of(item)) is not None:
                out.append(end)

    def _on_image(self, event: Event, out: list[ProviderPart]) -> None:
        self._announce({"type": "image_generation_call", "id": event.item_id}, out)

    def _announce(self, item: Item, out: list[ProviderPart]) -> None:
        """Give the call of one of xAI's own tools, once."""
        for call in self._items.blocks_of(item):
            if isinstance(call, ToolCall) and call.tool_call_id not in self._announced:
                self._announced.add(call.tool_call_id)
                out += (
                    ToolInputStart(call.tool_call_id, call.tool_name, provider_executed=True),
                    ToolInputDelta(call.tool_call_id, str(call.input)),
                    ToolInputEnd(call.tool_call_id),
                    call,
                )

    def _end_thoughts(self, item: Item, out: list[ProviderPart]) -> None:
        item_id, encrypted = text_at(item, "id"), text_at(item, "encrypted_content")
        block_id = f"reasoning-{item_id}"
        self.start_reasoning(block_id, {"xai": {"itemId": item_id}}, out)
        known = {"reasoningEncryptedContent": encrypted} if encrypted else {}
        self.end_reasoning(block_id, {"xai": {**known, "itemId": item_id}}, out)

    def _take_message(self, item: Item, out: list[ProviderPart]) -> None:
        """A message as a whole: its text, unless it came piece by piece, and what it cites."""
        text_id = f"text-{text_at(item, 'id')}"
        for block in self._items.blocks_of(item):
            if isinstance(block, Text) and text_id not in self._written:
                self._written.add(text_id)
                self.start_text(text_id, None, out)
                out.append(TextDelta(text_id, block.text))
            elif isinstance(block, Source):
                out.append(block)

    # --- the end -------------------------------------------------------------------------------------------------

    def finish(self) -> list[ProviderPart]:
        """The last parts of the answer."""
        out: list[ProviderPart] = []
        info = self._info or ResponseInfo()
        self.end_blocks(out)
        if not self._has_metadata:
            out.append(ResponseMetadata(info.id, info.model, info.created_at, self._headers))
        self.ended = self.begun = True
        raw = info.incomplete_reason or ("error" if info.status == "failed" else info.status)
        reason = finish_reason_of(raw)
        if info.status == "failed" and info.incomplete_reason is None:
            reason = "error"
        elif self._items.calls_here and info.status != "incomplete":
            reason = "tool-calls"
        out.append(ProviderFinish(reason, usage_of(info.usage), raw, final_metadata(info)))
        return out
