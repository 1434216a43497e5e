"""A measurement from end to end, small: what counts here is that wrong answers are found, never how fast anything is."""

import os
import sys
from collections.abc import Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from bench.load import Answer, Job, Seen
from bench.measure import Figures, Scenario, interleave, measure, paired_ratio
from bench.processes import LOAD_CORE, SERVER_CORE, Process, kept_awake, python
from bench.servers import environment

SMALL = Scenario("small", streams=3, tokens=40, rounds=2)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Process]:
    with python("bench.upstream", core=LOAD_CORE) as process:
        yield process


@pytest.fixture(scope="module", params=["bench.raw_pump", "bench.ours"])
def server(request: pytest.FixtureRequest, upstream: Process) -> Iterator[Process]:
    with python(request.param, core=SERVER_CORE, env=environment(f"{upstream.url}/v1")) as process:
        yield process


def test_every_token_of_a_saturated_run_arrives(server: Process, upstream: Process) -> None:
    figures = Figures()
    measure(SMALL, server, upstream, figures)
    assert figures.of("tokens") == 3 * 40 * 2
    assert figures.cpu_us > 0


def test_every_token_of_a_paced_run_arrives_and_has_a_latency(server: Process, upstream: Process) -> None:
    figures = Figures()
    measure(Scenario("paced", streams=2, tokens=10, interval_ms=10), server, upstream, figures)
    assert figures.of("tokens") == 20
    assert figures.of("added_p50_ms") > 0


def test_a_core_is_kept_awake_by_what_yields_to_everything() -> None:
    with kept_awake(SERVER_CORE) as pid:
        assert os.sched_getscheduler(pid) == os.SCHED_IDLE
        assert len(os.sched_getaffinity(pid)) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_a_server_that_answers_something_else_is_refused(upstream: Process) -> None:
    with pytest.raises(RuntimeError, match="a row that is no model"):
        measure(SMALL, upstream, upstream, Figures())  # it answers like an API, not like a page's server


def test_a_program_that_does_not_start_is_named() -> None:
    with pytest.raises(RuntimeError, match=r"bench\.nothing did not say its port"):
        python("bench.nothing", core=SERVER_CORE)


def test_a_server_that_ends_in_the_middle_is_named_with_what_it_said(upstream: Process) -> None:
    program = """
import socket, sys
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
listener.accept()
sys.exit("out of luck")
"""
    expected = r"(?s)^the peer \(its process has ended with 1\): small: .*out of luck$"
    with (
        Process([sys.executable, "-c", program], core=SERVER_CORE) as unlucky,
        pytest.raises(RuntimeError, match=expected),
    ):
        list(interleave(SMALL, {"the peer": unlucky}, upstream))


def test_a_fast_server_is_asked_for_more_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def seen(*args: Any, rounds: int, **kwargs: Any) -> None:
        asked.append(rounds)
        args[3].cpu_us_per_token.append(1.0)
        args[3].seen.append({"elapsed_s": rounds * 0.1})

    monkeypatch.setattr("bench.measure.measure", seen)
    idle = cast("Any", SimpleNamespace(pause=lambda: None, resume=lambda: None))
    scenario = replace(SMALL, warm_up=2, least_s=1, repeats=2)
    assert [name for name, _ in interleave(scenario, {"fast": idle}, idle)] == ["fast"] * 2
    assert asked == [2, 10, 10, 10]


def test_a_token_out_of_place_is_refused() -> None:
    head = b"HTTP/1.1 200 OK\r\n\r\n"
    body = (
        b'0:{"output":{"type":"$Sui.streamable.value","curr":"","next":"$@1"}}\n'
        b'1:{"curr":" 001","next":"$@2"}\n2:{"curr":" 000","next":"$@3"}\n3:{}\n'
    )
    raw = head + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)
    with pytest.raises(ValueError, match="not the 2 tokens"):
        Answer("bench-2-0-x", 0, [(1, raw)]).read(Job(1, 1, 1, 2), [], Seen())


def test_memory_is_looked_at_while_all_streams_are_open(upstream: Process) -> None:
    figures = Figures()
    with python("bench.ours", core=SERVER_CORE, env=environment(f"{upstream.url}/v1")) as server:
        scenario = Scenario("open", streams=5, tokens=3, interval_ms=100, memory_at_s=(0.05,))
        measure(scenario, server, upstream, figures)
    assert figures.of("memory_1_mb") > figures.of("memory_0_mb") > 10


@pytest.mark.parametrize("work", ["tools", "object"])
def test_every_kind_of_work_arrives_whole(upstream: Process, work: str) -> None:
    figures = Figures()
    with python("bench.ours", core=SERVER_CORE, env=environment(f"{upstream.url}/v1")) as server:
        measure(Scenario(work, streams=2, tokens=30, work=work), server, upstream, figures)
    assert figures.of("tokens") == 60


def test_a_token_cut_in_two_by_a_proxy_counts_when_it_is_complete() -> None:
    body = b'data: {"choices":[{"delta":{"content":" 000"}}]}\n\ndata: [DONE]\n\n'
    cut = body.index(b"000") + 1
    first, second = (b"%x\r\n%b\r\n" % (len(part), part) for part in (body[:cut], body[cut:]))
    pieces = [(1, b"HTTP/1.1 200 OK\r\n\r\n" + first), (2_000_000, second + b"0\r\n\r\n")]
    seen = Seen()
    Answer("bench-1-0-x", 0, pieces).read(Job(1, 1, 1, 1, wire="chat-completions"), [], seen)
    assert seen.first_ms == [2.0]


def test_a_stopped_server_goes_on_where_it_was(upstream: Process) -> None:
    with python("bench.raw_pump", core=SERVER_CORE, env=environment(f"{upstream.url}/v1")) as server:
        server.pause()
        server.resume()
        measure(SMALL, server, upstream, Figures())


def test_a_ratio_is_taken_within_each_repeat() -> None:
    slow_machine = Figures([30.0, 3.0, 3.3]), Figures([20.0, 2.0, 2.2])
    assert paired_ratio(*slow_machine) == pytest.approx(1.5)
