"""What the writer writes while a test runs, so that every supported React can be asked about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from flightwire.wire.flight.writer import Writer

STEPS = ("resolve", "reject", "extend", "push", "close")  # `start` is `resolve` of the root
MAX_BYTES = 200_000
MAX_BODIES = 150  # of one test: what a property test makes beyond that is more of the same


@contextmanager
def recorded() -> Iterator[Callable[[], list[bytes]]]:
    """While this lasts, bodies are written down; gives what asks for those that are complete."""
    bodies: dict[int, tuple[Writer, bytearray]] = {}

    def keeping(step: Callable[..., bytes]) -> Callable[..., bytes]:
        def kept(writer: Writer, *args: Any) -> bytes:
            written = step(writer, *args)
            if id(writer) in bodies or len(bodies) < MAX_BODIES:
                bodies.setdefault(id(writer), (writer, bytearray()))[1].extend(written)
            return written

        return kept

    def complete() -> list[bytes]:
        found = {bytes(body) for writer, body in bodies.values() if writer.open_slots == 0}
        return [body for body in found if len(body) <= MAX_BYTES]

    with patch.multiple(Writer, **{step: keeping(getattr(Writer, step)) for step in STEPS}):
        yield complete
