from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from flightwire.errors import ToolchainError
from flightwire.toolchain import chromium
from flightwire.toolchain.chromium import ensure_chromium, find_chromium


def program(path: Path, exit_code: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\nexit {exit_code}\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without any Chromium, and a cache of its own; gives its only folder on PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.delenv("CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.setenv("PLAYWRIGHT_BROWSERS_PATH", str(tmp_path / "playwright"))
    monkeypatch.setenv("FLIGHTWIRE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(chromium, "PLACES", ())
    return folder


@pytest.fixture
def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The ways of getting one that were tried; each fails."""
    ways: list[str] = []

    def fail(name: str) -> None:
        ways.append(name)
        raise OSError(name)

    monkeypatch.setattr(chromium, "_download_playwrights", lambda: fail("playwright"))
    monkeypatch.setattr(chromium, "_install_debians", lambda: fail("debian"))
    return ways


def test_the_variable_wins(bare: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(bare / "chromium")
    mine = program(tmp_path / "mine")
    monkeypatch.setenv("CHROMIUM", str(mine))
    assert find_chromium() == mine


def test_a_variable_that_names_nothing_is_a_letter(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHROMIUM", "/no/such/chrome")
    with pytest.raises(ToolchainError, match="CHROMIUM=/no/such/chrome does not run"):
        ensure_chromium()


@pytest.mark.parametrize("name", chromium.NAMES)
def test_the_systems_is_found(name: str, bare: Path) -> None:
    assert find_chromium() is None
    assert program(bare / name) == find_chromium()


def test_a_stub_that_does_not_run_is_passed_over(bare: Path) -> None:
    program(bare / "chromium-browser", exit_code=1)
    chrome = program(bare / "google-chrome")
    assert find_chromium() == chrome


def test_playwrights_download_is_found(bare: Path, tmp_path: Path) -> None:
    build = tmp_path / "playwright" / "chromium-1255"
    chrome = program(build / "chrome-linux64" / "chrome")
    assert find_chromium() is None  # the download has not been completed
    (build / "INSTALLATION_COMPLETE").touch()
    assert find_chromium() == chrome


def test_every_way_is_tried_and_the_letter_says_what_to_type(bare: Path, tried: list[str]) -> None:
    with pytest.raises(ToolchainError, match="apt-get install chromium"):
        ensure_chromium()
    assert tried == ["playwright", "debian"]


def test_a_failed_way_is_not_tried_again_at_once(bare: Path, tried: list[str]) -> None:
    for _ in range(2):
        with pytest.raises(ToolchainError):
            ensure_chromium()
    assert tried == ["playwright", "debian"]


def test_a_failed_way_is_tried_again_after_an_hour(bare: Path, tried: list[str], tmp_path: Path) -> None:
    with pytest.raises(ToolchainError):
        ensure_chromium()
    long_ago = time.time() - 2 * chromium.RETRY_AFTER_S
    os.utime(tmp_path / "cache" / "locks" / "chromium-debian.failed", (long_ago, long_ago))
    with pytest.raises(ToolchainError):
        ensure_chromium()
    assert tried == ["playwright", "debian", "debian"]


def test_what_a_way_brings_is_used(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chromium, "_download_playwrights", lambda: program(bare / "chromium"))
    assert ensure_chromium() == bare / "chromium"
