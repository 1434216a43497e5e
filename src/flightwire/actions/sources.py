"""What the source of an app's files says before it runs.

Owns: which files hold actions, which names are type aliases, which line imports what. Refuses to know: importing.

Loaded is every `actions.py`, `page.py` and `layout.py`, and every other file that decorates a function with something it
imported from flightwire or from another file of the app (`from .auth import protected`). Everything else runs only when one of
these imports it, so that scripts, migrations and tests beside the app never run by accident.
"""

from __future__ import annotations

import ast
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

IGNORED_FOLDERS: Final = frozenset({"node_modules", "__pycache__", "site-packages"})
ACTIONS: Final = "actions.py"
ALWAYS_LOADED: Final = frozenset({ACTIONS, "page.py", "layout.py"})


def files_with_actions(folder: Path) -> Iterator[Path]:
    """The files to load, relative to the folder, in order of their paths.

    Left out are hidden folders, node_modules, __pycache__ and virtual environments, tests (`test_*.py`, `*_test.py`,
    `conftest.py`), `__main__.py` and the file that Python was started with.
    """
    started = getattr(sys.modules.get("__main__"), "__file__", None)
    started_file = None if started is None else Path(started).resolve()
    found = []
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not _is_ignored(Path(place, name))]
        for name in files:
            file = Path(place, name)
            if name in ALWAYS_LOADED or (_is_candidate(name) and file != started_file and _decorates(file)):
                found.append(file.relative_to(folder))
    return iter(sorted(found))


def _is_ignored(folder: Path) -> bool:
    is_venv = (folder / "pyvenv.cfg").is_file()
    return folder.name.startswith(".") or folder.name in IGNORED_FOLDERS or is_venv


def _is_candidate(name: str) -> bool:
    stem, dot, suffix = name.rpartition(".")
    is_test = stem.startswith("test_") or stem.endswith("_test") or stem == "conftest"
    return f"{dot}{suffix}" == ".py" and not is_test and stem != "__main__" and not stem.startswith(".")


def _decorates(file: Path) -> bool:
    try:
        source = file.read_bytes()
    except OSError:
        return False
    if b"@" not in source or not (b"flightwire" in source or b"from ." in source):
        return False
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return b"flightwire" in source  # importing it will say what is wrong
    makers = _names_from_flightwire_or_app(tree)
    return any(_root(decorator) in makers for decorator in _decorators(tree))


def _decorators(tree: ast.AST) -> Iterator[ast.expr]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from node.decorator_list


def _names_from_flightwire_or_app(tree: ast.AST) -> set[str]:
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {
                each.asname or "flightwire"
                for each in node.names
                if each.name.partition(".")[0] == "flightwire"
            }
        elif isinstance(node, ast.ImportFrom) and (
            node.level or (node.module or "").partition(".")[0] == "flightwire"
        ):
            names |= {each.asname or each.name for each in node.names}
    return names


def _root(expression: ast.expr) -> str | None:
    """`flightwire` of `@flightwire.action(…)`."""
    while isinstance(expression, ast.Call | ast.Attribute):
        expression = expression.func if isinstance(expression, ast.Call) else expression.value
    return expression.id if isinstance(expression, ast.Name) else None


def assigned_names(file: Path) -> set[str]:
    """The public names that a file assigns at its top level: among them are its type aliases."""
    names = set()
    for node in _parsed(file).body:
        targets: list[ast.expr] = []
        if isinstance(node, ast.Assign):
            targets = node.targets
        elif isinstance(node, ast.AnnAssign):
            targets = [node.target]
        elif hasattr(ast, "TypeAlias") and isinstance(node, ast.TypeAlias):
            targets = [node.name]
        names |= {
            target.id for target in targets if isinstance(target, ast.Name) and not target.id.startswith("_")
        }
    return names


def import_line(file: Path, module: str) -> tuple[int, str] | None:
    """Where a file imports a module by its plain name: the line's number, and what to write there instead."""
    for node in ast.walk(_parsed(file)):
        if isinstance(node, ast.Import):
            for each in node.names:
                if each.name == module:
                    return node.lineno, f"from . import {module}" + (
                        f" as {each.asname}" if each.asname else ""
                    )
        elif isinstance(node, ast.ImportFrom) and node.module == module and not node.level:
            names = ", ".join(
                each.name + (f" as {each.asname}" if each.asname else "") for each in node.names
            )
            return node.lineno, f"from .{module} import {names}"
    return None


def _parsed(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_bytes())
    except (OSError, SyntaxError, ValueError, RecursionError):
        return ast.Module(body=[], type_ignores=[])  # it was saved again since it was imported
