"""Importing an app folder as a package under a name of its own.

Owns: one finder for all app folders, modules that are always compiled from what is on the disk now, taking them out again
and putting the old ones back. Refuses to know: what is in the modules.
"""

from __future__ import annotations

import hashlib
import importlib
import sys
import threading
import typing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final

from flightwire.errors import InvalidArgumentError

PREFIX: Final = "flightwire_app_"
_FOLDER_MARK: Final = "%2F"  # ends the name of a folder that has a file of the same name beside it

_lock = threading.RLock()
_loading: set[Path] = set()


class AppPackage:
    """An app folder as a package: `from .actions import x` works inside it, and nothing on `sys.path` changes.

    The name is the same whenever the folder is imported, so that `logging.getLogger(__name__)` stays one logger; what was
    imported before is replaced.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = PREFIX + hashlib.sha256(str(folder).encode("utf-8", "surrogatepass")).hexdigest()[:8]
        self.strangers: set[str] = set()
        self._root: ModuleType | None = None

    @contextmanager
    def importing(self) -> Iterator[None]:
        """While this is open, modules are imported afresh; if it ends with an exception, the old ones are back.

        Raises:
            InvalidArgumentError: the folder is being imported already, by a file in it.
        """
        with _lock:
            if self.folder in _loading:
                raise InvalidArgumentError(
                    f"this file makes the app of the folder that it is in, {self.folder.name}/, so loading it would never "
                    "end. Move it out of the folder."
                )
            _loading.add(self.folder)
            _finder.folders[self.name] = self.folder
            if _finder not in sys.meta_path:
                sys.meta_path.insert(0, _finder)
            importlib.invalidate_caches()
            old = self._take_out(_finder.strangers.get(self.name, set()))
            before = set(sys.modules)
            try:
                self._root = importlib.import_module(self.name)
                yield
                self.strangers = self._strangers(before)
            except BaseException:
                self._take_out(self._strangers(before))
                sys.modules.update(old)
                raise
            finally:
                _loading.discard(self.folder)
            _finder.strangers[self.name] = self.strangers
        _forget_types()

    def load(self, relative: Path) -> ModuleType:
        """Import one file, `recipes/stream/actions.py`; raises whatever it raises."""
        return importlib.import_module(self.module_name(relative))

    def module_name(self, relative: Path) -> str:
        """What the module of a file is called."""
        parts = [self.name]
        place = self.folder
        for part in relative.parts[:-1]:
            place /= part
            parts.append(_escaped(part) + (_FOLDER_MARK if place.with_name(f"{part}.py").is_file() else ""))
        return ".".join(parts if relative.name == "__init__.py" else [*parts, _escaped(relative.stem)])

    def owns(self, module: str) -> bool:
        """Whether a module of this name belongs to the package."""
        return module == self.name or module.startswith(f"{self.name}.")

    def relative(self, module: str) -> str:
        """`flightwire_app_1a2b3c4d.recipes.actions` → `recipes/actions`, whether or not there is such a module."""
        parts = module.split(".")[1:]
        return "/".join(_unescaped(part.removesuffix(_FOLDER_MARK)) for part in parts) or "__init__"

    def files(self) -> dict[Path, ModuleType]:
        """The modules that are imported, by the path of their file relative to the folder, sorted."""
        found = {}
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if self.owns(name) and file is not None:
                found[Path(file).relative_to(self.folder)] = module
        return dict(sorted(found.items()))

    def remove(self) -> None:
        """Forget its modules, unless newer ones have taken their place; who still holds one may go on using it."""
        with _lock:
            if self._root is not None and sys.modules.get(self.name) is self._root:
                self._take_out(self.strangers)
                _finder.strangers.pop(self.name, None)
        self._root = None
        _forget_types()

    def _take_out(self, strangers: set[str]) -> dict[str, ModuleType]:
        names = [name for name in sys.modules if self.owns(name) or name in strangers]
        return {name: sys.modules.pop(name) for name in names}

    def _strangers(self, before: set[str]) -> set[str]:
        """Modules imported meanwhile that are of the folder, but under another name: `helpers`, `app`, `app.db`."""
        return {
            name
            for name in sys.modules.keys() - before
            if not self.owns(name)
            and any(place.is_relative_to(self.folder) for place in _places(sys.modules.get(name)))
        }

    def plain_imports(self) -> list[str]:
        """Files of the folder that were imported as if the folder were on `sys.path`: `import helpers`."""
        return sorted(
            name
            for name in self.strangers
            if "." not in name and Path(getattr(sys.modules.get(name), "__file__", None) or "").stem == name
        )


class _FreshLoader(SourceFileLoader):
    """Compiles the source each time: a .pyc knows only the second and the size of what it was made from."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


class _FolderLoader(Loader):
    """Loads a folder without `__init__.py`: an empty module."""

    def create_module(self, spec: ModuleSpec) -> None:
        return None

    def exec_module(self, module: ModuleType) -> None:
        pass


class _Finder(MetaPathFinder):
    """Finds modules of app packages. Names need not be identifiers, so that folders such as `[id]` and `v1.0` work."""

    def __init__(self) -> None:
        self.folders: dict[str, Path] = {}
        self.strangers: dict[str, set[str]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        root, *parts = fullname.split(".")
        folder = self.folders.get(root)
        if folder is None:
            return None
        *above, last = [_unescaped(part.removesuffix(_FOLDER_MARK)) for part in parts] or [""]
        place = folder.joinpath(*above)
        if last and not parts[-1].endswith(_FOLDER_MARK) and _has(place, f"{last}.py"):
            return spec_from_file_location(fullname, loader=_FreshLoader(fullname, str(place / f"{last}.py")))
        return _folder_spec(fullname, place / last) if not last or _has(place, last) else None


def _folder_spec(fullname: str, place: Path) -> ModuleSpec | None:
    if (place / "__init__.py").is_file():
        loader = _FreshLoader(fullname, str(place / "__init__.py"))
        return spec_from_file_location(fullname, loader=loader, submodule_search_locations=[str(place)])
    if not place.is_dir():
        return None
    spec = ModuleSpec(fullname, _FolderLoader(), is_package=True)
    spec.submodule_search_locations = [str(place)]
    return spec


def _places(module: ModuleType | None) -> list[Path]:
    file = getattr(module, "__file__", None)
    try:
        return [Path(file)] if file else [Path(each) for each in getattr(module, "__path__", ())]
    except (TypeError, ValueError):  # what stands in sys.modules need not be a module
        return []


def _has(place: Path, name: str) -> bool:
    """Whether a folder has an entry of exactly this name: not every file system tells `Chat` from `chat`."""
    with suppress(OSError):
        return any(entry.name == name for entry in place.iterdir())
    return False


def _escaped(part: str) -> str:
    return part.replace("%", "%25").replace(".", "%2E")


def _unescaped(part: str) -> str:
    return part.replace("%2E", ".").replace("%25", "%")


def _forget_types() -> None:
    """Empty the caches of `typing`: `Optional[Message]` would keep the last hundred classes `Message` alive."""
    for forget in getattr(typing, "_cleanups", ()):
        forget()


_finder = _Finder()
