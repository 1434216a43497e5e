"""A file's content, read again when the file has changed.

Owns: noticing the change. Refuses to know: what is in the file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, TypeVar

T = TypeVar("T")


class Fresh(Generic[T]):
    """What `read(path)` gives, kept for as long as the file stays the same.

    Args:
        path: the file, written atomically by somebody else.
        read: its reader; what it raises, `get` raises.
    """

    def __init__(self, path: Path, read: Callable[[Path], T]) -> None:
        self._path = path
        self._read = read
        self._seen: tuple[int, int, int] | None = None
        self._value: T | None = None

    def get(self) -> T | None:
        """The content now; `None` when there is no such file."""
        try:
            stat = self._path.stat()
        except OSError:
            self._seen = self._value = None
            return None
        seen = (stat.st_mtime_ns, stat.st_size, stat.st_ino)
        if seen != self._seen:
            self._value = self._read(self._path)
            self._seen = seen
        return self._value
