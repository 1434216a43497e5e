"""From the bytes of a Responses stream to parts.

Owns: which event is which, texts and their ids, errors among the events. Pure: bytes in, parts out. Refuses to know: what
the items of one API are.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

from flightwire.errors import APICallError
from flightwire.events import (
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
)
from flightwire.providers.failures import reported, speaks_chat
from flightwire.providers.reading import DONE, REFUSALS, EventReader, clean, to_the_patient_reader
from flightwire.providers.responses_dialect.events import Event, ResponseInfo, decode_event, read_event

__all__ = ["Handler", "ResponsesReader"]

Handler = Callable[[Event, list[ProviderPart]], None]

MAX_BROKEN_EVENTS = 16
_TEXT_DELTA = "response.output_text.delta"
# Before these nothing has begun; `response.in_progress` says that the call was accepted.
_NOT_BEGUN = ("response.created", "response.queued", "response.failed", "error", "")


class ResponsesReader(EventReader):
    """Reads one streamed answer; see `EventReader`."""

    def __init__(
        self, *, service: str, url: str, headers: Mapping[str, str] | None = None, include_raw: bool = False
    ) -> None:
        super().__init__(service=service, url=url, headers=headers, include_raw=include_raw)
        self._info: ResponseInfo | None = None  # of the event that ended the answer
        self._has_metadata = False
        self._text_id: str | None = None  # of the text that was written to last
        self._text_item: str | None = None  # what its events call it
        self._texts: dict[str, ProviderMetadata | None] = {}  # those that are open
        self._reasonings: dict[str, ProviderMetadata | None] = {}
        self._logprobs: list[object] = []
        self._broken: list[
            APICallError
        ] = []  # events that could not be read; the answer goes on, and fails at its end
        self._handlers = {
            "response.created": self._on_created,
            "response.in_progress": self._on_created,
            _TEXT_DELTA: self._on_text,
            "response.completed": self._on_end,
            "response.incomplete": self._on_end,
            "response.done": self._on_end,
            "response.failed": self._on_failed,
            "error": self._on_error,
            **self.handlers(),
        }

    # --- what an API decides -------------------------------------------------------------------------------------

    @abstractmethod
    def handlers(self) -> Mapping[str, Handler]:
        """What to do with each type of event besides text and ends."""

    @abstractmethod
    def text_id(self, event: Event) -> str:
        """The id of the text that an event writes to."""

    def take_logprobs(self, logprobs: list[object]) -> None:
        """How likely the tokens of a text were."""

    # --- the way in ----------------------------------------------------------------------------------------------

    def take_events(self, events: list[bytes], out: list[ProviderPart]) -> None:
        """The hot path: a piece of text costs one typed decode and one `TextDelta`."""
        decode = self._decoder()
        for data in events:
            if self.ended:
                break
            try:
                event = decode(data)
            except REFUSALS:
                self._take_odd(data, out)
                decode = self._decoder()
                continue
            if (
                event.type == _TEXT_DELTA
                and self._text_id is not None
                and event.item_id == self._text_item
                and (text := event.delta)
                and not event.logprobs
            ):
                out.append(TextDelta(self._text_id, text if "\0" not in text else clean(text)))
            else:
                self._take_event(event, data, out)

    def _decoder(self) -> Callable[[bytes], Event]:
        return to_the_patient_reader if self._held else decode_event

    def _take_odd(self, data: bytes, out: list[ProviderPart]) -> None:
        data = data.strip()
        if data == DONE:
            out.extend(self._end_of_bytes())
        elif data:
            try:
                event = read_event(data)
            except ValueError as error:
                self._take_broken(data, error)
            else:
                self._take_event(event, data, out)

    def _take_broken(self, data: bytes, error: ValueError) -> None:
        """An event that is no JSON: what follows may still be worth having (the AI SDK goes on, too)."""
        self._malformed(data, error)
        if self.failure is not None:
            self._broken.append(self.failure)
        if len(self._broken) <= MAX_BROKEN_EVENTS:
            self.ended, self.failure = False, None

    def _end_of_bytes(self) -> list[ProviderPart]:
        out = super()._end_of_bytes()
        if self._broken:
            self.failure = self._broken[0]
            out = [part for part in out if not isinstance(part, ProviderFinish)]
        return out

    def _take_event(self, event: Event, data: bytes, out: list[ProviderPart]) -> None:
        if event.type not in _NOT_BEGUN:
            self.begun = True
        handler = self._handlers.get(event.type)
        if handler is not None:
            handler(event, out)
        elif isinstance(event.choices, list) and not event.type:
            self._speaks_chat()
        elif event.error and not event.type:  # an error object as chat completions send it
            self.ended, self.failure = True, reported(event.error, service=self._service, url=self._url)

    def _speaks_chat(self) -> None:
        self.ended = True
        self.failure = speaks_chat(self._service, self._url)

    # --- beginning and texts -------------------------------------------------------------------------------------

    def _on_created(self, event: Event, out: list[ProviderPart]) -> None:
        info = event.response
        is_another = event.type == "response.created" and self.is_complete
        if info is not None and (is_another or not self._has_metadata) and (info.id or info.model):
            self._has_metadata = True
            out.append(ResponseMetadata(info.id, info.model, info.created_at, self._headers))
            self.on_started(info)

    def on_started(self, info: ResponseInfo) -> None:
        """The API has said what it calls the answer."""

    def _on_text(self, event: Event, out: list[ProviderPart]) -> None:
        if event.logprobs:
            self.take_logprobs(event.logprobs)
        if event.delta:
            self.write_text(event, event.delta, out)

    def write_text(self, event: Event, text: str, out: list[ProviderPart]) -> None:
        """More of the text that the event belongs to, which begins here if it has not."""
        text_id = self.text_id(event)
        if text_id not in self._texts:
            self.start_text(text_id, None, out)
        self._text_id, self._text_item = text_id, event.item_id
        if text := self._joined(text_id, text):
            out.append(TextDelta(text_id, text))

    def start_text(self, text_id: str, metadata: ProviderMetadata | None, out: list[ProviderPart]) -> None:
        """A text begins."""
        self._texts[text_id] = metadata
        out.append(TextStart(text_id, metadata))

    def end_text(self, text_id: str, metadata: ProviderMetadata | None, out: list[ProviderPart]) -> None:
        """A text ends."""
        if self._held.pop(text_id, None):
            out.append(TextDelta(text_id, "\ufffd"))
        self._texts.pop(text_id, None)
        self._text_id = self._text_item = None
        out.append(TextEnd(text_id, metadata))

    def write_reasoning(
        self, block_id: str, text: str, metadata: ProviderMetadata | None, out: list[ProviderPart]
    ) -> None:
        """More of a piece of reasoning, which begins here if it has not."""
        self.start_reasoning(block_id, metadata, out)
        if text and (text := self._joined(block_id, text)):
            out.append(ReasoningDelta(block_id, text, metadata))

    def start_reasoning(
        self, block_id: str, metadata: ProviderMetadata | None, out: list[ProviderPart]
    ) -> None:
        """A piece of reasoning begins, if it has not."""
        if block_id not in self._reasonings:
            self._reasonings[block_id] = metadata
            out.append(ReasoningStart(block_id, metadata))

    def end_reasoning(
        self, block_id: str, metadata: ProviderMetadata | None, out: list[ProviderPart]
    ) -> None:
        """A piece of reasoning ends."""
        if self._held.pop(block_id, None):
            out.append(ReasoningDelta(block_id, "\ufffd"))
        self._reasonings.pop(block_id, None)
        out.append(ReasoningEnd(block_id, metadata))

    def end_blocks(self, out: list[ProviderPart]) -> None:
        """What is still open ends."""
        for block_id, metadata in list(self._reasonings.items()):
            self.end_reasoning(block_id, metadata, out)
        for text_id, metadata in list(self._texts.items()):
            self.end_text(text_id, metadata, out)

    # --- endings -------------------------------------------------------------------------------------------------

    def _on_end(self, event: Event, out: list[ProviderPart]) -> None:
        self._info, self.is_complete = event.response or ResponseInfo(), True
        if event.type == "response.incomplete" and self._info.status is None:
            self._info.status = "incomplete"

    def _on_failed(self, event: Event, out: list[ProviderPart]) -> None:
        info = event.response or ResponseInfo()
        if info.error is None:
            info.status = "failed"
            self._info, self.is_complete = info, True
        else:
            self._report(info.error)

    def _on_error(self, event: Event, out: list[ProviderPart]) -> None:
        if event.error:
            self._report(event.error)
        else:
            self._report({"message": event.message, "code": event.code, "type": "error"})

    def _report(self, error: object) -> None:
        self.ended, self.failure = True, reported(error, service=self._service, url=self._url)
