"""Source code as elements, with colours: enough of Python and TypeScript to be read with pleasure."""

import keyword
import re
from collections.abc import Iterator

from flightwire import Node, html

PYTHON = re.compile(
    r"""(?P<string>[rbfRBF]{0,2}(?:\"\"\"[\s\S]*?\"\"\"|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'))
      | (?P<comment>\#.*) | (?P<decorator>@[\w.]+) | (?P<number>\b\d[\w.]*) | (?P<name>\w+) | (?P<other>\s+|.)""",
    re.VERBOSE,
)
SCRIPT = re.compile(
    r"""(?P<comment>//.*|/\*[\s\S]*?\*/) | (?P<string>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`)
      | (?P<tag></?[A-Za-z][\w.]*) | (?P<number>\b\d[\w.]*) | (?P<name>[\w$]+) | (?P<other>\s+|.)""",
    re.VERBOSE,
)
SCRIPT_WORDS = """as async await break case class const default delete else export extends false for from function if import
    in interface let new null of override return static switch this throw true try type undefined"""
SCRIPT_KEYWORDS = frozenset(SCRIPT_WORDS.split())
PYTHON_KEYWORDS = frozenset([*keyword.kwlist, "match", "case"])


def highlighted(source: str, suffix: str) -> Node:
    """Show a file, a line each."""
    lines: list[list[Node]] = [[]]
    for kind, text in _tokens(source, suffix):
        for number, piece in enumerate(text.split("\n")):
            if number:
                lines.append([])
            if piece:
                lines[-1].append(html.span(piece, class_name=kind) if kind else piece)
    if not lines[-1]:
        lines.pop()
    return html.code(html.span(*line, "\n", class_name="line", key=index) for index, line in enumerate(lines))


def _tokens(source: str, suffix: str) -> Iterator[tuple[str, str]]:
    """Pieces of the source with what they are; neighbours of one kind are one."""
    is_python = suffix == ".py"
    keywords = PYTHON_KEYWORDS if is_python else SCRIPT_KEYWORDS
    last, text = "", ""
    for match in (PYTHON if is_python else SCRIPT).finditer(source):
        piece = match[0]
        kind = match.lastgroup or ""
        if kind == "name":
            kind = _kind_of_name(piece, source[match.end() : match.end() + 1], keywords)
        kind = "" if kind == "other" else kind
        if kind == last:
            text += piece
            continue
        if text:
            yield last, text
        last, text = kind, piece
    if text:
        yield last, text


def _kind_of_name(name: str, following: str, keywords: frozenset[str]) -> str:
    if name in keywords:
        return "keyword"
    if following == "(":
        return "call"
    return "type" if name[0].isupper() else ""
