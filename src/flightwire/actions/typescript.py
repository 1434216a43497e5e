"""TypeScript declarations of an app's Python files, for pages and editors.

Owns: which files are declared, keeping `.flightwire/types` as it should be. Refuses to know: what annotations mean in
TypeScript (declarations/).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from flightwire._frozen import value
from flightwire.actions.declarations.book import Aliases, Remark
from flightwire.actions.declarations.modules import declare_module
from flightwire.actions.declarations.providers import ProviderFacts
from flightwire.actions.registry import Action
from flightwire.actions.state_files import write_changed

TYPES_FOLDER: Final = "types"
ENDING: Final = ".d.ts"


@value
class PythonFile:
    """What pages may import from one file of an app.

    Attributes:
        names: everything its module has.
        actions: the actions it exports.
        types: the names of its public types.
        providers: what `create_ai` made in it, by name.
    """

    names: Mapping[str, Any]
    actions: tuple[Action[Any, Any], ...]
    types: tuple[str, ...]
    providers: Mapping[str, ProviderFacts]


@value
class Declarations:
    """The declarations of an app.

    Attributes:
        files: path below the types folder → text: `actions.d.ts`.
        types: Python file → names of the types that its declaration exports.
        remarks: Python file → what should be put right in it.
    """

    files: Mapping[str, str]
    types: Mapping[str, tuple[str, ...]]
    remarks: Mapping[str, tuple[Remark, ...]]


def declare(modules: Mapping[str, PythonFile]) -> Declarations:
    """Declare what pages may import from the files of an app.

    Arguments:
        modules: path of each file relative to the app folder → what is in it.
    """
    aliases = Aliases(
        (name, module.names[name])
        for module in modules.values()
        for name in module.types
        if not isinstance(module.names[name], type)
    )
    declared = {
        file: declare_module(
            file,
            each.actions,
            {name: each.names[name] for name in each.types},
            each.names,
            aliases,
            providers=each.providers,
        )
        for file, each in modules.items()
    }
    return Declarations(
        {file.removesuffix(".py") + ENDING: each.text for file, each in declared.items()},
        {file: each.types for file, each in declared.items()},
        {file: each.remarks for file, each in declared.items() if each.remarks},
    )


def outdated(declarations: Declarations, folder: Path) -> list[str]:
    """The files below the types folder that are not what they should be, sorted; one too many is, too."""
    wanted = {name: text.encode("utf-8", "replace") for name, text in declarations.files.items()}
    there = _declared_in(folder)
    return sorted(
        name
        for name in wanted.keys() | there.keys()
        if wanted.get(name) != (there[name].read_bytes() if name in there else None)
    )


def write_declarations(declarations: Declarations, folder: Path) -> list[str]:
    """Write what has changed, each file atomically, and remove what is no longer declared.

    Arguments:
        declarations: of the app.
        folder: `.flightwire/types`.

    Returns:
        The files that had changed.

    Raises:
        OSError: the folder cannot be written to.
    """
    changed = outdated(declarations, folder)
    for name in changed:
        if name in declarations.files:
            write_changed(folder / name, declarations.files[name])
        else:
            (folder / name).unlink(missing_ok=True)
    return changed


def _declared_in(folder: Path) -> dict[str, Path]:
    return {file.relative_to(folder).as_posix(): file for file in folder.rglob(f"*{ENDING}")}
