"""The app folder named on the command line.

Owns: whether it is one, and the letters when it is not. Refuses to know: what is in its files.
"""

from __future__ import annotations

from pathlib import Path

from ..errors import FlightwireError

__all__ = ["PAGE_NAMES", "CommandError", "check_app_folder", "has_page"]

PAGE_NAMES = ("page.tsx", "page.jsx", "page.ts", "page.js")


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
    if not has_page(folder) and not (folder / "actions.py").is_file():
        nested = folder / "app"
        if nested.is_dir() and (has_page(nested) or (nested / "actions.py").is_file()):
            raise CommandError(
                f"{folder} has neither page.tsx nor actions.py, but {nested} has. Name that one."
            )
        raise CommandError(
            f"{folder} has neither page.tsx nor actions.py. An app is a folder with a page (React) and actions (Python)."
        )
    return folder.resolve()


def has_page(folder: Path) -> bool:
    """Whether a page is in the folder."""
    return any((folder / name).is_file() for name in PAGE_NAMES)
