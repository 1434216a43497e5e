"""Rows of a streamable value: the hot path, run once per token.

Owns: how queued deltas become rows. Refuses to know: which slot they belong to, how values are encoded.
Format: `createStreamableValue` of `@ai-sdk/rsc` 3.0; `next` may be an inline object, because its reader only awaits it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from itertools import chain, groupby
from operator import itemgetter
from typing import Any, Final

from flightwire.wire.flight.rows import encode_lines, text_json
from flightwire.wire.flight.values import CURR, DIFF, DONE, DONE_CURR, DONE_DIFF, ERROR, LONG_TEXT_CHARS

MAX_INLINE_DELTAS: Final = 500  # browsers overflow between 5,000 and 20,000 nested objects

_MANY: Final = 8  # fewer are written one by one in less time
_kind, _value = itemgetter(0), itemgetter(1)

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
    is_last = batch[-1][0] > CURR
    going_on = batch[:-1] if is_last else batch
    pieces = [tail, b":"]
    if len(going_on) < _MANY:
        for delta in going_on:
            json = _json(delta[0], delta[1], encode)
            pieces += (_OPEN[delta[0]], json, _CLOSE[delta[0]])
    else:
        for kind, run in groupby(going_on, _kind):
            pieces += _alike(kind, list(map(_value, run)), encode)
    if is_last:
        pieces += (_end(batch[-1][0], batch[-1][1], encode), b"}" * len(going_on), b"\n")
        return b"".join(pieces), b""
    following = b"%x" % take_id()
    pieces += (b'"$@', following, b'"', b"}" * len(batch), b"\n")
    return b"".join(pieces), following


def _alike(kind: int, values: list[Any], encode: Callable[[object], bytes]) -> Iterable[bytes]:
    """Deltas of one kind: without a step in Python for each, where all of them are plain texts."""
    are_texts = kind <= CURR and set(map(type, values)) == {str}
    if are_texts and (kind == DIFF or max(map(len, values)) < LONG_TEXT_CHARS):
        with suppress(UnicodeEncodeError):  # lone surrogates exist in JSON escapes only
            return [_texts(kind, values)]
    jsons = [_json(kind, value, encode) for value in values]
    return chain.from_iterable((_OPEN[kind], json, _CLOSE[kind]) for json in jsons)


def _texts(kind: int, texts: list[str]) -> bytes:
    lines = b"\n" + encode_lines(texts)  # no JSON of a text has a newline
    if b'\n"$' in lines:
        lines = lines.replace(b'\n"$', b'\n"$$')
    opening, closing = _OPEN[kind], _CLOSE[kind]
    return b"".join((opening, lines[1:-1].replace(b"\n", closing + opening), closing))


def _json(kind: int, value: object, encode: Callable[[object], bytes]) -> bytes:
    if kind > CURR:
        raise ValueError("a delta after the end of a streamable value")
    if type(value) is str and (kind == DIFF or len(value) < LONG_TEXT_CHARS):  # as in `is_lone_text`
        return text_json(value)
    if kind == CURR:
        return encode(value)
    raise ValueError(f"{value!r} cannot be added to a text")


def _end(kind: int, value: Any, encode: Callable[[object], bytes]) -> bytes:
    if kind == DONE:
        return b"{}"
    if kind == DONE_DIFF:
        return b'{"diff":[0,' + text_json(value) + b"]}"
    if kind == DONE_CURR:
        return b'{"curr":' + encode(value) + b"}"
    if kind == ERROR:
        return b'{"error":' + encode(value) + b"}"
    raise ValueError(f"{kind!r} is no kind of delta")
