"""The HTML around a page.

Owns: the document, and how data goes into it safely. Refuses to know: where modules come from, ASGI, what the rows say.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from html import escape

from flightwire._frozen import value


@value
class Document:
    """What one shell carries.

    Attributes:
        title: the text of `<title>`.
        config: what the browser runtime reads first (`web/client/config.ts`).
        rows: the Flight rows of the page, as far as they are there.
        scripts: addresses of module scripts, in order.
        preloads: addresses of modules that the scripts will import.
        styles: addresses of style sheets.
        nonce: what the page's Content-Security-Policy trusts; empty when it has none.
        head: further elements of the head.
        icons: elements of the head that name the app's icon.
        lang: the language of the page.
    """

    title: str
    config: Mapping[str, object]
    rows: bytes
    scripts: Sequence[str]
    preloads: Sequence[str] = ()
    styles: Sequence[str] = ()
    nonce: str = ""
    head: Sequence[str] = ()
    icons: Sequence[str] = ()
    lang: str = "en"


NO_ICON = '<link rel="icon" href="data:,">'  # or the browser asks for /favicon.ico, outside our prefix
CLOSING = b"</body>\n</html>\n"


def render_shell(document: Document) -> bytes:
    """The whole document as UTF-8."""
    return open_shell(document, is_whole=True) + CLOSING


def open_shell(document: Document, *, is_whole: bool = False) -> bytes:
    """The document up to the rows that are there.

    What follows is `more_rows`, in any number, and `CLOSING`.

    Arguments:
        document: what it carries.
        is_whole: no more rows will come. Otherwise scripts run as soon as they are there, not at the end of the document.
    """
    nonce = _nonce(document.nonce)
    kind = 'type="module"' if is_whole else 'type="module" async'
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<title data-flightwire="">{escape(document.title)}</title>',
        *(document.icons or [NO_ICON]),
        *document.head,
        *_nonce_meta(document.nonce),
        *(f'<link rel="stylesheet" href="{escape(href)}"{nonce}>' for href in document.styles),
        *(f'<link rel="modulepreload" href="{escape(href)}"{nonce}>' for href in document.preloads),
    ]
    body = [
        "<noscript>This page needs JavaScript.</noscript>",
        '<div id="root"></div>',
        _data("__flightwire", document.config),
        _data("__flightwire_rows", _chunk(document.rows)),
        *(f'<script {kind} src="{escape(src)}"{nonce}></script>' for src in document.scripts),
    ]
    return _opening(head, body, document.lang)


def more_rows(rows: bytes, nonce: str) -> bytes:
    """Rows that have come since: the runtime takes them while the document is still being read."""
    return f"<script{_nonce(nonce)}>(self.__flightwire_more??=[]).push({_json(_chunk(rows))})</script>\n".encode()


def _chunk(rows: bytes) -> object:
    """Rows as JSON: a text, unless some hold bytes that are none."""
    try:
        return rows.decode()
    except UnicodeDecodeError:
        return {"base64": b64encode(rows).decode()}


def render_letter(title: str, text: str, *, nonce: str = "") -> bytes:
    """A page that only says something."""
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        NO_ICON,
        f"<style{_nonce(nonce)}>"
        ":root{color-scheme:light dark}body{font:16px/1.55 system-ui,sans-serif;max-width:42rem;"
        "margin:12vh auto;padding:0 1.25rem}h1{font-size:1.25rem}p{white-space:pre-wrap;overflow-wrap:anywhere}</style>",
    ]
    return _opening(head, [f"<h1>{escape(title)}</h1>", f"<p>{escape(text)}</p>"], "en") + CLOSING


def _nonce(nonce: str) -> str:
    return f' nonce="{escape(nonce)}"' if nonce else ""


def _nonce_meta(nonce: str) -> list[str]:
    """Where Vite's preloading and its injected styles look for it, and libraries that make style elements may, too."""
    return [f'<meta property="csp-nonce" nonce="{escape(nonce)}">'] if nonce else []


def _opening(head: list[str], body: list[str], lang: str) -> bytes:
    lines = ["<!doctype html>", f'<html lang="{escape(lang)}">', "<head>", *head, "</head>", "<body>", *body]
    return ("\n".join(lines) + "\n").encode(
        "utf-8", "backslashreplace"
    )  # a lone surrogate: `\ud800`, as JSON writes it


def _data(id: str, content: object) -> str:
    return f'<script type="application/json" id="{id}">{_json(content)}</script>'


def _json(content: object) -> str:
    # In a script element only "<" can end the element or open a comment (HTML, "restrictions for contents of script elements").
    return json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
