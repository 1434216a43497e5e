"""What an installation is like, found out without changing it.

Owns: the questions, and one fix for each bad answer. Refuses to know: how findings are shown. Nothing is installed, downloaded,
imported from the app, or asked over the network; values of keys are never read out.
"""

from __future__ import annotations

import os
import platform
import re
import socket
import stat
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Literal, TypeAlias

from .._frozen import value
from ..actions.seal import KEY_FILE, MIN_SECRET_CHARS, SECRET_KEY
from ..errors import FlightwireError, ToolchainError
from ..providers.registry import default_model
from ..server.environment import load_environment
from ..storage.opening import DATABASE_VARIABLE, DEFAULT_FILE
from ..toolchain.cache import cache_folder
from ..toolchain.chromium import find_chromium
from ..toolchain.models import DEFAULT_MODEL, KNOWN_MODELS, is_installed
from ..toolchain.node import MIN_NODE, find_installed_node, find_node, node_version
from ..toolchain.packages import find_packages, web_root
from .folders import has_page

__all__ = ["Finding", "Status", "examine"]

Status: TypeAlias = Literal["ok", "warn", "fail"]
STATE_FOLDER = ".flightwire"
MIN_PYTHON = (3, 11)
KEYS = (
    "OPENAI_API_KEY",
    "ANTHROPIC_API_KEY",
    "GOOGLE_GENERATIVE_AI_API_KEY",
    "GROQ_API_KEY",
    "OPENROUTER_API_KEY",
)
EXTRAS = {
    "local": "models on this machine",
    "granian": "flightwire start --server granian",
    "storage": "chats in SQLite",
    "postgres": "chats in PostgreSQL",
}
EXTRA_OF_DATABASE = {"sqlite": "storage", "postgres": "postgres", "postgresql": "postgres"}
DRIVERS = {"storage": ("sqlalchemy", "aiosqlite"), "postgres": ("sqlalchemy", "asyncpg")}
SOURCES = {".tsx", ".jsx", ".ts", ".js", ".mjs", ".css", ".py", ".json"}
SKIPPED = {"node_modules", "__pycache__", "venv", "dist", "build"}


@value
class Finding:
    """One line of the report.

    Attributes:
        name: what was looked at.
        status: fail stops something that was asked for, warn may surprise.
        says: what is so.
        fix: what to type or do; empty when nothing is to be done.
    """

    name: str
    status: Status
    says: str
    fix: str = ""


def examine(folder: Path | None, port: int) -> list[Finding]:
    """Look at everything.

    Arguments:
        folder: an app; `None` to leave those questions out.
        port: where the app would listen.
    """
    questions: list[Callable[[], Finding]] = [
        _python,
        _dependencies,
        *(partial(_extra, name) for name in EXTRAS),
        _cache,
        _node,
        _packages,
        _chromium,
        _keys,
        _model,
        _model_file,
        _database,
        lambda: _port(port),
    ]
    if folder is not None:
        questions += [
            lambda: _app(folder),
            lambda: _env_files(folder),
            lambda: _state(folder),
            lambda: _secret(folder),
            lambda: _build(folder),
        ]
    with ThreadPoolExecutor() as threads:  # some start a program and wait for it
        return list(threads.map(_answer, questions))


def _answer(question: Callable[[], Finding]) -> Finding:
    try:
        return question()
    except Exception as error:  # one question that cannot be answered must not hide the others
        return Finding(
            "doctor", "warn", f"one question could not be answered: {type(error).__name__}: {error}"
        )


# --- Python ----------------------------------------------------------------------------------------------------------


def _python() -> Finding:
    version = platform.python_version()
    says = f"{version} at {sys.executable}"
    if sys.version_info[:2] < MIN_PYTHON:
        return Finding("python", "fail", says, "Install Python 3.11 or newer.")
    return Finding("python", "ok", says)


def _dependencies() -> Finding:
    required = [each for each in metadata.requires("flightwire") or () if "extra ==" not in each]
    wanted = [found for each in required if (found := _requirement(each)) is not None]
    problems = [problem for name, least in wanted if (problem := _problem(name, least))]
    version = metadata.version("flightwire")
    if problems:
        return Finding(
            "flightwire", "fail", f"{version}; {'; '.join(problems)}", "pip install --upgrade flightwire"
        )
    return Finding("flightwire", "ok", f"{version}, with all {len(wanted)} packages that it needs")


def _requirement(text: str) -> tuple[str, str] | None:
    """The name and the least version of `uvloop>=0.21; sys_platform != "win32" and …`; `None` when it is not for this system."""
    found = re.match(r"\s*([A-Za-z0-9._-]+)[^;>]*(?:>=\s*([0-9.]+))?[^;]*(;.*)?$", text)
    if found is None or (found[3] and "win32" in found[3] and sys.platform == "win32"):
        return None
    return found[1], found[2] or "0"


