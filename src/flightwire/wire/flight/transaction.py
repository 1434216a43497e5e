"""All or nothing: one call of the writer.

Owns: going back when a value cannot be sent, and saying where in the response it would have been. Refuses to know: what
is written.
"""

from __future__ import annotations

from typing import Final, Protocol

from flightwire.errors import EncodeError
from flightwire.wire.flight.values import MAX_DEPTH

MAX_PATH_CHARS: Final = 300
TOO_DEEP: Final = (
    f"it is nested more than {MAX_DEPTH} levels deep, which browsers cannot read; send it in flatter pieces"
)


class Reversible(Protocol):
    """What can be as it was."""

    def roll_back(self, made: int, opened: int, row_count: int) -> None:
        """Go back to when there were so many of these."""
        ...


class Transaction:
    """A block (`with`) that leaves nothing behind when it fails; a generator would take as long as what is written inside.

    Args:
        written: what is written to.
        path: where in the response; an EncodeError is told.
        before: for `Reversible.roll_back`.
    """

    __slots__ = ("_before", "_path", "_written")

    def __init__(self, written: Reversible, path: str, before: tuple[int, int, int]) -> None:
        self._written = written
        self._path = path
        self._before = before

    def __enter__(self) -> None:
        """It has begun when it was made."""

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Go back after a failure.

        Raises:
            EncodeError: Python's stack was not deep enough.
        """
        if error is None:
            return
        self._written.roll_back(*self._before)
        if isinstance(error, RecursionError):
            raise EncodeError(TOO_DEEP, path=_shortened(self._path)) from None
        if isinstance(error, EncodeError):
            error.path = _shortened(self._path + error.path)


def _shortened(path: str) -> str:
    if len(path) <= MAX_PATH_CHARS:
        return path
    return f"{path[: MAX_PATH_CHARS // 2]}…{path[-MAX_PATH_CHARS // 2 :]}"
