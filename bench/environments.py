"""What peers are installed into: a Python environment each, one folder of npm packages for all.

Owns: finding a Python that is new enough, installing exactly what a lock names, once. Refuses to know: which peers there are.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from flightwire.errors import ToolchainError
from flightwire.toolchain.cache import cache_folder
from flightwire.toolchain.locks import file_lock
from flightwire.toolchain.node import MIN_NODE, find_node, install_node, node_version
from flightwire.toolchain.packages import ensure_npm_folder

NODE_MAJOR = 24
MINORS = range(11, 20)
STAMP = ".installed"
MAX_REASON_CHARS = 400


def python_environment(name: str, lock: Path, requires: str) -> Path:
    """Give the `python` of an environment that holds what the lock names.

    Arguments:
        name: of the peer.
        lock: requirements with hashes.
        requires: the oldest Python that will do, as ">=3.12".

    Raises:
        ToolchainError: no Python is new enough, or something cannot be installed.
    """
    base = _python(requires)
    digest = hashlib.sha256(lock.read_bytes() + str(base).encode()).hexdigest()[:12]
    folder = cache_folder() / "bench" / f"{name}-{digest}"
    python = folder / "bin" / "python"
    if (folder / STAMP).exists():
        return python
    folder.parent.mkdir(parents=True, exist_ok=True)
    with file_lock(folder.with_suffix(".lock"), on_wait=lambda: None):
        if not (folder / STAMP).exists():
            shutil.rmtree(folder, ignore_errors=True)
            uv = _uv()
            _run([str(base), "-m", "venv", *(["--without-pip"] if uv else []), str(folder)], name)
            install = (
                [*uv, "pip", "install", "--quiet", "--python", str(python)]
                if uv
                else [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            )
            _run([*install, "--require-hashes", "--no-deps", "--requirement", str(lock)], name)
            (folder / STAMP).touch()
    return python


def node_environment(folder: Path) -> Path:
    """Give Node 24, with the npm packages of a folder installed in it; the system's or one from a wheel.

    Raises:
        ToolchainError: one of them cannot be installed.
    """
    found = find_node()
    node = found if found is not None and node_version(found)[0] == NODE_MAJOR else install_node()
    assert node_version(node) >= MIN_NODE
    ensure_npm_folder(folder)
    return node


def _python(requires: str) -> Path:
    wanted = re.fullmatch(r">=3\.(\d+)", requires)
    if wanted is None:
        raise ToolchainError(f'requires-python is {requires!r}; the bench understands ">=3.12".')
    oldest = int(wanted[1])
    if sys.version_info[1] >= oldest:
        return Path(sys.executable)
    for minor in MINORS:
        if minor >= oldest and (found := _find_python(minor)) is not None:
            return found
    raise ToolchainError(
        f"it needs Python 3.{oldest} or newer; this is 3.{sys.version_info[1]}, and no newer one was found on PATH or in pyenv."
    )


def _find_python(minor: int) -> Path | None:
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    on_path = shutil.which(f"python3.{minor}")
    for candidate in [
        *([Path(on_path)] if on_path else []),
        *versions.glob(f"3.{minor}.*/bin/python3.{minor}"),
    ]:
        done = subprocess.run([candidate, "-c", "import venv"], capture_output=True, check=False)
        if done.returncode == 0:  # a shim of pyenv may stand for a version that is not there
            return candidate
    return None


def _uv() -> list[str]:
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv:
        return [uv]
    return [sys.executable, "-m", "uv"] if importlib.util.find_spec("uv") else []


def _run(command: list[str], name: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr or done.stdout).strip()[-MAX_REASON_CHARS:]
        raise ToolchainError(f"{name} could not be installed: {said}")
