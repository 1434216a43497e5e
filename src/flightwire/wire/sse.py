"""Server-sent events, from bytes to events.

Owns: the event stream format of the WHATWG HTML living standard, section 9.2.6, "Interpreting an event stream", read
incrementally and with limits. Refuses to know: HTTP, what the data means, when to reconnect.

A line ends at CR, LF or CRLF and nowhere else: U+2028, U+0085, VT and FF are text. Data stays bytes, because its
reader (a JSON decoder) wants bytes; the standard's "decode as UTF-8 with replacement" is left to whoever needs text.
"""

from __future__ import annotations

from flightwire._frozen import value
from flightwire.errors import OutputLimitError

MAX_LINE_BYTES = 4 * 1024 * 1024

_BOM = b"\xef\xbb\xbf"
_PLAIN = b"data: "
_END = b"\n\n"
_CR, _LF = 0x0D, 0x0A
_MAX_RETRY_DIGITS = 15  # thirty thousand years


@value
class ServerSentEvent:
    """One event: its data (lines joined by LF), its type, and the last id the stream had named by then."""

    data: bytes
    event: str = "message"
    last_event_id: str = ""


class SSEDecoder:
    """Takes bytes as they come, split anywhere, and gives the events that are complete.

    Use either `feed`, which gives only the data of each event and is the cheapest, or `feed_events`, which also
    gives types and ids; not both on one stream. Call `close` at the end of the bytes.

    Attributes:
        last_event_id: what the stream's last `id` field said; "" before there was one.
        retry_ms: what the stream's last `retry` field said, in milliseconds.
    """

    __slots__ = (
        "_after_cr",
        "_at_start",
        "_data",
        "_event",
        "_failure",
        "_is_between",
        "_max_line_bytes",
        "_tail",
        "last_event_id",
        "retry_ms",
    )

    def __init__(self, *, max_line_bytes: int = MAX_LINE_BYTES) -> None:
        self.last_event_id = ""
        self.retry_ms: int | None = None
        self._max_line_bytes = max_line_bytes
        self._tail = bytearray()  # the line that has not ended yet
        self._data: bytes | bytearray | None = (
            None  # of the event that has not ended yet; a bytearray is several lines
        )
        self._event = ""
        self._at_start = True
        self._after_cr = False
        self._failure: OutputLimitError | None = None
        self._is_between = True  # whether the next byte begins an event

    def feed(self, data: bytes) -> list[bytes]:
        """Give the data of every event that these bytes complete.

        Raises:
            OutputLimitError: a line, or the data of one event, is longer than `max_line_bytes`. Events that were
                complete before it are given first; then this call, or the next one, raises.
        """
        if (
            self._is_between
            and data[:6] == _PLAIN
            and len(data) <= self._max_line_bytes
            and _CR not in data  # a number: looking for bytes in bytes raises and catches a TypeError first
        ):
            event = data[6:-2]
            if data[-2:] == _END and _LF not in event:
                self._at_start = False
                return [event]
            return self._plain(data)
        if self._tail and self._failure is None and len(data) <= self._max_line_bytes and _END in data:
            begun = data.index(_END) + len(_END)  # the rest of the event that the last read cut in two
            out = self._feed(data[:begun])
            return out if self._failure is not None or begun == len(data) else out + self.feed(data[begun:])
        return self._feed(data)

    def _plain(self, data: bytes) -> list[bytes]:
        """The events of bytes that hold whole ones of one `data: ` line each, as nearly every read does; and of others."""
        end = data.rfind(_END) + len(_END)
        if end < len(_END):
            return self._feed(data)
        events = data[len(_PLAIN) : end - len(_END)].split(_END + _PLAIN)
        if _LF in b"".join(events):  # found by `memchr`; to count them takes up to fifteen times as long
            return self._feed(data)
        self._at_start = False
        if end < len(data):
            self._feed(data[end:])  # the beginning of an event: nothing is complete yet
        return events

    def _feed(self, data: bytes) -> list[bytes]:
        out: list[bytes] = []
        pending = self._data
        lines = self._lines(data)
        refused = self._failure  # of a line that follows these
        for line in lines:
            if not line:
                if pending is not None:
                    out.append(pending if type(pending) is bytes else bytes(pending))
                    pending = None
            elif pending is None and line.startswith(_PLAIN):
                pending = line[6:]
            else:
                pending = self._field(line, pending)
                if self._failure is not refused:
                    break
        self._data = pending
        self._is_between = not (pending is not None or self._tail or self._after_cr or self._failure)
        if self._failure is not None and not out:
            raise self._failure
        return out

    def feed_events(self, data: bytes) -> list[ServerSentEvent]:
        """Give every event that these bytes complete.

        Raises:
            OutputLimitError: as `feed`.
        """
        out: list[ServerSentEvent] = []
        pending = self._data
        lines = self._lines(data)
        refused = self._failure  # of a line that follows these
        for line in lines:
            if line:
                pending = self._field(line, pending)
                if self._failure is not refused:
                    break
                continue
            if pending is not None:
                out.append(ServerSentEvent(bytes(pending), self._event or "message", self.last_event_id))
                pending = None
            self._event = ""
        self._data = pending
        if self._failure is not None and not out:
            raise self._failure
        return out

    def close(self) -> bytes | None:
        """Say that no bytes will follow, and give the data of the event that the end cut off, if there is one.

        The standard discards such an event. A caller that can tell whole data from half may be kinder: some servers
        leave out the last blank line.

        Raises:
            OutputLimitError: as `feed`, if it has not been raised yet.
        """
        if self._failure is not None:
            raise self._failure
        if self._tail:
            self._data = self._field(bytes(self._tail), self._data)
            self._tail.clear()
        pending, self._data = self._data, None
        return None if pending is None else bytes(pending)

    # --- lines ---------------------------------------------------------------------------------------------------

    def _lines(self, data: bytes) -> list[bytes]:
        """The lines that these bytes complete, without their ends."""
        if self._failure is not None:
            raise self._failure
        if self._at_start:
            data = self._without_bom(data)
        if self._after_cr and data:
            self._after_cr = False
            if data[0] == _LF:
                data = data[1:]
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        return self._split(data)

    def _without_bom(self, data: bytes) -> bytes:
        data = bytes(self._tail) + data
        self._tail.clear()
        if len(data) < len(_BOM) and _BOM.startswith(data):
            self._tail += data  # may still become one
            return b""
        self._at_start = False
        return data.removeprefix(_BOM)

    def _split(self, data: bytes) -> list[bytes]:
        tail = self._tail
        lines = data.split(b"\n")
        rest = lines.pop()
        if tail and lines:
            tail += lines[0]
            lines[0] = bytes(tail)
            tail.clear()
        tail += rest
        limit = self._max_line_bytes
        if len(tail) > limit or (lines and (len(lines[0]) > limit or len(data) > limit)):
            return self._fitting(lines)
        return lines

    def _fitting(self, lines: list[bytes]) -> list[bytes]:
        """The lines before the first that is too long, if one is."""
        for index, line in enumerate(lines):
            if len(line) > self._max_line_bytes:
                self._fail("a line")
                return lines[:index]
        if len(self._tail) > self._max_line_bytes:
            self._fail("a line")
        return lines

    def _fail(self, what: str) -> None:
        self._failure = OutputLimitError(
            f"{what} of the event stream is longer than {self._max_line_bytes} bytes (max_line_bytes)."
        )
        self._tail.clear()

    # --- fields --------------------------------------------------------------------------------------------------

    def _field(self, line: bytes, pending: bytes | bytearray | None) -> bytes | bytearray | None:
        """Take one line that is not blank; gives the event's data as it is now."""
        name, _, text = line.partition(b":")
        text = text.removeprefix(b" ")
        if name == b"data":
            return text if pending is None else self._joined(pending, text)
        if name == b"event":
            self._event = text.decode("utf-8", "replace")
        elif name == b"id":
            if b"\0" not in text:
                self.last_event_id = text.decode("utf-8", "replace")
        elif name == b"retry" and text.isdigit() and len(text) <= _MAX_RETRY_DIGITS:
            self.retry_ms = int(text)
        return pending  # a comment (no name), or a field the standard does not know

    def _joined(self, pending: bytes | bytearray, text: bytes) -> bytearray:
        joined = pending if isinstance(pending, bytearray) else bytearray(pending)
        joined += b"\n"
        joined += text
        if len(joined) > self._max_line_bytes:
            self._fail("the data of one event")
        return joined
