"""The HTML around a page.

Owns: the document, and how data goes into it safely. Refuses to know: where modules come from, ASGI, what the rows say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from html import escape

from flightwire._frozen import value


@value
class Document:
    """What one shell carries.

    Attributes:
        title: the text of `<title>`.
        config: what the browser runtime reads first (`web/client/config.ts`).
        rows: the Flight rows of the page.
        scripts: addresses of module scripts, in order.
        preloads: addresses of modules that the scripts will import.
        styles: addresses of style sheets.
        nonce: what the page's Content-Security-Policy trusts; empty when it has none.
    """

    title: str
    config: Mapping[str, object]
    rows: str
    scripts: Sequence[str]
    preloads: Sequence[str] = ()
    styles: Sequence[str] = ()
    nonce: str = ""


def render_shell(document: Document) -> bytes:
    """The document as UTF-8."""
    nonce = _nonce(document.nonce)
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(document.title)}</title>",
        '<link rel="icon" href="data:,">',  # or the browser asks for /favicon.ico, outside our prefix
        *_nonce_meta(document.nonce),
        *(f'<link rel="stylesheet" href="{escape(href)}"{nonce}>' for href in document.styles),
        *(f'<link rel="modulepreload" href="{escape(href)}"{nonce}>' for href in document.preloads),
    ]
    body = [
        "<noscript>This page needs JavaScript.</noscript>",
        '<div id="root"></div>',
        _data("__flightwire", document.config),
        _data("__flightwire_rows", document.rows),
        *(f'<script type="module" src="{escape(src)}"{nonce}></script>' for src in document.scripts),
    ]
    return _html(head, body)


def render_letter(title: str, text: str, *, nonce: str = "") -> bytes:
    """A page that only says something."""
    head = [
        '<meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        '<link rel="icon" href="data:,">',
        f"<style{_nonce(nonce)}>"
        ":root{color-scheme:light dark}body{font:16px/1.55 system-ui,sans-serif;max-width:42rem;"
        "margin:12vh auto;padding:0 1.25rem}h1{font-size:1.25rem}p{white-space:pre-wrap;overflow-wrap:anywhere}</style>",
    ]
    return _html(head, [f"<h1>{escape(title)}</h1>", f"<p>{escape(text)}</p>"])


def _nonce(nonce: str) -> str:
    return f' nonce="{escape(nonce)}"' if nonce else ""


def _nonce_meta(nonce: str) -> list[str]:
    """Where Vite's preloading and its injected styles look for it, and libraries that make style elements may, too."""
    return [f'<meta property="csp-nonce" nonce="{escape(nonce)}">'] if nonce else []


def _html(head: list[str], body: list[str]) -> bytes:
    lines = [
        "<!doctype html>",
        '<html lang="en">',
        "<head>",
        *head,
        "</head>",
        "<body>",
        *body,
        "</body>",
        "</html>",
    ]
    return ("\n".join(lines) + "\n").encode(
        "utf-8", "backslashreplace"
    )  # a lone surrogate: `\ud800`, as JSON writes it


def _data(id: str, content: object) -> str:
    # In a script element only "<" can end the element or open a comment (HTML, "restrictions for contents of script elements").
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="{id}">{text}</script>'
