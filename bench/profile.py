"""`make bench ARGS=profile`: where our server spends its time, by room and by function.

Owns: two loads and the table. Refuses to know: how samples are taken (`bench.sampling`).
"""

from __future__ import annotations

import json
import os
import signal
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench.asgi import PROFILE
from bench.measure import PACED, SATURATED, Figures, Scenario, measure
from bench.processes import LOAD_CORE, SERVER_CORE, Process, python
from bench.servers import environment

LOADS = [
    Scenario(SATURATED, streams=32, tokens=500, rounds=150),
    Scenario(PACED, streams=40, tokens=250, interval_ms=20),
]
WRITE_TIMEOUT_S = 10.0
FUNCTIONS = 15


def main(module: str = "bench.ours") -> int:
    """Profile, print, 0."""
    console = Console()
    with tempfile.TemporaryDirectory() as folder, python("bench.upstream", core=LOAD_CORE) as upstream:
        path = Path(folder) / "profile.json"
        env = {**environment(f"{upstream.url}/v1"), PROFILE: str(path)}
        with python(module, core=SERVER_CORE, env=env) as server:
            measure(Scenario("warm-up", streams=32, tokens=500), server, upstream, Figures())
            for scenario in LOADS:
                _counted(server, path)
                figures = Figures()
                with console.status(scenario.name):
                    measure(scenario, server, upstream, figures)
                _print(scenario, figures.cpu_us, _counted(server, path), console)
    return 0


def _counted(server: Process, path: Path) -> dict[str, list[list[object]]]:
    """What was counted since the last call."""
    os.kill(server.pid, signal.SIGUSR1)
    deadline_s = time.monotonic() + WRITE_TIMEOUT_S
    while not path.exists() and time.monotonic() < deadline_s:
        time.sleep(0.01)
    counted: dict[str, list[list[object]]] = json.loads(path.read_text())
    path.unlink()
    return counted


def _print(
    scenario: Scenario, cpu_us: float, counted: dict[str, list[list[object]]], console: Console
) -> None:
    total = sum(int(str(count)) for _, count in counted["rooms"]) or 1
    for what, title in (("rooms", "room"), ("functions", "function, without what it calls")):
        table = Table(title=f"{scenario.name}: {cpu_us:.1f} µs/token while profiled, {total} samples")
        table.add_column(title)
        table.add_column("share", justify="right")
        table.add_column("µs/token", justify="right")
        for name, count in counted[what][:FUNCTIONS]:
            share = int(str(count)) / total
            table.add_row(str(name), f"{share:.0%}", f"{share * cpu_us:.2f}")
        console.print(table)
