"""Tables for people.

Owns: which figures are shown and how. Refuses to know: where they come from; it is given what the file of raw figures holds.
"""

from __future__ import annotations

from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.gate import rows_of
from bench.measure import (
    GROWING,
    LONG,
    LONGEST,
    OPEN,
    SHORT,
    Figures,
    kept_bytes,
    paired_ratio,
    per_stream_kib,
)
from bench.servers import RAW_PUMP

Found = dict[str, dict[str, Figures]]
BEHIND_MS = 250.0  # late at the end of its streams: it does not keep up

LEGEND = (
    "Medians (lowest–highest). µs: CPU time of the server's processes, user + system. First: from the request to the first "
    "token. Added: from the upstream's write to the browser's read, median / 99 %. Behind: how late the last tenth of a stream "
    "is, where it does not keep up. ÷ pump: CPU per token against the raw pump, within each repeat."
)


def print_report(raw: dict[str, Any], console: Console) -> None:
    """Print everything worth knowing of a run."""
    found = figures_of(raw)
    console.print(f"\n{raw['machine']}, load average {raw['load_average'][0]:.1f}", highlight=False)
    for name, versions in raw["versions"].items():
        console.print(f"[bold]{name}[/]: {versions}", highlight=False)
    for name, why in raw["missing"].items():
        console.print(f"[yellow]without {name}:[/] {why}", highlight=False)
    for scenario, servers in found.items():
        if scenario not in (OPEN, GROWING):
            console.print(_table(scenario, servers))
    for table in (_processes(raw), _memory(found), _growth(found), _others(raw)):
        if table.rows:
            console.print(table)
    console.print(LEGEND, style="dim", highlight=False)
    for name, ratio in rows_of(raw).items():
        console.print(f"{name}: [bold]{ratio:.2f}[/]", highlight=False)


def figures_of(raw: dict[str, Any]) -> Found:
    """The figures in a file of raw ones."""
    return {
        scenario: {name: Figures(**figures) for name, figures in servers.items() if figures["seen"]}
        for scenario, servers in raw["scenarios"].items()
    }


def _table(scenario: str, servers: dict[str, Figures]) -> Table:
    table = _columns(
        scenario, "µs/token", "÷ pump", "tokens/s/core", "bytes/token", "first ms", "added ms", "behind"
    )
    pump = servers.get(RAW_PUMP)
    for name, one in servers.items():
        table.add_row(
            name,
            _spread(one),
            "" if pump is None else f"{paired_ratio(one, pump):.2f}",
            f"{1e6 / one.cpu_us:,.0f}",
            f"{one.of('bytes_per_token'):.0f}",
            f"{one.of('first_p50_ms'):.2f}",
            _latency(one) if one.of("added_p50_ms") else "",
            f"{one.of('late_p50_ms'):,.0f} ms" if one.of("late_p50_ms") > BEHIND_MS else "",
        )
    return table


def _processes(raw: dict[str, Any]) -> Table:
    table = _columns("the process", "start, ms", "idle memory, MB")
    for name, one in raw["idle"].items():
        table.add_row(name, f"{one['start_ms']:.0f}", f"{one['resident_mb']:.0f}")
    return table


def _memory(found: Found) -> Table:
    table = _columns(OPEN, "KiB per stream")
    for name, one in found.get(OPEN, {}).items():
        table.add_row(name, f"{per_stream_kib(one):.1f}")
    return table


def _growth(found: Found) -> Table:
    table = _columns("growth", f"µs/token: {LONG} ÷ 500", f"{LONGEST} ÷ {LONG}", "bytes kept per token")
    for name, long in found.get(LONG, {}).items():
        longest, growing = found.get(LONGEST, {}).get(name), found.get(GROWING, {}).get(name)
        table.add_row(
            name,
            f"{paired_ratio(long, found[SHORT][name]):.2f}",
            "" if longest is None else f"{paired_ratio(longest, long):.2f}",
            "" if growing is None else f"{kept_bytes(growing):.0f}",
        )
    return table


def _others(raw: dict[str, Any]) -> Table:
    table = _columns("beside", "")
    if imports := raw.get("imports_ms"):
        for name, took in imports.items():
            table.add_row(f"import {name}, CPU ms", f"{median(took):.1f}")
    if starts := raw.get("starts_ms"):
        table.add_row("flightwire start, ready after ms", f"{median(starts):.0f}")
    for count, one in raw.get("workers", {}).items():
        figures = Figures(**one)
        table.add_row(
            f"flightwire start --workers {count}",
            f"{median(figures.tokens_per_s):,.0f} tokens/s, {figures.cpu_us:.1f} µs/token",
        )
    if local := raw.get("local"):
        for name, speeds in local["tokens_per_s"].items():
            table.add_row(f"local model, {name}", f"{median(speeds):.1f} tokens/s")
        for when, p99 in local["others_p99_ms"].items():
            table.add_row(f"40 other streams {when}, added p99", f"{p99:.1f} ms")
    return table


def _columns(first: str, *others: str) -> Table:
    table = Table(title_justify="left")
    table.add_column(first, no_wrap=True)
    for name in others:
        table.add_column(name, justify="right")
    return table


def _spread(one: Figures) -> str:
    low, high = min(one.cpu_us_per_token), max(one.cpu_us_per_token)
    return f"{one.cpu_us:.1f} ({low:.1f}–{high:.1f})" if low < high else f"{one.cpu_us:.1f}"


def _latency(one: Figures) -> str:
    return f"{one.of('added_p50_ms'):.2f} / {one.of('added_p99_ms'):.1f}"
