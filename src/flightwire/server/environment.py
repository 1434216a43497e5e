"""The app's `.env` files, in development.

Owns: which files count, their syntax, putting them into the process's environment. Refuses to know: what the variables mean. What
reaches browsers is Vite's to say: names that begin with `VITE_`, and nothing else.
"""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Final

log = logging.getLogger("flightwire.server")

# The later wins, as in Vite: https://vite.dev/guide/env-and-mode
FILES: Final = (".env", ".env.local", ".env.development", ".env.development.local")
_LINE: Final = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.]*)\s*=\s*(.*?)\s*\Z", re.DOTALL)
_REFERENCE: Final = re.compile(r"(?<!\\)\$(?:\{([A-Za-z_][A-Za-z0-9_]*)\}|([A-Za-z_][A-Za-z0-9_]*))")
_ESCAPES: Final = {"\\n": "\n", "\\r": "\r", "\\t": "\t", '\\"': '"', "\\\\": "\\", "\\$": "$"}
_ESCAPE: Final = re.compile(r"\\[nrt\"\\$]")


def load_environment(app: Path, environ: MutableMapping[str, str] = os.environ) -> list[Path]:
    """Set what the app's `.env` files say and the environment does not have yet; returns the files that were read.

    They are in the app folder, or else in the one around it.
    """
    folder = next((each for each in (app, app.parent) if any((each / name).is_file() for name in FILES)), app)
    said: dict[str, str] = {}
    read = []
    for name in FILES:
        file = folder / name
        if file.is_file():
            for variable, text in _entries(file):
                said[variable] = _expanded(text, {**said, **environ})
            read.append(file)
    for variable, text in said.items():
        environ.setdefault(variable, text)
    return read


def _entries(file: Path) -> Iterator[tuple[str, str]]:
    """Names and values as they are written; a quoted value may go over several lines."""
    lines = iter(enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1))
    for number, first in lines:
        line = first
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _LINE.match(line)
        if found is None:
            log.warning("%s, line %d: %r is not NAME=value; it is ignored.", file, number, line.strip()[:40])
            continue
        variable, text = found.groups()
        quote = text[:1]
        while (
            quote in ("'", '"') and _closing(text, quote) is None and (more := next(lines, None)) is not None
        ):
            text = f"{text}\n{more[1]}"
        yield variable, text


def _closing(text: str, quote: str) -> int | None:
    """Where a quoted value ends."""
    found = re.compile(rf"(?<!\\){quote}").search(text, 1)
    return None if found is None else found.start()


def _expanded(text: str, known: MutableMapping[str, str] | dict[str, str]) -> str:
    """The value: quotes taken off, comments cut, `$NAME` and `${NAME}` replaced outside single quotes."""
    quote = text[:1]
    end = _closing(text, quote) if quote in ("'", '"') else None
    if end is not None and quote == "'":
        return text[1:end]
    bare = text[1:end] if end is not None else re.split(r"\s#", text, maxsplit=1)[0].strip()
    filled = _REFERENCE.sub(lambda found: known.get(found[1] or found[2], ""), bare)
    return (
        _ESCAPE.sub(lambda found: _ESCAPES[found[0]], filled)
        if end is not None
        else filled.replace("\\$", "$")
    )
