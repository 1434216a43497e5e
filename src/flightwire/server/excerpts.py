"""A few lines of Python around a place that a failure told of, for the panel of development.

Owns: which places those are, and the lines. Refuses to know: failures, who may ask (`development.py`).

Python files are not served as such, in development neither: only what stands around a place that the page has been told of.
"""

from __future__ import annotations

import json
from collections import OrderedDict
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from flightwire.server.responses import ASGIScope, Send, send_text

SOURCE: Final = "/_flightwire/source"
LINES_AROUND: Final = 2
MAX_PLACES: Final = 500

_told: OrderedDict[tuple[str, int], None] = OrderedDict()


def remember(path: str, line: int) -> None:
    """The page is told of this place, and may ask for the lines around it."""
    _told[path, line] = None
    _told.move_to_end((path, line))
    while len(_told) > MAX_PLACES:
        _told.popitem(last=False)


def excerpt(path: str, line: int) -> list[dict[str, object]] | None:
    """The lines around a place, `{"number", "text", "isMeant"}`; None when no page was told of it, or it cannot be read."""
    if (path, line) not in _told:
        return None
    try:
        lines = Path(path).read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    first = max(line - LINES_AROUND, 1)
    around = enumerate(lines[first - 1 : line + LINES_AROUND], first)
    return [{"number": number, "text": text, "isMeant": number == line} for number, text in around]


async def send_source(scope: ASGIScope, send: Send, *, head: bool) -> None:
    """Answer the panel: `?path=…&line=…`."""
    asked = parse_qs(scope.get("query_string", b"").decode("latin-1"))
    path, line = asked.get("path", [""])[0], asked.get("line", [""])[0]
    found = excerpt(path, int(line)) if line.isascii() and line.isdigit() and len(line) < 10 else None
    if found is None:
        await send_text(send, 404, "No failure told of this place.\n", head=head)
    else:
        await send_text(send, 200, json.dumps(found), head=head)
