"""One measurement: a load on a server, and what the server spent on it.

Owns: the scenarios, the figures, their medians. Refuses to know: how they are shown.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from statistics import median

from bench.load import TIMEOUT_S
from bench.processes import LOAD_CORE, ROOT, SERVER_CORE, Process, kept_awake, on_core
from bench.servers import AI_SDK, IDLE, OURS, RAW_PUMP, Server

NOBODY_S = 30.0  # beyond what the load itself gives up after


@dataclass(frozen=True)
class Scenario:
    """So many streams at once, each asked for so many times for so many tokens.

    Attributes:
        interval_ms: between two tokens; 0 is as fast as they go.
        repeats: of the servers that are not slow.
        warm_up: loads before it is measured.
        least_s: how long a measurement is to take: of a server that was faster when it warmed up, more rounds are asked for.
            A tenth of a second says more about what the core did before than about the server.
        slow_rounds, slow_repeats: of the slow ones.
        work: see `bench.load.Job`.
        only: names of the servers that take part; empty for all that can do the work.
        memory_at_s: when the server's memory is looked at, in seconds after all streams have begun; each time it is a
            new process.
        is_awake: the server's core never sleeps.
        is_new_each_turn: see `with_new_processes`.
    """

    name: str
    streams: int
    tokens: int
    rounds: int = 1
    interval_ms: int = 0
    repeats: int = 1
    warm_up: int = 0
    least_s: float = 0
    slow_rounds: int = 1
    slow_repeats: int = 1
    work: str = "text"
    only: tuple[str, ...] = ()
    memory_at_s: tuple[float, ...] = ()
    is_awake: bool = False
    is_new_each_turn: bool = False

    def has(self, server: Server) -> bool:
        """Whether a server takes part."""
        if self.only:
            return server.name in self.only
        return self.work in server.does and server.name != IDLE


SATURATED, FIRST, SHORT, LONG, LONGEST = (
    "saturated",
    "first token",
    "short",
    "20,000 tokens",
    "200,000 tokens",
)
PACED, PACED_AWAKE, PACED_200, PACED_350, PACED_500, PACED_1000 = (
    "paced 40 × 50/s",
    "paced 40 × 50/s, core awake",
    "paced 200 × 50/s",
    "paced 350 × 50/s",
    "paced 500 × 50/s",
    "paced 1,000 × 20/s",
)
OPEN, GROWING, OBJECT, TOOLS = "1,000 idle streams", "growth per token", "object of 1 MB", "tool loop"
CALLS = "calls at once"
_LEAST_S = (
    1e-9  # a clock that counts in ticks sees nothing of a tiny load, and ratios are made of what it sees
)
_BEFORE = Scenario("before", streams=32, tokens=500)  # a compiler of JavaScript wants to see it often
_HEAVY = [(PACED_350, 350, 20), (PACED_500, 500, 20), (PACED_1000, 1000, 50)]


def scenarios(*, quick: bool) -> list[Scenario]:
    """What a run consists of; the quick one has the rows that tell most."""
    saturated = Scenario(
        SATURATED, streams=32, tokens=500, rounds=4, repeats=7, warm_up=2, least_s=1, slow_repeats=3
    )
    first = Scenario(FIRST, streams=1, tokens=1, rounds=200, repeats=3, warm_up=1, slow_rounds=50)
    nearest = (RAW_PUMP, OURS, AI_SDK)
    paced = Scenario(
        PACED, streams=40, tokens=200, interval_ms=20, repeats=7, slow_repeats=3, is_new_each_turn=True
    )
    awake = replace(paced, name=PACED_AWAKE, slow_repeats=7, only=nearest, is_awake=True)
    if quick:
        return [
            replace(saturated, repeats=4),
            replace(paced, repeats=3),
            replace(awake, repeats=2, slow_repeats=2),
            Scenario(PACED_200, streams=200, tokens=150, interval_ms=20, repeats=2),
            first,
        ]
    both = (RAW_PUMP, OURS)
    return [
        saturated,
        paced,
        awake,
        Scenario(PACED_200, streams=200, tokens=200, interval_ms=20, repeats=3),
        *(
            Scenario(name, streams, 200, interval_ms=interval_ms, repeats=2, only=both)
            for name, streams, interval_ms in _HEAVY
        ),
        first,
        Scenario(CALLS, streams=32, tokens=1, rounds=60, repeats=5, warm_up=1, only=both),
        Scenario(SHORT, streams=4, tokens=500, rounds=10, repeats=3),
        Scenario(LONG, streams=4, tokens=20_000, repeats=3),
        Scenario(LONGEST, streams=1, tokens=200_000, repeats=3, only=both),
        Scenario(TOOLS, streams=16, tokens=100, rounds=10, repeats=3, warm_up=1, work="tools"),
        Scenario(OBJECT, streams=1, tokens=10_000, repeats=3, warm_up=1, work="object"),
        Scenario(OPEN, streams=1000, tokens=4, interval_ms=4000, repeats=1, memory_at_s=(0.5,)),
        Scenario(OPEN, streams=1000, tokens=4, interval_ms=4000, memory_at_s=(0.5,), only=(IDLE,)),
        Scenario(GROWING, streams=100, tokens=600, interval_ms=20, memory_at_s=(3.0, 9.0), only=both),
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

    def add(self, other: Figures) -> None:
        """Take what others showed as one's own."""
        self.cpu_us_per_token += other.cpu_us_per_token
        self.tokens_per_s += other.tokens_per_s
        self.seen += other.seen

    def of(self, name: str) -> float:
        """The median of one of the things that the load saw."""
        return median(one[name] for one in self.seen)