def _problem(name: str, least: str) -> str | None:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return f"{name} is missing"
    return f"{name} is {version}, older than {least}" if _numbers(version) < _numbers(least) else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(each) for each in re.findall(r"\d+", version)[:3])


def _extra(name: str) -> Finding:
    marker = re.compile(rf"extra == ['\"]{name}['\"]")
    required = [
        _requirement(each.partition(";")[0])
        for each in metadata.requires("flightwire") or ()
        if marker.search(each)
    ]
    needed = [each for each in required if each is not None and each[0] != "flightwire"]
    missing = [problem for package, least in needed if (problem := _problem(package, least))]
    label = f"extra {name}"
    if not missing:
        versions = ", ".join(f"{package} {metadata.version(package)}" for package, _ in needed)
        return Finding(label, "ok", f"{versions}: {EXTRAS[name]}")
    return Finding(label, "ok", f"not installed ({EXTRAS[name]}: pip install 'flightwire[{name}]')")


# --- what is not Python ----------------------------------------------------------------------------------------------


def _cache() -> Finding:
    folder = cache_folder()
    existing = next(place for place in (folder, *folder.parents) if place.exists())
    if os.access(existing, os.W_OK | os.X_OK):
        return Finding("cache", "ok", str(folder))
    return Finding(
        "cache", "fail", f"{folder} cannot be written", "Set FLIGHTWIRE_CACHE to a folder that can."
    )


def _node() -> Finding:
    found = find_node() or find_installed_node()
    if found is not None:
        major, minor = node_version(found)
        return Finding("node", "ok", f"{major}.{minor} at {found}")
    least = ".".join(map(str, MIN_NODE))
    return Finding(
        "node",
        "warn",
        f"none from {least} on; flightwire start needs none",
        "Nothing: flightwire dev and build fetch one. Or install it from https://nodejs.org/en/download",
    )


def _packages() -> Finding:
    try:
        web_root()
    except ToolchainError as error:
        return Finding("npm packages", "fail", str(error), "pip install --force-reinstall flightwire")
    found = find_packages()
    if found is not None:
        return Finding("npm packages", "ok", str(found))
    return Finding(
        "npm packages", "warn", "not installed yet", "Nothing: flightwire dev and build fetch them."
    )


def _chromium() -> Finding:
    try:
        found = find_chromium()
    except ToolchainError as error:
        return Finding("chromium", "fail", str(error), "Unset CHROMIUM, or correct it.")
    return Finding(
        "chromium", "ok", "none; only the tests of Flightwire itself need it" if found is None else str(found)
    )


# --- models ----------------------------------------------------------------------------------------------------------


def _keys() -> Finding:
    present = [name for name in KEYS if os.environ.get(name, "").strip()]
    return Finding(
        "keys", "ok", f"{', '.join(present)} set" if present else "none set; models on this machine need none"
    )


def _model() -> Finding:
    try:
        model, reason = default_model()
    except FlightwireError as error:
        return Finding("model", "fail", str(error), "Set FLIGHTWIRE_MODEL to provider/model, or unset it.")
    name = f"{model.provider.partition('.')[0]}/{model.model_id}"
    if model.provider == "local" and _problem("xllamacpp", "0"):
        fix = "pip install 'flightwire[local]', or set OPENAI_API_KEY."
        return Finding("model", "warn", f"{name}, {reason}; but nothing is installed that runs it", fix)
    status: Status = "fail" if "; but " in reason else "ok"
    return Finding(
        "model",
        status,
        f"{name}, {reason}",
        "Set the key, or another FLIGHTWIRE_MODEL." if status == "fail" else "",
    )


def _model_file() -> Finding:
    known = KNOWN_MODELS[DEFAULT_MODEL]
    if is_installed(known):
        return Finding("model file", "ok", str(known.file))
    if known.file.exists():
        return Finding("model file", "fail", f"{known.file} is damaged", "flightwire models pull")
    says = f"{known.title} is not here ({known.size_bytes // 1_000_000} MB, needed without a key)"
    return Finding("model file", "warn", says, "flightwire models pull")


# --- chats -----------------------------------------------------------------------------------------------------------


def _database() -> Finding:
    url = os.environ.get(DATABASE_VARIABLE, "").strip()
    if not url:
        says = f"{DATABASE_VARIABLE} is not set; chat_store() keeps chats in {STATE_FOLDER}/{DEFAULT_FILE}"
        return Finding("database", "ok", says)
    kind, where = _place_of(url)
    if kind not in EXTRA_OF_DATABASE:
        says = (
            f"{DATABASE_VARIABLE} names a database of the kind {kind!r}, in which chat_store() keeps nothing"
        )
        return Finding("database", "warn", says, "Give it another: chat_store('postgresql://…')")
    extra = EXTRA_OF_DATABASE[kind]
    if any(_problem(package, "0") for package in DRIVERS[extra]):
        fix = f"pip install 'flightwire[{extra}]'"
        return Finding("database", "warn", f"{where}, but its driver is not installed", fix)
    return Finding("database", "ok", f"{where}; flightwire db status asks it")


