"""Calls from the browser: what React's `encodeReply` wrote, as Python values.

Owns: the way from references to values, with every limit. Refuses to know: HTTP, actions, what arguments should be.
Distrusts every byte: output is made of plain values and a few value classes of ours; nothing is looked up by attribute,
called or imported because the call says so. Format: react-server-dom-webpack 19.0.2 to 19.3.1; a decoder of its own,
because the same letters mean other things in responses.
"""

from __future__ import annotations

import gc
from collections.abc import Sequence

from flightwire.errors import DecodeError
from flightwire.wire.flight.arguments import Decoder, ReferenceResolver
from flightwire.wire.flight.limits import DEFAULT_LIMITS, Limits
from flightwire.wire.flight.parts import FileField, Part, Parts, TextField

__all__ = ["FileField", "Limits", "Part", "TextField", "decode_call", "decode_value"]


def decode_call(
    body: str | Sequence[Part],
    *,
    limits: Limits = DEFAULT_LIMITS,
    resolve_reference: ReferenceResolver | None = None,
    allow_temporary_references: bool = False,
) -> list[object]:
    """Decode the arguments of a call.

    Objects become dicts (fields that are undefined are left out), arrays lists, Dates aware datetimes in UTC, BigInts
    `BigInt` (an int), Maps dicts, or a `JSMap` when a key is no text, number, boolean or null, or when two keys are equal
    in Python only (1 and true). Sets become lists: they keep their order, may hold objects, and strangers' values are not
    hashed. Promises become what they resolved to, because React sends them only then. Uint8Array and ArrayBuffer become
    bytes, other typed arrays a `TypedArray`; Blobs and Files a `File`, FormData a `FormData`, streams and async
    iterables, which React reads to their end first, a `ReceivedStream`.

    Args:
        body: the text of the body, or the parts of its form.
        limits: how much is read.
        resolve_reference: gives the function for a `ServerReference` (whose bound arguments come from the browser), or
            None when it does not exist. Without it, functions are refused.
        allow_temporary_references: whether a value that the browser keeps for itself may stand in an argument.

    Raises:
        DecodeError: the body is not what React writes, is larger than a limit, or holds no list of arguments.
    """
    arguments = decode_value(
        body,
        limits=limits,
        resolve_reference=resolve_reference,
        allow_temporary_references=allow_temporary_references,
    )
    if type(arguments) is not list:
        raise DecodeError("A call must hold a list of arguments.")
    return arguments


def decode_value(
    body: str | Sequence[Part],
    *,
    limits: Limits = DEFAULT_LIMITS,
    resolve_reference: ReferenceResolver | None = None,
    allow_temporary_references: bool = False,
) -> object:
    """Decode any value that React's `encodeReply` wrote; otherwise as `decode_call`.

    Raises:
        DecodeError: the body is not what React writes, or is larger than a limit.
    """
    parts = Parts([TextField("0", body)] if isinstance(body, str) else body, limits.max_parts)
    # Python's collector would look again and again through what is being read, at half of the whole cost, and find nothing.
    collects = gc.isenabled()
    gc.disable()
    try:
        return Decoder(parts, limits, resolve_reference, allow_temporary_references).model(0, 0)
    except RecursionError:
        raise DecodeError("The call is nested too deeply.") from None
    finally:
        if collects:
            gc.enable()