def measure(
    scenario: Scenario,
    server: Process,
    upstream: Process,
    into: Figures,
    *,
    wire: str = "flight",
    rounds: int = 0,
    load_core: int | None = LOAD_CORE,
) -> None:
    """Run the scenario once.

    Raises:
        RuntimeError: the load failed, or something other than the tokens in their order has arrived.
    """
    before_s = server.cpu_s()
    seen = _load(scenario, server, upstream, wire, rounds or scenario.rounds, load_core)
    spent_s = max(server.cpu_s() - before_s, _LEAST_S)
    into.cpu_us_per_token.append(spent_s * 1e6 / seen["tokens"])
    into.tokens_per_s.append(seen["tokens"] / seen["elapsed_s"])
    into.seen.append(seen)


def interleave(
    scenario: Scenario, running: Mapping[str, Process], upstream: Process, servers: Iterable[Server] = ()
) -> Iterator[tuple[str, dict[str, Figures]]]:
    """Measure every server in turn, `repeats` times, another one first each time; yields as it goes.

    Only the one that is measured runs: the others are stopped.
    """
    about = {server.name: server for server in servers}
    figures = {name: Figures() for name in running}
    names = list(running)

    more: dict[str, int] = {}  # times so many rounds

    def once(name: str, into: Figures) -> None:
        server = about.get(name)
        slow = server is not None and server.is_slow
        awake = kept_awake(SERVER_CORE) if scenario.is_awake else nullcontext()
        with _alone(running, name), awake:
            try:
                measure(
                    scenario,
                    running[name],
                    upstream,
                    into,
                    wire="flight" if server is None else server.wire,
                    rounds=(scenario.slow_rounds if slow else scenario.rounds) * more.get(name, 1),
                )
            except RuntimeError as error:
                raise RuntimeError(f"{name}{running[name].fate()}: {error}") from None

    for _ in range(scenario.warm_up):
        for name in names:
            seen = Figures()
            once(name, seen)
            more[name] = more.get(name, 1) * max(1, round(scenario.least_s / seen.of("elapsed_s")))
    for turn in range(scenario.repeats):
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            if turn >= scenario.slow_repeats and name in about and about[name].is_slow:
                continue
            once(name, figures[name])
            yield name, figures


def with_new_processes(
    scenario: Scenario, servers: Sequence[Server], upstream: Process
) -> Iterator[tuple[str, dict[str, Figures]]]:
    """As `interleave`, but each turn with new processes, which have done something before.

    Where a process happens to lie in memory moves what a token that comes alone costs by a tenth, as long as it runs. Repeats
    with one process show how exactly that process was measured, not what the program costs.
    """
    figures = {server.name: Figures() for server in servers}
    once = replace(scenario, repeats=1, slow_repeats=1, warm_up=0)
    for turn in range(scenario.repeats):
        chosen = [server for server in servers if turn < scenario.slow_repeats or not server.is_slow]
        first = turn % len(chosen)
        with ExitStack() as stack:
            running: dict[str, Process] = {}
            for server in chosen[first:] + chosen[:first]:
                process = stack.enter_context(server.start(f"{upstream.url}/v1"))
                running[server.name] = process
                measure(_BEFORE, process, upstream, Figures(), wire=server.wire)
                process.pause()
            for name, seen in interleave(once, running, upstream, chosen):
                figures[name].add(seen[name])
                yield name, figures


@contextmanager
def _alone(running: Mapping[str, Process], name: str) -> Iterator[None]:
    running[name].resume()
    try:
        yield
    finally:
        running[name].pause()


def per_stream_kib(one: Figures) -> float:
    """What each open stream holds."""
    return (one.of("memory_1_mb") - one.of("memory_0_mb")) * 1024 / one.of("streams")


def kept_bytes(one: Figures) -> float:
    """What each token leaves behind while its stream is open; 100 streams got 300 tokens between the two looks."""
    return (one.of("memory_2_mb") - one.of("memory_1_mb")) * 1024 * 1024 / (100 * 300)


def paired_ratio(above: Figures, below: Figures) -> float:
    """The median of the ratios within each repeat: what slows the machine down for a while slows both."""
    pairs = zip(above.cpu_us_per_token, below.cpu_us_per_token, strict=False)  # slow ones have fewer repeats
    return median(a / b for a, b in pairs)


def _load(
    scenario: Scenario, server: Process, upstream: Process, wire: str, rounds: int, core: int | None
) -> dict[str, float]:
    job = {
        "port": server.port,
        "upstream_port": upstream.port,
        "streams": scenario.streams,
        "tokens": scenario.tokens,
        "rounds": rounds,
        "interval_ms": scenario.interval_ms,
        "work": scenario.work,
        "wire": wire,
        "pid": server.pid,
        "memory_at_s": scenario.memory_at_s,
    }
    with on_core(core):
        done = subprocess.run(
            [sys.executable, "-m", "bench.load"],
            input=json.dumps(job),
            capture_output=True,
            text=True,
            cwd=ROOT,
            timeout=TIMEOUT_S + NOBODY_S,
            check=False,
        )
    if done.returncode:
        wrong = (done.stderr.strip().splitlines() or ["the load ended without a word"])[-1][:2000]
        raise RuntimeError(f"{scenario.name}: {wrong}\n{server.complaints()}".strip())
    seen: dict[str, float] = json.loads(done.stdout)
    return seen


def now() -> str:
    """A name for the file of raw figures."""
    return time.strftime("%Y-%m-%dT%H-%M-%S")
