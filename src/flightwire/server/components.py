"""Whether the client components that Python names are there.

Owns: comparing `client_component(…)` with what the app's scripts export, and the letters. Refuses to know: where the list of
exports comes from.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path

from flightwire.actions.folder import AppFolder
from flightwire.errors import AppLoadError
from flightwire.markup import ClientComponent

ALL = "*"  # a module that passes on another's exports


def missing_components(app: AppFolder, exports: Mapping[str, Collection[str]]) -> Iterator[AppLoadError]:
    """A letter for each component that is not there.

    Arguments:
        app: the app; the files of its folder are looked at.
        exports: client module → what it exports.
    """
    for component in app.components:
        problem = _problem(component, app.folder, exports)
        if problem is not None:
            file, line = component.declared_at
            yield app.letter(file, line, problem)


def _problem(component: ClientComponent, folder: Path, exports: Mapping[str, Collection[str]]) -> str | None:
    module, name = component.module_id, component.name
    known = exports.get(module)
    if known is not None:
        if name in known or ALL in known:
            return None
        has = ", ".join(sorted(known)) or "nothing"
        return f"{module} exports no '{name}'; it exports {has}.{_meant(name, known)}"
    file = folder / module
    if not file.is_file():
        return f"there is no file {module} in the app.{_meant(module, exports)}"
    if not _is_client(file):
        return f"{module} does not begin with 'use client', so it is not sent to browsers. Write that as its first line."
    return None  # it was saved a moment ago


def _is_client(file: Path) -> bool:
    try:
        return "use client" in file.read_text(encoding="utf-8", errors="replace")[:4000]
    except OSError:
        return False


def _meant(name: str, others: Collection[str]) -> str:
    close = difflib.get_close_matches(name, sorted(others), n=1)
    return f" Did you mean '{close[0]}'?" if close else ""
