"""Files that an app serves as they are: `public/`, and its icons.

Owns: which path means which file, the icons' tags. Refuses to know: how files are sent.
"""

from __future__ import annotations

import re
from html import escape
from pathlib import Path
from typing import Final

from flightwire.server.static import StaticFile

PUBLIC_FOLDER: Final = "public"
_ICON: Final = re.compile(r"(?:favicon\.ico|icon\.(?:ico|png|svg|jpe?g)|apple-icon\.(?:png|jpe?g))\Z")
_ORDER: Final = ("favicon.ico", "icon.ico", "icon.png", "icon.jpg", "icon.jpeg", "icon.svg", "apple-icon.png")


class PublicFiles:
    """What lies in a `public` folder, and icons.

    Arguments:
        folder: the public folder; it need not exist.
        icons: the folder in which `favicon.ico`, `icon.svg` and `apple-icon.png` may be.
    """

    def __init__(self, folder: Path, icons: Path) -> None:
        self._folder = folder
        self._icons = icons

    def find(self, path: str) -> StaticFile | None:
        """The file of a decoded path such as `/robots.txt`; None when there is none.

        Hidden files stay hidden, `/.well-known/` left out; a link out of the folder leads nowhere.
        """
        names = path.split("/")[1:]
        if not names or not all(map(_is_public, names)):
            return None
        if len(names) == 1 and _ICON.match(names[0]) and (self._icons / names[0]).is_file():
            return StaticFile.find(self._icons / names[0])
        file = self._folder.joinpath(*names)
        try:
            is_inside = file.is_file() and file.resolve().is_relative_to(self._folder.resolve())
        except (OSError, ValueError):  # too long, or a NUL
            return None
        return StaticFile.find(file) if is_inside else None

    def icon_tags(self, root: str) -> list[str]:
        """The elements that name the icons; `root` is the prefix as the browser writes it."""
        return [_tag(root, name) for name in self._icon_names()]

    def _icon_names(self) -> list[str]:
        names = set()
        for folder in (self._icons, self._folder):
            if folder.is_dir():
                names |= {each.name for each in folder.iterdir() if _ICON.match(each.name)}
        return sorted(names, key=lambda name: _ORDER.index(name) if name in _ORDER else len(_ORDER))


def _is_public(name: str) -> bool:
    if name == ".well-known":
        return True
    return bool(name) and not name.startswith(".") and not set(name) & set("\\:\0")


def _tag(root: str, name: str) -> str:
    rel = "apple-touch-icon" if name.startswith("apple") else "icon"
    sizes = ' sizes="any"' if name.endswith(".svg") else ""
    return f'<link rel="{rel}" href="{escape(root)}/{name}"{sizes}>'
