"""The `flightwire` command as a person starts it: a process, its output, its children.

Owns: starting it, waiting for what it says, stopping it, and finding what survived. Refuses to know: pages and browsers.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

FLIGHTWIRE = Path(sys.executable).with_name("flightwire")
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 15.0
OWN_VARIABLES = ("FLIGHTWIRE_", "OPENAI_")
OTHERS = ("PORT", "HOST", "PYTHONUNBUFFERED")
KEPT_VARIABLES = ("FLIGHTWIRE_CACHE",)


def clean_environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """Ours, without what would change an app's behaviour."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in KEPT_VARIABLES or not (name.startswith(OWN_VARIABLES) or name in OTHERS)
    }
    return {**kept, "NO_COLOR": "1", **(extra or {})}


def run_flightwire(
    *arguments: str, env: dict[str, str] | None = None, timeout_s: float = 90
) -> subprocess.CompletedProcess[str]:
    """Run a command to its end."""
    return subprocess.run(
        [FLIGHTWIRE, *arguments],
        capture_output=True,
        text=True,
        env=clean_environment(env),
        timeout=timeout_s,
        check=False,
    )


class Running:
    """A server that was started with the command line, in a process group of its own, as a terminal does.

    Attributes:
        url: where it says it is.
    """

    def __init__(self, *arguments: str, env: dict[str, str] | None = None) -> None:
        self._lines: list[str] = []
        self._heard = threading.Condition()
        self._ended = False
        self.process = subprocess.Popen(
            [FLIGHTWIRE, *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=clean_environment(env),
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        try:
            self.url = self.wait_for_line(r"http://[\d.]+:\d+", START_TIMEOUT_S)
        except BaseException:
            self.stop()
            raise

    @property
    def output(self) -> str:
        """Everything it has said so far."""
        with self._heard:
            return "".join(self._lines)

    def wait_for_line(self, pattern: str, timeout_s: float = 20.0) -> str:
        """Wait until it has said something, and give what the pattern matched."""
        with self._heard:
            found = self._heard.wait_for(lambda: self._search(pattern) or self._ended, timeout_s)
            match = self._search(pattern)
            assert match, (
                f"{'it ended' if found else 'it never said'} {pattern!r}; it said:\n{''.join(self._lines)}"
            )
            return match[0]

    def _search(self, pattern: str) -> re.Match[str] | None:
        return next(filter(None, (re.search(pattern, line) for line in self._lines)), None)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._heard:
                self._lines.append(line)
                self._heard.notify_all()
        with self._heard:
            self._ended = True
            self._heard.notify_all()

    def children(self, containing: str = "") -> dict[int, str]:
        """Its processes, itself left out: process id → command line."""
        found = descendants(self.process.pid)
        return {pid: command for pid, command in found.items() if containing in command}

    def stop(self, number: signal.Signals = signal.SIGINT) -> float:
        """Press Ctrl-C, wait for the end, and see to it that nothing is left.

        Returns:
            How long it took until it and all its children were gone, in seconds.
        """
        family = {self.process.pid: "flightwire", **descendants(self.process.pid)}
        began_s = time.monotonic()
        try:
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
                self.process.wait(STOP_TIMEOUT_S)
            survivors = wait_until_gone(family, began_s + STOP_TIMEOUT_S)
            took_s = time.monotonic() - began_s
        finally:
            for pid in family:
                kill(pid)
            self.process.wait()
            self._reader.join(STOP_TIMEOUT_S)
            assert self.process.stdout is not None
            self.process.stdout.close()
        assert survivors == {}, "these processes outlived the command"
        return took_s


def descendants(root: int) -> dict[int, str]:
    """Every process below one, whichever session it moved to: process id → command line."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := parent_of(entry)) is not None:
            children.setdefault(parent, []).append(int(entry.name))
    found: dict[int, str] = {}
    waiting = [root]
    while waiting:
        for pid in children.get(waiting.pop(), ()):
            found[pid] = command_of(pid)
            waiting.append(pid)
    return found


def parent_of(entry: Path) -> int | None:
    try:
        return int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, ValueError):
        return None


def command_of(pid: int) -> str:
    try:
        return (
            Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace").strip()
        )
    except OSError:
        return ""


def wait_until_gone(family: dict[int, str], deadline_s: float) -> dict[int, str]:
    """Wait for processes to end; give those that have not by then."""
    left = dict(family)
    while left and time.monotonic() < deadline_s:
        left = {pid: command for pid, command in left.items() if is_alive(pid)}
        if left:
            time.sleep(0.02)
    return left


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
