"""The rooms of the house and who may know whom: the table of docs/design.md, held.

Every import counts, also inside functions and under TYPE_CHECKING: a room that needs another's types knows that room.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "src" / "flightwire"
VOCABULARY = {
    "_frozen",
    "annotations",
    "deadlines",
    "elements",
    "errors",
    "events",
    "files",
    "jsontypes",
    "ids",
    "markup",
    "messages",
    "navigation",
    "pauses",
    "props",
    "scope",
    "sealing",
    "tags",
    "threads",
    "waiter",
    "wiring",
}
FRONT_DOOR = {"", "assembly"}
ANY_ROOM = {"wire", "providers", "core", "rsc", "actions", "toolchain", "storage", "server", "ui"}

# room → what it may import of ours besides the vocabulary and itself; a dotted name opens just that part of a room.
OURS = {
    "vocabulary": set(),
    "wire": set(),
    "providers": {"wire.sse", "wire.chunked", "toolchain"},  # toolchain: for `local` alone, see below
    "core": {"providers.base"},
    "rsc": {"core", "wire.flight.values"},
    "actions": {"wire.flight"},
    "toolchain": set(),
    "storage": set(),
    "server": ANY_ROOM - {"ui"},
    "ui": ANY_ROOM,
    "client": {"wire.flight"},
    "testing": ANY_ROOM | {"client", "testing", ""},
    "cli": ANY_ROOM | {"client", "testing", ""},  # "" is the front door
    "front door": ANY_ROOM | {"client"},
}
FOREIGN = {
    "vocabulary": {"msgspec"},  # for the two parts that there is one of per token
    "wire": {"msgspec"},
    "providers": {"aiohttp", "msgspec", "xllamacpp", "yarl"},
    "core": {"pydantic", "pydantic_core", "msgspec"},
    "rsc": set(),
    "actions": {"pydantic", "pydantic_core", "annotated_types", "cryptography"},
    "toolchain": {"rich"},
    "storage": {"sqlalchemy", "aiosqlite", "asyncpg", "alembic", "redis"},
    "server": {"starlette", "python_multipart", "uvicorn", "watchfiles", "pydantic", "msgspec"},
    "ui": {"starlette", "msgspec", "pydantic"},
    "client": {"aiohttp"},
    "testing": {"anyio", "pytest", "starlette", "msgspec"},
    "cli": {"granian", "rich", "typer", "click", "uvicorn", "uvloop"},
    "front door": set(),
}
EVERYWHERE = {"typing_extensions", "annotationlib"}  # the second is the standard library's, since 3.14
# What a pure codec must be handed in rather than get for itself.
IMPURE = {
    "asyncio",
    "anyio",
    "http",
    "os",
    "pathlib",
    "random",
    "secrets",
    "socket",
    "ssl",
    "subprocess",
    "threading",
    "time",
}
CONCRETE_PROVIDERS = {
    "openai", "anthropic", "google", "compatible", "local", "xai", "groq", "mistral", "deepseek", "moonshotai", "alibaba",
}  # fmt: skip
CONCRETE_STORES = {"sqlite", "postgres", "valkey"}

FILES = sorted(ROOT.rglob("*.py"))


def module_name(path: Path) -> str:
    """Give the dotted name below the package; the package itself is ""."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path): path for path in FILES}


def room_of(module: str) -> str:
    """Give the room that a module stands in."""
    first = module.split(".", maxsplit=1)[0]
    if first in VOCABULARY:
        return "vocabulary"
    return "front door" if first in FRONT_DOOR else "cli" if first == "__main__" else first


def imports_of(path: Path) -> Iterator[tuple[int, str]]:
    """Give line and dotted name of each import, relative ones made absolute."""
    inside = path.relative_to(ROOT.parent).with_suffix("").parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = list(inside[: len(inside) - node.level + 1]) if node.level else []
            stem = ".".join([*base, node.module] if node.module else base)
            for alias in node.names:
                deeper = f"{stem}.{alias.name}"
                yield node.lineno, deeper if deeper.removeprefix("flightwire.") in MODULES else stem


def is_own(name: str) -> bool:
    return name == "flightwire" or name.startswith("flightwire.")


def own_imports(path: Path) -> list[tuple[int, str]]:
    """Give the imports of our own modules, named below the package."""
    return [
        (line, name.removeprefix("flightwire").lstrip(".")) for line, name in imports_of(path) if is_own(name)
    ]


def may_import(importer: str, imported: str) -> bool:
    room, other = room_of(importer), room_of(imported)
    if other in ("vocabulary", room):
        return True
    allowed = OURS[room]
    return ("" in allowed if imported == "" else False) or any(
        imported == name or imported.startswith(f"{name}.") for name in allowed if name
    )


def test_every_room_is_in_the_table() -> None:
    assert {room_of(module) for module in MODULES} <= OURS.keys()


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_imports_only_what_the_table_allows(path: Path) -> None:
    module = module_name(path)
    strangers = [f"line {line}: {name}" for line, name in own_imports(path) if not may_import(module, name)]
    assert strangers == [], f"{module} ({room_of(module)}) knows what it should not"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_uses_only_the_packages_it_was_given(path: Path) -> None:
    allowed = FOREIGN[room_of(module_name(path))] | EVERYWHERE | {"flightwire"}
    packages = {name.split(".")[0] for _, name in imports_of(path)}
    assert packages - sys.stdlib_module_names - allowed == set()


@pytest.mark.parametrize(
    "path", sorted((ROOT / "wire").rglob("*.py")), ids=lambda path: str(path.relative_to(ROOT))
)
def test_the_wire_is_pure(path: Path) -> None:
    assert {name.split(".")[0] for _, name in imports_of(path)} & IMPURE == set()


def test_providers_do_not_know_each_other() -> None:
    for module, path in MODULES.items():
        own = module.removeprefix("providers.").split(".")[0].split("_")[0]
        if room_of(module) != "providers" or own not in CONCRETE_PROVIDERS:
            continue
        known = {name.removeprefix("providers.").split(".")[0].split("_")[0] for _, name in own_imports(path)}
        assert known & CONCRETE_PROVIDERS - {own} == set(), module


def test_only_the_local_provider_asks_the_toolchain() -> None:
    for module, path in MODULES.items():
        if room_of(module) == "providers" and not module.startswith("providers.local"):
            assert [name for _, name in own_imports(path) if room_of(name) == "toolchain"] == [], module


def test_servers_name_no_concrete_provider_or_store() -> None:
    concrete = {f"providers.{name}" for name in CONCRETE_PROVIDERS} | {
        f"storage.{name}" for name in CONCRETE_STORES
    }
    for module, path in MODULES.items():
        if room_of(module) in ("server", "ui"):
            assert {name for _, name in own_imports(path)} & concrete == set(), module


def test_the_http_client_is_known_to_three_modules_alone() -> None:
    users = {
        module
        for module, path in MODULES.items()
        for _, name in imports_of(path)
        if name.split(".")[0] == "aiohttp"
    }
    assert users <= {"providers.transport", "providers.downloads", "client.http"}


def test_importing_the_front_door_stays_light() -> None:
    heavy = [
        "aiohttp",
        "cryptography",
        "pydantic",
        "sqlalchemy",
        "starlette",
        "typer",
        "uvicorn",
        "xllamacpp",
    ]
    program = f"import flightwire, sys; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
