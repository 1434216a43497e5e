"""The whole comparison: installs the peers, starts the servers, measures, keeps the raw figures, prints tables.

Owns: the order of things. Refuses to know: how a figure comes about.
"""

from __future__ import annotations

import json
import os
import sys
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.status import Status

from bench import gate, report
from bench.measure import Figures, Scenario, interleave, measure, now, scenarios, with_new_processes
from bench.plots import write_plots
from bench.processes import LOAD_CORE, ROOT, Process, SleepyCoreError, python
from bench.servers import AI_SDK, OURS, Server, idle_server, machine, own_servers, peer, peer_files, peer_name
from flightwire.errors import ToolchainError

RESULTS = ROOT / "bench" / "results"
WIDTH = 150  # of tables that go into a file
WARM = Scenario("warm-up", streams=4, tokens=50)
Raw = dict[str, Any]


def compare(
    *,
    quick: bool,
    without: list[str] | None = None,
    keeps: bool = False,
    shorter: list[Scenario] | None = None,
) -> int:
    """Measure the servers side by side; 0 when every token arrived everywhere. What was measured is written as it goes.

    Arguments:
        quick: the rows that tell most, of the raw pump, ours and the AI SDK.
        without: names of servers, or beginnings of them, that are left out.
        keeps: make the ratios of this run the ones to compare with.
        shorter: other scenarios than the usual ones, for tests.

    Raises:
        RuntimeError: a server failed, or an answer was wrong or short.
    """
    console = Console() if sys.stdout.isatty() else Console(width=WIDTH)
    if not Path("/proc/self/stat").exists():
        console.print("CPU times are read from /proc, which this system does not have: run it on Linux.")
        return 1
    missing: dict[str, str] = {}
    found = _installed(quick, without or [], missing, console)
    chosen = scenarios(quick=quick) if shorter is None else shorter
    raw = _nothing_yet(found, missing)
    try:
        with console.status("starting") as status, python("bench.upstream", core=LOAD_CORE) as upstream:
            _measure_all(chosen, found, upstream, status, raw)
            if shorter is None:
                _measure_beside(upstream, status, raw, quick=quick)
    finally:  # a run that was interrupted keeps what it has
        report.print_report(raw, console)
        _save(raw, console)
    _tell_moved(raw, console, keeps=keeps)
    return 0


def _installed(quick: bool, without: list[str], missing: dict[str, str], console: Console) -> list[Server]:
    """The servers of this run; a peer that cannot be installed is named, and the run goes on."""
    found = own_servers()
    for path in peer_files():
        name = peer_name(path)
        if any(name.startswith(each) for each in without) or (quick and name != AI_SDK):
            continue
        with console.status(f"installing {name}"):
            try:
                found.append(peer(path))
            except ToolchainError as error:
                missing[name] = str(error)
    return [server for server in found if not any(server.name.startswith(each) for each in without)]


def _nothing_yet(found: list[Server], missing: dict[str, str]) -> Raw:
    """Raw figures without figures."""
    return {
        "when": now(),
        "machine": machine(),
        "load_average": os.getloadavg(),
        "versions": {server.name: server.versions for server in found},
        "missing": missing,
        "idle": {},
        "scenarios": {},
    }


def _save(raw: Raw, console: Console | None = None) -> None:
    """Write what was measured so far, and draw it."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / f"{raw['when']}.json"
    path.write_text(json.dumps(raw, indent=1, ensure_ascii=False), encoding="utf-8")
    if console is None:
        return
    plots = write_plots(report.figures_of(raw), raw["idle"], RESULTS, prefix=raw["when"], ours=OURS)
    console.print(f"[dim]raw figures: {path.relative_to(ROOT)}, {len(plots)} plots beside them[/]")


def _measure_all(
    chosen: list[Scenario], found: list[Server], upstream: Process, status: Status, raw: Raw
) -> None:
    with ExitStack() as stack:
        running: dict[str, Process] = {}
        for server in found:
            status.update(f"starting {server.name}")
            process = stack.enter_context(server.start(f"{upstream.url}/v1"))
            raw["idle"][server.name] = {
                "start_ms": process.first_answer_s() * 1000,
                "resident_mb": process.resident_mb(),
            }
            process.pause()
            running[server.name] = process
        for scenario in chosen:
            if scenario.memory_at_s:
                continue
            part = [server for server in found if scenario.has(server)]
            status.update(f"{scenario.name}: warming up")
            turns = (
                with_new_processes(scenario, part, upstream)
                if scenario.is_new_each_turn
                else interleave(scenario, {each.name: running[each.name] for each in part}, upstream, found)
            )
            try:
                for name, figures in turns:
                    raw["scenarios"][scenario.name] = {each: asdict(one) for each, one in figures.items()}
                    status.update(f"{scenario.name}: {name} {len(figures[name].seen)}/{scenario.repeats}")
            except SleepyCoreError as error:
                raw["missing"][scenario.name] = str(error)
            _save(raw)
    for scenario in chosen:
        if scenario.memory_at_s:
            _measure_memory(scenario, [*found, idle_server()], upstream, status, raw)
            _save(raw)


def _measure_memory(
    scenario: Scenario, found: list[Server], upstream: Process, status: Status, raw: Raw
) -> None:
    """Memory is looked at in a process of its own, which has served a little before."""
    for server in found:
        if not scenario.has(server):
            continue
        status.update(f"{scenario.name}: {server.name}")
        into = Figures()
        with server.start(f"{upstream.url}/v1") as process:
            measure(WARM, process, upstream, Figures(), wire=server.wire)
            measure(scenario, process, upstream, into, wire=server.wire)
        raw["scenarios"].setdefault(scenario.name, {})[server.name] = asdict(into)


def _measure_beside(upstream: Process, status: Status, raw: Raw, *, quick: bool) -> None:
    """What is not a load on a server that runs already."""
    from bench import local_model, starting

    status.update("importing and starting")
    raw["imports_ms"] = starting.imports(5 if quick else 15)
    raw["starts_ms"] = starting.starts(2 if quick else 7)
    if quick:
        return
    status.update("workers")
    raw["workers"] = {
        count: asdict(figures) for count, figures in starting.workers(upstream, (1, 2), repeats=3).items()
    }
    _save(raw)
    status.update("the local model")
    try:
        raw["local"] = local_model.local_figures(upstream, repeats=5)
    except (ToolchainError, RuntimeError) as error:
        raw["missing"]["the local model"] = str(error)


def _tell_moved(raw: Raw, console: Console, *, keeps: bool) -> None:
    ratios = gate.rows_of(raw)
    if keeps:
        gate.keep(ratios)
        console.print(f"{len(ratios)} ratios are kept in bench/ratios.json", highlight=False)
        return
    told = gate.moved(ratios, gate.kept())
    for line in told:
        console.print(f"[yellow]moved:[/] {line}", highlight=False)
    if not told:
        console.print(f"none of {len(ratios)} ratios has moved by more than 15 %", highlight=False)
