"""What a docstring says to a model: the summary, and a line for each parameter.

Owns: Google's, NumPy's and Sphinx's ways to write that down. Refuses to know: schemas.
"""

from __future__ import annotations

import inspect
import re

_PARAMETERS = (
    "args",
    "arguments",
    "parameters",
    "params",
    "keyword args",
    "keyword arguments",
    "other parameters",
)
_OTHER_SECTIONS = (
    "attributes",
    "example",
    "examples",
    "note",
    "notes",
    "raise",
    "raises",
    "references",
    "return",
    "returns",
    "see also",
    "todo",
    "warning",
    "warnings",
    "yield",
    "yields",
)
_SECTIONS = frozenset({*_PARAMETERS, *_OTHER_SECTIONS})
_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?:\([^)]*\))?\s*:\s*(.*)")  # name (type): text
_NUMPY_ENTRY = re.compile(r"\*{0,2}(\w+)\s*(?::.*)?$")  # name : type
_SPHINX = re.compile(r":(\w+)(?:\s+[^:]*?(\w+))?:\s*(.*)")  # :param type name: text


def read_docstring(text: str | None) -> tuple[str | None, dict[str, str]]:
    """The description before the first section, and the parameters' descriptions by name."""
    if not text:
        return None, {}
    lines = inspect.cleandoc(text).splitlines()
    summary: list[str] = []
    parameters: dict[str, str] = {}
    index = 0
    while index < len(lines):
        title = _section(lines, index)
        if title is not None:
            body, index, is_numpy = _body(lines, index)
            if title in _PARAMETERS:
                parameters.update(_numpy_entries(body) if is_numpy else _entries(body))
        elif found := _SPHINX.match(lines[index]):
            said, index = _continued(found[3], lines, index + 1)
            if found[1] in ("param", "parameter", "arg", "argument", "key", "keyword") and found[2]:
                parameters[found[2]] = said
        else:
            summary.append(lines[index])
            index += 1
    return "\n".join(summary).strip() or None, parameters


def _section(lines: list[str], index: int) -> str | None:
    """The title of the section that begins here: `Args:`, or a line that is underlined."""
    line = lines[index]
    title = line.rstrip().removesuffix(":").lower()
    if title not in _SECTIONS:
        return None
    is_underlined = index + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[index + 1].strip())
    return title if line.rstrip().endswith(":") or is_underlined else None


def _body(lines: list[str], index: int) -> tuple[list[str], int, bool]:
    """The lines of a section, where the next thing begins, and whether it is one of NumPy's."""
    is_numpy = not lines[index].rstrip().endswith(":")
    index += 2 if is_numpy else 1
    body = []
    while index < len(lines) and _section(lines, index) is None:
        line = lines[index]
        if not is_numpy and line.strip() and not line[0].isspace():
            break
        body.append(line)
        index += 1
    return inspect.cleandoc("\n".join(["", *body])).splitlines(), index, is_numpy


def _entries(body: list[str]) -> dict[str, str]:
    """Lines such as `city: where`, each of which may go on, further in, on the next."""
    found: dict[str, str] = {}
    name = None
    for line in body:
        entry = None if line[:1].isspace() else _ENTRY.match(line)
        if entry:
            name = entry[1]
            found[name] = entry[2].strip()
        elif name is not None and line.strip():
            found[name] = f"{found[name]} {line.strip()}".strip()
    return {name: said for name, said in found.items() if said}


def _numpy_entries(body: list[str]) -> dict[str, str]:
    """Lines such as `city : str`, each followed by an indented text."""
    found: dict[str, str] = {}
    name = None
    for line in body:
        entry = None if line[:1].isspace() else _NUMPY_ENTRY.match(line)
        if entry:
            name = entry[1]
            found[name] = ""
        elif name is not None and line.strip():
            found[name] = f"{found[name]} {line.strip()}".strip()
    return {name: said for name, said in found.items() if said}


def _continued(said: str, lines: list[str], index: int) -> tuple[str, int]:
    while index < len(lines) and lines[index][:1].isspace() and lines[index].strip():
        said = f"{said} {lines[index].strip()}"
        index += 1
    return said.strip(), index
