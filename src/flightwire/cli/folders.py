"""The app folder named on the command line.

Owns: whether it is one, the letters when it is not, and that it can import what lies beside it. Refuses to know: what is in
its files.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from ..errors import FlightwireError
from ..server.files import has_page
from ..server.routes import is_page

__all__ = ["CommandError", "check_app_folder", "has_page"]


class CommandError(FlightwireError):
    """A command that cannot be carried out as it was typed."""


def check_app_folder(folder: Path) -> Path:
    """Give the folder, absolute. From here on it can import what is in the working directory, and what is beside it.

    Raises:
        CommandError: it is missing, a file, or has neither a page nor actions.
    """
    if not folder.exists():
        raise CommandError(f"There is no folder {folder}. Name the folder with your page.tsx and actions.py.")
    if not folder.is_dir():
        raise CommandError(f"{folder} is a file. Name its folder instead: {folder.parent}")
    nested = folder / "app"
    if not _begins_here(folder) and nested.is_dir() and _begins_here(nested):
        raise CommandError(f"{folder} has neither page.tsx nor actions.py, but {nested} has. Name that one.")
    if not has_page(folder) and not (folder / "actions.py").is_file():
        raise CommandError(
            f"{folder} has neither page.tsx nor actions.py. An app is a folder with a page (React) and actions (Python)."
        )
    folder = folder.resolve()
    beside = [os.fspath(place) for place in (Path.cwd(), folder.parent)]
    sys.path[:0] = [place for place in dict.fromkeys(beside) if place not in sys.path]  # as `python -m` does
    return folder


def _begins_here(folder: Path) -> bool:
    return any(is_page(path.name) or path.name == "actions.py" for path in folder.iterdir())
