"""npm packages.

Owns: the folder of packages that pages are built with, and folders with a lock of their own; installed once, atomically,
by one process at a time. Refuses to know: what the packages do.
"""

from __future__ import annotations

import hashlib
import platform
import shutil
import sys
import tempfile
from contextlib import AbstractContextManager
from pathlib import Path

from ..errors import ToolchainError
from .cache import cache_folder
from .locks import file_lock
from .node import find_installed_node, find_node, find_or_install_node, node_major, run_npm
from .progress import Step, step

__all__ = ["ensure_npm_folder", "ensure_packages", "find_packages", "web_root"]

# No package we use needs an install script; refusing them all keeps a hijacked one from running at install time.
CI = ["ci", "--include=dev", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
STAMP = ".flightwire-stamp"


def web_root() -> Path:
    """Give the folder of our own browser code: inside the installed package, else `web/` of the repository.

    Raises:
        ToolchainError: the installation is incomplete.
    """
    package = Path(__file__).resolve().parent.parent
    for folder in (package / "_web", package.parent.parent / "web"):
        if (folder / "toolchain" / "package.json").is_file():
            return folder
    raise ToolchainError(f"The browser code is missing beside {package}. Install flightwire again.")


def ensure_packages() -> Path:
    """Give the folder whose `node_modules` pages are built with; install it when this lock has not been installed yet.

    Raises:
        ToolchainError: Node or the packages cannot be installed.
    """
    source = web_root() / "toolchain"
    node = find_or_install_node()
    digest = _digest(source, node)
    tools = cache_folder() / "tools"
    target = tools / f"npm-{digest[:16]}"
    if _is_stamped(target, digest):
        return target
    with (
        step("Installing npm packages") as progress,
        _one_at_a_time(tools / f"npm-{digest[:16]}.lock", progress),
    ):
        if not _is_stamped(target, digest):
            _install_aside(source, target, node, digest)
    return target


def find_packages() -> Path | None:
    """Give the folder that `ensure_packages` would give, when it is installed; nothing is installed.

    Raises:
        ToolchainError: the installation is incomplete.
    """
    node = find_node() or find_installed_node()
    if node is None:
        return None
    digest = _digest(web_root() / "toolchain", node)
    target = cache_folder() / "tools" / f"npm-{digest[:16]}"
    return target if _is_stamped(target, digest) else None


def ensure_npm_folder(folder: Path) -> Path:
    """Install the packages of a folder that has its own `package-lock.json`, in place; nothing when they are there.

    Args:
        folder: holds `package.json` and `package-lock.json`.

    Raises:
        ToolchainError: no lock, or Node or the packages cannot be installed.
    """
    node = find_or_install_node()
    digest = _digest(folder, node)
    modules = folder / "node_modules"
    if _is_stamped(folder, digest):
        return folder
    lock = (
        cache_folder() / "locks" / f"{hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]}.lock"
    )
    with step(f"Installing npm packages of {folder.name}") as progress, _one_at_a_time(lock, progress):
        if not _is_stamped(folder, digest):
            run_npm(node, CI, folder)
            modules.mkdir(exist_ok=True)
            (modules / STAMP).write_text(digest, encoding="utf-8")
    return folder


def _digest(folder: Path, node: Path) -> str:
    """Name what would be installed: the lock, the manifest, and what native packages depend on."""
    try:
        lock = (folder / "package-lock.json").read_bytes()
        manifest = (folder / "package.json").read_bytes()
    except FileNotFoundError as error:
        raise ToolchainError(
            f"{error.filename} is missing: packages are only installed from a lock."
        ) from None
    where = f"{node_major(node)} {sys.platform} {platform.machine()} {platform.libc_ver()[0]}"
    return hashlib.sha256(b"\0".join((lock, manifest, where.encode()))).hexdigest()


def _is_stamped(folder: Path, digest: str) -> bool:
    try:
        return (folder / "node_modules" / STAMP).read_text(encoding="utf-8") == digest
    except OSError:
        return False


def _install_aside(source: Path, target: Path, node: Path, digest: str) -> None:
    """Install beside the target and rename, so that a broken-off install is never taken for a whole one."""
    for leftover in target.parent.glob(f".{target.name}-*"):
        shutil.rmtree(leftover, ignore_errors=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        for name in ("package.json", "package-lock.json"):
            shutil.copyfile(source / name, aside / name)
        run_npm(node, CI, aside)
        (aside / "node_modules").mkdir(exist_ok=True)
        (aside / "node_modules" / STAMP).write_text(digest, encoding="utf-8")
        aside.chmod(0o755)
        shutil.rmtree(target, ignore_errors=True)
        aside.rename(target)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _one_at_a_time(lock: Path, progress: Step) -> AbstractContextManager[None]:
    return file_lock(lock, on_wait=lambda: progress.say("waiting for another process that installs them"))
