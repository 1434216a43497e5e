"""Decoded Python values in the notation of `spec/tools/canon.cjs`, as far as Python knows the difference.

Promises and lazy nodes are what they became, Sets and iterators are lists, Uint8Array and ArrayBuffer are bytes: `plain`
takes the same out of what React made.
"""

from __future__ import annotations

import math
import re
from base64 import b64encode
from datetime import datetime
from typing import Any

from flightwire.elements import UNDEFINED, ClientReference, Element, Symbol
from flightwire.errors import RemoteError
from flightwire.wire.flight import values
from flightwire.wire.flight.reader import Pending, RemoteStream


def canon(value: Any, path: str = "$", seen: dict[int, str] | None = None) -> Any:
    """A value in canonical notation; a second visit to an object is a `$ref` to the first."""
    seen = {} if seen is None else seen
    if isinstance(value, Pending) and id(value) in seen:
        return {"$ref": seen[id(value)]}
    if isinstance(value, Pending):
        seen[id(value)] = path
        return canon(value.value, path, seen) if value.state == "resolved" else {"$rejected": "an error"}
    if value is None or isinstance(value, (bool, str)):
        return value
    if value is UNDEFINED:
        return {"$undefined": True}
    if isinstance(value, values.BigInt):
        return {"$bigint": str(int(value))}
    if isinstance(value, (int, float)):
        return number(value)
    if isinstance(value, datetime):
        return {"$date": value.isoformat(timespec="milliseconds").replace("+00:00", "Z")}
    if isinstance(value, Symbol):
        return {"$symbol": value.name}
    if isinstance(value, RemoteError):
        return {"$error": "an error"}
    if isinstance(value, bytes):
        return {"$bytes": b64encode(value).decode()}
    if isinstance(value, values.TypedArray):
        return {"$bytes": b64encode(value.data).decode()}
    if isinstance(value, values.TemporaryReference):
        return {"$fn": {"kind": "temporary_reference"}}
    if isinstance(value, (values.File, values.Blob)):
        name = getattr(value, "filename", "blob")
        return {
            "$blob": {"type": value.content_type, "base64": b64encode(value.data).decode(), "filename": name}
        }
    if id(value) in seen and not isinstance(
        value, values.ServerReference
    ):  # React makes a function for each use
        return {"$ref": seen[id(value)]}
    seen[id(value)] = path
    return container(value, path, seen)


def container(value: Any, path: str, seen: dict[int, str]) -> Any:
    def go(item: Any, step: str) -> Any:
        return canon(item, path + step, seen)

    if isinstance(value, ClientReference):
        return {"$fn": {"kind": "client_reference", "id": f"{value.module_id}#{value.name}"}}
    if isinstance(value, values.ServerReference):
        args = [*(value.bound or []), "__probe__"]
        return {
            "$fn": {
                "kind": "server_reference",
                "id": value.id,
                "args": [go(arg, f".args[{i}]") for i, arg in enumerate(args)],
            }
        }
    if isinstance(value, Element):
        props = {"type": go(value.type, ".type"), "key": value.key, "props": go(value.props, ".props")}
        return {"$element": props}
    if isinstance(value, (RemoteStream, values.ReceivedStream)):
        return {"$items": [go(item, f".item{i}") for i, item in enumerate(value.items)]}
    if isinstance(value, values.FormData):
        return {"$formdata": [[name, go(item, f".{name}")] for name, item in value.entries]}
    if isinstance(value, values.JSMap) or (
        isinstance(value, dict) and any(type(k) is not str for k in value)
    ):
        entries = value.entries if isinstance(value, values.JSMap) else value.items()
        return {"$map": [[go(k, f".k{i}"), go(v, f".v{i}")] for i, (k, v) in enumerate(entries)]}
    if isinstance(value, dict):
        return {key: go(item, f".{key}") for key, item in value.items()}
    assert isinstance(value, list), type(value)
    return [go(item, f"[{i}]") for i, item in enumerate(value)]


def number(value: float) -> Any:
    if isinstance(value, float) and (
        not math.isfinite(value) or (value == 0 and math.copysign(1, value) < 0)
    ):
        return {"$number": {math.inf: "Infinity", -math.inf: "-Infinity", 0.0: "-0"}.get(value, "NaN")}
    return value


def plain(decoded: Any) -> Any:
    """What React made, without the differences that Python does not know."""
    if isinstance(decoded, list):
        return [plain(item) for item in decoded]
    if isinstance(decoded, int) and abs(decoded) > 2**53:
        return float(decoded)  # JavaScript writes the shortest digits that are the same double
    if not isinstance(decoded, dict):
        return decoded
    if set(decoded) == {"$ref"}:
        return {"$ref": re.sub(r"\.(then|lazy)\b", "", decoded["$ref"])}
    for wrapper in ("$promise", "$lazy", "$set", "$iterator"):
        if set(decoded) == {wrapper}:
            return plain(decoded[wrapper])
    if set(decoded) == {"$map"}:
        entries = [[plain(k), plain(v)] for k, v in decoded["$map"]]
        return dict(entries) if all(isinstance(key, str) for key, _ in entries) else {"$map": entries}
    for stream in ("$stream", "$asynciterator", "$asynciterable"):
        if set(decoded) == {stream}:
            return {"$items": plain(decoded[stream].get("items", decoded[stream].get("chunks")))}
    if set(decoded) == {"$object"}:
        return {key: plain(item) for key, item in decoded["$object"]}
    if set(decoded) == {"$bytes"}:
        data = decoded["$bytes"]
        return {"$bytes": data["base64"] if isinstance(data, dict) else data}
    if set(decoded) == {"$blob"}:
        return {"$blob": {"filename": "blob", **decoded["$blob"]}}
    if "$rejected" in decoded or "$error" in decoded:
        return dict.fromkeys(decoded, "an error")
    return {key: plain(item) for key, item in decoded.items()}


def common(decoded: Any) -> Any:
    """What is the same in every client: the texts of errors differ, and whether a promised root is awaited."""
    return without_errors(
        in_one_row(decoded.get("$promise", decoded) if isinstance(decoded, dict) else decoded)
    )


def without_errors(decoded: Any) -> Any:
    if isinstance(decoded, dict):
        return {
            key: "an error" if key in ("$rejected", "$error", "error") else without_errors(item)
            for key, item in decoded.items()
        }
    return [without_errors(item) for item in decoded] if isinstance(decoded, list) else decoded


def in_one_row(decoded: Any) -> Any:
    """React moves elements into rows of their own after some 3,200 characters; that is a choice, which we do not make."""
    if isinstance(decoded, dict):
        if set(decoded) == {"$lazy"} and "$element" in str(decoded["$lazy"])[:12]:
            return in_one_row(decoded["$lazy"])
        return {key: in_one_row(item) for key, item in decoded.items()}
    return [in_one_row(item) for item in decoded] if isinstance(decoded, list) else decoded
