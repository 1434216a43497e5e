"""The threads that plain functions (actions, tools) run in.

Owns: how many there are, the queue before them. Refuses to know: what runs in them, event loops.

`concurrent.futures.ThreadPoolExecutor` waits for its threads when Python ends, so one function that hangs in a socket would keep
Ctrl-C from working. These are daemon threads: what they still do when the process ends is abandoned.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
_Job = tuple[Future[Any], Callable[[], Any]]


class DaemonThreads(Executor):
    """An executor with at most so many threads, started when they are needed.

    A future that is cancelled before its turn never runs; one that runs cannot be cancelled, and counts until it ends.

    Arguments:
        max_threads: how many run at the same time.
        name: what the threads are called.
    """

    def __init__(self, max_threads: int, name: str) -> None:
        self._max_threads = max_threads
        self._name = name
        self._jobs: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._started = 0
        self._unclaimed = 0  # idle threads minus queued jobs

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Queue a call."""
        future: Future[T] = Future()
        self._jobs.put((future, lambda: fn(*args, **kwargs)))
        with self._lock:
            self._unclaimed -= 1
            must_start = self._unclaimed < 0 and self._started < self._max_threads
            if must_start:
                self._started += 1
                self._unclaimed += 1
                name = f"{self._name} {self._started}"
        if must_start:
            threading.Thread(target=self._work, name=name, daemon=True).start()
        return future

    def _work(self) -> None:
        while True:
            _run(*self._jobs.get())
            with self._lock:
                self._unclaimed += 1


def _run(future: Future[T], call: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        result = call()
    except BaseException as error:
        future.set_exception(error)
    else:
        future.set_result(result)
