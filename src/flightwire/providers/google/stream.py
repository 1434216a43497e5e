"""From the bytes of a streamed answer to parts.

Owns: the chunks of https://ai.google.dev/api/generate-content#method:-models.streamgeneratecontent, their order and meaning.
Pure: bytes in, parts out. Refuses to know: sockets, retries.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping

import msgspec
from msgspec import Raw as RawBytes
from msgspec import Struct

from flightwire.events import (
    File,
    ProviderFinish,
    ProviderMetadata,
    ProviderPart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningFile,
    ReasoningStart,
    ResponseMetadata,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
)
from flightwire.jsontypes import JSONObject, JSONValue, loads
from flightwire.providers.google.answers import Ending, first_candidate, reported
from flightwire.providers.google.grounding import Sources
from flightwire.providers.google.partial_args import PartialArgs
from flightwire.providers.google.parts import OwnTools, as_json, file_of, signature_of
from flightwire.providers.google.request import Question
from flightwire.providers.reading import REFUSALS, EventReader, clean

__all__ = ["GeminiStream", "new_id"]

_EMPTY = RawBytes()


class _Part(Struct, gc=False, forbid_unknown_fields=True):
    """A part that is plain text; anything else is read with more care."""

    text: str


class _Content(Struct, gc=False):
    parts: list[_Part] = []
    role: str | None = None


class _Candidate(Struct, gc=False, forbid_unknown_fields=True):
    content: _Content
    index: int = 0


class _Chunk(Struct, gc=False):
    """A piece of an answer that holds text and nothing else that counts now."""

    candidates: list[_Candidate]
    usageMetadata: RawBytes = _EMPTY  # noqa: N815 - Google's name
    promptFeedback: None = None  # noqa: N815 - Google's name
    error: None = None


_decode = msgspec.json.Decoder(_Chunk).decode


class _Call:
    """A call whose input comes in pieces."""

    def __init__(self, call_id: str, name: str, metadata: ProviderMetadata | None) -> None:
        self.id = call_id
        self.name = name
        self.metadata = metadata
        self.args = PartialArgs()


def new_id() -> str:
    """An id for what Google gives none."""
    return f"google_{secrets.token_hex(8)}"


class GeminiStream(EventReader):
    """Takes the bytes of one streamed answer and gives its parts; see `EventReader`. Ends with the bytes."""

    def __init__(
        self,
        question: Question,
        *,
        service: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        include_raw: bool = False,
        make_id: Callable[[], str] = new_id,
    ) -> None:
        super().__init__(service=service, url=url, headers=headers, include_raw=include_raw)
        self._json_tool = question.json_tool
        self._make_id = make_id
        self._own_tools = OwnTools(question.code_name, make_id)
        self._sources = Sources(make_id, only_new=True)
        self._ending = Ending((headers or {}).get("x-gemini-service-tier"))
        self._last_usage = _EMPTY
        self._open: tuple[str, str] | None = None  # kind and id of the text that is being written
        self._blocks = 0
        self._calls: list[_Call] = []
        self._has_calls = False
        self._has_metadata = False

    # --- chunks --------------------------------------------------------------------------------------------------

    def take_events(self, events: list[bytes], out: list[ProviderPart]) -> None:
        """The hot path: a piece of plain text costs one typed decode and one `TextDelta`."""
        for data in events:
            if self.ended:
                break
            open_text = self._open
            if open_text is None or open_text[0] != "text" or self._held:
                self._take_whole(data, out)
                continue
            try:
                chunk = _decode(data)
            except REFUSALS:
                self._take_whole(data, out)
                continue
            if len(chunk.candidates) != 1 or chunk.candidates[0].index:
                self._take_whole(data, out)
                continue
            if chunk.usageMetadata is not _EMPTY:
                self._last_usage = chunk.usageMetadata
            texts = [part.text for part in chunk.candidates[0].content.parts if part.text]
            out += [TextDelta(open_text[1], text if "\0" not in text else clean(text)) for text in texts]

    def _take_whole(self, data: bytes, out: list[ProviderPart]) -> None:
        if not data.strip():
            return
        try:
            chunk = loads(data.decode("utf-8", "replace"))
        except ValueError as error:
            out.extend(self._malformed(data, error))
            return
        if isinstance(chunk, list) and len(chunk) == 1:  # errors come in a list at times
            chunk = chunk[0]
        if not isinstance(chunk, Mapping):
            out.extend(self._malformed(data, ValueError("expected an object")))
        elif chunk.get("error") is not None:
            self.ended, self.failure = True, reported(chunk["error"], service=self._service, url=self._url)
        else:
            self._take_chunk(chunk, out)

    def _take_chunk(self, chunk: JSONObject, out: list[ProviderPart]) -> None:
        if "candidates" in chunk or "promptFeedback" in chunk:
            self.begun = True
        if isinstance(chunk.get("usageMetadata"), Mapping):
            self._last_usage = _EMPTY
        answer_id, model = chunk.get("responseId"), chunk.get("modelVersion")
        if not self._has_metadata and isinstance(answer_id, str):
            self._has_metadata = True
            model = model if isinstance(model, str) else None
            out.append(ResponseMetadata(answer_id, model, headers=self._headers))
        self._ending.take(chunk)
        self.is_complete = self._ending.raw_reason is not None
        if self._ending.is_blocked:
            return
        candidate = first_candidate(chunk)
        out.extend(self._sources.read(candidate.get("groundingMetadata")))
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, Mapping) else None
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, Mapping):
                self._take_part(part, out)

    def _take_part(self, part: JSONObject, out: list[ProviderPart]) -> None:
        own = self._own_tools.read(part)
        if own is not None:
            out.append(own)
        elif isinstance(part.get("functionCall"), Mapping):
            self._take_call(part, out)
        elif isinstance(part.get("inlineData"), Mapping):
            self._take_file(part, out)
        elif isinstance(text := part.get("text"), str):
            self._take_text(text, part.get("thought") is True, signature_of(part), out)

    # --- texts and files -----------------------------------------------------------------------------------------

    def _take_text(
        self, text: str, is_thought: bool, signature: ProviderMetadata | None, out: list[ProviderPart]
    ) -> None:
        kind = "reasoning" if is_thought else "text"
        if self._json_tool is not None and not is_thought:
            return  # the answer comes as the input of our function
        if not text:
            if signature is not None:
                self._take_signature(kind, signature, out)
            return
        block = self._open
        if block is None or block[0] != kind:
            self._end_text(out)
            block = self._open = (kind, self._new_block())
            out.append((ReasoningStart if is_thought else TextStart)(block[1], signature))
        if text := self._joined(block[1], text):
            out.append((ReasoningDelta if is_thought else TextDelta)(block[1], text, signature))

    def _take_signature(self, kind: str, signature: ProviderMetadata, out: list[ProviderPart]) -> None:
        """A signature that comes alone belongs to the text that is being written, or is a part of its own."""
        if self._open is not None and self._open[0] == "text":
            out.append(TextDelta(self._open[1], "", signature))
            return
        self._end_text(out)
        block_id = self._new_block()
        if kind == "text":
            out += [TextStart(block_id, signature), TextDelta(block_id, "", signature), TextEnd(block_id)]
        else:
            out += [ReasoningStart(block_id, signature), ReasoningDelta(block_id, "", signature)]
            out.append(ReasoningEnd(block_id))

    def _new_block(self) -> str:
        self._blocks += 1
        return str(self._blocks - 1)

    def _end_text(self, out: list[ProviderPart]) -> None:
        if self._open is None:
            return
        kind, block_id = self._open
        self._open = None
        if self._held.pop(block_id, ""):
            out.append((TextDelta if kind == "text" else ReasoningDelta)(block_id, "\ufffd"))
        out.append((TextEnd if kind == "text" else ReasoningEnd)(block_id))

    def _take_file(self, part: JSONObject, out: list[ProviderPart]) -> None:
        found: File | ReasoningFile | None = file_of(part)
        if found is not None:
            self._end_text(out)
            out.append(found)

    # --- calls ---------------------------------------------------------------------------------------------------

    def _take_call(self, part: JSONObject, out: list[ProviderPart]) -> None:
        call = part["functionCall"]
        assert isinstance(call, Mapping), "checked by whoever calls"
        name, args, pieces = call.get("name"), call.get("args"), call.get("partialArgs")
        continues = call.get("willContinue") is True
        if pieces is not None or (isinstance(name, str) and continues):
            if isinstance(name, str):
                self._start_call(call, name, signature_of(part), out)
            self._take_pieces(pieces, continues, out)
        elif isinstance(name, str):
            self._end_text(out)
            self._whole_call(call, name, {} if args is None else args, signature_of(part), out)
        elif args is None and call.get("willContinue") is None and self._calls:
            self._end_call(out)

    def _start_call(
        self, call: JSONObject, name: str, metadata: ProviderMetadata | None, out: list[ProviderPart]
    ) -> None:
        started = _Call(self._id_of(call), name, metadata)
        self._calls.append(started)
        if name == self._json_tool:
            out.append(TextStart(started.id, metadata))
        else:
            out.append(ToolInputStart(started.id, name, provider_metadata=metadata))

    def _take_pieces(self, pieces: JSONValue, continues: bool, out: list[ProviderPart]) -> None:
        if not isinstance(pieces, list) or not self._calls:
            return
        call = self._calls[-1]
        if text := clean(call.args.take(pieces)):
            out.append(self._input(call, text))
        are_whole = all(
            not isinstance(piece, Mapping) or piece.get("willContinue") is not True for piece in pieces
        )
        if not continues and are_whole:
            self._end_call(out)

    def _input(self, call: _Call, text: str) -> ProviderPart:
        if call.name == self._json_tool:
            return TextDelta(call.id, text, call.metadata)
        return ToolInputDelta(call.id, text, call.metadata)

    def _end_call(self, out: list[ProviderPart]) -> None:
        call = self._calls.pop()
        self._end_text(out)
        rest, whole = call.args.finish()
        if rest:
            out.append(self._input(call, rest))
        self._give_call(call, whole, out)

    def _give_call(self, call: _Call, whole: str, out: list[ProviderPart]) -> None:
        if call.name == self._json_tool:
            out.append(TextEnd(call.id, call.metadata))
            return
        self._has_calls = True
        out.append(ToolInputEnd(call.id, call.metadata))
        out.append(ToolCall(call.id, call.name, whole, provider_metadata=call.metadata))

    def _whole_call(
        self,
        call: JSONObject,
        name: str,
        args: JSONValue,
        metadata: ProviderMetadata | None,
        out: list[ProviderPart],
    ) -> None:
        self._start_call(call, name, metadata, out)
        started = self._calls.pop()
        text = clean(args) if isinstance(args, str) else as_json(args)
        out.append(self._input(started, text))
        self._give_call(started, text, out)

    def _id_of(self, call: JSONObject) -> str:
        given = call.get("id")
        return given if isinstance(given, str) and given else self._make_id()

    # --- the end -------------------------------------------------------------------------------------------------

    def finish(self) -> list[ProviderPart]:
        """The last parts; what is still open is ended, a call that never came to its end is none."""
        out: list[ProviderPart] = []
        self._end_text(out)
        if self._last_usage is not _EMPTY:
            self._ending.take({"usageMetadata": loads(bytes(self._last_usage))})
        self.ended = True
        if not self._has_metadata:
            out.append(ResponseMetadata(headers=self._headers))
        ending = self._ending
        reason = ending.finish_reason(has_calls=self._has_calls)
        out.append(ProviderFinish(reason, ending.usage, ending.raw_reason, ending.metadata()))
        return out
