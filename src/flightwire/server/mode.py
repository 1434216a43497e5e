"""Development or production, and why.

Owns: the choice. Refuses to know: what follows from it.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal, TypeAlias, get_args

from flightwire.errors import InvalidArgumentError

Mode: TypeAlias = Literal["development", "production"]


def choose_mode(mode: Mode | None, folder: Path | None) -> tuple[Mode, str]:
    """The mode and a sentence that says why: the argument, then FLIGHTWIRE_ENV, then whether a build exists.

    Raises:
        InvalidArgumentError: the argument or the variable is neither of the two.
    """
    if mode is not None:
        return _checked(mode, "mode"), "because it was asked for"
    if found := os.environ.get("FLIGHTWIRE_ENV"):
        return _checked(found, "FLIGHTWIRE_ENV"), f"because FLIGHTWIRE_ENV={found}"
    if folder is None:
        return "production", "because it serves actions only"
    if (folder / ".flightwire" / "build" / "manifest.json").is_file():
        return (
            "production",
            f"because {folder.name}/ has a build (FLIGHTWIRE_ENV=development shows live pages)",
        )
    return "development", f"because {folder.name}/ has no build yet"


def _checked(mode: str, where: str) -> Mode:
    if mode not in get_args(Mode):
        raise InvalidArgumentError(f"{where} is {mode!r}; expected 'development' or 'production'.")
    return "development" if mode == "development" else "production"
