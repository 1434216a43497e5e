"""Docstrings as JSDoc.

Owns: Google's sections (`Arguments:`, `Returns:`, `Raises:`) as tags, and that no docstring ends a comment. Refuses to
know: what is documented.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Final

_ARGUMENTS: Final = ("Args", "Arguments", "Parameters")
_RETURNS: Final = ("Returns", "Return")
_RAISES: Final = ("Raises",)
_SECTION: Final = re.compile(r"^(Args|Arguments|Parameters|Returns|Return|Raises):$")
_ENTRY: Final = re.compile(r"^(\*{0,2}\w+)(?:\s*\([^)]*\))?:\s*(.*)$")


def jsdoc(docstring: str, indent: str = "", parameters: Mapping[str, str] | None = None) -> list[str]:
    """The lines of a comment; none for an empty docstring.

    Arguments:
        docstring: as it was written.
        indent: before each line.
        parameters: of a function: name in Python → name in TypeScript. Without it, sections stay as they are.
    """
    lines = _clean(docstring)
    if parameters is not None:
        lines = list(_tagged(lines, parameters))
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        return []
    if len(lines) == 1:
        return [f"{indent}/** {lines[0]} */"]
    return [f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */"]


def _clean(docstring: str) -> list[str]:
    text = inspect.cleandoc(docstring).replace("*/", "*\\/")
    text = "".join(char if char in "\n\t" or char.isprintable() else " " for char in text)
    return [line.rstrip() for line in text.split("\n")]


def _tagged(lines: list[str], parameters: Mapping[str, str]) -> Iterator[str]:
    section = ""
    for line in lines:
        heading = _SECTION.match(line)
        if heading:
            section = heading[1]
        elif section and line and not line.startswith((" ", "\t")):
            section = ""
            yield line
        elif section:
            yield from _entry(section, line.strip(), parameters)
        else:
            yield line


def _entry(section: str, line: str, parameters: Mapping[str, str]) -> Iterator[str]:
    entry = _ENTRY.match(line)
    if not line:
        return
    if section in _RETURNS:
        yield f"@returns {line}"
    elif entry is None:
        yield line
    elif section in _RAISES:
        yield f"@throws {entry[1]}: {entry[2]}"
    elif entry[1].lstrip("*") in parameters:
        yield f"@param {parameters[entry[1].lstrip('*')]} - {entry[2]}"
