"""The files of an app folder that pages are made of.

Owns: which folders are none of the app's own. Refuses to know: what the files mean.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from flightwire.server.public import PUBLIC_FOLDER
from flightwire.server.routes import is_page

# The same as in web/vite-plugin/modules.mjs.
SKIPPED_FOLDERS: Final = frozenset(
    {"node_modules", "__pycache__", "dist", "build", "venv", "site-packages", PUBLIC_FOLDER}
)


def files_of(folder: Path) -> Iterator[str]:
    """The files of an app, by their paths in it."""
    for place, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in SKIPPED_FOLDERS]
        inside = Path(place).relative_to(folder)
        yield from ((inside / name).as_posix() for name in files)


def has_page(folder: Path) -> bool:
    """Whether an app has any page."""
    return any(is_page(path) for path in files_of(folder))