def _place_of(url: str) -> tuple[str, str]:
    """The kind of a database, and its place without users and passwords."""
    scheme, found, rest = url.partition("://")
    if not found:  # it may be a password
        return "", ""
    kind = scheme.lower().partition("+")[0][:30]
    if kind == "sqlite":
        return kind, f"SQLite in {rest.removeprefix('/').partition('?')[0]}"
    return kind, f"PostgreSQL at {rest.partition('?')[0].rpartition('@')[2]}"


# --- the app ---------------------------------------------------------------------------------------------------------


def _port(port: int) -> Finding:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as error:
            return Finding(
                "port", "warn", f"{port}: {error.strerror}", f"Stop what listens there, or --port {port + 1}"
            )
    return Finding("port", "ok", f"{port} is free")


def _app(folder: Path) -> Finding:
    if not folder.is_dir():
        return Finding(
            "app", "fail", f"there is no folder {folder}", "Name the one with your page.tsx and actions.py."
        )
    has = ["pages"] * has_page(folder) + ["actions.py"] * (folder / "actions.py").is_file()
    if not has:
        return Finding(
            "app", "fail", f"{folder} has neither page.tsx nor actions.py", "Name the folder that has."
        )
    return Finding("app", "ok", f"{folder} with {' and '.join(has)}")


def _env_files(folder: Path) -> Finding:
    told: dict[str, str] = {}
    files = load_environment(folder, told)
    if not files:
        return Finding("env files", "ok", "none")
    shown = ", ".join(os.path.relpath(file, folder) for file in files)
    known = [name for name in told if name in {*KEYS, DATABASE_VARIABLE} or name.startswith("FLIGHTWIRE_")]
    says = f"{shown}{' with ' if known else ''}{', '.join(known)}: read by flightwire dev, not by start"
    return Finding("env files", "ok", says)


def _state(folder: Path) -> Finding:
    state = folder / STATE_FOLDER
    place = state if state.exists() else folder
    if os.access(place, os.W_OK | os.X_OK):
        return Finding("state folder", "ok", str(state))
    fix = f"Let this user write to {place}; in production set {SECRET_KEY} and leave it read-only."
    return Finding("state folder", "warn", f"{place} cannot be written", fix)


def _secret(folder: Path) -> Finding:
    make = f'{SECRET_KEY}="$(openssl rand -hex 32)"'
    if os.environ.get(SECRET_KEY, "").strip():
        written = [each.strip() for each in os.environ[SECRET_KEY].split(",")]
        if min(map(len, written)) < MIN_SECRET_CHARS:
            return Finding("secret key", "fail", f"{SECRET_KEY} could be guessed: it is too short", make)
        return Finding(
            "secret key", "ok", f"{SECRET_KEY} is set ({len(written)} key{'s' * (len(written) != 1)})"
        )
    file = folder / STATE_FOLDER / KEY_FILE
    if not file.exists():
        says = f"none yet; the first start makes {file}. Several machines need a common one"
        return Finding("secret key", "ok", says)
    mode = stat.S_IMODE(file.stat().st_mode)
    if sys.platform != "win32" and mode & 0o077:
        return Finding(
            "secret key", "fail", f"{file} can be read by other users ({mode:o})", f"chmod 600 {file}"
        )
    return Finding("secret key", "ok", f"{file}; several machines need a common one in {SECRET_KEY}")


def _build(folder: Path) -> Finding:
    if not has_page(folder):
        return Finding("build", "ok", "actions alone need none")
    manifest = folder / STATE_FOLDER / "build" / "manifest.json"
    command = f"flightwire build {folder}"
    if not manifest.is_file():
        return Finding("build", "warn", "none; flightwire start needs one, flightwire dev does not", command)
    built = manifest.stat().st_mtime
    newer = [path for path in _sources(folder) if path.stat().st_mtime > built]
    if newer:
        more = f" and {len(newer) - 1} more" if len(newer) > 1 else ""
        return Finding("build", "warn", f"older than {newer[0].relative_to(folder)}{more}", command)
    return Finding("build", "ok", f"{manifest.parent}, newer than every source")


def _sources(folder: Path) -> Iterator[Path]:
    for root, folders, files in os.walk(folder):
        folders[:] = [each for each in folders if each not in SKIPPED and not each.startswith(".")]
        yield from (Path(root, name) for name in sorted(files) if Path(name).suffix in SOURCES)
