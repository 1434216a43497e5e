"""Bars as SVG: one picture per scenario, CPU per token of every server.

Owns: how a picture looks. Refuses to know: what is in it. Written by hand, so that nothing has to be installed for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape

from bench.measure import GROWING, OPEN, Figures, per_stream_kib

SEVERAL = 2  # one bar is no picture
WIDTH, LABEL, BAR, GAP, TOP = 760, 210, 22, 8, 44
_SHORTEST = 1e-9
SHARE = WIDTH - LABEL - 110
STYLE = "font-family:system-ui,sans-serif;font-size:13px;fill:#222"
OURS_COLOUR, OTHERS_COLOUR = "#0b7a75", "#b8c4c9"


def plot(title: str, bars: dict[str, float], *, unit: str, ours: str) -> str:
    """A picture of bars, the shortest first."""
    longest = max(*bars.values(), _SHORTEST)  # a few streams may take no memory that was not there, or less
    height = TOP + len(bars) * (BAR + GAP) + GAP
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" style="{STYLE}" role="img">',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        f'<text x="12" y="26" font-size="15" font-weight="600">{escape(title)}</text>',
    ]
    for number, (name, length) in enumerate(sorted(bars.items(), key=lambda bar: bar[1])):
        y = TOP + number * (BAR + GAP)
        wide = max(1.0, length / longest * SHARE)
        colour = OURS_COLOUR if name == ours else OTHERS_COLOUR
        lines += [
            f'<text x="{LABEL - 8}" y="{y + 16}" text-anchor="end">{escape(name)}</text>',
            f'<rect x="{LABEL}" y="{y}" width="{wide:.1f}" height="{BAR}" rx="3" fill="{colour}"/>',
            f'<text x="{LABEL + wide + 6:.1f}" y="{y + 16}">{length:,.3g} {escape(unit)}</text>',
        ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def write_plots(
    found: dict[str, dict[str, Figures]],
    idle: dict[str, dict[str, float]],
    folder: Path,
    *,
    prefix: str,
    ours: str,
) -> list[Path]:
    """Draw each scenario with several servers: CPU, and what else it is about; and how long they take to start."""
    written = []
    for title, unit, bars in (*_pictures(found), *_starts(idle)):
        if len(bars) < SEVERAL:
            continue
        name = "".join(each if each.isalnum() else "-" for each in title).strip("-")
        path = folder / f"{prefix}-{name}.svg"
        path.write_text(plot(title, bars, unit=unit, ours=ours), encoding="utf-8")
        written.append(path)
    return written


def _pictures(found: dict[str, dict[str, Figures]]) -> Iterator[tuple[str, str, dict[str, float]]]:
    for scenario, servers in found.items():
        if scenario == OPEN:
            kib = {name: per_stream_kib(one) for name, one in servers.items()}
            yield f"Memory per stream, {scenario}", "KiB", kib
        elif scenario != GROWING:
            yield f"CPU per token, {scenario}", "µs", {name: one.cpu_us for name, one in servers.items()}
        if scenario.startswith("paced"):
            for of in ("p50", "p99"):
                added = {name: one.of(f"added_{of}_ms") for name, one in servers.items()}
                yield f"Added latency {of}, {scenario}", "ms", added


def _starts(idle: dict[str, dict[str, float]]) -> Iterator[tuple[str, str, dict[str, float]]]:
    yield "Start of the process", "ms", {name: one["start_ms"] for name, one in idle.items()}
