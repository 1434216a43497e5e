"""The servers that are compared, each doing the same job.

Owns: how each is started, and the versions of what is in it. Refuses to know: what is measured.
"""

from __future__ import annotations

import json
import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bench.processes import SERVER_CORE, Process, python

RAW_PUMP, OURS, AI_SDK = "raw pump", "flightwire", "AI SDK on Node"
NODE_FOLDER = Path(__file__).with_name("node")
NODE_FLAGS = ["--conditions=react-server", "--import", "./register.mjs", "server.mjs"]
NODE_PACKAGES = ("ai", "@ai-sdk/rsc", "@ai-sdk/openai", "react-server-dom-webpack")


@dataclass(frozen=True)
class Server:
    """One contestant: `start` takes the URL of the upstream's API."""

    name: str
    start: Callable[[str], Process]
    versions: str


def servers(names: list[str]) -> list[Server]:
    """The servers of these names; installs Node and its packages when the AI SDK is among them.

    Raises:
        ToolchainError: Node or its packages cannot be installed.
    """
    made = {RAW_PUMP: _raw_pump, OURS: _ours, AI_SDK: _ai_sdk}
    return [made[name]() for name in names]


def environment(base_url: str) -> dict[str, str]:
    """What every server is told: where the API is, and that this is production."""
    return {
        "OPENAI_API_KEY": "none",
        "OPENAI_BASE_URL": base_url,
        "NODE_ENV": "production",
        "FLIGHTWIRE_ENV": "production",
    }


def _python_server(name: str, module: str, packages: tuple[str, ...]) -> Server:
    versions = ", ".join(f"{package} {version(package)}" for package in packages)
    return Server(
        name,
        lambda base_url: python(module, core=SERVER_CORE, env=environment(base_url)),
        f"Python {platform.python_version()}, {versions}",
    )


def _raw_pump() -> Server:
    return _python_server(
        RAW_PUMP, "bench.raw_pump", ("uvicorn", "uvloop", "httptools", "aiohttp", "msgspec")
    )


def _ours() -> Server:
    return _python_server(OURS, "bench.ours", ("flightwire",))


def _ai_sdk() -> Server:
    from flightwire.toolchain.node import find_or_install_node, node_version
    from flightwire.toolchain.packages import ensure_npm_folder

    node = find_or_install_node()
    modules = ensure_npm_folder(NODE_FOLDER) / "node_modules"
    found = (
        f"{name} {json.loads((modules / name / 'package.json').read_text())['version']}"
        for name in NODE_PACKAGES
    )
    major, minor = node_version(node)
    return Server(
        AI_SDK,
        lambda base_url: Process(
            [str(node), *NODE_FLAGS], core=SERVER_CORE, env=environment(base_url), folder=NODE_FOLDER
        ),
        f"Node {major}.{minor}, {', '.join(found)}",
    )


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
