"""Bars as SVG: one picture per scenario, CPU per token of every server.

Owns: how a picture looks. Refuses to know: what is in it. Written by hand, so that nothing has to be installed for it.
"""

from __future__ import annotations

from pathlib import Path
from xml.sax.saxutils import escape

from bench.measure import Figures

WIDTH, LABEL, BAR, GAP, TOP = 760, 210, 22, 8, 44
SHARE = WIDTH - LABEL - 110
STYLE = "font-family:system-ui,sans-serif;font-size:13px;fill:#222"
OURS_COLOUR, OTHERS_COLOUR = "#0b7a75", "#b8c4c9"


def plot(title: str, bars: dict[str, float], *, unit: str, ours: str) -> str:
    """A picture of bars, the shortest first."""
    longest = max(bars.values())
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


def write_plots(found: dict[str, dict[str, Figures]], folder: Path, *, prefix: str, ours: str) -> list[Path]:
    """A picture for each scenario with several servers."""
    written = []
    for scenario, servers in found.items():
        if len(servers) > 1:
            bars = {name: one.cpu_us for name, one in servers.items()}
            name = "".join(each if each.isalnum() else "-" for each in scenario).strip("-")
            path = folder / f"{prefix}-{name}.svg"
            path.write_text(plot(f"CPU per token, {scenario}", bars, unit="µs", ours=ours), encoding="utf-8")
            written.append(path)
    return written
