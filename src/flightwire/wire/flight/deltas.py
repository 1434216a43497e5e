"""Rows of a streamable value: the hot path, run once per token.

Owns: how queued deltas become rows. Refuses to know: which slot they belong to, how values are encoded.
Format: `createStreamableValue` of `@ai-sdk/rsc` 3.0; `next` may be an inline object, because its reader only awaits it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

from flightwire.wire.flight.rows import encode_json, text_json
from flightwire.wire.flight.values import CURR, DIFF, DONE, DONE_CURR, DONE_DIFF, ERROR, LONG_TEXT_CHARS

MAX_INLINE_DELTAS: Final = 500  # browsers overflow between 5,000 and 20,000 nested objects


_OPEN: Final = (b'{"diff":[0,', b'{"curr":')  # by kind: DIFF, CURR
_CLOSE: Final = (b'],"next":', b',"next":')
LONE_OPEN: Final = (b':{"diff":[0,', b':{"curr":')
LONE_CLOSE: Final = (b'],"next":"$@', b',"next":"$@')


def is_lone_text(kind: int, text: object) -> bool:
    """Whether a delta is a text that opens and ends nothing, and needs no row of its own."""
    return kind <= CURR and type(text) is str and (len(text) < LONG_TEXT_CHARS or kind == DIFF)


def delta_rows(
    tail: bytes, deltas: Sequence[Any], encode: Callable[[object], bytes], take_id: Callable[[], int]
) -> tuple[bytes, bytes]:
    """The rows of queued deltas, at most 500 in one row, never merged or skipped.

    Args:
        tail: the id (hex) of the row the first delta goes into.
        deltas: `(kind, value)`; an ending kind may only be the last.
        encode: JSON of a value that is not text to append.
        take_id: a fresh row id.

    Returns:
        The rows, and the id of the row that the next delta goes into; empty after an ending kind.
    """
    written: list[bytes] = []
    for start in range(0, len(deltas), MAX_INLINE_DELTAS):
        batch = deltas[start : start + MAX_INLINE_DELTAS]
        if not tail:
            raise ValueError("a delta after the end of a streamable value")
        row, tail = _row(tail, batch, encode, take_id)
        written.append(row)
    return b"".join(written), tail


def _row(
    tail: bytes, batch: Sequence[Any], encode: Callable[[object], bytes], take_id: Callable[[], int]
) -> tuple[bytes, bytes]:
    try:
        return _texts_row(tail, batch, encode, take_id, encode_json)
    except UnicodeEncodeError:  # lone surrogates exist in JSON escapes only
        return _texts_row(tail, batch, encode, take_id, text_json)


def _texts_row(
    tail: bytes,
    batch: Sequence[Any],
    encode: Callable[[object], bytes],
    take_id: Callable[[], int],
    encode_text: Callable[[str], bytes],
) -> tuple[bytes, bytes]:
    pieces = [tail, b":"]
    add = pieces.append
    end = b""
    for delta in batch:
        kind, text = delta[0], delta[1]
        if end:
            raise ValueError("a delta after the end of a streamable value")
        # As in `is_lone_text`, written out: once per token.
        if kind <= CURR and type(text) is str and (len(text) < LONG_TEXT_CHARS or kind == DIFF):
            pieces += (_OPEN[kind], text_json(text) if text[:1] == "$" else encode_text(text), _CLOSE[kind])
        elif kind == CURR:
            pieces += (_OPEN[kind], encode(delta[1]), _CLOSE[kind])
        else:
            end = _end(kind, delta, encode)
            add(end)
    if end:
        add(b"}" * (len(batch) - 1))
        add(b"\n")
        return b"".join(pieces), b""
    following = b"%x" % take_id()
    add(b'"$@' + following + b'"')
    add(b"}" * len(batch))
    add(b"\n")
    return b"".join(pieces), following


def _end(kind: int, delta: Sequence[Any], encode: Callable[[object], bytes]) -> bytes:
    if kind == DONE:
        return b"{}"
    if kind == DONE_DIFF:
        return b'{"diff":[0,' + text_json(delta[1]) + b"]}"
    if kind == DONE_CURR:
        return b'{"curr":' + encode(delta[1]) + b"}"
    if kind == ERROR:
        return b'{"error":' + encode(delta[1]) + b"}"
    raise ValueError(f"{kind!r} is no kind of delta")
