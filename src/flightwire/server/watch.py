"""Watching the app folder's Python files in development.

Owns: noticing a save. Refuses to know: what is done about it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path

log = logging.getLogger("flightwire.server")

IGNORED_FOLDERS = frozenset({"node_modules", "__pycache__"})


class FolderWatch:
    """Calls `on_change(paths)` after each save of Python files in a folder.

    Arguments:
        folder: watched with everything below it, except hidden folders, node_modules and __pycache__.
        on_change: called on the loop; the paths are relative to the folder.
    """

    def __init__(self, folder: Path, on_change: Callable[[set[Path]], None]) -> None:
        self._folder = folder.resolve()
        self._on_change = on_change
        self._task: asyncio.Task[None] | None = None
        self._stop = asyncio.Event()

    def start(self) -> None:
        """Begin to watch; needs a running loop."""
        if self._task is None:
            self._stop.clear()
            self._task = asyncio.get_running_loop().create_task(self._watch(), name="flightwire watch")

    async def aclose(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
            self._task = None

    async def _watch(self) -> None:
        from watchfiles import awatch

        async for changes in awatch(self._folder, watch_filter=None, stop_event=self._stop, step=20):
            saved = {path for path in (self._relative(name) for _, name in changes) if path is not None}
            if saved:
                try:
                    self._on_change(saved)
                except Exception:
                    log.exception("reloading %s failed", self._folder)

    def _relative(self, name: str) -> Path | None:
        try:
            path = Path(name).relative_to(self._folder)
        except ValueError:
            return None
        if path.suffix != ".py":
            return None
        folders = path.parts[:-1]
        return None if any(part.startswith(".") or part in IGNORED_FOLDERS for part in folders) else path
