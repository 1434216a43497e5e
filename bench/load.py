"""Browsers, many at once: `python -m bench.load` reads a job as JSON from standard input and prints what it saw.

Owns: connections that are kept alive, time stamps, the check that every token arrived once and in order. Refuses to
know: which server it is.

Bytes are only collected while the clock runs; they are read afterwards, so that reading them slows nothing down.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from bisect import bisect_left
from dataclasses import asdict, dataclass, field
from http.client import HTTPConnection
from itertools import accumulate
from statistics import median, quantiles
from typing import Any, cast

from bench import answers, rows
from bench.processes import resident_mb
from bench.wires import WIRES

TIMEOUT_S = 300.0
FULL_POLL_S = 0.05
START_MS = 1000  # in which paced streams begin
ACTIONS = {"text": "actions#generate", "tools": "actions#useTool", "object": "actions#listItems"}


@dataclass
class Job:
    """What to do: `streams` connections, each asks `rounds` times for `tokens` tokens.

    Attributes:
        interval_ms: between two tokens; 0 is as fast as they go.
        work: what is asked for: a text, one after a call of a tool, or an object.
        wire: the protocol of the answers.
        pid: whose memory is looked at, when all streams are open.
        memory_at_s: how long after that.
    """

    port: int
    upstream_port: int
    streams: int
    tokens: int
    rounds: int = 1
    interval_ms: int = 0
    work: str = "text"
    wire: str = "flight"
    pid: int = 0
    memory_at_s: list[float] = field(default_factory=list)


@dataclass
class Seen:
    """What was seen. Times in milliseconds, from the request or from the upstream's write to the arrival here."""

    streams: int = 1
    tokens: int = 0
    bytes: int = 0
    elapsed_s: float = 0.0
    first_ms: list[float] = field(default_factory=list)
    added_ms: list[float] = field(default_factory=list)
    late_ms: list[float] = field(default_factory=list)  # of the last tenth of each stream
    memory_mb: list[float] = field(default_factory=list)  # before, and at each of `memory_at_s`

    def summary(self) -> dict[str, float]:
        """One number for each thing."""
        shown = {
            "streams": self.streams,
            "tokens": self.tokens,
            "bytes_per_token": self.bytes / self.tokens,
            "elapsed_s": self.elapsed_s,
            "first_p50_ms": median(self.first_ms),
            "added_p50_ms": median(self.added_ms) if self.added_ms else 0.0,
            "added_p99_ms": quantiles(self.added_ms, n=100)[98] if self.added_ms else 0.0,
            "late_p50_ms": median(self.late_ms) if self.late_ms else 0.0,
        }
        return shown | {f"memory_{number}_mb": found for number, found in enumerate(self.memory_mb)}


class Reader(asyncio.Protocol):
    """One connection of one browser."""

    def __init__(self) -> None:
        self.pieces: list[tuple[int, bytes]] = []
        self.done: asyncio.Future[None] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass

    def data_received(self, data: bytes) -> None:
        self.pieces.append((time.monotonic_ns(), data))
        if self.done is None or self.done.done():
            return
        if data.endswith(b"0\r\n\r\n"):
            self.done.set_result(None)
        elif len(self.pieces) == 1 and not data.startswith(b"HTTP/1.1 200 "):
            self.done.set_exception(ConnectionError(f"the server refuses: {data[:1000]!r}"))

    def connection_lost(self, exc: Exception | None) -> None:
        if self.done is not None and not self.done.done():
            self.done.set_exception(ConnectionError(f"the server hung up after {len(self.pieces)} reads"))

    async def ask(self, prompt: str, action: str) -> Answer:
        """Call the action and collect its response."""
        self.pieces = []
        self.done = asyncio.get_running_loop().create_future()
        body = json.dumps([prompt]).encode()
        asked_ns = time.monotonic_ns()
        self.transport.write(
            b"POST / HTTP/1.1\r\nhost: localhost\r\naccept: text/x-component\r\nrsc-action-id: %b\r\n"
            b"content-type: text/plain;charset=UTF-8\r\ncontent-length: %d\r\n\r\n%b"
            % (action.encode(), len(body), body)
        )
        await self.done
        return Answer(prompt, asked_ns, self.pieces)


