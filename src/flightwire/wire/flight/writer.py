"""One Flight response, written.

Owns: the order of rows and the life of slots. Refuses to know: awaiting, sending, how a value is encoded. Every method
returns bytes that must be sent in that order; what an EncodeError interrupts has written nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flightwire.elements import UNDEFINED
from flightwire.wire.flight import rows
from flightwire.wire.flight.deltas import LONE_CLOSE, LONE_OPEN, delta_rows, is_lone_text
from flightwire.wire.flight.encoders import HANDLERS
from flightwire.wire.flight.manifest import Manifest
from flightwire.wire.flight.model import ModelEncoder
from flightwire.wire.flight.rows import KEEP_ALIVE_ROW, SMALL_IDS, encode_json, hex_id, text_json
from flightwire.wire.flight.values import Failure, Slot

__all__ = ["KEEP_ALIVE_ROW", "Writer"]


class Writer:
    """Writes one response. Pure: the caller awaits what `take_pending` gives and comes back with the results.

    Args:
        manifest: the client modules of a production build; None takes client references as they are.

    Attributes:
        root: the slot of the result itself: `start` resolves it; when the action raised instead, reject it.
        open_slots: how many slots are not settled; at 0 the body is complete.
    """

    __slots__ = ("_encoder", "open_slots", "root")

    def __init__(self, manifest: Manifest | None = None) -> None:
        self._encoder = ModelEncoder(HANDLERS, manifest)
        self.root = Slot(0, "promise", None)
        self.open_slots = 1

    def start(self, root: object) -> bytes:
        """Write the result: its row, and the rows it needs.

        Raises:
            EncodeError: it cannot be sent; nothing was written, and row 0 may be rejected or started again.
        """
        return self.resolve(self.root, root)

    def take_pending(self) -> list[Slot]:
        """The slots that were opened since the last call, in order."""
        opened, self._encoder.opened = self._encoder.opened, []
        return opened

    def forget_values(self) -> None:
        """Nothing will be sent any more that may contain what was sent: let it go.

        What comes in a streamable value refers to nothing outside of it. What is met again all the same is written anew.
        """
        self._encoder.forget_values()

    def resolve(self, slot: Slot, value: object) -> bytes:
        """Write what a promise or node became.

        Raises:
            EncodeError: it cannot be sent; nothing was written, and the slot may be rejected.
            ValueError: the slot is settled, or of another kind.
        """
        _check(slot, "promise", "node")
        encoder = self._encoder
        opened = len(encoder.opened)
        with encoder.transaction(slot.path):
            model = encoder.encode(value, None, f"{slot.id:x}")
            encoder.rows.append(rows.model_row(slot.tail, model))
        self.open_slots += len(encoder.opened) - opened
        self._settle(slot)
        return self._flush()

    def reject(self, slot: Slot, failure: Failure) -> bytes:
        """Write that a slot failed; what was sent for it before stays valid.

        Raises:
            ValueError: the slot is settled.
        """
        _check(slot, slot.kind)
        self._settle(slot)
        return rows.error_row(slot.tail, failure)

    def extend(self, slot: Slot, deltas: Sequence[Any]) -> bytes:
        """Write deltas of a streamable value; a kind that ends (DONE…, ERROR) settles the slot.

        Args:
            slot: of kind "streamable".
            deltas: `(kind, value)` in order (see `values`); each becomes one value at the reader.

        Raises:
            EncodeError: a value cannot be sent; nothing was written.
            ValueError: the slot is settled or of another kind, or something follows an ending kind.
        """
        if not slot.is_open or slot.kind != "streamable":
            _check(slot, "streamable")
        if not deltas:
            return b""
        if len(deltas) == 1 and is_lone_text(deltas[0][0], deltas[0][1]):
            return self.lone_text(slot, deltas[0][0], deltas[0][1])
        encoder = self._encoder
        opened = len(encoder.opened)
        with encoder.transaction(slot.path):
            body, tail = delta_rows(slot.tail, deltas, self._detached, encoder.take_id)
            encoder.rows.append(body)
        self.open_slots += len(encoder.opened) - opened
        if tail:
            slot.tail = tail
        else:
            self._settle(slot)
        return self._flush()

    def lone_text(self, slot: Slot, kind: int, text: str) -> bytes:
        """The row of one delta of an open streamable that `is_lone_text`. The hot path, run once per token."""
        encoder = self._encoder
        taken = encoder.next_id
        encoder.next_id = taken + 1
        following = SMALL_IDS[taken] if taken < len(SMALL_IDS) else hex_id(taken)  # most need no call
        tail, slot.tail = slot.tail, following
        try:
            json = text_json(text) if text[:1] == "$" else encode_json(text)
        except UnicodeEncodeError:
            json = text_json(text)
        return b"".join((tail, LONE_OPEN[kind], json, LONE_CLOSE[kind], following, b'"}\n'))

    def push(self, slot: Slot, items: Sequence[object]) -> bytes:
        """Write items of an async iterable.

        Raises:
            EncodeError: an item cannot be sent; nothing was written.
            ValueError: the slot is settled or of another kind.
        """
        _check(slot, "iterable")
        encoder = self._encoder
        opened = len(encoder.opened)
        with encoder.transaction(slot.path):
            for item in items:
                self._push(slot.tail, item)
        self.open_slots += len(encoder.opened) - opened
        return self._flush()

    def close(self, slot: Slot, value: object = UNDEFINED) -> bytes:
        """Write the end of an async iterable, with the return value that JavaScript iterators may have.

        Raises:
            EncodeError: the value cannot be sent; nothing was written.
            ValueError: the slot is settled or of another kind.
        """
        _check(slot, "iterable")
        encoder = self._encoder
        opened = len(encoder.opened)
        with encoder.transaction(slot.path):
            returned = "" if value is UNDEFINED else f"${encoder.outline(value, None, slot.id)}"
            encoder.rows.append(rows.close_row(slot.tail, returned))
        self.open_slots += len(encoder.opened) - opened
        self._settle(slot)
        return self._flush()

    def _push(self, id: bytes, item: object) -> None:
        add = self._encoder.rows.append
        if isinstance(item, bytes | bytearray | memoryview):
            add(rows.bytes_row(id, b"o", bytes(item)))
            return
        if isinstance(item, str):
            try:
                add(rows.text_row(id, item.encode()))
                return
            except UnicodeEncodeError:  # lone surrogates exist in JSON escapes only
                pass
        json = self._detached(item)  # adds the rows it needs first
        add(b"%b:%b\n" % (id, json))

    def _detached(self, value: object) -> bytes:
        """JSON of a value among many of one slot; a row of its own when something inside refers to it."""
        encoder = self._encoder
        encoder.small_tries = 0  # many and small: trying would cost more than it saves
        with encoder.identity.detached():
            row_id = f"{encoder.take_id():x}"
            model = encoder.encode(value, None, row_id)
            if not encoder.identity.has_referred:
                return rows.dump(model)
            encoder.rows.append(rows.model_row(row_id.encode(), model))
            return b'"$%b"' % row_id.encode()

    def _flush(self) -> bytes:
        written, self._encoder.rows = self._encoder.rows, []
        return b"".join(written)

    def _settle(self, slot: Slot) -> None:
        slot.is_open = False
        self.open_slots -= 1


def _check(slot: Slot, *kinds: str) -> None:
    if not slot.is_open:
        raise ValueError(f"{slot!r} was settled before")
    if slot.kind not in kinds:
        raise ValueError(f"{slot!r} is not a {' or '.join(kinds)}")
