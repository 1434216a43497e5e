"""From the bytes of a stream of events to parts, as far as every API is alike.

Owns: reading server-sent events, the raw chunks, and how a stream ends before its time. Pure: bytes in, parts out.
Refuses to know: what an event means; sockets, retries.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import NoReturn

from msgspec import DecodeError

from flightwire.errors import APICallError, OutputLimitError
from flightwire.events import ProviderPart, Raw
from flightwire.jsontypes import loads
from flightwire.providers.base import TextBatch
from flightwire.wire.sse import SSEDecoder

__all__ = ["REFUSALS", "EventReader", "clean", "excerpt", "to_the_patient_reader"]

REFUSALS = (DecodeError, UnicodeDecodeError, RecursionError)
"""What the typed decoders raise for bytes that are not quite as documented."""

DONE = b"[DONE]"
_EXCERPT_BYTES = 200


class EventReader(ABC):
    """Takes the bytes of one streamed answer and gives its parts.

    Feed it until `ended`; b"" is the end of the bytes. Then, if there is a `failure`, raise it: everything that came
    before it has been given.

    Attributes:
        ended: nothing more will be given.
        failure: why it ended before its time.
        begun: the API has begun to answer: from now on nothing may be asked for again.
        is_complete: the answer has said why it ends, so that nothing is missing if the connection breaks now.
    """

    __slots__ = (
        "_events",
        "_headers",
        "_held",
        "_include_raw",
        "_run",
        "_service",
        "_url",
        "begun",
        "ended",
        "failure",
        "is_complete",
    )

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
        self.begun = False
        self.is_complete = False
        self._service = service
        self._url = url
        self._headers = headers
        self._include_raw = include_raw
        self._events = SSEDecoder()
        self._run: tuple[int, list[str]] | None = None  # of the batch that is being read, see `TextBatch`
        self._held: dict[str, str] = {}  # block id → half a surrogate pair that waits for its other half

    # --- what an API decides -------------------------------------------------------------------------------------

    @abstractmethod
    def take_events(self, events: list[bytes], out: list[ProviderPart]) -> None:
        """Read the data of some events."""

    @abstractmethod
    def finish(self) -> list[ProviderPart]:
        """The last parts of an answer that came to its end; sets `ended`."""

    # --- the way in ----------------------------------------------------------------------------------------------

    def feed(self, data: bytes) -> Sequence[ProviderPart]:
        """Give the parts that these bytes complete; never raises, see `failure`."""
        try:
            if data and not self._include_raw:
                out: list[ProviderPart] = []
                self.take_events(self._events.feed(data), out)
                if self._run is None:
                    return out
                run, self._run = self._run, None
                return TextBatch(out, *run)
            if data:
                return self._take(self._events.feed(data))
            return self._end_of_bytes()
        except OutputLimitError as error:
            return self._fail(f"{self._service} sent something that is not an answer: {error}")

    def broke_off(self, error: APICallError) -> list[ProviderPart]:
        """The connection failed. An answer that had already said why it ends is complete all the same."""
        if self.is_complete:
            return self.finish()
        self.ended, self.failure = True, error
        return []

    def _end_of_bytes(self) -> list[ProviderPart]:
        parts: list[ProviderPart] = []
        rest = self._events.close()
        if rest is not None and (rest == DONE or is_json(rest)):  # some servers leave out the last blank line
            parts = self._take([rest])
        if self.ended:
            return parts
        if not self.is_complete:
            return [*parts, *self._fail(f"{self._service} broke off: the stream ended before the answer did")]
        return [*parts, *self.finish()]

    def _take(self, events: list[bytes]) -> list[ProviderPart]:
        out: list[ProviderPart] = []
        if not self._include_raw:
            self.take_events(events, out)
            return out
        for data in events:
            if not self.ended and is_json(data):
                out.append(Raw(loads(data)))
            self.take_events([data], out)
        return out

    # --- texts ---------------------------------------------------------------------------------------------------

    def _joined(self, block_id: str, text: str) -> str:
        """Clean text; half a surrogate pair at its end waits for the other half, which the next delta may bring."""
        text = self._held.pop(block_id, "") + text
        if "\ud800" <= text[-1] <= "\udbff":
            self._held[block_id] = text[-1]
            text = text[:-1]
        return clean(text)

    # --- endings -------------------------------------------------------------------------------------------------

    def _fail(self, message: str, *, body: bytes | None = None) -> list[ProviderPart]:
        self.ended = True
        text = None if body is None else body.decode("utf-8", "replace")
        self.failure = APICallError(message, url=self._url, response_body=text, is_retryable=True)
        return []

    def _malformed(self, data: bytes, error: Exception) -> list[ProviderPart]:
        return self._fail(
            f"{self._service} sent an event that is not JSON ({error}): {excerpt(data)!r}", body=data
        )


def clean(text: str) -> str:
    """Text that every later stop can carry: NUL and halves of surrogate pairs become U+FFFD.

    UTF-8 cannot carry the halves; PostgreSQL's `text` and `jsonb` cannot carry NUL, and CommonMark (0.31, section 2.3)
    wants it replaced like this.
    """
    text = text.replace("\0", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def to_the_patient_reader(data: bytes) -> NoReturn:
    """A decoder that refuses everything, for when the typed one would choke on half a surrogate pair."""
    raise DecodeError


def excerpt(data: bytes) -> str:
    """The beginning of some bytes, for a sentence."""
    return data[:_EXCERPT_BYTES].decode("utf-8", "replace")


def is_json(data: bytes) -> bool:
    """Whether these bytes are one JSON document."""
    try:
        loads(data)
    except ValueError:
        return False
    return True
