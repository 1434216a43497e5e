"""Letters about apps that cannot be imported.

Owns: from an exception at import time to one sentence with file and line. Refuses to know: how modules are found.
"""

from __future__ import annotations

import difflib
import re
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from flightwire.actions.imports import AppPackage
from flightwire.actions.sources import import_line
from flightwire.errors import AppLoadError, FlightwireError

MAX_SOURCE_CHARS: Final = 100
MAX_MESSAGE_CHARS: Final = 500

# What a package is called on PyPI when that is not what is imported.
_DISTRIBUTIONS: Final = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python",
    "dateutil": "python-dateutil",
    "dotenv": "python-dotenv",
    "jwt": "pyjwt",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}


def load_letter(error: BaseException, package: AppPackage, file: Path) -> AppLoadError:
    """The letter for an exception that importing a file raised.

    Arguments:
        error: the exception.
        package: what was being imported.
        file: the file, relative to the folder.
    """
    if isinstance(error, AppLoadError):
        return error
    if isinstance(error, SyntaxError):
        return _syntax(error, package, file)
    where, line, is_innermost = _place(error, package, file)
    if isinstance(error, FlightwireError):
        text = str(error)
    elif "partially initialized module" in str(error):
        text = _circle(error, package)
    elif isinstance(error, ImportError):
        text = _import(error, package, where, is_innermost)
    elif isinstance(error, SystemExit):
        text = "ends the program (SystemExit) while it is imported. Leave that to scripts outside the app folder."
    else:
        text = f"{type(error).__name__}: {_first_line(error)}"
    return letter_at(package, where, line, text)


def letter_at(package: AppPackage, where: Path, line: int | None, text: str) -> AppLoadError:
    """A letter about a place in a file of the app."""
    shown = where.relative_to(package.folder).as_posix() if where.is_relative_to(package.folder) else where
    place = f"{shown}: " if line is None else f"{shown}, line {line}: "
    return AppLoadError(f"{place}{_named(text, package)}", path=str(where), line=line)


def stranger_letter(module: str, package: AppPackage, files: Iterable[Path]) -> AppLoadError:
    """The letter for `import helpers` where `from . import helpers` is meant."""
    for file in files:
        found = import_line(package.folder / file, module)
        if found is not None:
            line, instead = found
            text = f"'{module}' is a file of the app. Write `{_dotted(instead, package, package.folder / file, module)}`."
            return letter_at(package, package.folder / file, line, text)
    text = f"is imported as '{module}', but it is a file of the app. Write `from . import {module}`."
    return letter_at(package, package.folder / f"{module}.py", None, text)


def _syntax(error: SyntaxError, package: AppPackage, file: Path) -> AppLoadError:
    where = Path(error.filename) if error.filename else package.folder / file
    source = (error.text or "").strip()
    shown = f" in `{source[:MAX_SOURCE_CHARS]}`" if source else ""
    return letter_at(package, where, error.lineno, f"{_first_line(error.msg)}{shown}.")


def _import(error: ImportError, package: AppPackage, where: Path, is_innermost: bool) -> str:
    name = error.name or ""
    if "beyond top-level package" in str(error):
        return "this import leaves the app folder. Files of an app import each other and installed packages."
    if package.owns(name):
        return _missing_in_app(error, name, package)
    if not isinstance(error, ModuleNotFoundError):
        return _first_line(error)
    if is_innermost and (beside := _file_of_app(name, package, where)):
        found = import_line(where, name)
        instead = found[1] if found else f"from . import {name}"
        return f"'{beside}' is a file of the app. Write `{_dotted(instead, package, where, name)}`."
    top = name.partition(".")[0]
    if "." in name and top in sys.modules:
        return f"the installed package '{top}' has no module '{name}'. Correct the import, or install another version of it."
    needs = "which is" if is_innermost else "which something it imports needs and is"
    return f"there is no module '{name}', {needs} not installed: pip install {_DISTRIBUTIONS.get(top, top)}"


def _missing_in_app(error: ImportError, name: str, package: AppPackage) -> str:
    path = package.relative(name)
    if isinstance(error, ModuleNotFoundError):
        place = package.folder / path
        others = [each.stem for each in place.parent.glob("*.py")] if place.parent.is_dir() else []
        return f"there is no file {path}.py in the app.{_meant(place.name, others)}"
    found = re.match(r"cannot import name '([^']*)'", str(error))
    if found is None:
        return _first_line(error)
    module = sys.modules.get(name)
    others = [each for each in vars(module) if not each.startswith("__")] if module else []
    file = getattr(module, "__file__", None)
    what = f"{path}.py" if file else f"{package.folder.name if name == package.name else path}/"
    return f"{what} has no '{found[1]}'.{_meant(found[1], others)}"


def _circle(error: BaseException, package: AppPackage) -> str:
    found = re.search(r"partially initialized module '([^']*)'", str(error))
    what = f"{package.relative(found[1])}.py" if found and package.owns(found[1]) else "that module"
    return (
        f"{what} is still being imported, because it imports this file, itself or through others. Move what both need "
        "into a third file, or import it inside the function that needs it."
    )


def _file_of_app(name: str, package: AppPackage, where: Path) -> str | None:
    """The file that a plain import probably means: beside the importing file, or at the top of the app."""
    parts = name.split(".")
    for folder in (where.parent, package.folder):
        place = folder.joinpath(*parts)
        if place.with_name(f"{place.name}.py").is_file() or (place / "__init__.py").is_file():
            return name
    return None


def _dotted(instead: str, package: AppPackage, where: Path, module: str) -> str:
    """The relative import, with a dot more for each folder up to the top of the app when the file is not beside."""
    beside = where.parent.joinpath(*module.split("."))
    if beside.with_name(f"{beside.name}.py").is_file() or beside.is_dir():
        return instead
    ups = len(where.parent.relative_to(package.folder).parts)
    return instead.replace("from .", "from ." + "." * ups, 1)


def _place(error: BaseException, package: AppPackage, file: Path) -> tuple[Path, int | None, bool]:
    """The app's own innermost frame, and whether nothing but Python's import system was below it."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<frozen")
    ]
    for index, frame in enumerate(reversed(frames)):
        if Path(frame.filename).is_relative_to(package.folder):
            return Path(frame.filename), frame.lineno, index == 0
    return package.folder / file, None, False


def _meant(name: str, others: list[str]) -> str:
    close = difflib.get_close_matches(name, others, n=1)
    return f" Did you mean '{close[0]}'?" if close else ""


def _named(text: str, package: AppPackage) -> str:
    """Python's words, with the folder's name for the name it was given."""
    return text.replace(f"{package.name}.", "").replace(package.name, package.folder.name)


def _first_line(error: BaseException | str) -> str:
    text = str(error).strip().partition("\n")[0] or "no message"
    return text[:MAX_MESSAGE_CHARS]
