"""`make bench ARGS=lines` itself takes minutes and needs valgrind; here is what needs neither."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from bench import lines


def test_what_is_missing_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None if name == "cc" else f"/usr/bin/{name}")
    assert lines.main() == 1
    assert "needs cc" in capsys.readouterr().out


def test_figures_are_per_turn_and_of_the_part_that_has_any(tmp_path: Path) -> None:
    (tmp_path / "ours").write_text("events: Ir Dr Dw I1mr D1mr D1mw\ntotals: 0\n")
    (tmp_path / "ours.1").write_text("events: Ir Dr Dw I1mr D1mr D1mw\ntotals: 6000 1 1 1200 900 300\n")
    (tmp_path / "turns").write_text("10")
    seen = lines._counted(tmp_path, "ours", tmp_path / "turns")
    assert seen == lines.Touched(instructions=600, code_lines=120, data_lines=120)


def test_a_run_that_counted_nothing_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "WRITE_TIMEOUT_S", 0.2)
    with pytest.raises(RuntimeError, match="counted nothing"):
        lines._counted(tmp_path, "ours", tmp_path / "turns")
