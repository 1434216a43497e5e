"""The installer, with a repository of its own; that it really installs is what `make test` has just proved."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

SETUP = Path(__file__).parents[2] / "tools" / "setup.py"


@pytest.fixture
def setup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The installer, pointed at a repository that has only locks and an environment without packages."""
    spec = importlib.util.spec_from_file_location("setup_under_test", SETUP)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (tmp_path / "requirements").mkdir()
    for name in ("build.txt", "run.txt", "test.txt"):
        (tmp_path / "requirements" / name).write_text(f"# {name}")
    (tmp_path / "pyproject.toml").write_text("")
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "REQUIREMENTS", tmp_path / "requirements")
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "BIN", tmp_path / ".venv" / "bin")
    monkeypatch.setattr(module, "VENV_PYTHON", tmp_path / ".venv" / "bin" / "python")
    monkeypatch.chdir(tmp_path)
    return module


def make_venv(setup: ModuleType) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", setup.VENV], check=True)


def fake_program(folder: Path, name: str, says: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\necho {says}\n")
    (folder / name).chmod(0o755)


def test_nothing_is_ready_without_a_stamp(setup: ModuleType) -> None:
    assert not setup.is_ready("run")
    make_venv(setup)
    assert not setup.is_ready("run")


def test_what_was_installed_from_these_locks_is_ready(setup: ModuleType) -> None:
    make_venv(setup)
    setup.stamp_path("run").write_text(setup.fingerprint("run"))
    assert setup.is_ready("run")
    assert not setup.is_ready("test")


@pytest.mark.parametrize("name", ["requirements/run.txt", "requirements/build.txt", "pyproject.toml"])
def test_a_changed_lock_is_installed_again(name: str, setup: ModuleType) -> None:
    make_venv(setup)
    setup.stamp_path("run").write_text(setup.fingerprint("run"))
    (setup.ROOT / name).write_text("other")
    assert not setup.is_ready("run")


def test_a_python_that_has_gone_is_noticed(setup: ModuleType) -> None:
    make_venv(setup)
    setup.stamp_path("run").write_text(setup.fingerprint("run"))
    setup.VENV_PYTHON.unlink()
    setup.VENV_PYTHON.symlink_to("/no/such/python")
    assert not setup.is_ready("run")
    setup.drop_foreign_venv()
    assert not setup.VENV.exists()


def test_an_environment_that_was_made_elsewhere_is_dropped(setup: ModuleType, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", elsewhere], check=True)
    elsewhere.rename(setup.VENV)
    setup.drop_foreign_venv()
    assert not setup.VENV.exists()


def test_our_own_environment_is_kept(setup: ModuleType) -> None:
    make_venv(setup)
    setup.drop_foreign_venv()
    assert setup.find_python().program == str(setup.VENV_PYTHON)


def test_without_a_new_enough_python_the_letter_says_so(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_program(tmp_path / "bin", "python3", "3 9")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(setup.sys, "executable", str(tmp_path / "bin" / "python3"))
    with pytest.raises(setup.SetupError, match=r"Python 3\.11 or newer is needed; found: 3\.9\."):
        setup.find_python()


def test_a_newer_python_than_the_locks_know_is_the_last_choice(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_program(tmp_path / "bin", "python3", "3 99")
    fake_program(tmp_path / "bin", "python3.12", "3 12")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(setup.sys, "executable", "")
    assert setup.find_python().version == "3.12"


@pytest.mark.parametrize(("says", "found"), [("uv 0.13.9", True), ("uv 0.4.30", False), ("nonsense", False)])
def test_an_old_uv_is_not_used(
    says: str, found: bool, setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_program(tmp_path / "bin", "uv", says)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert (setup.find_uv() is not None) == found


def test_uv_trusts_the_certificates_that_the_system_has(
    setup: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_SYSTEM_CERTS", raising=False)
    monkeypatch.setattr(setup.sys, "platform", "linux")
    (tmp_path / "of-a-network-that-inspects-tls.pem").write_text("")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "of-a-network-that-inspects-tls.pem"))
    assert setup.environment()["UV_SYSTEM_CERTS"] == "1"
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("SSL_CERT_DIR", str(tmp_path / "none"))
    assert "UV_SYSTEM_CERTS" not in setup.environment()


def test_a_failure_is_a_letter_and_a_code() -> None:
    done = subprocess.run([sys.executable, SETUP, "nonsense"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == "usage: setup.py run|test [-- COMMAND …]"
