"""Documents: what a browser gets for an address, with the page's rows in it.

Owns: what stands in a document's head, its headers, and sending it, whole or while rows come. Refuses to know: which page an
address means, how its tree is made.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from flightwire._frozen import value
from flightwire.errors import AppLoadError, Redirect
from flightwire.server.build import Build
from flightwire.server.compression import compressed
from flightwire.server.csp import ContentSecurityPolicy
from flightwire.server.failures import status_of
from flightwire.server.metadata import joined, tags
from flightwire.server.public import PublicFiles
from flightwire.server.request import Request
from flightwire.server.responses import (
    FLIGHT_HEADERS,
    ASGIScope,
    Headers,
    Message,
    Receive,
    Send,
    header,
    merged,
    root_path,
)
from flightwire.server.shell import CLOSING, Document, more_rows, open_shell, render_letter, render_shell
from flightwire.server.tree import Tree
from flightwire.wire.flight.manifest import Manifest
from flightwire.wire.flight.values import Failure

ENTRY = "@flightwire/entry"  # web/vite-plugin/index.mjs
FLIGHT = "text/x-component"
DOCUMENT_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (
        b"referrer-policy",
        b"same-origin",
    ),  # addresses name chats; "no-referrer" would make forms say `Origin: null`
]


class Exchange:
    """One request for a page.

    Arguments:
        scope: as ASGI gives it.
        receive: as ASGI gives it.
        send: as ASGI gives it.
        nonce: what the document's Content-Security-Policy trusts; empty when it has none.

    Attributes:
        request: the same, as the app's functions see it.
    """

    def __init__(self, scope: ASGIScope, receive: Receive, send: Send, nonce: str) -> None:
        self.scope = scope
        self.receive = receive
        self.send = send
        self.nonce = nonce
        self.request = Request(scope)

    @property
    def is_head(self) -> bool:
        """Whether only the head is wanted."""
        return bool(self.scope["method"] == "HEAD")

    @property
    def wants_rows(self) -> bool:
        """Whether a page that is open asks for its tree again."""
        return (header(self.scope, b"accept") or "").startswith(FLIGHT)


@value
class View:
    """Where a page's modules come from: a build, or Vite's origin as the browser sees it."""

    manifest: Manifest | None
    build: Build | None
    vite: str | None


class Documents:
    """Sends the documents of one app.

    Arguments:
        folder: the app folder.
        csp: what they may load.
        public: the app's icons.
        load_error: why the app's Python cannot be imported at the moment; development shows it.
    """

    def __init__(
        self,
        folder: Path,
        *,
        csp: ContentSecurityPolicy | None,
        public: PublicFiles,
        load_error: Callable[[], AppLoadError | None],
    ) -> None:
        self._folder = folder
        self._csp = csp
        self._public = public
        self._load_error = load_error

    async def send_letter(self, exchange: Exchange, status: int, title: str, text: str) -> None:
        """Send a page that only says something."""
        body = render_letter(title, text, nonce=exchange.nonce)
        await self._send_html(exchange, status, body, vite=None)

    async def send_whole(self, exchange: Exchange, status: int, view: View, tree: Tree, rows: bytes) -> None:
        """Send a document, or its rows alone to who asks for them, when all of them are there."""
        if exchange.wants_rows:
            headers = merged(FLIGHT_HEADERS, exchange.request.response.start())
            await exchange.send({"type": "http.response.start", "status": status, "headers": headers})
            await exchange.send({"type": "http.response.body", "body": b"" if exchange.is_head else rows})
            return
        document = self._document(exchange, view, tree, rows)
        await self._send_html(exchange, status, render_shell(document), vite=view.vite)

    async def send_failure(self, exchange: Exchange, view: View, tree: Tree, failure: Failure) -> None:
        """Send an empty document of development that shows what went wrong before there was anything to show."""
        error: dict[str, object] = {
            "name": failure.name,
            "message": failure.message,
            "frames": [frame[:4] for frame in failure.stack],
        }
        document = self._document(exchange, view, tree, b"0:null\n", error=error)
        await self._send_html(exchange, 500, render_shell(document), vite=view.vite)

    def sender(self, exchange: Exchange, view: View, tree: Tree) -> Send:
        """Where a pump sends rows that become a document: one that begins with the first of them, and ends with the last."""
        return exchange.send if exchange.wants_rows else _Sender(self, exchange, view, tree)

    async def begin(self, exchange: Exchange, view: View, tree: Tree, rows: bytes, *, is_whole: bool) -> bool:
        """Send a document as far as its rows are there; returns whether more of them are wanted."""
        if isinstance(tree.failure, Redirect):
            await self.redirect(exchange, tree.failure)
            return False
        status = _status(exchange, tree)
        if is_whole or exchange.is_head:
            await self.send_whole(exchange, status, view, tree, rows)
            return False
        headers = [*self._headers(exchange, view.vite), (b"x-accel-buffering", b"no")]
        document = self._document(exchange, view, tree, rows)
        await exchange.send({"type": "http.response.start", "status": status, "headers": headers})
        await exchange.send({"type": "http.response.body", "body": open_shell(document), "more_body": True})
        return True

    async def redirect(self, exchange: Exchange, redirect: Redirect) -> None:
        """Send the browser elsewhere."""
        location = redirect.location
        if location.startswith("/"):
            location = _root(exchange.scope) + location
        headers = merged(
            [(b"location", quote(location, safe=_URL_SAFE).encode()), (b"cache-control", b"no-store")],
            exchange.request.response.start(),
        )
        status = redirect.status_code
        await exchange.send({"type": "http.response.start", "status": status, "headers": headers})
        await exchange.send({"type": "http.response.body", "body": b""})

    async def _send_html(self, exchange: Exchange, status: int, body: bytes, *, vite: str | None) -> None:
        body, encoding = await compressed(exchange.scope, body)
        length = (b"content-length", str(len(body)).encode())
        headers = [*self._headers(exchange, vite, encoding), length]
        await exchange.send({"type": "http.response.start", "status": status, "headers": headers})
        await exchange.send({"type": "http.response.body", "body": b"" if exchange.is_head else body})

    def _headers(self, exchange: Exchange, vite: str | None, more: Headers = []) -> Headers:  # noqa: B006
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"cache-control", b"no-store"),
            *DOCUMENT_HEADERS,
        ]
        if self._csp is not None:
            headers.append((b"content-security-policy", self._csp.header(exchange.nonce, vite=vite)))
        vary = [(b"vary", b"accept"), *more]
        return merged(merged(headers, vary), exchange.request.response.start())

    def _document(
        self,
        exchange: Exchange,
        view: View,
        tree: Tree,
        rows: bytes,
        *,
        error: dict[str, object] | None = None,
    ) -> Document:
        root = _root(exchange.scope)
        metadata = joined(tree.metadata)
        config: dict[str, object] = {
            "root": root,
            "dev": view.vite is not None,
            "page": quote(tree.match.page),
        }
        if view.vite is not None:
            config |= {"app": self._folder.as_posix(), "isPython": bool(tree.match.python_files)}
            if problem := self._load_error():
                error = self.shown(problem)
            if error is not None:
                config["error"] = error
            scripts, preloads, styles = [f"{view.vite}/@vite/client", f"{view.vite}/{ENTRY}"], [], []
        else:
            assert view.build is not None
            scripts = [f"{root}/{view.build.script}"]
            preloads = [f"{root}/{file}" for file in view.build.preloads(*tree.client_files)]
            styles = [f"{root}/{file}" for file in view.build.styles(*tree.client_files)]
        return Document(
            title=metadata.get("title") or self._title(),
            config=config,
            rows=rows,
            scripts=scripts,
            preloads=preloads,
            styles=styles,
            nonce=exchange.nonce,
            head=list(tags(metadata)),
            icons=[] if "icons" in metadata else self._public.icon_tags(root),
            lang=str(metadata.get("lang", "en")),
        )

    def _title(self) -> str:
        folder = self._folder.parent if self._folder.name in ("app", "src") else self._folder
        return folder.name.replace("_", " ").replace("-", " ").strip().capitalize() or "Flightwire"

    def shown(self, error: AppLoadError) -> dict[str, object]:
        """What an open page says of an app that cannot be loaded."""
        return {
            "name": "The app cannot be loaded",
            "message": str(error),
            "frames": [["", error.path, error.line or 1, 1]],
            "hint": "Correct it and save: the page follows by itself. Until then calls are refused.",
        }


class _Sender:
    """Takes what a pump sends, and sends a document with the rows in it."""

    def __init__(self, documents: Documents, exchange: Exchange, view: View, tree: Tree) -> None:
        self._documents = documents
        self._exchange = exchange
        self._view = view
        self._tree = tree
        self._has_begun = False
        self._goes_on = False

    async def __call__(self, message: Message) -> None:
        """Take one message; the document has a head of its own."""
        if message["type"] != "http.response.body":
            return
        rows, more, exchange = message["body"], message["more_body"], self._exchange
        if not self._has_begun:
            self._has_begun = True
            self._goes_on = await self._documents.begin(
                exchange, self._view, self._tree, rows, is_whole=not more
            )
        elif self._goes_on:
            piece = (more_rows(rows, exchange.nonce) if rows else b"") + (b"" if more else CLOSING)
            await exchange.send({"type": "http.response.body", "body": piece, "more_body": more})


def _status(exchange: Exchange, tree: Tree) -> int:
    if tree.failure is not None:
        return status_of(tree.failure)
    return 404 if tree.match.is_missing else exchange.request.response.status_code or 200


def _root(scope: ASGIScope) -> str:
    """The prefix as the browser writes it."""
    return quote(root_path(scope), safe=_PATH_SAFE)


_PATH_SAFE = "/:@!$&'()*+,;=~-._"
_URL_SAFE = _PATH_SAFE + "?#[]%"
