"""Several processes behind one port; in a process of its own, because signals and exit codes are the point."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PROGRAM = """
import os, signal, sys
from flightwire.cli.listening import listen
from flightwire.cli import workers
from flightwire.cli.workers import serve_with_workers

def work(folder, listener, ready):
    if folder == "broken":
        sys.exit(3)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    listener.setblocking(True)
    ready.set()
    while True:
        connection, _ = listener.accept()
        with connection:
            connection.sendall(str(os.getpid()).encode())

if __name__ == "__main__":
    if sys.argv[1] == "patient":
        workers.MIN_LIFE_S = 0
    listener = listen("127.0.0.1", 0, retry="")
    print(listener.getsockname()[1], flush=True)
    code = serve_with_workers(work, sys.argv[1], listener, 2, on_ready=lambda: print("ready", flush=True))
    print("code", code, flush=True)
"""


class Workers:
    """The program under test."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.port = int(self.line())

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def ask(self) -> int:
        """Connect; give the process that answered."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            answer = connection.recv(100)
        return int(answer) if answer else self.ask()  # it died between accepting and answering


@contextmanager
def workers(tmp_path: Path, folder: str = "app") -> Iterator[Workers]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, str(program), folder]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        try:
            yield Workers(process)
        finally:
            os.killpg(process.pid, signal.SIGKILL)


def gone(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def test_one_is_ready_before_it_is_announced(tmp_path: Path) -> None:
    with workers(tmp_path) as started:
        assert started.line() == "ready"
        assert started.ask() != started.process.pid


def test_ctrl_c_ends_all_of_them(tmp_path: Path) -> None:
    with workers(tmp_path) as started:
        started.line()
        worker = started.ask()
        os.killpg(started.process.pid, signal.SIGINT)  # a terminal's Ctrl-C reaches every process
        assert started.line() == "code 0"
        assert gone(worker)


def test_a_worker_that_dies_early_ends_the_command(tmp_path: Path) -> None:
    with workers(tmp_path, "broken") as started:
        assert started.line() == "code 1"


def test_a_worker_that_dies_later_is_replaced(tmp_path: Path) -> None:
    with workers(tmp_path, "patient") as started:
        started.line()
        killed: list[int] = []
        for _ in range(4):
            killed.append(ask_another(started, killed))
            os.kill(killed[-1], signal.SIGKILL)
        os.kill(started.process.pid, signal.SIGTERM)
        assert started.line() == "code 0"


def ask_another(started: Workers, known: list[int]) -> int:
    """Ask until a process answers that is new."""
    deadline_s = time.monotonic() + 30
    while time.monotonic() < deadline_s:
        answered = started.ask()
        if answered not in known:
            return answered
    raise AssertionError(f"only {known} answered")
