"""Chromium, for tests in a real browser.

Owns: finding one (`CHROMIUM`, the system's, Playwright's), or getting one (Playwright's download, Debian's package).
Refuses to know: what is done with it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ..errors import ToolchainError
from .cache import cache_folder
from .locks import file_lock
from .progress import step

__all__ = ["ensure_chromium", "find_chromium"]

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
)
RETRY_AFTER_S = 3600.0
VERSION_TIMEOUT_S = 30.0
DOWNLOAD_TIMEOUT_S = 300.0  # a network that drops packets silently must not hold the tests for ever
APT_TIMEOUT_S = 900.0
ADVICE = (
    "No Chromium for the browser tests. Install one (Debian: `sudo apt-get install chromium`), "
    "or say where one is: `CHROMIUM=/path/to/chrome make test`."
)


def find_chromium() -> Path | None:
    """Give a Chromium or Chrome that is here and runs, else `None`.

    `CHROMIUM`, then PATH and the usual places, then Playwright's downloads.

    Raises:
        ToolchainError: `CHROMIUM` names a program that is missing or does not run.
    """
    named = os.environ.get("CHROMIUM")
    if named:
        return _named(named)
    # A stub that only says "install the snap" (Ubuntu), or a download without its system libraries, does not run.
    return next((path for path in _candidates() if _runs(path)), None)


def ensure_chromium() -> Path:
    """Give a Chromium, getting one when there is none.

    A way that failed is not tried again for an hour, so that a machine without network is not slow at every run.

    Raises:
        ToolchainError: there is none; the message is one line that says what to type.
    """
    found = find_chromium()
    if found is not None:
        return found
    with file_lock(cache_folder() / "locks" / "chromium.lock"):
        found = find_chromium()  # the process that held the lock may have brought it
        for name, way in (("playwright", _download_playwrights), ("debian", _install_debians)):
            if found is None and _try_once_an_hour(name, way):
                found = find_chromium()
    if found is None:
        raise ToolchainError(ADVICE)
    return found


def _named(named: str) -> Path:
    found = shutil.which(named)
    if found is None or not _runs(Path(found)):
        raise ToolchainError(f"CHROMIUM={named} does not run. Point it at a Chromium or Chrome, or unset it.")
    return Path(found)


def _candidates() -> Iterator[Path]:
    yield from (Path(found) for found in map(shutil.which, NAMES) if found)
    yield from (Path(place) for place in PLACES if Path(place).is_file())
    yield from _playwrights()


def _runs(program: Path) -> bool:
    try:
        answer = subprocess.run(  # noqa: S603 - a program found on PATH, no shell
            [str(program), "--version"], capture_output=True, timeout=VERSION_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return answer.returncode == 0


def _playwrights() -> Iterator[Path]:
    """Look where Playwright keeps its downloads (https://playwright.dev/python/docs/browsers), newest first."""
    root = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or _playwright_cache()).expanduser()
    for build in sorted(root.glob("chromium-*"), key=lambda folder: folder.name, reverse=True):
        for pattern in ("chrome-*/chrome", "chrome-*/*.app/Contents/MacOS/*", "chrome-*/chrome.exe"):
            yield from (path for path in build.glob(pattern) if (build / "INSTALLATION_COMPLETE").exists())


def _playwright_cache() -> str:
    places = {"darwin": "~/Library/Caches/ms-playwright", "win32": "~/AppData/Local/ms-playwright"}
    return places.get(sys.platform, "~/.cache/ms-playwright")


def _try_once_an_hour(name: str, way: Callable[[], None]) -> bool:
    """Try a way of getting Chromium; say whether it worked. A failure is remembered."""
    failed = cache_folder() / "locks" / f"chromium-{name}.failed"
    if failed.exists() and 0 <= time.time() - failed.stat().st_mtime < RETRY_AFTER_S:
        return False
    try:
        way()
    except (OSError, subprocess.SubprocessError):
        failed.touch()
        return False
    failed.unlink(missing_ok=True)
    return True


def _download_playwrights() -> None:
    command = [sys.executable, "-m", "playwright", "install", "chromium", "--no-progress"]
    environment = {**os.environ, "PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT": "10000"}  # milliseconds
    with step("Downloading Chromium with Playwright"):
        _run(command, DOWNLOAD_TIMEOUT_S, environment)


def _install_debians() -> None:
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        raise FileNotFoundError("apt-get, as root")
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    install = ["apt-get", "install", "-y", "-qq", "--no-install-recommends", "chromium"]
    with step("Installing Debian's chromium package"):
        try:
            _run(install, APT_TIMEOUT_S, environment)
        except subprocess.CalledProcessError:  # the package lists are missing or old
            _run(["apt-get", "update", "-qq"], APT_TIMEOUT_S, environment)
            _run(install, APT_TIMEOUT_S, environment)


def _run(command: list[str], timeout_s: float, environment: dict[str, str]) -> None:
    """Run a program silently; its children die with it, so that a timeout leaves nothing behind."""
    subprocess.run(  # noqa: S603 - fixed commands, no shell
        command, check=True, capture_output=True, stdin=subprocess.DEVNULL, timeout=timeout_s, env=environment
    )
