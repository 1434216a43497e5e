"""Wheels are put into a folder whole or not at all, and once."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import msgspec
import pytest
import typing_extensions

import flightwire
from flightwire.errors import ToolchainError
from flightwire.toolchain.install import install_wheel_target

CALL = """
import sys
from pathlib import Path
from flightwire.toolchain.install import install_wheel_target
install_wheel_target(Path(sys.argv[1]), Path(sys.argv[2]), what="the thing")
"""


@pytest.fixture
def wheel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A real wheel in a folder that uv and pip take for the index; it declares a dependency that does not exist."""
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    path = shelf / "thing-1.0-py3-none-any.whl"
    meta = "Metadata-Version: 2.1\nName: thing\nVersion: 1.0\nRequires-Dist: no-such-thing\n"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("thing/weights.bin", b"weights")
        archive.writestr("thing-1.0.dist-info/METADATA", meta)
        archive.writestr(
            "thing-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nTag: py3-none-any\n"
        )
        archive.writestr("thing-1.0.dist-info/RECORD", "thing/weights.bin,,\n")
    for variable, setting in [
        ("UV_NO_INDEX", "1"),
        ("UV_FIND_LINKS", str(shelf)),
        ("PIP_NO_INDEX", "1"),
        ("PIP_FIND_LINKS", str(shelf)),
        ("UV_CACHE_DIR", str(tmp_path / "uv")),
    ]:
        monkeypatch.setenv(variable, setting)
    return path


@pytest.fixture
def requirements(wheel: Path, tmp_path: Path) -> Path:
    return pin(tmp_path, hashlib.sha256(wheel.read_bytes()).hexdigest())


def pin(folder: Path, sha256: str) -> Path:
    path = folder / "thing.txt"
    path.write_text(f"thing==1.0 --hash=sha256:{sha256}\n")
    return path


def test_wheel_is_unpacked_without_its_dependencies(requirements: Path, tmp_path: Path) -> None:
    install_wheel_target(requirements, tmp_path / "cache" / "thing", what="the thing")
    assert (tmp_path / "cache" / "thing" / "thing" / "weights.bin").read_bytes() == b"weights"


def test_second_run_starts_no_installer(
    requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install_wheel_target(requirements, tmp_path / "t", what="the thing")
    monkeypatch.setenv("UV", "/nonexistent/uv")
    install_wheel_target(requirements, tmp_path / "t", what="the thing")


def test_installer_that_does_not_start_is_named(
    requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV", "/nonexistent/uv")
    with pytest.raises(ToolchainError, match="/nonexistent/uv does not start"):
        install_wheel_target(requirements, tmp_path / "t", what="the thing")


def test_a_new_requirement_replaces_the_folder(requirements: Path, tmp_path: Path) -> None:
    install_wheel_target(requirements, tmp_path / "t", what="the thing")
    (tmp_path / "t" / "old").touch()
    requirements.write_text(requirements.read_text() + "# newer\n")
    install_wheel_target(requirements, tmp_path / "t", what="the thing")
    assert not (tmp_path / "t" / "old").exists()


def test_wrong_hash_leaves_nothing(wheel: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match="expected SHA-256"):
        install_wheel_target(pin(tmp_path, "0" * 64), tmp_path / "cache" / "t", what="the thing")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [".t.lock"]


def test_leftovers_of_a_killed_run_are_swept(requirements: Path, tmp_path: Path) -> None:
    (tmp_path / "cache" / ".t.part-abc" / "new").mkdir(parents=True)
    install_wheel_target(requirements, tmp_path / "cache" / "t", what="the thing")
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {".t.lock", "t"}


def test_no_network_is_one_line_that_says_what_to_do(
    requirements: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("UV_NO_INDEX")
    monkeypatch.delenv("UV_FIND_LINKS")
    monkeypatch.setenv("UV_DEFAULT_INDEX", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    with pytest.raises(ToolchainError, match="type the same command again") as caught:
        install_wheel_target(requirements, tmp_path / "t", what="the thing")
    assert "\n" not in str(caught.value)


def test_folder_that_cannot_be_made_is_named(requirements: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ToolchainError, match="FLIGHTWIRE_CACHE"):
        install_wheel_target(requirements, tmp_path / "file" / "t", what="the thing")


def test_two_processes_at_once_both_succeed(requirements: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-c", CALL, str(requirements), str(tmp_path / "cache" / "t")]
    running = [subprocess.Popen(command, env=os.environ) for _ in range(2)]
    assert [process.wait(60) for process in running] == [0, 0]
    assert (tmp_path / "cache" / "t" / "thing" / "weights.bin").is_file()


def test_pip_does_it_where_there_is_no_uv(requirements: Path, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
    needed = tmp_path / "needed"  # what `import flightwire` needs, and neither uv nor pip
    needed.mkdir()
    for module in (flightwire, msgspec, typing_extensions):
        place = Path(module.__file__ or "")
        place = place.parent if place.name == "__init__.py" else place
        (needed / place.name).symlink_to(place)
    env = {key: text for key, text in os.environ.items() if key not in ("UV", "VIRTUAL_ENV")}
    env |= {"PATH": "/nonexistent", "PYTHONPATH": str(needed)}
    command = [str(venv / "bin" / "python"), "-c", CALL, str(requirements), str(tmp_path / "t")]
    subprocess.run(command, check=True, env=env)
    assert (tmp_path / "t" / "thing" / "weights.bin").is_file()
