"""Docstrings as JSDoc.

Owns: sections on arguments, results and errors as tags, in the three spellings that Python has: Google's (`Args:`), NumPy's
(`Parameters` and a line of dashes) and Sphinx's (`:param x:`); and that no docstring ends a comment. Refuses to know: what
is documented.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator, Mapping
from typing import Final, TypeAlias

_WORDS: Final = {
    **dict.fromkeys(("args", "arguments", "parameters", "other parameters", "keyword args"), "param"),
    **dict.fromkeys(("returns", "return", "yields"), "returns"),
    **dict.fromkeys(("raises",), "throws"),
}
_GOOGLE: Final = re.compile(r"(\w[\w ]*):")
_DASHES: Final = re.compile(r"-{3,}|={3,}")
_ENTRY: Final = re.compile(r"(\*{0,2}\w[\w.]*)(?:\s*\([^)]*\))?:\s*(.*)")
_TYPE: Final = re.compile(r"[A-Za-z_][\w.]*(?:\[[^:]*\])?(?: \| [\w.\[\], ]+)*:\s+(.*)")
_NUMPY_ENTRY: Final = re.compile(r"(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?:\s*:.*)?")
_SPHINX: Final = re.compile(r":(param|parameter|arg|argument|raises|raise|returns|return)\b([^:]*):\s*(.*)")
_SPHINX_TYPE: Final = re.compile(r":(type|rtype)\b[^:]*:")

Parameters: TypeAlias = Mapping[str, str]


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


def field_notes(docstring: str) -> tuple[str, dict[str, str]]:
    """The docstring of a class without its section on attributes, and what that says of each, by its name in Python."""
    kept: list[str] = []
    notes: dict[str, str] = {}
    lines = inspect.cleandoc(docstring).split("\n")
    index = 0
    while index < len(lines):
        is_numpy = lines[index] == "Attributes" and _DASHES.fullmatch("".join(lines[index + 1 : index + 2]))
        if lines[index] == "Attributes:":
            index, section = _indented(lines, index + 1)
            notes.update((name, _joined(words)) for name, words in _entries(section))
        elif is_numpy:
            index, section = _numpy_section(lines, index + 2)
            notes.update((name, _joined(words)) for name, words in _numpy_entries(section))
        else:
            kept.append(lines[index])
            index += 1
    return "\n".join(kept), notes


def _joined(words: list[str]) -> str:
    return "\n".join(word for word in words if word)


def _clean(docstring: str) -> list[str]:
    text = inspect.cleandoc(docstring).replace("*/", "*\\/")
    text = "".join(char if char in "\n\t" or char.isprintable() else " " for char in text)
    return [line.rstrip() for line in text.split("\n")]


def _tagged(lines: list[str], parameters: Parameters) -> Iterator[str]:
    index = 0
    while index < len(lines):
        google = _GOOGLE.fullmatch(lines[index])
        tag = _WORDS.get((google[1] if google else lines[index]).lower())
        is_numpy = index + 1 < len(lines) and _DASHES.fullmatch(lines[index + 1]) is not None
        if tag and is_numpy:
            index, section = _numpy_section(lines, index + 2)
            yield from _numpy(tag, section, parameters)
        elif tag and google:
            index, section = _indented(lines, index + 1)
            yield from _google(tag, section, parameters)
        elif _SPHINX.match(lines[index]) or _SPHINX_TYPE.match(lines[index]):
            field = lines[index]
            index, more = _indented(lines, index + 1)
            yield from _sphinx(field, [each.strip() for each in more], parameters)
        else:
            yield lines[index]
            index += 1


def _indented(lines: list[str], start: int) -> tuple[int, list[str]]:
    """Where the lines end that are indented or empty, and these."""
    end = start
    while end < len(lines) and (not lines[end] or lines[end][0] in " \t"):
        end += 1
    return end, lines[start:end]


def _numpy_section(lines: list[str], start: int) -> tuple[int, list[str]]:
    """Where the next section begins, and the lines before it."""
    end = start
    while end < len(lines) and not (end + 1 < len(lines) and _DASHES.fullmatch(lines[end + 1])):
        end += 1
    return end, lines[start:end]


def _google(tag: str, lines: list[str], parameters: Parameters) -> Iterator[str]:
    if tag == "returns":
        said = [line.strip() for line in lines if line]
        if said and (typed := _TYPE.fullmatch(said[0])):
            said[0] = typed[1]
        if said:
            yield from _lines("@returns", said)
        return
    for name, words in _entries(lines):
        yield from _entry(tag, name, words, parameters)


def _entries(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Names and what is said of them; what is indented further belongs to the name above."""
    name, words, margin = "", list[str](), -1
    for line in lines:
        depth = len(line) - len(line.lstrip())
        found = _ENTRY.fullmatch(line.strip()) if line and (margin < 0 or depth <= margin) else None
        if found:
            if name:
                yield name, words
            name, words, margin = found[1], [found[2]], depth
        elif line:
            words.append(line.strip())
    if name:
        yield name, words


def _numpy(tag: str, lines: list[str], parameters: Parameters) -> Iterator[str]:
    if tag == "returns":
        said = [line.strip() for line in lines if line and line[0] in " \t"] or [
            line for line in lines if line
        ]
        if said:
            yield from _lines("@returns", said)
        return
    for name, words in _numpy_entries(lines):
        yield from _entry(tag, name, words, parameters)


def _numpy_entries(lines: list[str]) -> Iterator[tuple[str, list[str]]]:
    heads = [index for index, line in enumerate(lines) if line and line[0] not in " \t"]
    for head, end in zip(heads, [*heads[1:], len(lines)], strict=True):
        entry = _NUMPY_ENTRY.fullmatch(lines[head])
        for name in entry[1].split(", ") if entry else ():
            yield name, [line.strip() for line in lines[head + 1 : end]]


def _sphinx(field: str, more: list[str], parameters: Parameters) -> Iterator[str]:
    found = _SPHINX.fullmatch(field)
    if found is None:  # a type, which TypeScript knows
        return
    word, subject, words = found[1], found[2].split(), [found[3], *more]
    if word.startswith("return"):
        yield from _lines("@returns", words)
    elif subject:
        yield from _entry("throws" if word.startswith("raise") else "param", subject[-1], words, parameters)


def _entry(tag: str, name: str, words: list[str], parameters: Parameters) -> Iterator[str]:
    if tag == "throws":
        yield from _lines(f"@throws {name}:" if any(words) else f"@throws {name}", words)
    elif name.lstrip("*") in parameters:
        yield from _lines(f"@param {parameters[name.lstrip('*')]} -", words)


def _lines(opening: str, words: list[str]) -> Iterator[str]:
    first, *rest = [word for word in words if word] or [""]
    yield f"{opening} {first}".rstrip()
    yield from rest
