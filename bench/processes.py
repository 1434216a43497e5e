"""The processes of a run.

Owns: starting them on their core, what they cost in CPU and memory, ending them. Refuses to know: what they serve.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
SERVER_CORE, LOAD_CORE = 0, 1
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 5.0
END_TIMEOUT_S = 0.5
POLL_S = 0.005
MAX_COMPLAINT_CHARS = 2000


class Process:
    """A program that prints the port it listens on as its first line, unless it is told one.

    Arguments:
        command: what is started.
        core: where it runs; None for every core.
        env: on top of ours.
        folder: where it is started.
        port: where it listens, if it does not say so itself.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        core: int | None,
        env: Mapping[str, str] | None = None,
        folder: Path = ROOT,
        port: int | None = None,
    ) -> None:
        self.started_s = time.monotonic()
        self._said = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115 # closed in stop()
        with on_core(core):
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **(env or {})},
                stdout=subprocess.PIPE,
                stderr=self._said,
                text=True,
            )
        self.pid = self._process.pid
        if port is not None:
            self.port = port
            self._wait_for_port(command)
            return
        assert self._process.stdout is not None
        line = self._process.stdout.readline().strip()
        if not line.isdigit():
            said = self.complaints() or repr(line)
            self.stop()
            raise RuntimeError(f"{' '.join(command)} did not say its port; it said {said}")
        self.port = int(line)

    def _wait_for_port(self, command: Sequence[str]) -> None:
        while not is_open(self.port):
            if self._process.poll() is not None or time.monotonic() - self.started_s > START_TIMEOUT_S:
                said = self.complaints()
                self.stop()
                raise RuntimeError(
                    f"{' '.join(command)} does not listen on port {self.port}; it said {said!r}"
                )
            time.sleep(POLL_S)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def first_answer_s(self) -> float:
        """Seconds from the start of the process to its first answer, whatever its status."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=START_TIMEOUT_S)
        connection.request("GET", "/")
        connection.getresponse().read()
        connection.close()
        return time.monotonic() - self.started_s

    def complaints(self) -> str:
        """The end of what it has written to standard error."""
        self._said.seek(0)
        return self._said.read()[-MAX_COMPLAINT_CHARS:].strip()

    def fate(self) -> str:
        """How it has ended, to follow an error; nothing while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return f" (its process has ended with {self._process.wait(END_TIMEOUT_S)})"
        return ""

    def cpu_s(self) -> float:
        """CPU seconds used so far, user and system, by all its threads and those of its children."""
        return sum(map(cpu_s, tree(self.pid)))

    def resident_mb(self) -> float:
        """Megabytes of memory it and its children hold now; 0 where the system does not tell."""
        return resident_mb(self.pid)

    def pause(self) -> None:
        """Let it do nothing, so that another server has its core for itself."""
        for pid in tree(self.pid):
            with suppress(ProcessLookupError):  # it has ended
                os.kill(pid, signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        for pid in tree(self.pid):
            with suppress(ProcessLookupError):  # it has ended
                os.kill(pid, signal.SIGCONT)

    def stop(self) -> None:
        with suppress(ProcessLookupError):
            self.resume()
        self._process.terminate()
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._said.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class SleepyCoreError(RuntimeError):
    """A core cannot be kept awake."""


_SPIN = """
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
parent = os.getppid()
print("awake", flush=True)
while os.getppid() == parent:
    for _ in range(1_000_000):
        pass
"""


@contextmanager
def kept_awake(core: int) -> Iterator[int]:
    """Keep a core from sleeping, with a process that runs when nothing else wants to (`SCHED_IDLE`); gives its id.

    A virtual core that sleeps is lent to others, and finds its caches cold when it comes back: whoever was waited for pays for
    that. This is what the kernel's `idle=poll` does, without being root.

    Raises:
        SleepyCoreError: the system does not let us.
    """
    with (
        on_core(core),
        subprocess.Popen([sys.executable, "-c", _SPIN], stdout=subprocess.PIPE, text=True) as spinning,
    ):
        assert spinning.stdout is not None
        try:
            if not spinning.stdout.readline():
                raise SleepyCoreError(
                    "this system does not let us have a process that yields to all (SCHED_IDLE)"
                )
            yield spinning.pid
        finally:
            spinning.kill()


def python(module: str, *, core: int, env: Mapping[str, str] | None = None) -> Process:
    """Start one of our modules."""
    return Process([sys.executable, "-m", module], core=core, env=env)


@contextmanager
def on_core(core: int | None) -> Iterator[None]:
    """Keep what is started inside on one core, where there are several and the system can: children inherit it."""
    if core is None or not hasattr(os, "sched_setaffinity"):
        yield
        return
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(cores)[core % len(cores)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def cpu_s(pid: int) -> float:
    """CPU seconds of a process: exact where Linux keeps run times per thread, else in ticks of 10 ms."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        exact_ns = sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads)
    except OSError:
        exact_ns = 0
    if exact_ns:
        return exact_ns / 1e9
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident_mb(pid: int) -> float:
    """Resident memory of a process and its children in megabytes; what they share is counted once."""
    return sum(map(_resident_mb, tree(pid)))


def _resident_mb(pid: int) -> float:
    rollup = Path(f"/proc/{pid}/smaps_rollup")
    try:
        lines, name = rollup.read_text().splitlines(), "Pss:"
    except OSError:
        lines, name = Path(f"/proc/{pid}/status").read_text().splitlines(), "VmRSS:"
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(name)), 0.0)


def tree(pid: int) -> list[int]:
    """A process and its children, and theirs."""
    children: dict[int, list[int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            children.setdefault(int(stat.read_text().rpartition(")")[2].split()[1]), []).append(
                int(stat.parent.name)
            )
    found = [pid]
    for one in found:
        found += children.get(one, ())
    return found


def free_port() -> int:
    """A port that nobody listens on at this moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


def is_open(port: int) -> bool:
    """Whether somebody listens on a port."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
