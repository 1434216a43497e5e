"""What stands before the first token: importing, starting, and several workers.

Owns: `import flightwire`, `flightwire start`, an app folder for them. Refuses to know: other servers.
"""

from __future__ import annotations

import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from statistics import median

from bench.measure import Figures, Scenario, measure
from bench.processes import LOAD_CORE, SERVER_CORE, Process, free_port, on_core
from bench.servers import environment

IMPORTS = {"asyncio": "import asyncio", "flightwire": "import flightwire"}
READY = "/_flightwire/ready"
READY_TIMEOUT_S = 30.0
WORKERS = Scenario("workers", streams=32, tokens=500, rounds=4)


def imports(runs: int) -> dict[str, list[float]]:
    """CPU milliseconds of a Python that imports something and ends, in turns."""
    took_ms: dict[str, list[float]] = {name: [] for name in IMPORTS}
    with on_core(SERVER_CORE):
        for _ in range(runs + 1):
            for name, code in IMPORTS.items():
                before_s = _children_s()
                subprocess.run([sys.executable, "-c", code], check=True)
                took_ms[name].append((_children_s() - before_s) * 1000)
    return {name: took[1:] for name, took in took_ms.items()}  # the first may have read the disk


def starts(runs: int) -> list[float]:
    """Milliseconds from `flightwire start` to a server that takes calls, without a local model."""
    took_ms = []
    with _app_folder() as folder:
        for _ in range(runs):
            with _started(folder, "http://127.0.0.1:1/v1", workers=1, core=SERVER_CORE) as process:
                took_ms.append((_ready(process) - process.started_s) * 1000)
    return took_ms


def workers(upstream: Process, counts: tuple[int, ...], repeats: int) -> dict[int, Figures]:
    """One worker and several on all cores, which the upstream and the browsers share with them."""
    figures = {count: Figures() for count in counts}
    with _app_folder() as folder:
        for _ in range(repeats):
            for count, into in figures.items():
                with _started(folder, f"{upstream.url}/v1", workers=count, core=None) as process:
                    _ready(process)
                    measure(WORKERS, process, upstream, Figures())
                    measure(WORKERS, process, upstream, into, load_core=LOAD_CORE)
    return figures


def above(took_ms: dict[str, list[float]]) -> float:
    """How much more `import flightwire` costs than `import asyncio`, in CPU milliseconds."""
    pairs = zip(took_ms["flightwire"], took_ms["asyncio"], strict=True)
    return median(ours - asyncios for ours, asyncios in pairs)


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def _app_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        app = Path(folder, "app")
        app.mkdir()
        shutil.copy(Path(__file__).with_name("actions.py"), app)
        yield app


def _started(folder: Path, base_url: str, *, workers: int, core: int | None) -> Process:
    port = free_port()
    command = [sys.executable, "-m", "flightwire", "start", str(folder), "--port", str(port)]
    command += ["--workers", str(workers), "--log-level", "error"]
    return Process(command, core=core, env=environment(base_url), port=port)


def _ready(process: Process) -> float:
    """When it first takes calls."""
    deadline_s = time.monotonic() + READY_TIMEOUT_S
    while True:
        connection = HTTPConnection("127.0.0.1", process.port, timeout=READY_TIMEOUT_S)
        connection.request("GET", READY)
        status = connection.getresponse().status
        connection.close()
        if status == 200:
            return time.monotonic()
        if time.monotonic() > deadline_s:
            raise RuntimeError(
                f"flightwire start is not ready: {READY} gives {status}. {process.complaints()}"
            )
        time.sleep(0.005)
