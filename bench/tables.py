"""`make bench ARGS=tables`: the newest results as Markdown, for the documentation.

Owns: which figures a reader of the documentation sees. Refuses to know: how they were measured.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from statistics import median
from typing import Any

from bench.measure import (
    CALLS,
    FIRST,
    GROWING,
    LONG,
    LONGEST,
    OBJECT,
    OPEN,
    PACED,
    PACED_200,
    PACED_350,
    PACED_500,
    PACED_1000,
    PACED_AWAKE,
    SATURATED,
    SHORT,
    TOOLS,
    Figures,
    kept_bytes,
    paired_ratio,
    per_stream_kib,
)
from bench.report import Found, figures_of
from bench.run import RESULTS
from bench.servers import RAW_PUMP

Cell = Callable[[Figures], str]
_FEW_DIGITS = 100
_UNITS = {CALLS: "call", OBJECT: "element"}


def main() -> int:
    """Print, 0."""
    path = max(RESULTS.glob("*.json"), default=None)
    if path is None:
        print("There are no results yet: make bench")
        return 1
    raw = json.loads(path.read_text(encoding="utf-8"))
    print("\n".join(lines(raw)))
    return 0


def lines(raw: dict[str, Any]) -> Iterable[str]:
    """Everything, line by line."""
    found = figures_of(raw)
    yield f"{raw['machine']}; load average {raw['load_average'][0]:.1f}; {raw['when'][:10]}."
    yield from (f"- {name}: {versions}" for name, versions in raw["versions"].items())
    yield from (f"- without {name}: {why}" for name, why in raw["missing"].items())
    yield ""
    yield from _main_table(raw, found)
    yield ""
    yield from _paced_table(found)
    yield ""
    yield from _beside(raw, found)


def _main_table(raw: dict[str, Any], found: Found) -> Iterable[str]:
    yield (
        "| | saturated: µs/token | ÷ raw pump | tokens/s per core | bytes/token | first token, ms | µs/request "
        "| 20,000 tokens ÷ 500 | KiB per idle stream | idle MB | start, ms |"
    )
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for name, one in sorted(found[SATURATED].items(), key=lambda pair: pair[1].cpu_us):
        cells = [
            name,
            f"{one.cpu_us:.3g}",
            _ratio(found, one, SATURATED, RAW_PUMP),
            f"{1e6 / one.cpu_us:,.0f}",
            f"{one.of('bytes_per_token'):.0f}",
            _cell(found, FIRST, name, _first),
            _cell(found, FIRST, name, _whole_us),
            _growth(found, name),
            _cell(found, OPEN, name, _kib),
            f"{raw['idle'][name]['resident_mb']:.0f}",
            f"{raw['idle'][name]['start_ms']:.0f}",
        ]
        yield f"| {' | '.join(cells)} |"


def _growth(found: Found, name: str) -> str:
    long = found.get(LONG, {}).get(name)
    return "" if long is None else _ratio(found, long, SHORT, name)


def _first(one: Figures) -> str:
    return f"{one.of('first_p50_ms'):.2f}"


def _whole_us(one: Figures) -> str:
    return f"{one.cpu_us:,.0f}"


def _kib(one: Figures) -> str:
    return f"{per_stream_kib(one):.0f}"


def _paced_table(found: Found) -> Iterable[str]:
    shown = [
        name for name in (PACED, PACED_AWAKE, PACED_200, PACED_350, PACED_500, PACED_1000) if name in found
    ]
    yield "| µs/token · added latency p50 / p99, ms | " + " | ".join(shown) + " |"
    yield "|---|" + "--:|" * len(shown)
    for name, _ in sorted(found[PACED].items(), key=lambda pair: pair[1].cpu_us):
        cells = [_cell(found, scenario, name, _paced) for scenario in shown]
        yield f"| {name} | " + " | ".join(cells) + " |"


def _paced(one: Figures) -> str:
    return f"{one.cpu_us:.0f} · {_ms(one.of('added_p50_ms'))} / {_ms(one.of('added_p99_ms'))}"


def _ms(number: float) -> str:
    return f"{number:,.0f}" if number >= _FEW_DIGITS else f"{number:.3g}"


def _beside(raw: dict[str, Any], found: Found) -> Iterable[str]:
    for scenario in (CALLS, TOOLS, OBJECT, LONGEST):
        for name, one in found.get(scenario, {}).items():
            yield f"- {scenario}, {name}: {one.cpu_us:.3g} µs per {_UNITS.get(scenario, 'token')}"
    for name, one in found.get(OPEN, {}).items():
        yield f"- {OPEN}, {name}: {per_stream_kib(one):.1f} KiB each"
    for name, one in found.get(GROWING, {}).items():
        yield f"- kept per token while a stream is open, {name}: {kept_bytes(one):.0f} bytes"
    for name, took in raw.get("imports_ms", {}).items():
        yield f"- import {name}: {median(took):.0f} ms of CPU"
    if starts := raw.get("starts_ms"):
        yield f"- flightwire start: ready after {median(starts):.0f} ms"
    for count, one in raw.get("workers", {}).items():
        figures = Figures(**one)
        yield f"- {count} workers: {median(figures.tokens_per_s):,.0f} tokens/s, {figures.cpu_us:.1f} µs/token"
    if local := raw.get("local"):
        for name, speeds in local["tokens_per_s"].items():
            yield f"- local model, {name}, {local['threads']} threads: {median(speeds):.1f} tokens/s"
        for when, p99 in local["others_p99_ms"].items():
            yield f"- 40 other streams {when}: added p99 {p99:.1f} ms"


def _cell(found: Found, scenario: str, name: str, show: Cell) -> str:
    one = found.get(scenario, {}).get(name)
    return "" if one is None else show(one)


def _ratio(found: Found, one: Figures, scenario: str, name: str) -> str:
    other = found.get(scenario, {}).get(name)
    return "" if other is None else f"{paired_ratio(one, other):.2f}"


if __name__ == "__main__":
    raise SystemExit(main())
