"""Tables for people.

Owns: which figures are shown and how. Refuses to know: where they come from; it is given what the file of raw figures holds.
"""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table

from bench.measure import FIRST, LONG, PACED, SATURATED, SHORT, Figures, paired_ratio
from bench.servers import AI_SDK, OURS, RAW_PUMP

BUDGET = 2.5  # times the raw pump: above it the seam between provider, log and rows has to be built anew

LEGEND = (
    "Medians (lowest–highest); µs are CPU time of the server process, user + system. Saturated: 32 streams of 500 tokens, as "
    "fast as they go. Paced: 40 streams at 50 tokens/s. Growth: µs/token at 20,000 tokens ÷ at 500. Start: to the first answer."
)


def print_report(raw: dict[str, Any], console: Console) -> None:
    """Print everything worth knowing of a run."""
    found = {
        scenario: {name: Figures(**figures) for name, figures in servers.items()}
        for scenario, servers in raw["scenarios"].items()
    }
    console.print(f"\n{raw['machine']}, load average {raw['load_average'][0]:.1f}", highlight=False)
    for name, versions in raw["versions"].items():
        console.print(f"[bold]{name}[/]: {versions}", highlight=False)
    console.print(_table(raw, found))
    console.print(LEGEND, style="dim", highlight=False)
    for line in ratios(found):
        console.print(line, highlight=False)


def _table(raw: dict[str, Any], found: dict[str, dict[str, Figures]]) -> Table:
    table = Table(title="What a streamed token costs")
    table.add_column("")
    for name in raw["versions"]:
        table.add_column(name, justify="right")
    for title, cells in _lines(raw, found):
        table.add_row(title, *cells)
    return table


def _lines(raw: dict[str, Any], found: dict[str, dict[str, Figures]]) -> list[tuple[str, list[str]]]:
    lines = []
    if saturated := found.get(SATURATED):
        lines += [
            ("saturated: µs/token", [_spread(one) for one in saturated.values()]),
            ("  tokens/s per core", [f"{1e6 / one.cpu_us:,.0f}" for one in saturated.values()]),
            ("  bytes out/token", [f"{one.of('bytes_per_token'):.0f}" for one in saturated.values()]),
        ]
    if paced := found.get(PACED):
        lines += [
            ("paced: µs/token", [_spread(one) for one in paced.values()]),
            ("  added ms, p50 / p99", [_latency(one) for one in paced.values()]),
        ]
    if first := found.get(FIRST):
        lines += [
            ("first token, ms", [f"{one.of('first_p50_ms'):.2f}" for one in first.values()]),
            ("  µs/request", [f"{one.cpu_us:,.0f}" for one in first.values()]),
        ]
    if long := found.get(LONG):
        growth = [f"{paired_ratio(one, found[SHORT][name]):.2f}" for name, one in long.items()]
        lines.append(("growth", growth))
    lines.append(("start, ms", [f"{one['start_ms']:.0f}" for one in raw["idle"].values()]))
    lines.append(("idle memory, MB", [f"{one['resident_mb']:.0f}" for one in raw["idle"].values()]))
    return lines


def ratios(found: dict[str, dict[str, Figures]]) -> list[str]:
    """What the table is for, in a sentence or two per scenario."""
    lines = []
    for scenario in (SATURATED, PACED):
        servers = found.get(scenario, {})
        if OURS in servers and RAW_PUMP in servers:
            ratio = paired_ratio(servers[OURS], servers[RAW_PUMP])
            verdict = "[green]within[/]" if ratio <= BUDGET else "[red]above[/]"
            lines.append(
                f"{scenario}: {OURS} ÷ {RAW_PUMP} = [bold]{ratio:.2f}[/], {verdict} the budget of {BUDGET}"
            )
        if OURS in servers and AI_SDK in servers:
            ratio = paired_ratio(servers[AI_SDK], servers[OURS])
            lines.append(f"{scenario}: {AI_SDK} ÷ {OURS} = [bold]{ratio:.1f}[/]")
    return lines


def _spread(one: Figures) -> str:
    low, high = min(one.cpu_us_per_token), max(one.cpu_us_per_token)
    return f"{one.cpu_us:.1f} ({low:.1f}–{high:.1f})" if low < high else f"{one.cpu_us:.1f}"


def _latency(one: Figures) -> str:
    return f"{one.of('added_p50_ms'):.2f} / {one.of('added_p99_ms'):.1f}"
