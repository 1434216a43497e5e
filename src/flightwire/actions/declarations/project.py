"""What a type checker must be told about an app folder.

Owns: `.flightwire/tsconfig.json`: where the declarations of Python files are, where React's types are, how pages are
compiled. Refuses to know: where the packages come from, running a type checker.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from flightwire.actions.state_files import write_changed

TSCONFIG: Final = "tsconfig.json"
_TYPES_OF_REACT: Final = ("react", "react-dom")
_ALWAYS_OURS: Final = ("@ai-sdk/rsc",)  # it exists once (docs/design.md, 18)
_OURS_BY_DEFAULT: Final = ("ai", "zod")


def write_tsconfig(folder: Path, packages: Path, client: Path | None = None) -> bool:
    """Write the project file of an app for TypeScript and editors, when it has changed; returns whether it had.

    Arguments:
        folder: the app.
        packages: holds the `node_modules` that pages are built with.
        client: holds the source of `@flightwire/client`.

    Raises:
        OSError: the folder cannot be written to.
    """
    text = json.dumps(_project(folder, packages, client), indent=2)
    return write_changed(folder / ".flightwire" / TSCONFIG, text + "\n")


def _project(folder: Path, packages: Path, client: Path | None) -> dict[str, Any]:
    modules = packages / "node_modules"
    return {
        "compilerOptions": {
            "target": "es2023",
            "lib": ["es2023", "dom", "dom.iterable", "dom.asynciterable"],
            "module": "esnext",
            "moduleResolution": "bundler",
            "jsx": "react-jsx",
            "strict": True,
            "noEmit": True,
            "skipLibCheck": True,
            "allowJs": True,
            "resolveJsonModule": True,
            "types": [],
            "rootDirs": ["..", "./types"],
            "paths": _paths(folder, modules, client),
        },
        "files": [str(modules / "vite" / "client.d.ts")],  # CSS, images, import.meta.env
        "include": ["../**/*"],
        "exclude": ["../**/node_modules", "../public"],
    }


def _paths(folder: Path, modules: Path, client: Path | None) -> dict[str, list[str]]:
    """Where an import is looked for before the folder's own packages are asked."""
    paths = {"@/*": ["../*", "./types/*"]}
    for name in _TYPES_OF_REACT:
        paths |= _package(name, modules / "@types" / name)
    for name in (*_ALWAYS_OURS, *(each for each in _OURS_BY_DEFAULT if not _has_package(folder, each))):
        paths |= _package(name, modules / name)
    if client is not None:
        paths["@flightwire/client"] = [str(client / "index.ts")]
    return paths


def _package(name: str, place: Path) -> dict[str, list[str]]:
    return {name: [str(place)], f"{name}/*": [str(place / "*")]}


def _has_package(folder: Path, name: str) -> bool:
    """Whether the app has its own, where Node would look."""
    return any((place / "node_modules" / name).is_dir() for place in (folder, *folder.parents))
