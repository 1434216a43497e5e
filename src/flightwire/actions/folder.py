"""An app folder: its actions and the names of its public types.

Owns: which files are loaded, what they are known by, letters for what cannot be imported. Refuses to know: HTTP, pages.

Loaded is every `actions.py`, and every other Python file in which `@action` stands at the start of a line; what else the app
needs, these import. Hidden folders, node_modules and __pycache__ are left out.
"""

from __future__ import annotations

import json
import os
import re
import traceback
import typing
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from flightwire.actions.imports import AppPackage
from flightwire.actions.registry import Action, ActionRegistry
from flightwire.errors import AppLoadError, FlightwireError, InvalidArgumentError

ACTIONS_FILE = "actions.json"
IGNORED_FOLDERS = frozenset({"node_modules", "__pycache__"})
_DECORATED = re.compile(rb"^@(?:\w+\.)*action\b", re.MULTILINE)


def load_folder(path: Path, previous: AppFolder | None = None) -> AppFolder:
    """Import an app folder anew, and forget how it was before.

    Arguments:
        path: the folder with `actions.py`.
        previous: what was loaded from it earlier; forgotten once the new one is there, kept when that fails.

    Raises:
        InvalidArgumentError: there is no such folder.
        AppLoadError: a file cannot be imported; one sentence says which, where and what to do.
    """
    folder = path.resolve()
    if not folder.is_dir():
        raise InvalidArgumentError(f"there is no such folder: {path}")
    package = AppPackage(folder)
    try:
        loaded = AppFolder(package, {file: _load(package, file) for file in sorted(_files(folder))})
    except BaseException:
        package.remove()
        raise
    if previous is not None:
        previous.close()
    return loaded


class AppFolder:
    """What an app folder holds.

    Attributes:
        registry: its actions, under ids such as `actions#continueConversation`.
    """

    def __init__(self, package: AppPackage, modules: dict[Path, ModuleType]) -> None:
        self.folder = package.folder
        self.registry = ActionRegistry()
        self._package = package
        self._modules: dict[str, dict[str, Any]] = {}
        for file, module in modules.items():
            self._register(file, module)

    def _register(self, file: Path, module: ModuleType) -> None:
        exports: dict[str, str] = {}
        for name, member in vars(module).items():
            if isinstance(member, Action) and not name.startswith("_"):
                exports[member.name] = self._add(member, file)
        types = sorted(
            name
            for name, member in vars(module).items()
            if self._is_type(name, member) and name not in exports
        )
        self._modules[file.as_posix()] = {"exports": dict(sorted(exports.items())), "types": types}

    def _add(self, added: Action[Any, Any], file: Path) -> str:
        home = self._package.relative(added.module) if self._package.owns(added.module) else None
        action_id = f"{home or file.with_suffix('').as_posix()}#{added.name}"
        try:
            self.registry.add(added, action_id)
        except InvalidArgumentError as error:
            raise AppLoadError(f"{file.as_posix()}: {error}", path=str(self.folder / file)) from error
        return action_id

    def _is_type(self, name: str, member: object) -> bool:
        if name.startswith("_"):
            return False
        if isinstance(member, type):
            return self._package.owns(member.__module__)
        return typing.get_origin(member) is not None or type(member).__name__ == "TypeAliasType"

    def describe(self) -> dict[str, Any]:
        """What a page may import, as `actions.json` says it: `{"version": 1, "modules": {file: {exports, types}}}`."""
        return {"version": 1, "modules": self._modules}

    def write_state(self, state_folder: Path) -> bool:
        """Write `actions.json` for the bundler, atomically and only when it has changed; returns whether it had."""
        state_folder.mkdir(parents=True, exist_ok=True)
        ignore = state_folder / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n")
        file, text = state_folder / ACTIONS_FILE, json.dumps(self.describe(), indent=1) + "\n"
        if file.exists() and file.read_text() == text:
            return False
        aside = file.with_name(f"{file.name}.{os.getpid()}")
        aside.write_text(text)
        aside.replace(file)
        return True

    def close(self) -> None:
        """Forget its modules."""
        self._package.remove()


def _files(folder: Path) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in IGNORED_FOLDERS]
        for name in files:
            file = Path(place, name)
            if name == "actions.py" or (file.suffix == ".py" and _DECORATED.search(file.read_bytes())):
                yield file.relative_to(folder)


def _load(package: AppPackage, file: Path) -> ModuleType:
    try:
        return package.load(file)
    except AppLoadError:
        raise
    except SyntaxError as error:
        raise _syntax_letter(error, package, file) from error
    except ImportError as error:
        raise _import_letter(error, package, file) from error
    except (Exception, SystemExit) as error:
        raise _letter(error, package, file) from error


def _syntax_letter(error: SyntaxError, package: AppPackage, file: Path) -> AppLoadError:
    where = Path(error.filename) if error.filename else package.folder / file
    source = (error.text or "").strip()
    shown = f": {source}" if source else ""
    message = (
        f"{_shown(where, package)}, line {error.lineno}: {error.msg}{shown} — correct it and save the file."
    )
    return AppLoadError(message, path=str(where), line=error.lineno)


def _import_letter(error: ImportError, package: AppPackage, file: Path) -> AppLoadError:
    where, line = _place(error, package, file)
    name = error.name or ""
    beside = package.folder.joinpath(*name.split(".")).with_suffix(".py")
    if package.owns(name) and "partially initialized" in str(error):
        advice = (
            f"{package.relative(name)}.py imports what imports it: move what both need into a third file."
        )
    elif name and not package.owns(name) and (beside.is_file() or (where.parent / f"{name}.py").is_file()):
        advice = f"write `from . import {name}`: files of the app are imported relatively."
    elif isinstance(error, ModuleNotFoundError) and not package.owns(name):
        advice = f"no module named {name!r} is installed: `uv pip install {name.partition('.')[0]}`, or correct the import."
    else:
        advice = str(error).replace(f"{package.name}.", "").replace(package.name, "the app folder")
    return AppLoadError(f"{_shown(where, package)}, line {line}: {advice}", path=str(where), line=line)


def _letter(error: BaseException, package: AppPackage, file: Path) -> AppLoadError:
    where, line = _place(error, package, file)
    what = str(error) if isinstance(error, FlightwireError) else f"{type(error).__name__}: {error}"
    return AppLoadError(f"{_shown(where, package)}, line {line}: {what}", path=str(where), line=line)


def _place(error: BaseException, package: AppPackage, file: Path) -> tuple[Path, int | None]:
    """The app's own innermost frame."""
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if Path(frame.filename).is_relative_to(package.folder):
            return Path(frame.filename), frame.lineno
    return package.folder / file, None


def _shown(where: Path, package: AppPackage) -> str:
    return (
        where.relative_to(package.folder).as_posix() if where.is_relative_to(package.folder) else str(where)
    )
