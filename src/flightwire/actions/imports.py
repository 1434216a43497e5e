"""Importing an app folder as a package under a name of its own.

Owns: one finder for all app folders, modules that are always compiled from what is on the disk now, taking them out again.
Refuses to know: what is in the modules.
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import itertools
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, SourceFileLoader
from pathlib import Path
from types import CodeType, ModuleType

_PREFIX = "flightwire_app_"
_counter = itertools.count(1)


class AppPackage:
    """An app folder as a package; `from .actions import x` works inside it, and nothing else on `sys.path` changes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.name = f"{_PREFIX}{next(_counter)}"
        _finder.folders[self.name] = folder
        if _finder not in sys.meta_path:
            sys.meta_path.insert(0, _finder)
        importlib.import_module(self.name)

    def load(self, relative: Path) -> ModuleType:
        """Import one file, `recipes/stream/actions.py`; raises whatever it raises."""
        dotted = ".".join(relative.with_suffix("").parts)
        return importlib.import_module(f"{self.name}.{dotted}")

    def owns(self, module: str) -> bool:
        """Whether a module of this name belongs to the package."""
        return module == self.name or module.startswith(f"{self.name}.")

    def relative(self, module: str) -> str:
        """`flightwire_app_1.recipes.actions` → `recipes/actions`."""
        return module.removeprefix(f"{self.name}.").replace(".", "/")

    def remove(self) -> None:
        """Forget its modules; who still holds one may go on using it."""
        for name in [name for name in sys.modules if self.owns(name)]:
            del sys.modules[name]
        _finder.folders.pop(self.name, None)


class _FreshLoader(SourceFileLoader):
    """Compiles the source each time: a .pyc knows only the second and the size of what it was made from."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


class _Finder(MetaPathFinder):
    """Finds modules of app packages; names need not be identifiers, so that folders such as `[id]` work."""

    def __init__(self) -> None:
        self.folders: dict[str, Path] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        root, *parts = fullname.split(".")
        folder = self.folders.get(root)
        if folder is None:
            return None
        place = folder.joinpath(*parts)
        if parts and place.with_name(f"{place.name}.py").is_file():
            return _source_spec(fullname, place.with_name(f"{place.name}.py"), None)
        if (place / "__init__.py").is_file():
            return _source_spec(fullname, place / "__init__.py", place)
        if place.is_dir():
            spec = ModuleSpec(fullname, None, is_package=True)
            spec.submodule_search_locations = [str(place)]
            return spec
        return None


def _source_spec(fullname: str, file: Path, package: Path | None) -> ModuleSpec | None:
    return importlib.util.spec_from_file_location(
        fullname,
        file,
        loader=_FreshLoader(fullname, str(file)),
        submodule_search_locations=None if package is None else [str(package)],
    )


_finder = _Finder()
