"""The whole comparison: starts the servers, measures, keeps the raw figures, prints tables.

Owns: the order of things. Refuses to know: how a figure comes about.
"""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from bench import report
from bench.measure import Figures, interleave, now, scenarios
from bench.processes import LOAD_CORE, ROOT, Process, python
from bench.servers import AI_SDK, Server, machine, servers

RESULTS = ROOT / "bench" / "results"


def compare(names: list[str], *, quick: bool) -> int:
    """Measure these servers side by side; 0 when every token arrived everywhere."""
    console = Console()
    if not Path("/proc/self/stat").exists():
        console.print(
            "CPU times are read from /proc, which this system does not have: run the comparison on Linux."
        )
        return 1
    contestants = _installed(names, console)
    with ExitStack() as stack:
        upstream = stack.enter_context(python("bench.upstream", core=LOAD_CORE))
        running: dict[str, Process] = {}
        idle: dict[str, dict[str, float]] = {}
        for server in contestants:
            process = stack.enter_context(server.start(f"{upstream.url}/v1"))
            idle[server.name] = {
                "start_ms": process.first_answer_s() * 1000,
                "resident_mb": process.resident_mb(),
            }
            running[server.name] = process
        results = _measure_all(running, upstream, console, quick=quick)
    raw = _raw(contestants, idle, results)
    report.print_report(raw, console)
    console.print(f"[dim]raw figures: {_keep(raw)}[/]")
    return 0


def _installed(names: list[str], console: Console) -> list[Server]:
    from flightwire.errors import ToolchainError

    try:
        return servers(names)
    except ToolchainError as error:
        console.print(f"[yellow]without the AI SDK:[/] {error}")
        return servers([name for name in names if name != AI_SDK])


def _measure_all(
    running: dict[str, Process], upstream: Process, console: Console, *, quick: bool
) -> dict[str, dict[str, Figures]]:
    results: dict[str, dict[str, Figures]] = {}
    with console.status("starting") as status:
        for scenario in scenarios(quick=quick):
            status.update(f"{scenario.name}: warming up")
            for name, figures in interleave(scenario, running, upstream):
                results[scenario.name] = figures
                done = len(figures[name].seen)
                status.update(f"{scenario.name}: {name} {done}/{scenario.repeats}")
    return results


def _raw(
    contestants: list[Server], idle: dict[str, dict[str, float]], results: dict[str, dict[str, Figures]]
) -> dict[str, object]:
    return {
        "when": now(),
        "machine": machine(),
        "load_average": os.getloadavg(),
        "versions": {server.name: server.versions for server in contestants},
        "idle": idle,
        "scenarios": {
            scenario: {name: asdict(found) for name, found in figures.items()}
            for scenario, figures in results.items()
        },
    }


def _keep(raw: dict[str, object]) -> str:
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{raw['when']}.json"
    path.write_text(json.dumps(raw, indent=1), encoding="utf-8")
    return str(path.relative_to(ROOT))
