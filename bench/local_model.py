"""The local model through our whole path, against llama.cpp's own server; and what it does to other streams.

Owns: both loads and their figures. Refuses to know: how the model runs.
"""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from typing import Any

from bench import rows
from bench.measure import Figures, Scenario, measure
from bench.processes import Process, python
from bench.servers import environment

THREADS = max(1, len(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
TOKENS = 200
PROMPT = "Tell me a long story about a lighthouse keeper and the sea."
BESIDE = Scenario("beside the local model", streams=40, tokens=200, interval_ms=20)
LLAMA, OURS = "llama.cpp's own server", "flightwire"


def local_figures(upstream: Process, repeats: int) -> dict[str, Any]:
    """Tokens per second of both, in turns, and the added latency of other streams while ours runs.

    Raises:
        RuntimeError: one of them gives no answer, or a short one.
    """
    env = environment(f"{upstream.url}/v1")
    speeds: dict[str, list[float]] = {LLAMA: [], OURS: []}
    with (
        python("bench.llama_server", core=None) as llama,
        python("bench.local_app", core=None, env=env) as ours,
    ):
        turns: list[tuple[str, Callable[[], float]]] = [
            (LLAMA, lambda: _llama(llama)),
            (OURS, lambda: _ours(ours)),
        ]
        for turn in range(repeats + 1):
            for name, ask in turns:
                speed = ask()
                if turn:  # the first loads the model
                    speeds[name].append(speed)
        quiet, busy = Figures(), Figures()
        measure(BESIDE, ours, upstream, quiet)
        with Talking(ours):
            measure(BESIDE, ours, upstream, busy)
    return {
        "threads": THREADS,
        "tokens_per_s": speeds,
        "others_p99_ms": {"alone": quiet.of("added_p99_ms"), "beside it": busy.of("added_p99_ms")},
    }


def _llama(process: Process) -> float:
    messages = [{"role": "user", "content": PROMPT}]
    body = {"messages": messages, "stream": True, "temperature": 0, "max_tokens": TOKENS}
    reply = _post(process, "/v1/chat/completions", body, {"content-type": "application/json"})
    times = [time.monotonic() for line in reply if b'"content":"' in line]
    return _speed(times)


def _ours(process: Process) -> float:
    headers = {"rsc-action-id": "local_actions#tell", "content-type": "text/plain;charset=UTF-8"}
    reply = _post(process, "/", [PROMPT, TOKENS], headers)
    times: list[float] = []
    body = b""
    while piece := reply.read1(65536):
        body += piece
        times += [time.monotonic()] * (piece.count(b'"diff":') + piece.count(b'"curr":"'))
    rows.deltas(body)  # whole and well-formed
    return _speed(times[1:])  # the first is the empty text it begins with


def _post(process: Process, path: str, body: object, headers: dict[str, str]) -> HTTPResponse:
    connection = HTTPConnection("127.0.0.1", process.port, timeout=120)
    connection.request("POST", path, json.dumps(body), headers)
    reply = connection.getresponse()
    if reply.status != 200:
        raise RuntimeError(f"the local model refuses: {reply.status} {reply.read()[:500]!r}")
    return reply


def _speed(times: list[float]) -> float:
    if len(times) < TOKENS // 2:
        raise RuntimeError(f"the local model gave {len(times)} tokens, expected about {TOKENS}")
    return (len(times) - 1) / (times[-1] - times[0])


class Talking:
    """Keep the local model busy."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._is_over = False
        self._thread = threading.Thread(target=self._talk)

    def _talk(self) -> None:
        while not self._is_over:
            _ours(self._process)

    def __enter__(self) -> None:
        self._thread.start()
        time.sleep(1)

    def __exit__(self, *_: object) -> None:
        self._is_over = True
        self._thread.join()
