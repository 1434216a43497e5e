"""What the fuzzer runs, in a process of its own: `python -m tests.fuzz.harness calls|rows CORPUS [libFuzzer's options]`.

A crash is every exception that is not documented, and every broken promise below.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress

import atheris

with atheris.instrument_imports(include=["flightwire.wire", "flightwire.server", "flightwire.jsontypes"]):
    from flightwire.errors import ArgumentEncodeError, DecodeError
    from flightwire.server.body import parse_body
    from flightwire.wire.flight.call import encode_call
    from flightwire.wire.flight.reader import Reader
    from flightwire.wire.flight.reply import decode_call

from tests.wire.flight.canon import canon

FORM = "multipart/form-data; boundary=b"


def calls(data: bytes) -> None:
    """A body is decoded or refused; what was decoded is the same when it is encoded and decoded again."""
    content_type = FORM if data.startswith(b"--b") else "text/plain"
    try:
        found = decode(parse_body(content_type, data))
    except DecodeError:
        return
    with suppress(ArgumentEncodeError):  # a Map with keys that a dict of ours sends as an object
        again = canon(decode(encode_call(found)))
        assert again == canon(found) or not has_paths(again), found


def has_paths(canonical: object) -> bool:
    """Whether every value has a path: what has none is sent for each place in which it stands, as React does."""
    if isinstance(canonical, dict):
        is_lost = "$items" in canonical or any(":" in key for key in canonical)
        return not is_lost and all(map(has_paths, canonical.values()))
    return all(map(has_paths, canonical)) if isinstance(canonical, list) else True


def decode(body: object) -> list[object]:
    return decode_call(
        body,  # type: ignore[arg-type]
        resolve_reference=lambda reference: reference,
        allow_temporary_references=True,
    )


def rows(data: bytes) -> None:
    """Rows are read or refused, to the same effect however they are split; what is read last has an end."""
    whole, apart = Reader(), Reader()
    ends = [read(whole, [data]), read(apart, [data[i : i + 1] for i in range(len(data))])]
    assert ends[0] == ends[1]
    assert whole.root.state == apart.root.state != "pending"
    if whole.root.state == "resolved":
        assert canon(whole.root) == canon(apart.root)


def read(reader: Reader, pieces: list[bytes]) -> bool:
    try:
        for piece in pieces:
            reader.feed(piece)
    except DecodeError:
        return False
    finally:
        reader.close()
    return True


TARGETS: dict[str, Callable[[bytes], None]] = {"calls": calls, "rows": rows}


def main() -> None:
    """Fuzz until the time is up."""
    target = TARGETS[sys.argv.pop(1)]
    atheris.Setup(sys.argv, target)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
