"""Vite, which compiles the pages: its development server as a child process, and production builds.

Owns: the life of these processes and what they say. Refuses to know: what is compiled, and how pages are served.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

from flightwire.errors import ToolchainError

log = logging.getLogger("flightwire.vite")

START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 3.0
MAX_LINE_BYTES = 1 << 20
TAIL_LINES = 20
# vite.config.ts is read by Node itself, which takes types away only when told to before version 22.18.
NODE_OPTIONS = ("--experimental-strip-types", "--disable-warning=ExperimentalWarning")
LEVELS = {"error": logging.ERROR, "warning": logging.WARNING, "info": logging.INFO}


class ViteProcess:
    """Vite's development server for one app folder.

    Args:
        app_folder: the folder with `page.tsx`.
        node: the `node` program (`flightwire.toolchain.node.find_or_install_node`).
        tools: the folder whose `node_modules` serve what the app folder does not have (`packages.ensure_packages`).
        plugin: the folder of `dev.mjs` (`packages.web_root() / "vite-plugin"`).
        host: the address to listen on.
        port: the port; 0 takes a free one.
    """

    def __init__(
        self,
        app_folder: Path,
        *,
        node: Path,
        tools: Path,
        plugin: Path,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.app_folder = app_folder.resolve()
        command = _command(plugin / "dev.mjs", app_folder, node=node, tools=tools)
        self._command = [*command, "--host", host, "--port", str(port)]
        self._url: str | None = None
        self._child: Child | None = None
        self._starting = asyncio.Lock()

    @property
    def url(self) -> str:
        """The origin that serves modules, such as `http://127.0.0.1:5173`.

        Raises:
            ToolchainError: it is not running.
        """
        if self._url is None or self._child is None or not self._child.is_running:
            raise ToolchainError("Vite is not running; start() it first.")
        return self._url

    @property
    def is_running(self) -> bool:
        """Whether the process is alive and has said where it listens."""
        return self._url is not None and self._child is not None and self._child.is_running

    @property
    def pid(self) -> int | None:
        """The process id, while there is a process."""
        return None if self._child is None else self._child.pid

    async def start(self) -> str:
        """Start it, unless it runs already, and give its origin; concurrent callers share one process.

        A process that has died since is started again.

        Raises:
            ToolchainError: it cannot be started; carries what it said.
        """
        async with self._starting:
            if not self.is_running:
                await self._stop()
                self._url = await self._launch()
            return self.url

    def tell(self, event: str, facts: Mapping[str, object]) -> None:
        """Tell the pages that are open; nobody hears it while it does not run."""
        if self._child is not None and self.is_running:
            self._child.say({"event": event, "facts": facts})

    async def aclose(self) -> None:
        """Stop it. Safe to call again, and when it never ran."""
        async with self._starting:
            await self._stop()

    async def _launch(self) -> str:
        self._child = child = await Child.start(self._command, self.app_folder)
        try:
            async with asyncio.timeout(START_TIMEOUT_S):
                event = await child.event()
        except TimeoutError:
            await self._stop()
            raise ToolchainError(f"Vite did not start within {START_TIMEOUT_S:g} s.") from None
        except BaseException:
            await self._stop()
            raise
        if event.get("event") != "ready":
            await self._stop()
            raise ToolchainError(f"Vite cannot start for {self.app_folder}: {child.last_words(event)}")
        return str(event["url"])

    async def _stop(self) -> None:
        child, self._child, self._url = self._child, None, None
        if child is not None:
            await asyncio.shield(child.stop())


async def build(app_folder: Path, out: Path, *, node: Path, tools: Path, plugin: Path) -> None:
    """Build the pages of an app folder for production.

    Args:
        app_folder: the folder with `page.tsx`.
        out: where the assets and `manifest.json` go; what was there is replaced.
        node: the `node` program.
        tools: the folder whose `node_modules` serve what the app folder does not have.
        plugin: the folder of `build.mjs`.

    Raises:
        ToolchainError: the build failed; its message says why.
    """
    command = _command(plugin / "build.mjs", app_folder, node=node, tools=tools)
    child = await Child.start([*command, "--out", os.path.abspath(out)], app_folder)  # noqa: PTH100, ASYNC240 - no I/O
    try:
        event = await child.event()
    finally:
        await asyncio.shield(child.stop())
    if event.get("event") != "built":
        raise ToolchainError(f"The pages of {app_folder} cannot be built: {child.last_words(event)}")


class Child:
    """A Node program of ours: JSON lines on its output, and it ends when its input closes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._tail: deque[str] = deque(maxlen=TAIL_LINES)
        self._event: asyncio.Future[dict[str, object]] = asyncio.get_running_loop().create_future()
        assert process.stdout is not None
        assert process.stderr is not None
        self._readers = [
            asyncio.create_task(self._read_output(process.stdout)),
            asyncio.create_task(self._read_errors(process.stderr)),
        ]

    @classmethod
    async def start(cls, command: Sequence[str], folder: Path) -> Child:
        """Start it in a session of its own, so that Ctrl-C reaches it through its parent alone.

        Raises:
            ToolchainError: there is no such program.
        """
        environment = {**os.environ, "NO_COLOR": "1", "PATH": _path_with(command[0])}
        environment.pop("FORCE_COLOR", None)
        environment.pop("NODE_ENV", None)
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                cwd=folder,
                env=environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=MAX_LINE_BYTES,
                start_new_session=sys.platform != "win32",
            )
        except OSError as error:
            raise ToolchainError(f"{command[0]} cannot be run: {error}") from error
        return cls(process)

    @property
    def pid(self) -> int:
        """The process id; also that of its session."""
        return self._process.pid

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self._process.returncode is None

    async def event(self) -> dict[str, object]:
        """The first line that is not a log line; `{}` when the process ended without one."""
        return await asyncio.shield(self._event)

    def say(self, line: Mapping[str, object]) -> None:
        """Write one line of JSON to its input."""
        if self._process.stdin is not None and not self._process.stdin.is_closing():
            self._process.stdin.write(json.dumps(line).encode() + b"\n")

    def last_words(self, event: dict[str, object]) -> str:
        """Why it failed, as far as it said."""
        said = event.get("message") or "\n".join(self._tail).strip()
        return str(said) if said else f"it ended with exit code {self._process.returncode}."

    async def stop(self) -> None:
        """Terminate, then kill; returns when the process is gone and read to its end."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        if self.is_running:
            self._signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(STOP_TIMEOUT_S):
                await self._process.wait()
        except TimeoutError:
            self._signal(signal.SIGKILL if sys.platform != "win32" else signal.SIGTERM)
            await self._process.wait()
        for reader in self._readers:
            reader.cancel()
        await asyncio.gather(*self._readers, return_exceptions=True)

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._process.terminate()
            else:
                os.killpg(self._process.pid, number)  # its helpers too: it leads a session of its own

    async def _read_output(self, stream: asyncio.StreamReader) -> None:
        try:
            async for line in _lines(stream):
                self._hear(line)
        finally:
            if not self._event.done():
                await asyncio.shield(self._process.wait())
                self._event.set_result({})

    def _hear(self, line: str) -> None:
        try:
            said = json.loads(line)
            kind = said["event"]
        except (ValueError, TypeError, KeyError):
            self._tail.append(line)
            log.debug("%s", line)
            return
        if kind == "log":
            self._tail.append(str(said.get("message")))
            log.log(LEVELS.get(said.get("level"), logging.INFO), "%s", said.get("message"))
        elif not self._event.done():
            self._event.set_result(said)

    async def _read_errors(self, stream: asyncio.StreamReader) -> None:
        async for line in _lines(stream):
            self._tail.append(line)
            log.warning("%s", line)


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[str]:
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            continue  # a line beyond MAX_LINE_BYTES; asyncio has dropped it
        if not line:
            return
        yield line.decode("utf-8", "replace").rstrip()


def _path_with(node: str) -> str:
    return os.pathsep.join([str(Path(node).parent), os.environ.get("PATH", "")])


def _command(program: Path, app_folder: Path, *, node: Path, tools: Path) -> list[str]:
    return [str(node), *NODE_OPTIONS, str(program), "--app", str(app_folder.resolve()), "--tools", str(tools)]
