"""Responses, read: for Python clients and for tests.

Owns: which row settles what, and rows that wait for other rows. Refuses to know: bytes and framing, awaiting, what the
letters of a model mean. Distrusts the server as React's client does: nothing is called, imported or looked up by
attribute because a row says so.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, cast

from flightwire.elements import UNDEFINED, ClientReference
from flightwire.errors import ConnectionClosedError, DecodeError, RemoteError
from flightwire.jsontypes import loads
from flightwire.wire.flight.framing import DATA_TAGS, MAX_ROW_BYTES, Row, RowCutter
from flightwire.wire.flight.letters import bytes_of
from flightwire.wire.flight.models import Hole, Reviver, row_id_of
from flightwire.wire.flight.pending import Pending, RemoteStream
from flightwire.wire.flight.waiting import Chunk, Items

__all__ = ["Pending", "Reader", "RemoteStream"]

_IGNORED = frozenset("HNDJW")  # hints, and what only a browser's developer tools want


class Reader:
    """Reads one response. Pure: feed it bytes, look at `root`.

    Values are as in `decode_call`, and besides: promises and lazy nodes are `pending` objects, elements `Element`, client
    components `ClientReference`, functions of the server `ServerReference`, symbols `Symbol`, streams `stream` objects,
    errors `RemoteError`. A streamable value is a dict with `curr` or `diff`, `next`, and `type`, a Symbol.

    Args:
        pending: the class of what comes later; an async client's can be awaited.
        stream: the class of streams.
        max_row_bytes: the longest row that is read.

    Attributes:
        root: the result, a `pending` object.
    """

    def __init__(
        self,
        *,
        pending: Callable[[], Pending] = Pending,
        stream: Callable[[], RemoteStream] = RemoteStream,
        max_row_bytes: int = MAX_ROW_BYTES,
    ) -> None:
        self._cutter = RowCutter(max_row_bytes)
        self._new_pending = pending
        self._new_stream = stream
        self._chunks: dict[int, Chunk] = {}
        self._streams: dict[int, Items] = {}
        self._closed: BaseException | None = None
        self._tasks: deque[Callable[[], None]] = deque()
        self.root = self._chunk(0).pending

    def feed(self, data: bytes) -> None:
        """Take bytes, however they were split.

        Raises:
            DecodeError: they are no Flight rows, or break the rules of Flight. Nothing after that is read.
        """
        if self._closed is not None:
            return
        try:
            for row in self._cutter.feed(data):
                self._read(row)
                self._run()
        except DecodeError as error:
            self._fail_all(error)
            raise

    def close(self, error: BaseException | None = None) -> None:
        """The bytes have ended: what has not come fails with this error, or else with a ConnectionClosedError."""
        self._fail_all(
            error or ConnectionClosedError("The connection was closed before every value had come.")
        )

    def _fail_all(self, error: BaseException) -> None:
        if self._closed is None:
            self._closed = error
            for chunk in tuple(self._chunks.values()):
                chunk.pending.settle(None, error)
            for items in self._streams.values():
                if not items.has_ended:
                    items.fail(error)

    # rows

    def _read(self, row: Row) -> None:
        row_id, tag, payload = row
        if tag in _IGNORED:
            return
        if row_id is None:
            raise DecodeError("The response has a row without an id.")
        items = self._streams.get(row_id)
        if items is not None:
            self._read_item(items, tag, payload)
            return
        chunk = self._chunk(row_id)
        if chunk.is_known:
            raise DecodeError(f"The response has two rows {row_id:x}.")
        chunk.is_known = True
        if tag == "":
            self._fill(chunk, _json(payload))
        elif tag == "E":
            chunk.fail(_remote_error(payload))
        elif tag == "I":
            chunk.become(self._import(payload))
        elif tag in ("R", "r", "X", "x"):
            stream = self._new_stream()
            self._streams[row_id] = Items(stream)
            chunk.become(stream)
        elif tag in DATA_TAGS:
            chunk.become(_data(tag, payload))
        else:
            raise DecodeError(f"The response has a row with the tag {tag!r}, which means nothing.")

    def _read_item(self, items: Items, tag: str, payload: bytes) -> None:
        if items.has_ended:
            raise DecodeError("The response goes on with a stream that has ended.")
        if tag == "E":
            items.fail(_remote_error(payload))
            return
        chunk = Chunk(self._new_pending(), self._tasks.append)
        if tag == "" or (tag == "C" and payload):
            self._fill(chunk, _json(payload))
        elif tag == "C":
            chunk.become(UNDEFINED)
        elif tag in DATA_TAGS:
            chunk.become(_data(tag, payload))
        else:
            raise DecodeError(f"The response has a stream with an item {tag!r}, which means nothing.")
        items.add(chunk.pending, is_end=tag == "C")

    def _import(self, payload: bytes) -> ClientReference:
        facts = cast("Any", _json(payload))
        if type(facts) is not list or len(facts) < 3 or type(facts[1]) is not list:
            raise DecodeError("The response has a client module that is none.")
        module_id, name, *chunks = (self._module_text(text) for text in (facts[0], facts[2], *facts[1]))
        return ClientReference(module_id, name, tuple(chunks))

    def _module_text(self, text: object) -> str:
        """React 19.3 moves long texts of a module into rows before it."""
        if not isinstance(text, str):
            raise DecodeError("The response has a client module that is none.")
        if text[:1] != "$" or text[1:2] == "$":
            return text.removeprefix("$")
        chunk = self._chunk(row_id_of(text[1:]))
        if not chunk.is_parsed or not isinstance(chunk.root[0], str):
            raise DecodeError("The response has a client module before what it refers to.")
        return chunk.root[0]

    # models

    def _fill(self, chunk: Chunk, raw: object) -> None:
        """A model has come. Its containers exist at once; holes in them are filled when what they need has come."""
        reviver = Reviver(lambda row_id: self._chunk(row_id).pending)
        chunk.parsed(reviver.revive(raw), len(reviver.holes))
        for hole in reviver.holes:
            self._try(chunk, hole)
        self._run()

    def _try(self, chunk: Chunk, hole: Hole) -> None:
        def retry() -> None:
            self._tasks.append(lambda: self._try(chunk, hole))

        target = self._chunk(hole.row_id)
        if target.error is not None:
            chunk.fail(target.error)
        elif not target.is_parsed or (hole.needs_whole and target.holes):
            target.waiting.append(retry)
        else:
            try:
                found = hole.resolve(target.root[0])
            except RemoteError as error:  # bound arguments that failed
                chunk.fail(error)
                return
            if isinstance(found, Hole):  # the path leads to what has not come itself
                found.waiting.append(retry)
            elif isinstance(found, Pending) and hole.needs_whole:  # bound arguments
                found.add_done_callback(lambda _: retry())
            else:
                hole.fill(found)
                chunk.filled_one(target)

    def _run(self) -> None:
        while self._tasks:
            self._tasks.popleft()()

    def _chunk(self, row_id: int) -> Chunk:
        found = self._chunks.get(row_id)
        if found is None:
            found = self._chunks[row_id] = Chunk(self._new_pending(), self._tasks.append)
            if self._closed is not None:
                found.pending.settle(None, self._closed)
        return found


def _json(payload: bytes) -> object:
    try:
        return loads(payload.decode())
    except ValueError as error:
        raise DecodeError(f"The response has a row that cannot be read: {error}.") from None


def _data(tag: str, payload: bytes) -> object:
    if tag == "T":
        try:
            return payload.decode()
        except UnicodeDecodeError:
            raise DecodeError("The response has a text that is not UTF-8.") from None
    if tag == "b":
        return payload
    return bytes_of(tag, payload)


def _remote_error(payload: bytes) -> RemoteError:
    facts = _json(payload)
    if not isinstance(facts, dict):
        raise DecodeError("The response has an error that is none.")
    name, message = facts.get("name") or "Error", facts.get("message") or ""
    return RemoteError(str(facts.get("digest") or ""), name=str(name), message=str(message))
