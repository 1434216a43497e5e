"""Reads a response as the browser would, and says what is wrong with it.

Owns: chunked bodies, the rows of a response that holds one streamable value. Refuses to know: our encoder, whose
mistakes it must not share.
"""

from __future__ import annotations

import json
from typing import Any


def dechunk(body: bytes) -> bytes:
    """The body of a response with `transfer-encoding: chunked`."""
    return b"".join(body[start:end] for start, end in chunks(body))


def chunks(body: bytes) -> list[tuple[int, int]]:
    """Where each chunk of such a body begins and ends."""
    found: list[tuple[int, int]] = []
    at = 0
    while True:
        end = body.index(b"\r\n", at)
        size = int(body[at:end], 16)
        if size == 0:
            return found
        found.append((end + 2, end + 2 + size))
        at = end + 2 + size + 2


def deltas(body: bytes) -> list[Any]:
    """Every value of the one streamable in a response, in order, as the page's loop sees them.

    Raises:
        ValueError: a row is missing, was sent twice, or is an error.
    """
    rows = _rows(body)
    row = _streamable(rows.pop("0"), rows)
    seen: list[Any] = []
    value = row.get("curr", "")
    while "next" in row:
        following = row["next"]
        row = following if isinstance(following, dict) else rows.pop(following.removeprefix("$@"))
        if "diff" in row:
            seen.append(row["diff"][1])
            value += row["diff"][1]
        elif "curr" in row:
            value = row["curr"]
            seen.append(value)
        if "error" in row:
            raise ValueError(f"the stream ended with {row['error']!r}")
    if rows:
        raise ValueError(
            f"{len(rows)} rows that nothing refers to, the first is {next(iter(rows.items()))!r}"
        )
    return seen


def _rows(body: bytes) -> dict[str, Any]:
    rows: dict[str, Any] = {}
    for line in body.split(b"\n"):
        row_id, _, json_text = line.partition(b":")
        if not row_id:
            continue  # an empty line, or a hint
        if json_text[:1] not in b'{["':
            raise ValueError(f"a row that is no model: {line[:200]!r}")
        if rows.setdefault(row_id.decode(), model := json.loads(json_text)) is not model:
            raise ValueError(f"row {row_id!r} was sent twice")
    return rows


def _streamable(root: Any, rows: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = root["output"]
    symbol = found["type"].removeprefix("$")
    if rows.pop(symbol, found["type"]) != "$Sui.streamable.value":  # React gives a symbol a row of its own
        raise ValueError(f"the root holds no streamable: {root!r}")
    return found
