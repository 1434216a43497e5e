from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

from flightwire.toolchain.locks import file_lock

HOLD = """
import sys
from pathlib import Path
from flightwire.toolchain.locks import file_lock
with file_lock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def hold_elsewhere(path: Path) -> subprocess.Popen[str]:
    """Another process that holds the lock until its input ends."""
    command = [sys.executable, "-c", HOLD, str(path)]
    other = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    return other


def test_a_lock_is_held_by_one_process(tmp_path: Path) -> None:
    with hold_elsewhere(tmp_path / "a.lock") as other:
        waits = threading.Event()

        def let_go() -> None:
            waits.set()
            assert other.stdin is not None
            other.stdin.close()

        with file_lock(tmp_path / "a.lock", on_wait=let_go):
            assert waits.is_set()
            other.wait()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    with hold_elsewhere(tmp_path / "a.lock") as other:
        other.kill()
    with file_lock(tmp_path / "a.lock"):
        pass


def test_a_failure_lets_go(tmp_path: Path) -> None:
    try:
        with file_lock(tmp_path / "a.lock"):
            raise KeyError
    except KeyError:
        pass
    told: list[str] = []
    with file_lock(tmp_path / "a.lock", on_wait=lambda: told.append("waited")):
        assert told == []


def test_the_folder_is_made(tmp_path: Path) -> None:
    with file_lock(tmp_path / "new" / "deep" / "a.lock"):
        assert (tmp_path / "new" / "deep").is_dir()
