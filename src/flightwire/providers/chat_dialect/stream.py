"""From the bytes of a stream to parts.

Owns: the order and meaning of a stream's chunks. Pure: bytes in, parts out. Refuses to know: sockets, retries.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from typing import NoReturn

from msgspec import DecodeError, Struct

from flightwire.errors import APICallError, OutputLimitError
from flightwire.events import (
    ProviderFinish,
    ProviderPart,
    Raw,
    ReasoningDelta,
    ReasoningEnd,
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
from flightwire.jsontypes import loads
from flightwire.providers.chat_dialect.answers import clean, reported, to_finish_reason, to_usage
from flightwire.providers.chat_dialect.chunks import (
    Choice,
    Chunk,
    Delta,
    ToolCallDelta,
    decode_chunk,
    decode_metadata,
    read_chunk,
)
from flightwire.wire.sse import SSEDecoder

_DONE = b"[DONE]"
_EXCERPT_BYTES = 200
_REFUSALS = (DecodeError, UnicodeDecodeError, RecursionError)


class _PendingCall(Struct):
    """A tool call that is being written; it is announced once its name is known."""

    id: str
    name: str
    pieces: list[str]
    announced: bool = False


class ChatStream:
    """Takes the bytes of one streamed answer and gives its parts.

    Feed it until `ended`; b"" is the end of the bytes. Then, if there is a `failure`, raise it: everything that came
    before it has been given.

    Attributes:
        ended: nothing more will be given.
        failure: why it ended before its time.
    """

    def __init__(
        self,
        *,
        service: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        include_raw: bool = False,
    ) -> None:
        self.ended = False
        self.failure: APICallError | None = None
        self._service = service
        self._url = url
        self._headers = headers
        self._include_raw = include_raw
        self._events = SSEDecoder()
        self._has_metadata = False
        self._text_id: str | None = None
        self._reasoning_id: str | None = None
        self._blocks = 0
        self._calls: dict[int, _PendingCall] = {}
        self._held: dict[str, str] = {}  # block id → half a surrogate pair that waits for its other half
        self._usage: Mapping[str, object] | None = None
        self._raw_finish_reason: str | None = None
        self._refused = False

    # --- the way in ----------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> list[ProviderPart]:
        """Give the parts that these bytes complete; never raises, see `failure`."""
        try:
            if data:
                return self._take(self._events.feed(data))
            return self._end_of_bytes()
        except OutputLimitError as error:
            return self._fail(f"{self._service} sent something that is not an answer: {error}")

    def broke_off(self, error: APICallError) -> list[ProviderPart]:
        """The connection failed. An answer that had already said why it ends is complete all the same."""
        if self._raw_finish_reason is not None:
            return self._finish()
        self.ended, self.failure = True, error
        return []

    def _end_of_bytes(self) -> list[ProviderPart]:
        parts: list[ProviderPart] = []
        rest = self._events.close()
        if rest is not None and (
            rest == _DONE or _is_json(rest)
        ):  # some servers leave out the last blank line
            parts = self._take([rest])
        if self.ended:
            return parts
        if self._raw_finish_reason is None:
            return [*parts, *self._fail(f"{self._service} broke off: the stream ended before the answer did")]
        return [*parts, *self._finish()]

    def _take(self, events: list[bytes]) -> list[ProviderPart]:
        out: list[ProviderPart] = []
        if not self._has_metadata and events:
            self._take_metadata(events[0], out)
        if not self._include_raw:
            self._take_events(events, out)
            return out
        for data in events:
            if not self.ended and _is_json(data):
                out.append(Raw(loads(data)))
            self._take_events([data], out)
        return out

    def _take_events(self, events: list[bytes], out: list[ProviderPart]) -> None:
        """The hot path: a chunk of plain text costs one typed decode and one `TextDelta`."""
        append = out.append
        decode, text_id = self._decoder(), self._text_id
        for data in events:
            if self.ended:
                break
            try:
                chunk = decode(data)
            except _REFUSALS:
                self._take_odd(data, out)
                decode, text_id = self._decoder(), self._text_id
                continue
            choices = chunk.choices
            if text_id is not None and choices and chunk.usage is None and chunk.error is None:
                choice = choices[0]
                delta = choice.delta
                if (
                    delta is not None
                    and choice.finish_reason is None
                    and delta.tool_calls is None
                    and delta.reasoning_content is None
                    and delta.reasoning is None
                    and delta.refusal is None
                    and choice.index == 0
                    and len(choices) == 1
                ):
                    content = delta.content
                    if content:
                        append(TextDelta(text_id, content if "\0" not in content else clean(content)))
                    continue
            self._take_chunk(chunk, data, out)
            text_id = self._text_id

    def _decoder(self) -> Callable[[bytes], Chunk]:
        return _to_the_patient_reader if self._held else decode_chunk

    def _take_odd(self, data: bytes, out: list[ProviderPart]) -> None:
        """What the typed decoder refuses: the end mark, an empty event, a chunk that is not as documented, garbage."""
        data = data.strip()
        if data == _DONE:
            out.extend(self._finish())
        elif data:
            try:
                chunk, _ = read_chunk(data)
            except ValueError as error:
                out.extend(self._fail(_malformed(self._service, data, error), body=data))
            else:
                self._take_chunk(chunk, data, out)

    # --- chunks --------------------------------------------------------------------------------------------------

    def _take_metadata(self, data: bytes, out: list[ProviderPart]) -> None:
        try:
            said = decode_metadata(data)
        except _REFUSALS:
            return
        if said.id or said.model:
            self._has_metadata = True
            out.append(ResponseMetadata(said.id or None, said.model or None, said.created, self._headers))

    def _take_chunk(self, chunk: Chunk, data: bytes, out: list[ProviderPart]) -> None:
        if chunk.error:
            self.ended, self.failure = True, reported(chunk.error, service=self._service, url=self._url)
            return
        if chunk.usage:
            self._usage = chunk.usage
        if chunk.choices is None and not chunk.usage:
            self._take_without_choices(data)
        for choice in chunk.choices or ():
            if not choice.index:
                self._take_choice(choice, out)
                break

    def _take_without_choices(self, data: bytes) -> None:
        """VLLM and others send a bare error object, `{"object": "error", "message": …}`."""
        _, body = read_chunk(data)
        if "error" in (body.get("object"), body.get("type")):
            self.ended, self.failure = True, reported(body, service=self._service, url=self._url)

    def _take_choice(self, choice: Choice, out: list[ProviderPart]) -> None:
        if choice.delta is not None:
            self._take_delta(choice.delta, out)
        if choice.finish_reason:
            self._raw_finish_reason = choice.finish_reason

    def _take_delta(self, delta: Delta, out: list[ProviderPart]) -> None:
        if reasoning := delta.reasoning_content or delta.reasoning:
            self._take_reasoning(reasoning, out)
        if delta.content:
            self._take_text(delta.content, out)
        if delta.refusal:
            self._refused = True
            self._take_text(delta.refusal, out)
        for call in delta.tool_calls or ():
            self._take_call(call, out)

    def _take_text(self, text: str, out: list[ProviderPart]) -> None:
        if self._text_id is None:
            self._end_blocks(out)
            self._text_id = self._new_id("text")
            out.append(TextStart(self._text_id))
        if text := self._joined(self._text_id, text):
            out.append(TextDelta(self._text_id, text))

    def _take_reasoning(self, text: str, out: list[ProviderPart]) -> None:
        if self._reasoning_id is None:
            self._end_blocks(out)
            self._reasoning_id = self._new_id("reasoning")
            out.append(ReasoningStart(self._reasoning_id))
        if text := self._joined(self._reasoning_id, text):
            out.append(ReasoningDelta(self._reasoning_id, text))

    def _new_id(self, kind: str) -> str:
        self._blocks += 1
        return f"{kind}-{self._blocks - 1}"

    def _end_blocks(self, out: list[ProviderPart]) -> None:
        if self._text_id is not None:
            if self._held.pop(self._text_id, None):
                out.append(TextDelta(self._text_id, "\ufffd"))
            out.append(TextEnd(self._text_id))
            self._text_id = None
        if self._reasoning_id is not None:
            if self._held.pop(self._reasoning_id, None):
                out.append(ReasoningDelta(self._reasoning_id, "\ufffd"))
            out.append(ReasoningEnd(self._reasoning_id))
            self._reasoning_id = None

    def _joined(self, block_id: str, text: str) -> str:
        """Clean text; half a surrogate pair at its end waits for the other half, which the next delta may bring."""
        text = self._held.pop(block_id, "") + text
        if "\ud800" <= text[-1] <= "\udbff":
            self._held[block_id] = text[-1]
            text = text[:-1]
        return clean(text)

    # --- tool calls ----------------------------------------------------------------------------------------------

    def _take_call(self, delta: ToolCallDelta, out: list[ProviderPart]) -> None:
        self._end_blocks(out)
        name = (delta.function and delta.function.name) or ""
        arguments = (delta.function and delta.function.arguments) or ""
        index = self._call_index(delta, name)
        call = self._calls.get(index)
        if call is None:
            call = self._calls[index] = _PendingCall(delta.id or f"call_{secrets.token_hex(12)}", "", [])
        if not call.announced and name:
            call.name, call.announced = name, True
            out.append(ToolInputStart(call.id, name))
            if call.pieces:
                out.append(ToolInputDelta(call.id, "".join(call.pieces)))
        if arguments:
            arguments = clean(arguments)
            call.pieces.append(arguments)
            if call.announced:
                out.append(ToolInputDelta(call.id, arguments))

    def _call_index(self, delta: ToolCallDelta, name: str) -> int:
        """Which call a delta belongs to; some APIs leave the index out, or use it again for another call."""
        latest = max(self._calls, default=-1)
        index = delta.index
        if index is None:
            index = latest if latest >= 0 and not name else latest + 1
        known = self._calls.get(index)
        is_another = known is not None and known.announced and name and delta.id and delta.id != known.id
        return latest + 1 if is_another else index

    def _end_calls(self, out: list[ProviderPart]) -> None:
        for call in self._calls.values():
            if not call.announced:
                out.extend(self._fail(f"{self._service} sent a tool call without a name"))
                return
            out.append(ToolInputEnd(call.id))
            out.append(ToolCall(call.id, call.name, "".join(call.pieces)))
        self._calls.clear()

    # --- endings -------------------------------------------------------------------------------------------------

    def _finish(self) -> list[ProviderPart]:
        out: list[ProviderPart] = []
        self._end_blocks(out)
        self._end_calls(out)
        if self.failure is not None:
            return out
        self.ended = True
        if not self._has_metadata:
            out.append(ResponseMetadata(headers=self._headers))
        reason = to_finish_reason(self._raw_finish_reason, refused=self._refused)
        out.append(ProviderFinish(reason, to_usage(self._usage), self._raw_finish_reason))
        return out

    def _fail(self, message: str, *, body: bytes | None = None) -> list[ProviderPart]:
        self.ended = True
        text = None if body is None else body.decode("utf-8", "replace")
        self.failure = APICallError(message, url=self._url, response_body=text, is_retryable=True)
        return []


def _to_the_patient_reader(data: bytes) -> NoReturn:
    raise DecodeError


def _is_json(data: bytes) -> bool:
    try:
        loads(data)
    except ValueError:
        return False
    return True


def _malformed(service: str, data: bytes, error: Exception) -> str:
    excerpt = data[:_EXCERPT_BYTES].decode("utf-8", "replace")
    return f"{service} sent an event that is not JSON ({error}): {excerpt!r}"
