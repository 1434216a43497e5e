"""Whether something became dearer: the ratios of a run against those that are kept in the repository.

Owns: which ratios are kept, and how far one may move. Refuses to know: how they were measured. It reports and judges nothing:
on a busy machine a ratio can move without anybody's fault.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from bench.measure import Figures, paired_ratio
from bench.servers import AI_SDK, OURS, RAW_PUMP

KEPT = Path(__file__).with_name("ratios.json")
TOLERANCE = 0.15


def rows_of(raw: dict[str, Any]) -> dict[str, float]:
    """The ratios of a run, by name: all of them are better when they are lower."""
    found: dict[str, float] = {}
    for scenario, servers in raw["scenarios"].items():
        if OURS not in servers:
            continue
        ours = Figures(**servers[OURS])
        for other in (RAW_PUMP, AI_SDK):
            if other in servers and ours.cpu_us_per_token:
                name = f"{scenario}: {OURS} ÷ {other}"
                found[name] = round(paired_ratio(ours, Figures(**servers[other])), 4)
    return found


def moved(now: dict[str, float], kept: dict[str, float]) -> list[str]:
    """A sentence for each row that moved by more than 15 %, and for each that is not kept yet."""
    told = []
    for name, ratio in now.items():
        before = kept.get(name)
        if before is None:
            told.append(f"{name}: {ratio:.3g}, not kept yet")
        elif abs(ratio / before - 1) > TOLERANCE:
            told.append(f"{name}: {before:.3g} → {ratio:.3g} ({ratio / before - 1:+.0%})")
    return told


def kept() -> dict[str, float]:
    """The ratios in the repository."""
    if not KEPT.exists():
        return {}
    ratios: dict[str, float] = json.loads(KEPT.read_text(encoding="utf-8"))
    return ratios


def keep(now: dict[str, float]) -> None:
    """Make these the ones to compare with."""
    KEPT.write_text(json.dumps(now, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
