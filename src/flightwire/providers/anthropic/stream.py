"""From the bytes of a streamed message to parts.

Owns: the events of https://platform.claude.com/docs/en/build-with-claude/streaming, their order and meaning. Pure: bytes in,
parts out. Refuses to know: sockets, retries, what the results of Anthropic's tools look like.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Struct

from flightwire.events import (
    Custom,
    ProviderFinish,
    ProviderMetadata,
    ProviderPart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseMetadata,
    TextDelta,
    TextEnd,
    TextStart,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
)
from flightwire.jsontypes import JSONObject, JSONValue, loads
from flightwire.providers.anthropic.answers import Ending, reported
from flightwire.providers.anthropic.calls import CallShape, as_json, call_shape, mcp_call
from flightwire.providers.anthropic.request import JSON_TOOL, Message
from flightwire.providers.anthropic.results import Results
from flightwire.providers.reading import REFUSALS, EventReader, clean, to_the_patient_reader

__all__ = ["MessageStream", "new_source_id"]

_AFTER_WHICH_TEXT_STAYS = ("text", "thinking", "redacted_thinking")


class _Delta(Struct, gc=False):
    type: str = ""
    text: str | None = None
    thinking: str | None = None
    partial_json: str | None = None


class _Event(Struct, gc=False):
    """One event, as far as deltas need it."""

    type: str = ""
    index: int | None = None
    delta: _Delta | None = None


_decode = msgspec.json.Decoder(_Event).decode


class _Text:
    """A text that is being written; `is_held` until it is known to be the answer."""

    def __init__(self, *, is_held: bool = False) -> None:
        self.is_held = is_held
        self.held: list[str] = []
        self.citations: list[JSONValue] = []


class _Thinking:
    """A piece of thinking that is being written."""


class _Call:
    """A call whose input is being written."""

    def __init__(self, shape: CallShape, text: str) -> None:
        self.shape = shape
        self.pieces = [text] if text else []
        self.lead = ""  # the beginning of an input that must say first what it is
        self.needs_lead = shape.step is not None and not text


def new_source_id() -> str:
    """An id for a source."""
    return f"source_{secrets.token_hex(8)}"


class MessageStream(EventReader):
    """Takes the bytes of one streamed message and gives its parts; see `EventReader`.

    Ends with the bytes, not with `message_stop`: a stream may hold further messages, of which the last says how it ended.
    """

    def __init__(
        self,
        message: Message,
        *,
        service: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        include_raw: bool = False,
        new_id: Callable[[], str] = new_source_id,
    ) -> None:
        super().__init__(service=service, url=url, headers=headers, include_raw=include_raw)
        self._message = message
        self._results = Results(message.names, message.documents, new_id)
        self._ending = Ending()
        self._blocks: dict[int, _Text | _Thinking | _Call | None] = {}  # None: of a kind nobody knows
        self._held_texts: list[tuple[str, _Text]] = []
        self._found_citations: list[JSONValue] = []
        self._called_json_tool = False
        self._message_id: JSONValue = None
        self._has_started = False
        self._is_over = False  # the message; the stream may bring another
        self._id_prefix = ""

    # --- events --------------------------------------------------------------------------------------------------

    def take_events(self, events: list[bytes], out: list[ProviderPart]) -> None:
        """The hot path: a delta of plain text costs one typed decode and one `TextDelta`."""
        append, blocks = out.append, self._blocks
        decode = to_the_patient_reader if self._held else _decode
        for data in events:
            if self.ended:
                break
            try:
                event = decode(data)
            except REFUSALS:
                self._take_whole(data, out)
                decode = to_the_patient_reader if self._held else _decode
                continue
            delta, index = event.delta, event.index
            if event.type != "content_block_delta" or delta is None or index is None:
                self._take_whole(data, out)
            elif (
                delta.type == "text_delta"
                and (text := delta.text)
                and type(block := blocks.get(index)) is _Text
            ):
                if block.is_held:
                    block.held.append(clean(text))
                else:
                    append(TextDelta(self._id(index), text if "\0" not in text else clean(text)))
            elif delta.type == "thinking_delta" and delta.thinking and type(blocks.get(index)) is _Thinking:
                append(ReasoningDelta(self._id(index), clean(delta.thinking)))
            elif delta.type == "input_json_delta" and delta.partial_json:
                self._take_input(index, delta.partial_json, out)
            else:
                self._take_whole(data, out)

    def _take_whole(self, data: bytes, out: list[ProviderPart]) -> None:
        """Everything but ordinary deltas, and those that are not quite as documented."""
        if not data.strip():
            return
        try:
            event = loads(data.decode("utf-8", "replace"))
        except ValueError as error:
            out.extend(self._malformed(data, error))
            return
        if not isinstance(event, Mapping):
            out.extend(self._malformed(data, ValueError("expected an object")))
            return
        kind, index = event.get("type"), event.get("index")
        if kind == "error":
            self.ended, self.failure = (
                True,
                reported(event.get("error"), service=self._service, url=self._url),
            )
        elif kind == "message_start":
            self._start(event, out)
        elif kind == "message_delta":
            self._ending.take_delta(event)
        elif kind == "message_stop":
            self._stop(out)
        elif isinstance(index, int):
            self._take_of_block(str(kind), index, event, out)
        self.is_complete = self._is_over or self._ending.stop_reason is not None

    def _take_of_block(self, kind: str, index: int, event: JSONObject, out: list[ProviderPart]) -> None:
        if kind == "content_block_start":
            block = event.get("content_block")
            if isinstance(block, Mapping):
                self.begun = True
                self._end_block(index, out)  # some servers use an index again without ending it
                self._start_block(index, block, out)
        elif kind == "content_block_delta":
            delta = event.get("delta")
            if isinstance(delta, Mapping):
                self._take_delta(index, delta, out)
        elif kind == "content_block_stop":
            self._end_block(index, out)

    def _start(self, event: JSONObject, out: list[ProviderPart]) -> None:
        message = event.get("message")
        if not isinstance(message, Mapping):
            return
        if self._is_over:
            self._ending, self._is_over, self._has_started = Ending(), False, False
            self._id_prefix += "next-"
        if self._has_started:
            if message.get("id") != self._message_id:
                self._fail(f"{self._service} began a message while another was not over")
            return
        self._has_started = self.begun = True
        self._message_id = message.get("id")
        self._ending.take_message(message)
        model = message.get("model")
        out.append(
            ResponseMetadata(
                self._message_id if isinstance(self._message_id, str) else None,
                model if isinstance(model, str) else None,
                headers=self._headers,
            )
        )
        content = message.get("content")
        for block in content if isinstance(content, list) else ():  # calls that an earlier answer had put off
            if isinstance(block, Mapping) and block.get("type") == "tool_use":
                self._start_block(-1, block, out)
                self._end_block(-1, out)

    # --- blocks --------------------------------------------------------------------------------------------------

    def _start_block(self, index: int, block: JSONObject, out: list[ProviderPart]) -> None:
        kind, block_id = block.get("type"), self._id(index)
        if kind not in _AFTER_WHICH_TEXT_STAYS:
            self._held_texts.clear()  # text before a call was no answer
        if kind == "text":
            self._start_text(index, block, out)
        elif kind == "compaction":
            self._start_compaction(index, block, out)
        elif kind == "thinking":
            self._blocks[index] = _Thinking()
            out.append(ReasoningStart(block_id))
            if thought := _text(block.get("thinking")):
                out.append(ReasoningDelta(block_id, clean(thought)))
        elif kind == "redacted_thinking":
            self._blocks[index] = _Thinking()
            out.append(ReasoningStart(block_id, {"anthropic": {"redactedData": block.get("data")}}))
        elif kind in ("tool_use", "server_tool_use"):
            self._start_call(index, block, out)
        elif kind == "mcp_tool_use":
            call = mcp_call(block)
            self._results.remember_mcp(call)
            self._blocks[index] = None
            out.append(call)
        elif kind in ("fallback", "container_upload"):
            self._blocks[index] = None
            out.append(custom(block))
        else:
            self._blocks[index] = None
            out.extend(self._results.read(block))

    def _start_text(self, index: int, block: JSONObject, out: list[ProviderPart]) -> None:
        text = _Text(is_held=self._message.has_json_tool)
        self._blocks[index] = text
        if text.is_held:
            self._held_texts.append((self._id(index), text))
            text.held.append(_text(block.get("text")))
            return
        out.append(TextStart(self._id(index)))
        if said := _text(block.get("text")):
            out.append(TextDelta(self._id(index), clean(said)))

    def _start_compaction(self, index: int, block: JSONObject, out: list[ProviderPart]) -> None:
        self._blocks[index] = _Text()
        own: dict[str, JSONValue] = {"type": "compaction"}
        if block.get("signature") is not None:
            own["signature"] = block["signature"]
        out.append(TextStart(self._id(index), {"anthropic": own}))
        if said := _text(block.get("content")):
            out.append(TextDelta(self._id(index), clean(said)))

    def _start_call(self, index: int, block: JSONObject, out: list[ProviderPart]) -> None:
        if self._message.has_json_tool and block.get("type") == "tool_use" and block.get("name") == JSON_TOOL:
            self._called_json_tool = True
            self._blocks[index] = _Text()
            out.append(TextStart(self._id(index)))
            if written := block.get("input"):
                out.append(TextDelta(self._id(index), as_json(written)))
            return
        shape = call_shape(block, self._message.names)
        if shape is None:
            self._blocks[index] = None
            return
        if shape.theirs is not None and shape.theirs.startswith("tool_search"):
            self._results.remember_search(shape.id, shape.theirs)
        written = block.get("input")
        text = as_json(written) if written and shape.theirs != "advisor" else ""
        self._blocks[index] = _Call(shape, text)
        start = ToolInputStart(
            shape.id, shape.name, provider_executed=shape.provider_executed, dynamic=shape.dynamic
        )
        out.append(start)
        if text and shape.member is None:
            out.append(ToolInputDelta(shape.id, text))

    def _end_block(self, index: int, out: list[ProviderPart]) -> None:
        block = self._blocks.pop(index, None)
        block_id = self._id(index)
        rest = "\ufffd" if self._held.pop(block_id, "") else ""
        if isinstance(block, _Text) and not block.is_held:
            if rest:
                out.append(TextDelta(block_id, rest))
            out.append(TextEnd(block_id, _cited(block)))
        elif isinstance(block, _Thinking):
            if rest:
                out.append(ReasoningDelta(block_id, rest))
            out.append(ReasoningEnd(block_id))
        elif isinstance(block, _Call):
            self._end_call(block, out)

    def _end_call(self, call: _Call, out: list[ProviderPart]) -> None:
        text = "".join([*call.pieces, call.lead])
        made = call.shape.call(text)
        if call.shape.member is not None or call.lead:
            out.append(ToolInputDelta(call.shape.id, str(made.input)))
        out.append(ToolInputEnd(call.shape.id))
        out.append(made)

    # --- deltas --------------------------------------------------------------------------------------------------

    def _take_delta(self, index: int, delta: JSONObject, out: list[ProviderPart]) -> None:
        kind, block = delta.get("type"), self._blocks.get(index)
        if kind == "text_delta":
            self._take_text(index, _text(delta.get("text")), out)
        elif kind == "compaction_delta":
            self._take_text(index, _text(delta.get("content")), out)
        elif kind == "thinking_delta":
            thought = _text(delta.get("thinking"))
            if (
                isinstance(block, _Thinking)
                and thought
                and (thought := self._joined(self._id(index), thought))
            ):
                out.append(ReasoningDelta(self._id(index), thought))
        elif kind == "signature_delta":
            if isinstance(block, _Thinking):
                own: ProviderMetadata = {"anthropic": {"signature": delta.get("signature")}}
                out.append(ReasoningDelta(self._id(index), "", own))
        elif kind == "input_json_delta":
            self._take_input(index, clean(_text(delta.get("partial_json"))), out)
        elif kind == "citations_delta":
            self._take_citation(block, delta.get("citation"), out)

    def _take_text(self, index: int, text: str, out: list[ProviderPart]) -> None:
        if index not in self._blocks and text:
            self._start_text(index, {}, out)
        block = self._blocks.get(index)
        if not isinstance(block, _Text) or not text or not (text := self._joined(self._id(index), text)):
            return
        if block.is_held:
            block.held.append(text)
        else:
            out.append(TextDelta(self._id(index), text))

    def _take_input(self, index: int, text: str, out: list[ProviderPart]) -> None:
        block = self._blocks.get(index)
        if not text:
            return
        if isinstance(block, _Text) and not block.is_held:
            if self._called_json_tool:
                out.append(TextDelta(self._id(index), text))
        elif isinstance(block, _Call):
            text = clean(text)
            if block.needs_lead:
                block.lead += text
                if (text := _with_step(block.lead.lstrip(), block.shape.step)) == "":
                    return
                block.lead, block.needs_lead = "", False
            block.pieces.append(text)
            if block.shape.member is None:
                out.append(ToolInputDelta(block.shape.id, text))

    def _take_citation(
        self, block: _Text | _Thinking | _Call | None, citation: JSONValue, out: list[ProviderPart]
    ) -> None:
        if isinstance(block, _Text):
            block.citations.append(citation)
        if isinstance(citation, Mapping) and citation.get("type") == "web_search_result_location":
            self._found_citations.append(citation)
        elif (source := self._results.source_of(citation)) is not None:
            out.append(source)

    # --- the end -------------------------------------------------------------------------------------------------

    def _stop(self, out: list[ProviderPart]) -> None:
        """The message is over; blocks that are still open are ended."""
        self._is_over = True
        for index in list(self._blocks):
            self._end_block(index, out)
        if not self._results.has_found:
            sources = [self._results.source_of(citation) for citation in self._found_citations]
            out.extend(source for source in sources if source is not None)
        self._found_citations.clear()
        if not self._called_json_tool and self._ending.stop_reason not in ("pause_turn", "tool_use"):
            for block_id, text in self._held_texts:
                if said := "".join(text.held):
                    out += [TextStart(block_id), TextDelta(block_id, said), TextEnd(block_id, _cited(text))]
        self._held_texts.clear()

    def finish(self) -> list[ProviderPart]:
        """The last part, and what was still open before it."""
        out: list[ProviderPart] = []
        if not self._is_over:
            self._stop(out)
        self.ended = True
        if not self._has_started:
            out.append(ResponseMetadata(headers=self._headers))
        ending = self._ending
        reason = ending.finish_reason(is_json=self._called_json_tool)
        out.append(ProviderFinish(reason, ending.usage, ending.stop_reason, ending.metadata()))
        return out

    def _id(self, index: int) -> str:
        return f"{self._id_prefix}{index}"


def custom(block: JSONObject) -> Custom:
    """A block that only Anthropic has."""
    if block.get("type") == "container_upload":
        return Custom("anthropic.container_upload", {"anthropic": {"fileId": block.get("file_id")}})
    own = {"type": "fallback", "from": block.get("from"), "to": block.get("to")}
    return Custom("anthropic.fallback", {"anthropic": own})


def _with_step(text: str, step: str | None) -> str:
    """An input that says first what it is, as soon as it is known whether more follows; "" before."""
    rest = text[1:].lstrip()
    if not rest:
        return ""
    comma = "" if rest.startswith("}") else ", "
    return f'{{"type": "{step}"{comma}{text[1:].lstrip()}' if text.startswith("{") else text


def _cited(text: _Text) -> ProviderMetadata | None:
    return {"anthropic": {"citations": text.citations}} if text.citations else None


def _text(field: JSONValue) -> str:
    return field if isinstance(field, str) else ""
