"""One measurement: a load on a server, and what the server spent on it.

Owns: the scenarios, the figures, their medians. Refuses to know: how they are shown.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from bench.load import TIMEOUT_S
from bench.processes import LOAD_CORE, ROOT, Process, on_core


@dataclass(frozen=True)
class Scenario:
    """So many streams at once, each asked for so many times for so many tokens; a rate of 0 is as fast as they go."""

    name: str
    streams: int
    tokens: int
    rounds: int = 1
    tokens_per_s: int = 0
    repeats: int = 1
    warm_up: int = 0


SATURATED, PACED, FIRST, SHORT, LONG = "saturated", "paced", "first token", "short", "long"


def scenarios(*, quick: bool) -> list[Scenario]:
    """What a run consists of. The quick one says whether something broke, not how fast it is."""
    if quick:
        return [
            Scenario(SATURATED, streams=32, tokens=500, rounds=1, repeats=3, warm_up=1),
            Scenario(PACED, streams=40, tokens=50, tokens_per_s=50, repeats=1),
            Scenario(FIRST, streams=1, tokens=1, rounds=50, repeats=1),
        ]
    return [
        Scenario(SATURATED, streams=32, tokens=500, rounds=4, repeats=9, warm_up=1),
        Scenario(PACED, streams=40, tokens=200, tokens_per_s=50, repeats=3),
        Scenario(FIRST, streams=1, tokens=1, rounds=200, repeats=3, warm_up=1),
        Scenario(SHORT, streams=4, tokens=500, rounds=10, repeats=3),
        Scenario(LONG, streams=4, tokens=20_000, repeats=3),
    ]


@dataclass
class Figures:
    """What one server showed in one scenario, once per repeat."""

    cpu_us_per_token: list[float] = field(default_factory=list)
    tokens_per_s: list[float] = field(default_factory=list)
    seen: list[dict[str, float]] = field(default_factory=list)

    @property
    def cpu_us(self) -> float:
        return median(self.cpu_us_per_token)

    def of(self, name: str) -> float:
        """The median of one of the things that the load saw."""
        return median(one[name] for one in self.seen)


def measure(scenario: Scenario, server: Process, upstream: Process, into: Figures) -> None:
    """Run the scenario once.

    Raises:
        RuntimeError: the load failed, or something other than the tokens in their order has arrived.
    """
    before_s = server.cpu_s()
    seen = _load(scenario, server, upstream)
    into.cpu_us_per_token.append((server.cpu_s() - before_s) * 1e6 / seen["tokens"])
    into.tokens_per_s.append(seen["tokens"] / seen["elapsed_s"])
    into.seen.append(seen)


def interleave(
    scenario: Scenario, running: dict[str, Process], upstream: Process
) -> Iterable[tuple[str, dict[str, Figures]]]:
    """Measure every server in turn, `repeats` times, another one first each time; yields as it goes."""
    figures = {name: Figures() for name in running}
    names = list(running)
    for _ in range(scenario.warm_up):
        for name in names:
            measure(scenario, running[name], upstream, Figures())
    for turn in range(scenario.repeats):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            measure(scenario, running[name], upstream, figures[name])
            yield name, figures


def paired_ratio(above: Figures, below: Figures) -> float:
    """The median of the ratios within each repeat: what slows the machine down for a while slows both."""
    return median(a / b for a, b in zip(above.cpu_us_per_token, below.cpu_us_per_token, strict=True))


def _load(scenario: Scenario, server: Process, upstream: Process) -> dict[str, float]:
    job = {
        "port": server.port,
        "upstream_port": upstream.port,
        "streams": scenario.streams,
        "tokens": scenario.tokens,
        "rounds": scenario.rounds,
        "tokens_per_s": scenario.tokens_per_s,
    }
    with on_core(LOAD_CORE):
        done = subprocess.run(
            [sys.executable, "-m", "bench.load"],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=TIMEOUT_S + 30,
            check=False,
        )
    if done.returncode:
        wrong = done.stderr.strip().splitlines()[-1][:2000]
        raise RuntimeError(f"{scenario.name}: {wrong}\n{server.complaints()}".strip())
    seen: dict[str, float] = json.loads(done.stdout)
    return seen


def now() -> str:
    """A name for the file of raw figures."""
    return time.strftime("%Y-%m-%dT%H-%M-%S")
