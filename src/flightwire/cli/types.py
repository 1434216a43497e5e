"""`flightwire types`: the declarations of an app's Python files, written or checked.

Owns: the letters about what is missing or old, exit codes, the two lines of a tsconfig.json. Refuses to know: what an
annotation means in TypeScript.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from ..actions.declarations.project import TSCONFIG, write_tsconfig
from ..actions.folder import AppFolder, load_folder
from ..actions.typescript import TYPES_FOLDER, Declarations, outdated
from ..server.auth import users_of_folder
from ..toolchain.packages import ensure_packages, web_root
from .dev import Folder
from .folders import CommandError, check_app_folder
from .letters import print_letter, print_warning

STATE_FOLDER = ".flightwire"
EXTENDS = '{\n  "extends": "./.flightwire/tsconfig.json"\n}\n'

Check = Annotated[
    bool,
    typer.Option(
        "--check", help="Write nothing; exit with 1 when a declaration is old or an annotation missing."
    ),
]
Init = Annotated[
    bool, typer.Option("--init", help="Also write a tsconfig.json into the folder, which editors look for.")
]

EXAMPLES = """\b
Examples:
  flightwire types app/                            once; flightwire dev does it on every save
  flightwire types app/ --init                     editors and tsc find everything by themselves
  flightwire types app/ --check                    in CI
"""


def types(folder: Folder = Path(), check: Check = False, init: Init = False) -> None:
    """Write what pages may import from Python files as TypeScript declarations, into .flightwire/types."""
    if check and init:
        raise CommandError("--check writes nothing and --init writes a file. Use one of them.")
    shown = folder
    folder = check_app_folder(folder)
    app = load_folder(folder, users=users_of_folder)
    declarations = app.declarations
    if declarations is None:
        raise CommandError(f"The declarations of {shown} could not be made; the lines above say why.")
    if check:
        _check(declarations, folder, shown)
    else:
        _write(app, declarations, folder, shown, init=init)


def _check(declarations: Declarations, folder: Path, shown: Path) -> None:
    old = outdated(declarations, folder / STATE_FOLDER / TYPES_FOLDER)
    remarks = list(_letters(declarations, shown))
    for letter in remarks:
        print_letter(letter)
    for name in old:
        file = shown / STATE_FOLDER / TYPES_FOLDER / name
        print_letter(f"{file} {_difference(declarations, folder, name)}: flightwire types {shown}")
    if old or remarks:
        sys.exit(1)
    print(f"The types of {shown} are up to date.")


def _difference(declarations: Declarations, folder: Path, name: str) -> str:
    if name not in declarations.files:
        return "declares Python code that is gone. Remove it"
    if not (folder / STATE_FOLDER / TYPES_FOLDER / name).exists():
        return "is missing. Write it"
    return "is not what the Python code says. Write it"


def _write(app: AppFolder, declarations: Declarations, folder: Path, shown: Path, *, init: bool) -> None:
    old = outdated(declarations, folder / STATE_FOLDER / TYPES_FOLDER)
    app.write_state(folder / STATE_FOLDER)
    write_tsconfig(folder, ensure_packages(), web_root() / "client")
    for letter in _letters(declarations, shown):
        print_warning(letter)
    count = len(declarations.files)
    state = "unchanged" if not old else "written"
    print(f"{count} declaration file{'s' * (count != 1)} in {shown / STATE_FOLDER / TYPES_FOLDER}, {state}.")
    if init:
        _write_own_project(folder / TSCONFIG, shown)
    project = shown if (folder / TSCONFIG).is_file() else shown / STATE_FOLDER / TSCONFIG
    print(f"Check the pages: npx tsc --noEmit -p {project}")
    if not (folder / TSCONFIG).is_file():
        print(f"Editors look for a tsconfig.json in the folder. Write one: flightwire types {shown} --init")


def _write_own_project(file: Path, shown: Path) -> None:
    if file.is_file():
        if STATE_FOLDER in file.read_text(encoding="utf-8"):
            return
        raise CommandError(
            f"{shown / TSCONFIG} is there already and stays as it is. "
            f'Add this line to it: "extends": "./{STATE_FOLDER}/{TSCONFIG}"'
        )
    file.write_text(EXTENDS, encoding="utf-8")
    print(f"Wrote {shown / TSCONFIG}.")


def _letters(declarations: Declarations, shown: Path) -> list[str]:
    """`app/actions.py, continueConversation: the result …`."""
    return [
        f"{shown / file}, {remark.action}: {remark.text}"
        for file, remarks in declarations.remarks.items()
        for remark in remarks
    ]
