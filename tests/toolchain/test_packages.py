from __future__ import annotations

import json
from pathlib import Path

import pytest

from flightwire.errors import ToolchainError
from flightwire.toolchain import packages
from flightwire.toolchain.packages import ensure_npm_folder, ensure_packages, web_root

ROOT = Path(__file__).parents[2]
SKIPPED = {"node_modules", ".venv", ".git"}
TRACKED = [
    path.relative_to(ROOT) for path in ROOT.rglob("*") if not SKIPPED & set(path.relative_to(ROOT).parts)
]
LOCKS = [path for path in TRACKED if path.name == "package-lock.json"]
REQUIREMENTS = [path for path in TRACKED if path.suffix == ".txt" and "requirements" in path.as_posix()]


def write_folder(folder: Path, version: str = "1.0.0") -> Path:
    """A folder that depends on a package beside it, so that no registry is needed."""
    dependency = folder / "dep"
    dependency.mkdir(parents=True, exist_ok=True)
    (dependency / "package.json").write_text(json.dumps({"name": "dep", "version": version}))
    root = {"name": "it", "version": "1.0.0", "dependencies": {"dep": "file:dep"}}
    (folder / "package.json").write_text(json.dumps(root))
    linked = {"": root, "dep": {"version": version}, "node_modules/dep": {"resolved": "dep", "link": True}}
    lock = {"name": "it", "version": "1.0.0", "lockfileVersion": 3, "requires": True, "packages": linked}
    (folder / "package-lock.json").write_text(json.dumps(lock))
    return folder


@pytest.fixture
def npm_runs(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders that npm was really run in."""
    runs: list[Path] = []
    real = packages.run_npm
    monkeypatch.setattr(
        packages, "run_npm", lambda node, args, cwd: (runs.append(cwd), real(node, args, cwd))[1]
    )
    return runs


def test_a_folder_is_installed_once(tmp_path: Path, npm_runs: list[Path]) -> None:
    folder = write_folder(tmp_path)
    ensure_npm_folder(folder)
    ensure_npm_folder(folder)
    assert npm_runs == [folder]
    assert (folder / "node_modules" / "dep" / "package.json").is_file()


def test_a_changed_lock_installs_again(tmp_path: Path, npm_runs: list[Path]) -> None:
    ensure_npm_folder(write_folder(tmp_path))
    ensure_npm_folder(write_folder(tmp_path, version="2.0.0"))
    assert len(npm_runs) == 2


def test_a_lost_node_modules_installs_again(tmp_path: Path, npm_runs: list[Path]) -> None:
    folder = write_folder(tmp_path)
    ensure_npm_folder(folder)
    (folder / "node_modules").rename(tmp_path / "gone")
    ensure_npm_folder(folder)
    assert len(npm_runs) == 2


def test_a_folder_without_a_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{}")
    with pytest.raises(ToolchainError, match=r"package-lock\.json is missing"):
        ensure_npm_folder(tmp_path)


def test_the_second_call_for_packages_runs_nothing(npm_runs: list[Path]) -> None:
    first = ensure_packages()
    npm_runs.clear()
    assert ensure_packages() == first
    assert npm_runs == []


def test_the_packages_are_the_ones_that_the_lock_names() -> None:
    lock = json.loads((web_root() / "toolchain" / "package-lock.json").read_text())
    for name in ("react", "@ai-sdk/rsc", "vite"):
        installed = json.loads((ensure_packages() / "node_modules" / name / "package.json").read_text())
        assert installed["version"] == lock["packages"][f"node_modules/{name}"]["version"]


def test_a_broken_off_install_leaves_nothing_that_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = packages.find_or_install_node()
    monkeypatch.setattr(packages, "find_or_install_node", lambda: node)
    monkeypatch.setenv("FLIGHTWIRE_CACHE", str(tmp_path))
    monkeypatch.setattr(packages, "run_npm", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        ensure_packages()
    assert [path.suffix for path in (tmp_path / "tools").iterdir()] == [".lock"]


@pytest.mark.parametrize("lock", sorted(LOCKS), ids=str)
def test_no_lock_names_a_registry(lock: Path) -> None:
    packages_of = json.loads((ROOT / lock).read_text())["packages"].values()
    assert not [entry["resolved"] for entry in packages_of if "://" in entry.get("resolved", "")]


@pytest.mark.parametrize("requirements", sorted(REQUIREMENTS), ids=str)
def test_every_python_requirement_has_a_hash_and_no_address(requirements: Path) -> None:
    text = (ROOT / requirements).read_text()
    pinned = [line for line in text.splitlines() if line and line[0].isalpha()]
    assert pinned
    assert all("==" in line for line in pinned)
    assert text.count("--hash=sha256:") >= len(pinned)
    assert "://" not in text
