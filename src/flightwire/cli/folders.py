"""The app folder named on the command line.

Owns: whether it is one, and the letters when it is not. Refuses to know: what is in its files.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import FlightwireError
from ..server.files import has_page
from ..server.routes import is_page

__all__ = ["CommandError", "check_app_folder", "has_page"]


class CommandError(FlightwireError):
    """A command that cannot be carried out as it was typed."""


def check_app_folder(folder: Path) -> Path:
    """Give the folder, absolute.

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
    return folder.resolve()


def _begins_here(folder: Path) -> bool:
    return any(is_page(path.name) or path.name == "actions.py" for path in folder.iterdir())
