"""The machinery of a whole run, small: it prints a report and judges nothing."""

import json
import re
from pathlib import Path

import pytest
from bench.measure import OBJECT, OPEN, PACED, PACED_AWAKE, SATURATED, TOOLS, Scenario
from bench.plots import plot
from bench.servers import IDLE, OURS, RAW_PUMP

from bench import gate, processes, run

TINY = [
    Scenario(SATURATED, streams=4, tokens=50, repeats=2),
    Scenario(PACED, streams=4, tokens=10, interval_ms=20, repeats=2, is_new_each_turn=True),
    Scenario(PACED_AWAKE, streams=4, tokens=10, interval_ms=20, is_awake=True),
    Scenario(TOOLS, streams=2, tokens=10, work="tools"),
    Scenario(OBJECT, streams=1, tokens=50, work="object"),
    Scenario(OPEN, streams=10, tokens=3, interval_ms=100, memory_at_s=(0.05,), only=(RAW_PUMP, OURS, IDLE)),
]


@pytest.fixture
def results(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(run, "RESULTS", tmp_path / "results")
    monkeypatch.setattr(run, "ROOT", tmp_path)
    monkeypatch.setattr(gate, "KEPT", tmp_path / "ratios.json")
    return tmp_path / "results"


def test_a_run_prints_a_report_and_keeps_its_figures(
    results: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run.compare(quick=True, without=["AI SDK"], shorter=TINY, keeps=True) == 0
    assert run.compare(quick=True, without=["AI SDK"], shorter=TINY[:1]) == 0
    said = capsys.readouterr().out
    print(said)  # CI reads it as a report
    for scenario in (SATURATED, PACED, PACED_AWAKE, TOOLS, OBJECT, OPEN):
        assert scenario in said
    assert f"{SATURATED}: {OURS} ÷ {RAW_PUMP}" in said
    kept = [json.loads(path.read_text()) for path in results.glob("*.json")]
    assert any(raw["scenarios"].keys() == {each.name for each in TINY} for raw in kept)
    assert {len(raw["scenarios"][PACED][OURS]["seen"]) for raw in kept if PACED in raw["scenarios"]} == {2}
    drawn = {path.stem[len("2026-11-26T00-00-00-") :] for path in results.glob("*.svg")}
    assert {"Start-of-the-process", "CPU-per-token--saturated"} <= drawn
    assert any(name.startswith("Added-latency-p99") for name in drawn)
    assert any(name.startswith("Memory-per-stream") for name in drawn)


def test_a_system_that_keeps_no_core_awake_is_told_of(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "_SPIN", "raise PermissionError")
    tiny = [each for each in TINY if each.name in (SATURATED, PACED_AWAKE)]
    assert run.compare(quick=True, without=["AI SDK"], shorter=tiny) == 0
    said = capsys.readouterr().out
    assert f"without {PACED_AWAKE}" in said
    assert f"{SATURATED}: {OURS} ÷ {RAW_PUMP}" in said


def test_a_system_whose_clock_sees_nothing_of_a_tiny_load_gets_a_report(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes.Process, "cpu_s", lambda _: 1.0)
    assert run.compare(quick=True, without=["AI SDK"], shorter=TINY[:1]) == 0
    assert f"{SATURATED}: {OURS} ÷ {RAW_PUMP}: 1" in capsys.readouterr().out


def test_a_ratio_that_moved_by_more_than_15_percent_is_told() -> None:
    told = gate.moved({"a": 1.2, "b": 1.1, "c": 0.8, "d": 1.0}, {"a": 1.0, "b": 1.0, "c": 1.0})
    assert told == ["a: 1 → 1.2 (+20%)", "c: 1 → 0.8 (-20%)", "d: 1, not kept yet"]


def test_the_kept_ratios_are_those_of_a_run() -> None:
    assert gate.kept()
    assert all(ratio > 0 and OURS in name for name, ratio in gate.kept().items())


@pytest.mark.parametrize("lengths", [(0.0, 0.0), (-0.002, -0.003), (0.0, -1.0), (5.0, -0.1)])
def test_bars_of_nothing_and_of_less_are_drawn(lengths: tuple[float, float]) -> None:
    drawn = plot("Memory", dict(zip("ab", lengths, strict=True)), unit="KiB", ours=OURS)
    assert drawn.count('rx="3"') == 2
    widths = [float(width) for width in re.findall(r'width="([\d.]+)" height="22"', drawn)]
    assert len(widths) == 2
    assert all(1 <= width <= 760 for width in widths)


def test_a_plot_has_a_bar_for_each_server_and_its_name_escaped() -> None:
    drawn = plot("CPU", {"a & b": 2.0, OURS: 1.0}, unit="µs", ours=OURS)
    assert drawn.count('rx="3"') == 2
    assert "a &amp; b" in drawn
    assert drawn.index(OURS) < drawn.index("a &amp; b")
