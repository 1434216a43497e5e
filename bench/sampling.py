"""A sampling profiler inside a server, without a dependency: where the CPU time goes, by room.

Owns: counting. Refuses to know: what is served. After every few milliseconds of CPU time it looks at the stack; time in
the standard library counts for whoever called it, time inside the kernel and libuv for the function that runs next.
"""

from __future__ import annotations

import json
import signal
from collections import Counter
from pathlib import Path
from types import FrameType

INTERVAL_S = 0.001
OURS = Path(__file__).resolve().parent.parent / "src" / "flightwire"


class Sampler:
    """Counts until the process ends; SIGUSR1 writes what was counted since the last time to a file."""

    def __init__(self, path: str) -> None:
        self._path = Path(path)
        self._rooms: Counter[str] = Counter()
        self._functions: Counter[str] = Counter()
        self._known: dict[str, str] = {}

    def start(self) -> None:
        signal.signal(signal.SIGPROF, self._sample)
        signal.signal(signal.SIGUSR1, self._write)
        signal.setitimer(signal.ITIMER_PROF, INTERVAL_S, INTERVAL_S)

    def _sample(self, _: int, frame: FrameType | None) -> None:
        inner = frame
        while frame is not None:
            room = self._room(frame.f_code.co_filename)
            if room:
                self._rooms[room] += 1
                break
            frame = frame.f_back
        else:
            self._rooms["event loop"] += 1
        if inner is not None:
            name = inner.f_code.co_qualname if hasattr(inner.f_code, "co_qualname") else inner.f_code.co_name
            self._functions[f"{Path(inner.f_code.co_filename).stem}.{name}"] += 1

    def _room(self, filename: str) -> str:
        room = self._known.get(filename)
        if room is None:
            room = self._known[filename] = room_of(filename)
        return room

    def _write(self, *_: object) -> None:
        counted = {"rooms": self._rooms.most_common(), "functions": self._functions.most_common(40)}
        self._rooms.clear()
        self._functions.clear()
        aside = self._path.with_suffix(".part")
        aside.write_text(json.dumps(counted), encoding="utf-8")
        aside.rename(self._path)


def room_of(filename: str) -> str:
    """The room a file belongs to; "" for the standard library and what only serves others."""
    path = Path(filename)
    if path.is_relative_to(OURS):
        inside = path.relative_to(OURS).parts
        deeper = len(inside) > 2 or inside[0] == "wire"
        return "flightwire " + (f"{inside[0]}.{Path(inside[1]).stem}" if deeper else Path(inside[0]).stem)
    for package in ("aiohttp", "uvicorn"):
        if f"/{package}/" in filename:
            return package
    return "the action" if path.name in ("ours.py", "raw_pump.py") else ""
