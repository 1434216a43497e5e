"""Several processes that serve the same port.

Owns: starting them, replacing one that died, passing signals on. Refuses to know: what a worker serves.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Callable
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from types import FrameType

__all__ = ["Worker", "serve_with_workers"]

log = logging.getLogger("flightwire.cli")

Worker = Callable[[str, socket.socket, Event], None]
MIN_LIFE_S = 5.0  # a worker that dies sooner would only die again


def serve_with_workers(
    worker: Worker, folder: str, listener: socket.socket, count: int, *, on_ready: Callable[[], None]
) -> int:
    """Keep `count` workers alive until SIGINT or SIGTERM.

    Args:
        worker: run in new processes, as `worker(folder, listener, ready)`; it sets `ready` once it answers requests, and
            ends on SIGTERM. A second SIGTERM ends it at once.
        folder: what to serve.
        listener: shared; the system gives each connection to one of them.
        count: how many.
        on_ready: called once the first worker answers.

    Returns:
        The exit code: 0 after a signal, 1 when workers die as soon as they are started.
    """
    return _Workers(worker, folder, listener).keep(count, on_ready)


class _Workers:
    def __init__(self, worker: Worker, folder: str, listener: socket.socket) -> None:
        self._context = multiprocessing.get_context("spawn")  # a fork would copy threads and locks half-way
        self._ready = self._context.Event()
        self._arguments = (worker, folder, listener, self._ready)
        self._born_s: dict[SpawnProcess, float] = {}
        self._stopping = False

    def keep(self, count: int, on_ready: Callable[[], None]) -> int:
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        for _ in range(count):
            self._start()
        announced = False
        while self._born_s:
            wait([process.sentinel for process in self._born_s], timeout=None if announced else 0.05)
            if not announced and self._ready.is_set():
                announced = True
                on_ready()
            if not self._replace_dead():
                self._stop(signal.SIGTERM, None)
                self._join()
                return 1
        return 0

    def _start(self) -> None:
        process = self._context.Process(target=_run, args=self._arguments)
        process.start()
        self._born_s[process] = time.monotonic()
        if self._stopping:  # the signal came while it was being started
            _terminate(process)

    def _replace_dead(self) -> bool:
        """Start another for each that died; says whether that makes sense."""
        for process in [process for process in self._born_s if not process.is_alive()]:
            lived_s = time.monotonic() - self._born_s.pop(process)
            if self._stopping:
                continue
            log.error("worker %s died with exit code %s", process.pid, process.exitcode)
            if lived_s < MIN_LIFE_S:
                return False
            self._start()
        return True

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True
        for process in self._born_s:
            _terminate(process)

    def _join(self) -> None:
        for process in self._born_s:
            process.join()


def _terminate(process: SpawnProcess) -> None:
    if process.pid is not None and process.is_alive():
        os.kill(process.pid, signal.SIGTERM)


def _run(worker: Worker, folder: str, listener: socket.socket, ready: Event) -> None:
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # a terminal sends it to every process; the first one passes it on
    worker(folder, listener, ready)