@dataclass
class Answer:
    """One response as it arrived."""

    prompt: str
    asked_ns: int
    pieces: list[tuple[int, bytes]]

    def read(self, job: Job, times_ns: list[int], seen: Seen) -> None:
        """Check it, and add it to what was seen.

        Raises:
            ValueError: it is not exactly what was asked for.
        """
        raw = b"".join(data for _, data in self.pieces)
        head, _, _ = raw.partition(b"\r\n\r\n")
        chunked = rows.chunks(raw[len(head) + 4 :])
        places = [(start + len(head) + 4, end + len(head) + 4) for start, end in chunked]
        body = b"".join(raw[start:end] for start, end in places)
        wanted: list[Any] = (
            answers.elements(job.tokens) if job.work == "object" else answers.texts(job.tokens)
        )
        if WIRES[job.wire](body) != wanted:
            raise ValueError(
                f"not the {job.tokens} tokens in their order for {self.prompt}: {head!r} {body[:2000]!r}"
            )
        arrived_ns = self._arrivals(body, places, job.tokens if times_ns else 1)
        seen.tokens += job.tokens
        seen.bytes += len(body)
        seen.first_ms.append((arrived_ns[0] - self.asked_ns) / 1e6)
        added_ms = [(there - here) / 1e6 for here, there in zip(times_ns, arrived_ns, strict=False)]
        seen.added_ms += added_ms
        seen.late_ms += added_ms[-max(1, len(added_ms) // 10) :]

    def _arrivals(self, body: bytes, places: list[tuple[int, int]], tokens: int) -> list[int]:
        """When each token was complete here; proxies may cut a chunk in the middle of one."""
        reads = list(accumulate(len(data) for _, data in self.pieces))
        ends = list(accumulate(end - start for start, end in places))
        arrived: list[int] = []
        at = 0
        for text in answers.texts(tokens):
            at = body.index(b'"%b"' % text.encode(), at) + len(text) + 2
            number = bisect_left(ends, at)
            in_raw = places[number][1] - (ends[number] - at)
            arrived.append(self.pieces[bisect_left(reads, in_raw)][0])
        return arrived


async def run(job: Job) -> Seen:
    """Do the job."""
    loop = asyncio.get_running_loop()
    seen = Seen(job.streams)
    if job.memory_at_s:
        seen.memory_mb.append(resident_mb(job.pid))
    readers = [(await loop.create_connection(Reader, "127.0.0.1", job.port))[1] for _ in range(job.streams)]
    began_s = time.monotonic()
    async with asyncio.timeout(TIMEOUT_S):
        collected, _ = await asyncio.gather(
            asyncio.gather(*(_browse(job, reader, number) for number, reader in enumerate(readers))),
            _watch_memory(job, readers, seen),
        )
    seen.elapsed_s = time.monotonic() - began_s
    for reader in readers:
        reader.transport.close()
    for answer in (answer for group in collected for answer in group):
        answer.read(job, _times_ns(job, answer), seen)
    return seen


async def _browse(job: Job, reader: Reader, number: int) -> list[Answer]:
    if (
        job.interval_ms
    ):  # streams begin one after the other, so that neither their calls nor their tokens fall together
        spread_ms = START_MS + job.interval_ms if job.interval_ms < START_MS else START_MS
        await asyncio.sleep(number / job.streams * spread_ms / 1000)
    names = (f"s{number}r{turn}" for turn in range(job.rounds))
    action = ACTIONS[job.work]
    return [await reader.ask(answers.prompt(job.tokens, job.interval_ms, name), action) for name in names]


async def _watch_memory(job: Job, readers: list[Reader], seen: Seen) -> None:
    """Look at the server's memory once every stream has begun."""
    if not job.memory_at_s:
        return
    first = b'"%b"' % answers.token(0).encode()
    while not all(any(first in data for _, data in reader.pieces) for reader in readers):
        await asyncio.sleep(FULL_POLL_S)
    began_s = time.monotonic()
    for at_s in job.memory_at_s:
        await asyncio.sleep(began_s + at_s - time.monotonic())
        seen.memory_mb.append(resident_mb(job.pid))


def _times_ns(job: Job, answer: Answer) -> list[int]:
    if not job.interval_ms:
        return []
    name = answer.prompt.rpartition("-")[2]
    connection = HTTPConnection("127.0.0.1", job.upstream_port, timeout=10)
    connection.request("GET", f"/times/{name}")
    times_ns: list[int] = json.load(connection.getresponse())
    connection.close()
    return times_ns


def main() -> None:
    import uvloop

    job = Job(**json.load(sys.stdin))
    seen = uvloop.run(run(job))
    json.dump({"job": asdict(job), **seen.summary()}, sys.stdout)


if __name__ == "__main__":
    main()
