"""From the bytes of a chat-completions stream to parts.

Owns: the order and meaning of a stream's chunks. Pure: bytes in, parts out. Refuses to know: sockets, retries.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from itertools import repeat

from flightwire.events import (
    ProviderFinish,
    ProviderPart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseMetadata,
    Source,
    TextDelta,
    TextEnd,
    TextStart,
)
from flightwire.providers.chat_dialect.answers import Facts
from flightwire.providers.chat_dialect.chunks import (
    Choice,
    Chunk,
    Delta,
    ToolCallDelta,
    citations_of,
    contents_of,
    decode_chunk,
    decode_metadata,
    decode_plain,
    plain_texts,
    read_chunk,
)
from flightwire.providers.chat_dialect.dialect import ChatDialect
from flightwire.providers.chat_dialect.tool_calls import PendingCalls
from flightwire.providers.failures import reported, speaks_responses
from flightwire.providers.reading import DONE, REFUSALS, EventReader, clean, to_the_patient_reader

__all__ = ["ChatStream"]

_MAX_ODDITIES = 16  # of an API whose every event says more: it is not asked twice for ever
_MANY_EVENTS = 8  # fewer are read one by one in less time
_EARLY_EVENTS = 4  # of one read, that are asked what the answer is called


class ChatStream(EventReader):
    """Reads one streamed answer; see `EventReader`.

    Args:
        dialect: what the words at the end of the answer mean.
        json_tool: a tool of ours whose input is the answer's text.
        service: the API's name in error messages.
        url: its address, for them.
        headers: of the response.
        include_raw: give every chunk as it came, too.
    """

    __slots__ = (
        "_answered_as_tool",
        "_blocks",
        "_calls",
        "_dialect",
        "_facts",
        "_has_metadata",
        "_json_tool",
        "_json_tool_index",
        "_oddities",
        "_raw_finish_reason",
        "_reasoning_id",
        "_refused",
        "_text_id",
    )

    def __init__(
        self,
        *,
        service: str,
        url: str,
        headers: Mapping[str, str] | None = None,
        include_raw: bool = False,
        dialect: ChatDialect | None = None,
        json_tool: str | None = None,
    ) -> None:
        super().__init__(service=service, url=url, headers=headers, include_raw=include_raw)
        self._dialect = dialect or ChatDialect("")
        self._json_tool = json_tool
        self._json_tool_index: int | None = -1
        self._has_metadata = False
        self._text_id: str | None = None
        self._reasoning_id: str | None = None
        self._blocks = 0
        self._calls = PendingCalls(self._dialect.options_key)
        self._facts = Facts()
        self._raw_finish_reason: str | None = None
        self._refused = False
        self._answered_as_tool = False
        self._oddities = 0  # events that were not plain text while a text went on

    # --- the way in ----------------------------------------------------------------------------------------------

    def take_events(self, events: list[bytes], out: list[ProviderPart]) -> None:
        """The hot path: a chunk of plain text costs one typed decode and one `TextDelta`."""
        if not self._has_metadata:
            self._take_metadata(events[:_EARLY_EVENTS], out)
        if len(events) >= _MANY_EVENTS:
            events = events[self._take_many(events, out) :]
        append = out.append
        # As `_plain_id`, written out: once per token.
        text_id = None if self._held or self.ended or self._oddities > _MAX_ODDITIES else self._text_id
        for data in events:
            if text_id is not None:
                try:
                    content = decode_plain(data).choices[0].delta.content
                except REFUSALS:
                    self._oddities += 1
                else:
                    if content:
                        append(TextDelta(text_id, content if "\0" not in content else clean(content)))
                    continue
            if self.ended:
                break
            self._take_event(data, out)
            text_id = self._plain_id()

    def _take_many(self, events: list[bytes], out: list[ProviderPart]) -> int:
        """What comes before a text goes on, and the text as far as its chunks are plain; says how many events that were."""
        at = 0
        while at < len(events) and not self.ended and self._plain_id() is None:
            self._take_event(events[at], out)
            at += 1
        text_id = self._plain_id()
        if text_id is None:
            return at
        texts = plain_texts(events[at:])
        if texts:
            self._run = (len(out), texts)
        out += map(TextDelta, repeat(text_id), texts)
        return at + len(texts)

    def _plain_id(self) -> str | None:
        """The text that goes on while chunks are plain; None when they are to be looked at."""
        return None if self._held or self.ended or self._oddities > _MAX_ODDITIES else self._text_id

    def _take_event(self, data: bytes, out: list[ProviderPart]) -> None:
        """Any event: nothing is expected of it."""
        try:
            chunk = (to_the_patient_reader if self._held else decode_chunk)(data)
        except REFUSALS:
            self._take_odd(data, out)
        else:
            self._take_chunk(chunk, data, out)

    def _take_odd(self, data: bytes, out: list[ProviderPart]) -> None:
        """What the typed decoder refuses: the end mark, an empty event, a chunk that is not as documented, garbage."""
        data = data.strip()
        if data == DONE:
            out.extend(self.finish())
        elif data:
            try:
                chunk, _ = read_chunk(data)
            except ValueError as error:
                out.extend(self._malformed(data, error))
            else:
                self._take_chunk(chunk, data, out)

    # --- chunks --------------------------------------------------------------------------------------------------

    def _take_metadata(self, events: list[bytes], out: list[ProviderPart]) -> None:
        """What the first event that says something says; Azure's first one is about its filters."""
        for data in events:
            try:
                said = decode_metadata(data)
            except REFUSALS:
                continue
            if said.id or said.model:
                self._has_metadata = True
                created = said.created
                out.append(ResponseMetadata(said.id or None, said.model or None, created, self._headers))
                if said.system_fingerprint:
                    self._facts.extra["systemFingerprint"] = said.system_fingerprint
                return

    def _take_chunk(self, chunk: Chunk, data: bytes, out: list[ProviderPart]) -> None:
        if chunk.error:
            self.ended, self.failure = True, reported(chunk.error, service=self._service, url=self._url)
            return
        if usage := chunk.usage or (chunk.x_groq and chunk.x_groq.usage):
            self._facts.usage = usage
        if chunk.choices is None and not usage:
            self._take_without_choices(data)
        for choice in chunk.choices or ():
            if not choice.index:
                self._take_choice(choice, out)
                break

    def _take_without_choices(self, data: bytes) -> None:
        """VLLM and others send a bare error object, `{"object": "error", "message": …}`."""
        try:
            _, body = read_chunk(data)
        except ValueError:
            return  # a document that the two decoders see differently
        if "error" in (body.get("object"), body.get("type")):
            self.ended, self.failure = True, reported(body, service=self._service, url=self._url)
        elif str(body.get("type")).startswith("response."):
            self.ended, self.failure = True, speaks_responses(self._service, self._url)

    def _take_choice(self, choice: Choice, out: list[ProviderPart]) -> None:
        if choice.logprobs is not None:
            self._facts.take_logprobs(choice.logprobs)
        if choice.usage and not self._facts.usage:
            self._facts.usage = choice.usage
        if choice.delta is not None:
            self._take_delta(choice.delta, out)
        if choice.finish_reason:
            self._raw_finish_reason = choice.finish_reason
            self.is_complete = True

    def _take_delta(self, delta: Delta, out: list[ProviderPart]) -> None:
        if reasoning := delta.reasoning_content or delta.reasoning:
            self._take_reasoning(reasoning, out)
        for kind, text in contents_of(delta.content):
            if text and kind == "reasoning":
                self._take_reasoning(text, out)
            elif text and self._json_tool is None:
                self._take_text(text, out)
        if delta.refusal:
            self._refused = True
            self._take_text(delta.refusal, out)
        for call in delta.tool_calls or ():
            self._take_call(call, out)
        for url, title in citations_of(delta.annotations):
            self.begun = True
            out.append(Source("url", secrets.token_hex(8), url, title))

    def _take_text(self, text: str, out: list[ProviderPart]) -> None:
        self.begun = True
        if self._text_id is None:
            self._end_blocks(out)
            self._text_id = self._new_id("text")
            out.append(TextStart(self._text_id))
        if text := self._joined(self._text_id, text):
            out.append(TextDelta(self._text_id, text))

    def _take_reasoning(self, text: str, out: list[ProviderPart]) -> None:
        self.begun = True
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

    def _take_call(self, delta: ToolCallDelta, out: list[ProviderPart]) -> None:
        function = delta.function
        if self._json_tool is not None and function is not None:
            if function.name == self._json_tool:
                self._json_tool_index, self._answered_as_tool = delta.index, True
            if self._answered_as_tool and delta.index == self._json_tool_index:
                if function.arguments:
                    self._take_text(function.arguments, out)
                return
        self.begun = True
        self._end_blocks(out)
        self._calls.take(delta, out)

    # --- endings -------------------------------------------------------------------------------------------------

    def finish(self) -> list[ProviderPart]:
        """The last parts of the answer."""
        out: list[ProviderPart] = []
        self._end_blocks(out)
        has_calls = bool(self._calls)
        self._calls.end(out, lambda what: self._fail(f"{self._service} {what}"))
        if self.failure is not None:
            return out
        self.ended = self.begun = True
        if not self._has_metadata:
            out.append(ResponseMetadata(headers=self._headers))
        reason = self._dialect.finish_reason(self._raw_finish_reason, refused=self._refused)
        if self._answered_as_tool and not has_calls and reason == "tool-calls":
            reason = "stop"
        metadata = self._dialect.metadata(self._facts)
        out.append(
            ProviderFinish(
                reason,
                self._dialect.usage(self._facts.usage),
                self._raw_finish_reason,
                None if metadata is None else {self._dialect.options_key: metadata},
            )
        )
        return out
