"""The servers that are compared, each doing the same job.

Owns: how each is started, what it can do, and the versions of what is in it. A peer is one file in `bench/peers/` that
begins with a block of metadata (PEP 723). Refuses to know: what is measured.
"""

from __future__ import annotations

import platform
import re
import shutil
import string
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.environments import node_environment, python_environment
from bench.processes import ROOT, SERVER_CORE, Process, free_port
from flightwire.errors import ToolchainError

RAW_PUMP, OURS, AI_SDK, IDLE = "raw pump", "flightwire", "AI SDK, RSC", "idle connection"
PEERS = Path(__file__).with_name("peers")
NODE_FLAGS = ["--conditions=react-server", "--import", "./register.mjs"]
NODE_PACKAGES = ("ai", "@ai-sdk/rsc", "@ai-sdk/openai", "react-server-dom-webpack")
PUMP_PACKAGES = ("uvicorn", "uvloop", "httptools", "aiohttp", "msgspec")
_BLOCK = re.compile(r"^(?://|#) /// script\n(.*?)^(?://|#) ///\n", re.MULTILINE | re.DOTALL)
_SHOWN_PACKAGES = 2

Start = Callable[[str], Process]


@dataclass(frozen=True)
class Server:
    """One contestant.

    Attributes:
        name: in tables.
        start: takes the URL of the upstream's API.
        versions: of what is in it.
        wire: the protocol of its answers, see `bench.wires`.
        does: the kinds of work it can do.
        is_slow: it is given less to do, so that a run ends.
    """

    name: str
    start: Start
    versions: str
    wire: str = "flight"
    does: Sequence[str] = ("text",)
    is_slow: bool = False


def own_servers() -> list[Server]:
    """The limit and ours, which run in this environment."""
    everything = ("text", "tools", "object")
    return [
        _of_module(RAW_PUMP, "bench.raw_pump", PUMP_PACKAGES, ("text",)),
        _of_module(OURS, "bench.ours", ("flightwire",), everything),
    ]


def idle_server() -> Server:
    """An ASGI app that only keeps its response open: what a connection costs without anybody's work."""
    return _of_module(IDLE, "bench.idle_asgi", ("uvicorn",), ("text",))


def peer_files() -> list[Path]:
    """Every file in `bench/peers/` that is a peer."""
    return [path for path in sorted(PEERS.iterdir()) if path.is_file() and _BLOCK.search(_text(path))]


def peer(path: Path) -> Server:
    """Install a peer.

    Raises:
        ToolchainError: it cannot be, and why.
    """
    about = metadata(path)
    makers = {".py": _python_peer, ".mjs": _node_peer, ".conf": _nginx}
    start, versions = makers[path.suffix](path, about)
    facts = about["tool"]["bench"]
    return Server(
        facts["name"],
        start,
        versions,
        facts["wire"],
        tuple(facts.get("does", ["text"])),
        facts.get("is-slow", False),
    )


def peer_name(path: Path) -> str:
    """What a peer is called, installed or not."""
    name: str = metadata(path)["tool"]["bench"]["name"]
    return name


def metadata(path: Path) -> dict[str, Any]:
    """The block at the top of a peer, as inline script metadata has it."""
    block = _BLOCK.search(_text(path))
    if block is None:
        raise ValueError(f"{path} begins with no block of metadata")
    return tomllib.loads("".join(_uncommented(block[1])))


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.suffix in (".py", ".mjs", ".conf") else ""


def _uncommented(block: str) -> Iterator[str]:
    for line in block.splitlines(keepends=True):
        yield line.lstrip("/#").removeprefix(" ")


def environment(base_url: str) -> dict[str, str]:
    """What every server is told: where the API is, and that this is production."""
    return {
        "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": base_url,
        "OPENAI_API_BASE": base_url,
        "NODE_ENV": "production",
        "FLIGHTWIRE_ENV": "production",
        "PYTHONPATH": str(ROOT),
    }


# --- kinds of servers --------------------------------------------------------------------------------------------


def _of_module(name: str, module: str, packages: Sequence[str], does: Sequence[str]) -> Server:
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    command = [sys.executable, "-m", module]
    return Server(
        name, _starter(command), f"Python {platform.python_version()}, {versions}", does=tuple(does)
    )


def _starter(command: list[str], folder: Path = ROOT) -> Start:
    return lambda base_url: Process(command, core=SERVER_CORE, env=environment(base_url), folder=folder)


def _python_peer(path: Path, about: dict[str, Any]) -> tuple[Start, str]:
    lock = PEERS / "locks" / f"{path.stem}.txt"
    python = python_environment(path.stem, lock, about["requires-python"])
    said = subprocess.run([python, "--version"], capture_output=True, text=True, check=True)
    pinned = ", ".join(each.replace("==", " ") for each in about["dependencies"][:_SHOWN_PACKAGES])
    return _starter([str(python), str(path)]), f"{said.stdout.strip()}, {pinned}"


def _node_peer(path: Path, _: dict[str, Any]) -> tuple[Start, str]:
    import json

    from flightwire.toolchain.node import node_version

    node = node_environment(PEERS)
    modules = PEERS / "node_modules"
    found = (
        f"{name} {json.loads((modules / name / 'package.json').read_text())['version']}"
        for name in NODE_PACKAGES
    )
    major, minor = node_version(node)
    return _starter([str(node), *NODE_FLAGS, path.name], PEERS), f"Node {major}.{minor}, {', '.join(found)}"


def _nginx(path: Path, _: dict[str, Any]) -> tuple[Start, str]:
    nginx = shutil.which("nginx", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin") or shutil.which(
        "nginx"
    )
    if nginx is None:
        raise ToolchainError("nginx is not installed; your system's package manager has it.")
    said = subprocess.run([nginx, "-v"], capture_output=True, text=True, check=True)

    def start(base_url: str) -> Process:
        folder = tempfile.mkdtemp(prefix="flightwire-nginx-")
        port = free_port()
        upstream = base_url.removeprefix("http://").removesuffix("/v1")
        filled = string.Template(_text(path)).safe_substitute(port=port, upstream=upstream, folder=folder)
        config = Path(folder, "nginx.conf")
        config.write_text(filled, encoding="utf-8")
        command = [nginx, "-p", folder, "-c", str(config), "-g", "daemon off;", "-e", "stderr"]
        return Process(command, core=SERVER_CORE, port=port)

    return start, said.stderr.strip().removeprefix("nginx version: ")


def machine() -> str:
    """The machine it was measured on, in a line."""
    model = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        names = [
            line.partition(":")[2].strip()
            for line in cpuinfo.read_text().splitlines()
            if "model name" in line
        ]
        model = f"{len(names)} × {names[0]}" if names else model
    return f"{model}, {sys.platform} {platform.release().partition('-')[0]}"
