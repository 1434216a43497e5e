"""`make bench ARGS=lines`: how much of the memory a token that comes alone touches.

Owns: one paced stream under callgrind, with caches that are empty whenever the event loop wakes; the lines of 64 bytes that miss
then are those that a token touches. Refuses to know: time. A core that sleeps between tokens finds little in its caches, so what
such a token costs goes with these lines rather than with instructions; and unlike a time, they are the same on every run.

Needs Linux, valgrind with its headers, and a C compiler.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.asgi import NO_TICKS
from bench.measure import Figures, Scenario, measure
from bench.processes import LOAD_CORE, SERVER_CORE, Process, python
from bench.servers import OURS, RAW_PUMP, environment

SOURCE = Path(__file__).with_name("empty_caches.c")
LINE_BYTES = 64
CACHE = f"{8 * 1024 * 1024},16,{LINE_BYTES}"  # nothing is pushed out within a turn
BEFORE = Scenario("warm-up", streams=2, tokens=200)
PACED = Scenario(
    "paced", streams=1, tokens=160, interval_ms=250
)  # to begin to count anew takes a tenth of a second
AFTER_S, FOR_S = 5.0, 30.0
WRITE_TIMEOUT_S = 30.0
SERVERS = {RAW_PUMP: "bench.raw_pump", OURS: "bench.ours"}
_TOTALS = re.compile(r"^totals: (.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Touched:
    """Of one token, on average."""

    instructions: float
    code_lines: float
    data_lines: float


def main() -> int:
    """Count, print, 0."""
    console = Console()
    if missing := [name for name in ("valgrind", "callgrind_control", "cc") if shutil.which(name) is None]:
        console.print(f"Counting needs {', '.join(missing)}: install valgrind and a C compiler.")
        return 1
    table = Table(title="a token that comes alone, outside the kernel")
    for title in ("", "instructions", "lines of code", "lines of data", "lines"):
        table.add_column(title, justify="right" if title else "left")
    with tempfile.TemporaryDirectory() as name, python("bench.upstream", core=LOAD_CORE) as upstream:
        folder = Path(name)
        library = _compiled(folder)
        for server, module in SERVERS.items():
            with console.status(f"{server}: about a minute and a half"):
                seen = touched(module, upstream, library, folder)
            lines = seen.code_lines + seen.data_lines
            figures = (seen.instructions, seen.code_lines, seen.data_lines, lines)
            table.add_row(server, *(f"{figure:,.0f}" for figure in figures))
    console.print(table)
    return 0


def _compiled(folder: Path) -> Path:
    library = folder / "empty_caches.so"
    command = ["cc", "-O1", "-shared", "-fPIC", "-o", str(library), str(SOURCE), "-ldl"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(
            f"{SOURCE.name} cannot be compiled; valgrind's headers may be missing: {done.stderr.strip()}"
        )
    return library


def touched(module: str, upstream: Process, library: Path, folder: Path) -> Touched:
    """What each token of one paced stream touches.

    Raises:
        RuntimeError: nothing was counted, or the load failed.
    """
    turns, out = folder / f"{module}.turns", folder / f"{module}.callgrind"
    options = ["--instr-atstart=no", "--cache-sim=yes", f"--I1={CACHE}", f"--D1={CACHE}", f"--LL={CACHE}"]
    command = [
        "valgrind",
        "--tool=callgrind",
        *options,
        f"--callgrind-out-file={out}",
        sys.executable,
        "-m",
        module,
    ]
    env = {
        **environment(f"{upstream.url}/v1"),
        "LD_PRELOAD": str(library),
        "FLIGHTWIRE_BENCH_TURNS": str(turns),
        NO_TICKS: "1",
    }
    with Process(command, core=SERVER_CORE, env=env) as server:
        measure(BEFORE, server, upstream, Figures())
        load = threading.Thread(target=measure, args=(PACED, server, upstream, Figures()))
        load.start()
        time.sleep(AFTER_S)
        os.kill(server.pid, signal.SIGUSR1)
        time.sleep(FOR_S)
        os.kill(server.pid, signal.SIGUSR2)
        load.join()
        subprocess.run(["callgrind_control", "--dump", str(server.pid)], capture_output=True, check=False)
        return _counted(folder, out.name, turns)


def _counted(folder: Path, name: str, turns: Path) -> Touched:
    deadline_s = time.monotonic() + WRITE_TIMEOUT_S
    while time.monotonic() < deadline_s:
        for part in folder.glob(f"{name}*"):
            found = _TOTALS.search(part.read_text())
            totals = [int(number) for number in found[1].split()] if found else [0]
            if any(totals) and turns.exists():  # Ir Dr Dw I1mr D1mr D1mw …
                instructions, _, _, code, read, written = totals[:6]
                count = int(turns.read_text())
                return Touched(instructions / count, code / count, (read + written) / count)
        time.sleep(0.1)
    raise RuntimeError("callgrind has counted nothing")
