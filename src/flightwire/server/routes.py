"""Which page an address means: folders are routes.

Owns: the words of folder names (`[id]`, `[...rest]`, `[[...rest]]`, `(group)`, `_private`), which files make a page, matching.
Refuses to know: what is in the files, HTTP. Pure: it is handed the paths.

The rules are those of Next.js' app router (`app/` conventions, version 16), so that folders can be moved over.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import field
from typing import Final, Literal, TypeAlias

from flightwire._frozen import value
from flightwire.errors import AppLoadError

Part: TypeAlias = Literal["page", "layout", "error", "loading", "not-found"]
Params: TypeAlias = Mapping[str, str | list[str]]

_FILE: Final = re.compile(r"(?:(page|error|loading|not-found)\.[tj]sx?|(?:page|layout)\.py)\Z")
_PARAM: Final = re.compile(r"\[([^\[\].]+)\]\Z")
_REST: Final = re.compile(r"\[\.\.\.([^\[\].]+)\]\Z")
_OPTIONAL_REST: Final = re.compile(r"\[\[\.\.\.([^\[\].]+)\]\]\Z")
_GROUP: Final = re.compile(r"\([^.()][^()]*\)\Z")


@value
class Folder:
    """One folder on the way to a page, and its files: `{"layout": "chat/layout.py"}`."""

    path: str
    files: Mapping[Part, str]


@value
class Match:
    """The page of an address.

    Attributes:
        page: its file, relative to the app folder: `chat/[id]/page.tsx`.
        folders: from the app folder to the page's own.
        params: what the folders' names stand for.
        is_missing: there is no page here, and the file is what the app shows then.
    """

    page: str
    folders: tuple[Folder, ...]
    params: Params = field(default_factory=dict)
    is_missing: bool = False

    @property
    def python_files(self) -> list[str]:
        """The files whose functions run for it, outermost first."""
        layouts = [folder.files["layout"] for folder in self.folders if "layout" in folder.files]
        return [*layouts, self.page] if self.page.endswith(".py") else layouts


class Routes:
    """The pages of an app.

    Arguments:
        files: paths of its files, relative to the app folder, with slashes; what is no part of a page is left out.

    Raises:
        AppLoadError: two files want to be the same thing.
    """

    def __init__(self, files: Iterable[str]) -> None:
        self._folders: dict[str, dict[Part, str]] = {"": {}}
        for path in sorted(files):
            folder, _, name = path.rpartition("/")
            if is_route_file(path):
                self._add(folder, name.partition(".")[0], path)  # type: ignore[arg-type]  # is one of them
        self._root = _Place()
        for folder, parts in self._folders.items():
            if "page" in parts:
                self._root.add(_words(folder), folder, parts["page"])

    @property
    def pages(self) -> list[str]:
        """The files of all pages, sorted."""
        return sorted(parts["page"] for parts in self._folders.values() if "page" in parts)

    def match(self, path: str) -> Match | None:
        """The page of a decoded path such as `/chat/3`; None when there is none."""
        return self.find(path.strip("/").split("/") if path.strip("/") else [])

    def find(self, words: list[str]) -> Match | None:
        """The page of an address in its parts, which are decoded: `["chat", "3"]`; None when there is none."""
        if not all(words):
            return None
        params: dict[str, str | list[str]] = {}
        found = self._root.find(words, params)
        if found is None:
            return None
        folder, page = found
        return Match(page, self._way_to(folder), dict(reversed(params.items())))

    def not_found(self) -> Match | None:
        """What is shown at addresses without a page: the app's own `not-found`, inside its layout."""
        file = self._folders[""].get("not-found")
        return None if file is None else Match(file, (Folder("", self._folders[""]),), is_missing=True)

    def _add(self, folder: str, part: Part, path: str) -> None:
        parts = self._folders.setdefault(folder, {})
        if part in parts:
            raise AppLoadError(
                f"{folder or 'the app folder'} has both {_name(parts[part])} and {_name(path)}, and there can be one {part}. "
                "Remove one of them.",
                path=path,
            )
        parts[part] = path

    def _way_to(self, folder: str) -> tuple[Folder, ...]:
        names = folder.split("/") if folder else []
        paths = ["/".join(names[:count]) for count in range(len(names) + 1)]
        return tuple(Folder(path, self._folders.get(path, {})) for path in paths)


def is_route_file(path: str) -> bool:
    """Whether a file makes a page, by its path: `chat/layout.py`, but not `_parts/page.tsx`."""
    *folders, name = path.split("/")
    if _FILE.match(name) is None:
        return False
    return not any(folder.startswith(("_", ".", "@")) for folder in folders)


def is_page(path: str) -> bool:
    """Whether a file is a page, not something around one."""
    return is_route_file(path) and _name(path).startswith("page.")


class _Place:
    """A node of the tree of addresses."""

    __slots__ = ("below", "optional", "page", "param", "rest")

    def __init__(self) -> None:
        self.below: dict[str, _Place] = {}
        self.param: tuple[str, _Place] | None = None
        self.rest: tuple[str, str, str] | None = None  # (name, folder, page)
        self.optional: tuple[str, str, str] | None = None
        self.page: tuple[str, str] | None = None

    def add(self, words: list[str], folder: str, page: str) -> None:
        if not words:
            if self.page is not None:
                raise _same_address(self.page[1], page)
            self.page = (folder, page)
            return
        first, *others = words
        for pattern, slot in ((_OPTIONAL_REST, "optional"), (_REST, "rest")):
            if found := pattern.match(first):
                if others:
                    raise AppLoadError(
                        f"{page}: nothing can follow '{first}', which takes the rest of an address.",
                        path=page,
                    )
                if (other := getattr(self, slot)) is not None:
                    raise _same_address(other[2], page)
                setattr(self, slot, (found[1], folder, page))
                return
        self._below(first, page).add(others, folder, page)

    def _below(self, word: str, page: str) -> _Place:
        if not (found := _PARAM.match(word)):
            return self.below.setdefault(word, _Place())
        if self.param is None:
            self.param = (found[1], _Place())
        elif self.param[0] != found[1]:
            raise AppLoadError(
                f"{page}: '[{self.param[0]}]' and '[{found[1]}]' stand for the same part of an address. Give them one name.",
                path=page,
            )
        return self.param[1]

    def find(self, words: list[str], params: dict[str, str | list[str]]) -> tuple[str, str] | None:
        """The page of an address below this place; what is written out goes before parameters, these before the rest."""
        if not words:
            if self.page is not None:
                return self.page
        else:
            found = self._find_below(words, params)
            if found is not None:
                return found
            if self.rest is not None:
                params[self.rest[0]] = words
                return self.rest[1:]
        if self.optional is None:
            return None
        if words:
            params[self.optional[0]] = words
        return self.optional[1:]

    def _find_below(self, words: list[str], params: dict[str, str | list[str]]) -> tuple[str, str] | None:
        first, *others = words
        static = self.below.get(first)
        if static is not None and (found := static.find(others, params)) is not None:
            return found
        if self.param is None or (found := self.param[1].find(others, params)) is None:
            return None
        params[self.param[0]] = first
        return found


def _words(folder: str) -> list[str]:
    """The parts of the address that a folder stands for: groups are none."""
    return [name for name in folder.split("/") if name and not _GROUP.match(name)]


def _name(path: str) -> str:
    return path.rpartition("/")[2]


def _same_address(page: str, other: str) -> AppLoadError:
    return AppLoadError(f"{page} and {other} have the same address. Move one of them.", path=other)
