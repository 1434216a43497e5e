"""The rows of a Flight response.

Owns: the bytes of every kind of row, and the escape of text that begins with `$`. Refuses to know: Python values, and
which row belongs where. Row syntax: react-server-dom-webpack 19.3.1, `processBinaryChunk` of its browser client.
"""

from __future__ import annotations

import json
from typing import Final

import msgspec

from flightwire.wire.flight.values import Failure

KEEP_ALIVE_ROW: Final = b':HZ""\n'
"""A hint of a kind that does not exist: every client from 19.0 on ignores it."""

SMALL_IDS: Final = tuple([b"%x" % number for number in range(0x100)])
_LAST_DIGITS: Final = tuple([b"%02x" % number for number in range(0x100)])

encode_json = msgspec.json.Encoder().encode
encode_lines = msgspec.json.Encoder().encode_lines


def hex_id(id: int) -> bytes:
    """A row's id as it is written. For the hot path: `%x` touches more memory."""
    if id >= 0x10000:
        return b"%x" % id
    return SMALL_IDS[id] if id < len(SMALL_IDS) else b"".join((SMALL_IDS[id >> 8], _LAST_DIGITS[id & 0xFF]))


def escape(text: str) -> str:
    """Text as a model string: what begins with `$` gets one more."""
    return "$" + text if text[:1] == "$" else text


def dump(model: object) -> bytes:
    r"""JSON of a model whose strings are escaped already; lone surrogates are written as `\udXXX`."""
    try:
        return encode_json(model)
    except UnicodeEncodeError:
        return json.dumps(model, separators=(",", ":"), allow_nan=False, default=_plain).encode()


def _plain(raw: msgspec.Raw) -> object:
    return json.loads(bytes(raw))


def text_json(text: str) -> bytes:
    """JSON of one text, escaped."""
    if text[:1] == "$":
        text = "$" + text
    try:
        return encode_json(text)
    except UnicodeEncodeError:
        return json.dumps(text).encode()


def model_row(id: bytes, model: object) -> bytes:
    """Row of a model."""
    return b"%b:%b\n" % (id, dump(model))


def text_row(id: bytes, text: bytes) -> bytes:
    """Row of a long text in UTF-8; nothing in it is escaped."""
    return b"%b:T%x,%b" % (id, len(text), text)


def bytes_row(id: bytes, tag: bytes, data: bytes) -> bytes:
    """Row of bytes: header and body in one piece, of an immutable copy (CVE-2026-126187 was a header of other bytes)."""
    return b"%b:%b%x,%b" % (id, tag, len(data), data)


def import_row(id: bytes, module_id: str, chunks: tuple[str, ...], name: str) -> bytes:
    """Row of a client module's export."""
    return b"%b:I%b\n" % (id, dump([escape(module_id), [escape(chunk) for chunk in chunks], escape(name)]))


def error_row(id: bytes, failure: Failure) -> bytes:
    """Row that rejects: the superset that production and development clients both read. Not a model: no escapes."""
    body = {**failure_fields(failure), "owner": None}
    return b"%b:E%b\n" % (id, dump(body))


def failure_fields(failure: Failure) -> dict[str, object]:
    """What an error consists of. Development clients throw inside their parser when `stack` or `env` is missing."""
    return {
        "digest": failure.digest,
        "name": failure.name,
        "message": failure.message,
        "stack": [list(frame) for frame in failure.stack],
        "env": "Server",
    }


def stream_row(id: bytes, tag: bytes) -> bytes:
    """Row that opens a stream: `x` an async iterator, `X` an async iterable, `R` a ReadableStream."""
    return b"%b:%b\n" % (id, tag)


def close_row(id: bytes, returned: str = "") -> bytes:
    """Row that closes a stream; `returned` refers to the row of its return value."""
    return b"%b:C%b\n" % (id, b'"%b"' % returned.encode() if returned else b"")


def hint_row(code: str, model: object) -> bytes:
    """Row that lets the browser fetch something early: `D C L m S X M` (dns, preconnect, preload, …) and its JSON.

    Only for what the developer wrote: `X` and `M` run scripts.
    """
    return b":H%b%b\n" % (code.encode(), dump(model))
