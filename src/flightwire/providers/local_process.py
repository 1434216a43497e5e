"""The parent's end of a local model: one child process per model file and settings, shared by the whole process.

Owns: starting the child when it is first needed, carrying frames between it and any event loop, noticing its death, ending
it with us. Refuses to know: what the frames mean to the core; what happens inside the child (`local_worker`).

Belongs to no event loop: two threads of its own talk to the pipes, so that no loop ever blocks on them, and the child
survives loops that come and go (tests) and reloads of user code.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import importlib.util
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .._frozen import value
from ..errors import MissingExtraError

__all__ = ["Frame", "Inbox", "ModelProcess", "WorkerConfig", "shared_process"]

Frame = dict[str, Any]

WORKER = Path(__file__).with_name("local_worker.py")
READ_BYTES = 1 << 16
SOCKET_NAME = "llama.sock"
MAX_SOCKET_PATH_BYTES = 100  # sockaddr_un holds 104 on macOS, 108 on Linux
MAX_STDERR_LINES = 50
EXIT_TIMEOUT_S = 2.0


@value
class WorkerConfig:
    """What decides which chats may share a child process.

    Attributes:
        model: the GGUF file, absolute.
        context_tokens: room of each chat, prompt and answer together; `None` is the worker's default.
        threads: processor threads; `None` is the worker's default.
        parallel_chats: how many chats run at once; more wait.
    """

    model: Path
    context_tokens: int | None
    threads: int | None
    parallel_chats: int


class Inbox:
    """What the child says about one chat, for the event loop that asked."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._frames: deque[Frame] = deque()

    def put(self, frames: Sequence[Frame]) -> bool:
        """Hand frames over, from any thread; False when the loop is gone."""
        self._frames.extend(frames)
        try:
            self._loop.call_soon_threadsafe(self._arrived.set)
        except RuntimeError:  # the loop is closed
            return False
        return True

    async def take(self) -> list[Frame]:
        """Wait for frames; give all that are there."""
        await self._arrived.wait()
        self._arrived.clear()
        return [self._frames.popleft() for _ in range(len(self._frames))]


class ModelProcess:
    """A child process; started by the first chat, and again by the next chat after it has died."""

    def __init__(self, config: WorkerConfig) -> None:
        self.config = config
        self._lock = threading.Lock()
        self._child: _Child | None = None

    @contextmanager
    def chat(self, order: Frame) -> Iterator[Inbox]:
        """Have a chat answered; leaving the block stops it wherever it is.

        The inbox gets the worker's frames (see `local_worker`), or `{"op": "gone", "was_ready", "reason"}` when the
        process has ended.

        Args:
            order: the worker's "chat" frame without its `id`.
        """
        inbox = Inbox()
        child, chat_id = self._open(order, inbox)
        try:
            yield inbox
        finally:
            child.close(chat_id)

    def _open(self, order: Frame, inbox: Inbox) -> tuple[_Child, int]:
        with self._lock:
            chat_id = self._child.open(order, inbox) if self._child is not None else None
            if self._child is None or chat_id is None:
                self._child = _Child(self.config)
                chat_id = self._child.open(order, inbox)
                assert chat_id is not None, "a child that has not been started yet takes chats"
                self._child.start()
            return self._child, chat_id

    @property
    def pid(self) -> int | None:
        """The child's process id, while it lives."""
        child = self._child
        return None if child is None else child.pid

    def stop(self) -> None:
        """End the child and wait until it has ended; the next chat starts another."""
        with self._lock:
            child, self._child = self._child, None
        if child is not None:
            child.stop()


class _Child:
    """One life of the child process."""

    def __init__(self, config: WorkerConfig) -> None:
        self._config = config
        self._packages = _packages_folder()
        self._lock = threading.Lock()
        self._inboxes: dict[int, Inbox] = {}
        self._orders: queue.SimpleQueue[Frame | None] = queue.SimpleQueue()
        self._last_id = 0
        self._is_ready = False
        self._is_over = False
        self._process: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._live, name="flightwire-local-model", daemon=True)

    @property
    def pid(self) -> int | None:
        process = self._process
        return None if process is None or self._is_over else process.pid

    def start(self) -> None:
        self._thread.start()

    def open(self, order: Frame, inbox: Inbox) -> int | None:
        """Take a chat; `None` when the process has ended."""
        with self._lock:
            if self._is_over:
                return None
            self._last_id += 1
            self._inboxes[self._last_id] = inbox
            self._orders.put({**order, "id": self._last_id})
            return self._last_id

    def close(self, chat_id: int) -> None:
        """Forget a chat; stop it unless it has ended."""
        with self._lock:
            if self._inboxes.pop(chat_id, None) is not None:
                self._orders.put({"op": "cancel", "id": chat_id})

    def stop(self) -> None:
        self._orders.put(None)  # closes the pipe, at which the child ends
        self._thread.join(EXIT_TIMEOUT_S)
        process = self._process
        if self._thread.is_alive() and process is not None:
            process.kill()
            self._thread.join(EXIT_TIMEOUT_S)

    def _live(self) -> None:
        reason = "it could not be started"
        try:
            with _socket_path() as socket_path:
                reason = self._run(socket_path)
        except OSError as error:
            reason = f"it could not be started: {error}"
        finally:
            self._end(reason)

    def _run(self, socket_path: str | None) -> str:
        keeps_log = os.environ.get("FLIGHTWIRE_LOCAL_LOG") == "1"
        with subprocess.Popen(  # noqa: S603 - our own file, run by our own interpreter
            [sys.executable, "-I", "-X", "utf8", str(WORKER), self._arguments(socket_path, keeps_log)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=None if keeps_log else subprocess.PIPE,
            env={
                **os.environ,
                "GGML_NO_BACKTRACE": "1",
            },  # a failed assertion would start a debugger to print one
            process_group=None if sys.platform == "win32" else 0,  # Ctrl-C is for the parent
        ) as process:
            self._process = process
            assert process.stdin is not None
            assert process.stdout is not None
            stderr: deque[str] = deque(maxlen=MAX_STDERR_LINES)
            helpers = [threading.Thread(target=self._write, args=[process.stdin], daemon=True)]
            if process.stderr is not None:
                helpers.append(threading.Thread(target=_drain, args=[process.stderr, stderr], daemon=True))
            for helper in helpers:
                helper.start()
            try:
                self._read(process.stdout)
            finally:
                self._orders.put(None)
                _wait_or_kill(process)
                for helper in helpers:
                    helper.join(EXIT_TIMEOUT_S)
        return _reason(process.returncode, stderr)

    def _arguments(self, socket_path: str | None, keeps_log: bool) -> str:
        return json.dumps(
            {
                "model": str(self._config.model),
                "context_tokens": self._config.context_tokens,
                "threads": self._config.threads,
                "parallel_chats": self._config.parallel_chats,
                "packages": self._packages,
                "socket": socket_path,
                "log": keeps_log,
                "parent_pid": os.getpid(),
            }
        )

    def _write(self, stdin: IO[bytes]) -> None:
        with contextlib.suppress(OSError):  # a broken pipe is told by the reader
            while (order := self._orders.get()) is not None:
                stdin.write(json.dumps(order).encode() + b"\n")
                stdin.flush()
        with contextlib.suppress(OSError):
            stdin.close()

    def _read(self, stdout: IO[bytes]) -> None:
        rest = b""
        while data := os.read(stdout.fileno(), READ_BYTES):
            *lines, rest = (rest + data).split(b"\n")
            self._deliver([json.loads(line) for line in lines])

    def _deliver(self, frames: Sequence[Frame]) -> None:
        """Hand over everything one read delivered, once per chat."""
        by_chat: dict[int, list[Frame]] = {}
        for frame in frames:
            if frame["op"] == "ready":
                self._is_ready = True
            else:
                by_chat.setdefault(frame["id"], []).append(frame)
        for chat_id, own in by_chat.items():
            with self._lock:
                has_ended = own[-1]["op"] in ("end", "error", "about")
                inbox = self._inboxes.pop(chat_id, None) if has_ended else self._inboxes.get(chat_id)
            if inbox is not None and not inbox.put(own):
                self.close(chat_id)

    def _end(self, reason: str) -> None:
        with self._lock:
            self._is_over = True
            left = list(self._inboxes.values())
            self._inboxes.clear()
        for inbox in left:
            inbox.put([{"op": "gone", "was_ready": self._is_ready, "reason": reason}])


def _packages_folder() -> str:
    """Tell where xllamacpp is: the child runs isolated from PYTHONPATH and the working folder.

    Raises:
        MissingExtraError: it is not installed.
    """
    found = importlib.util.find_spec("xllamacpp")
    if found is None or found.origin is None:
        raise MissingExtraError("local", "A model on this machine (local/…)")
    return str(Path(found.origin).parents[1])


@contextmanager
def _socket_path() -> Iterator[str | None]:
    """Give llama.cpp's own HTTP server a place where nobody else can call it."""
    longest = f"{tempfile.gettempdir()}/flightwire-xxxxxxxx/{SOCKET_NAME}"
    if sys.platform == "win32" or len(os.fsencode(longest)) > MAX_SOCKET_PATH_BYTES:
        yield None  # the worker takes a port and a random key instead
        return
    folder = tempfile.mkdtemp(prefix="flightwire-")
    try:
        yield f"{folder}/{SOCKET_NAME}"
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(EXIT_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()


def _drain(stderr: IO[bytes], lines: deque[str]) -> None:
    for line in stderr:
        lines.append(line.decode("utf-8", "replace").rstrip())


def _reason(status: int, stderr: Sequence[str]) -> str:
    """Say why the process ended: llama.cpp's first error line, else the signal or the status."""
    if status < 0:
        name = signal.Signals(-status).name if -status in list(signal.Signals) else f"signal {-status}"
        return f"was killed by {name}" + (" (out of memory?)" if -status == signal.SIGKILL else "")
    for line in stderr:
        _, mark, said = line.partition(" E ")
        if mark:
            return f"said: {said.strip()}"
    return f"ended with status {status}"


_processes: dict[WorkerConfig, ModelProcess] = {}
_processes_lock = threading.Lock()


def shared_process(config: WorkerConfig) -> ModelProcess:
    """Give the process for these settings; there is one, for every event loop and thread."""
    with _processes_lock:
        return _processes.setdefault(config, ModelProcess(config))


def _stop_all() -> None:
    for process in list(_processes.values()):
        process.stop()


def _forget_all() -> None:
    """A fork of ours has no claim on the child, nor the threads that talk to it."""
    global _processes_lock
    _processes_lock = threading.Lock()
    _processes.clear()


atexit.register(_stop_all)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget_all)
