"""Pages: the HTML shell of an app folder, and the files of its build.

Owns: which GET is a page, an asset or nothing, and the shell's data. Refuses to know: actions, how modules are compiled.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from starlette.requests import Request

from flightwire._frozen import value
from flightwire.actions.folder import AppFolder
from flightwire.errors import AppLoadError, CallError, EncodeError, Redirect, ToolchainError
from flightwire.server.build import ASSETS_FOLDER, MANIFEST_FILE, Build, BuildError
from flightwire.server.compression import compressed
from flightwire.server.csp import CSP, ContentSecurityPolicy, new_nonce
from flightwire.server.files import files_of
from flightwire.server.fresh import Fresh
from flightwire.server.metadata import joined, tags
from flightwire.server.mode import Mode
from flightwire.server.page_functions import PythonPart
from flightwire.server.public import PUBLIC_FOLDER, PublicFiles
from flightwire.server.renders import DocumentSender, Render
from flightwire.server.responses import (
    FLIGHT_HEADERS,
    ASGIScope,
    Headers,
    Receive,
    Send,
    header,
    path_below_root,
    root_path,
)
from flightwire.server.routes import Match, Routes, is_route_file
from flightwire.server.shell import Document, open_shell, render_letter, render_shell
from flightwire.server.static import FOR_EVER, REVALIDATED, StaticFile, send_static
from flightwire.server.tree import Tree
from flightwire.server.vite import ViteProcess
from flightwire.wire.flight.manifest import Manifest
from flightwire.wire.flight.writer import Writer

log = logging.getLogger("flightwire.pages")

STATE_FOLDER = ".flightwire"
BUILD_FOLDER = "build"
PAGES_FILE = "pages.json"
ENTRY = "@flightwire/entry"  # web/vite-plugin/index.mjs
DOCUMENT_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (
        b"referrer-policy",
        b"same-origin",
    ),  # addresses name chats; "no-referrer" would make forms say `Origin: null`
]
MAX_DURATION_S = 7 * 24 * 3600.0  # more is no limit
MAX_SEARCH_PARAMS = 1000
RELOAD_TIMEOUT_S = 2.0  # how long a page may wait for Python code that has just been saved
FLIGHT = "text/x-component"


@value
class _Exchange:
    """One request for a page, and the nonce of its document."""

    scope: ASGIScope
    receive: Receive
    send: Send
    nonce: str

    @property
    def is_head(self) -> bool:
        """Whether only the head is wanted."""
        return bool(self.scope["method"] == "HEAD")

    @property
    def wants_rows(self) -> bool:
        """Whether a page that is open asks for its tree again."""
        return (header(self.scope, b"accept") or "").startswith(FLIGHT)


@value
class _View:
    """Where a page's modules come from: a build, or Vite's origin as the browser sees it."""

    manifest: Manifest | None
    build: Build | None
    vite: str | None


class Pages:
    """Serves GET and HEAD for one app folder.

    Args:
        folder: the folder with `page.tsx`.
        mode: development takes modules from Vite, production from the build in `.flightwire/build`.
        vite: the development server; needed in development.
        load_error: gives the reason why the app's Python cannot be imported at the moment; development shows it.
        csp: see `ContentSecurityPolicy.of`.
        max_duration_s: how long the functions of a page may take, in seconds, unless the page says less.
    """

    def __init__(
        self,
        folder: Path,
        *,
        mode: Mode,
        vite: ViteProcess | None = None,
        load_error: Callable[[], AppLoadError | None] = lambda: None,
        csp: CSP = None,
        max_duration_s: float = 900.0,
    ) -> None:
        self.folder = folder.resolve()
        self.mode = mode
        self.vite = vite
        self.load_error = load_error
        self._csp = ContentSecurityPolicy.of(csp)
        self._build_folder = self.folder / STATE_FOLDER / BUILD_FOLDER
        self._build = Fresh(self._build_folder / MANIFEST_FILE, lambda _: Build.load(self._build_folder))
        self._max_duration_s = max_duration_s
        self._parts: Mapping[str, PythonPart] = {}
        self._routes: tuple[Build, Routes] | None = None
        is_built = mode == "production"
        self._public = PublicFiles(
            (self._build_folder if is_built else self.folder) / PUBLIC_FOLDER,
            icons=self._build_folder / PUBLIC_FOLDER if is_built else self.folder,
        )
        self._facts = Fresh(self.folder / STATE_FOLDER / PAGES_FILE, _read_facts)

    def use(self, app: AppFolder) -> None:
        """Show pages with the Python code that was imported last.

        Raises:
            AppLoadError: a `page.py` or `layout.py` is none.
        """
        files = [file.as_posix() for file in app.files]
        self._parts = {file: PythonPart(app, file) for file in files if is_route_file(file)}

    async def startup(self) -> None:
        """Start Vite in development; when it cannot start, actions still work and pages say why."""
        if self.vite is None or self.mode == "production":
            return
        try:
            await self.vite.start()
        except ToolchainError as error:
            log.error("%s", error)

    async def aclose(self) -> None:
        """Stop Vite."""
        if self.vite is not None:
            await self.vite.aclose()

    def max_duration_s(self, page: str) -> float | None:
        """The page's `export const maxDuration`, in seconds, or `None` when it has none (or there is no such page)."""
        seconds = self._facts_of(unquote(page)).get("maxDuration")
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            return None
        return float(seconds) if 0 < seconds <= MAX_DURATION_S else None

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one GET or HEAD."""
        path = path_below_root(scope)
        if (asset := self._asset(path)) is not None:
            await send_static(asset, scope, receive, send, cache_control=FOR_EVER)
        elif (public := self._public.find(path)) is not None:
            await send_static(public, scope, receive, send, cache_control=REVALIDATED)
        else:
            nonce = "" if self._csp is None else new_nonce()
            await self._page(path, _Exchange(scope, receive, send, nonce))

    # --- pages ---------------------------------------------------------------------------------------------------

    async def _page(self, path: str, exchange: _Exchange) -> None:
        try:
            match = await self._match(path)
            if match is None:
                title, text = self._nothing_at(path)
                await self._send_letter(exchange, 404, title, text)
                return
            view = await self._view(exchange)
            is_broken = match.python_files and not await self._has_parts(match)
            tree = self._tree(match, exchange)
            if is_broken:
                await self._send_whole(exchange, 500, view, tree, b"0:null\n")
            elif match.python_files:
                await self._render(exchange, view, tree)
            else:
                rows = Writer(view.manifest).start(tree.build())
                await self._send_whole(exchange, 404 if match.is_missing else 200, view, tree, rows)
        except CallError as error:
            await self._send_letter(exchange, error.status_code, "This page cannot be shown", str(error))
        except (ToolchainError, BuildError, EncodeError, AppLoadError) as error:
            log.error("%s", error)
            text = str(error) if self.mode == "development" else "The log of the server says why."
            await self._send_letter(exchange, 500, "This page cannot be shown", text)

    async def _match(self, path: str) -> Match | None:
        if self.mode == "production":
            build = self._try_build()
            if build is None:
                if not any(map(is_route_file, files_of(self.folder))):
                    return None  # actions alone need no build
                raise BuildError(
                    f"{self.folder} has no build that works. Type: flightwire build {self.folder.name}"
                )
            routes = self._built_routes(build)
        else:
            routes = Routes(await asyncio.to_thread(lambda: list(files_of(self.folder))))
        return routes.match(path) or routes.not_found()

    def _built_routes(self, build: Build) -> Routes:
        if self._routes is None or self._routes[0] is not build:
            self._routes = (build, Routes([*build.modules, *self._parts]))
        return self._routes[1]

    def _tree(self, match: Match, exchange: _Exchange) -> Tree:
        given = {
            "params": dict(match.params),
            "search_params": _search_params(exchange.scope),
            "request": Request(exchange.scope),
        }
        return Tree(
            match, parts=self._parts, given=given, facts=self._facts_of(match.page).get("metadata", {})
        )

    async def _has_parts(self, match: Match) -> bool:
        """Whether the Python code of a page is there; what was saved a moment ago is waited for."""
        if self.load_error() is not None:
            return False
        end = asyncio.get_running_loop().time() + RELOAD_TIMEOUT_S
        while not all(file in self._parts for file in match.python_files):
            if self.load_error() is not None or asyncio.get_running_loop().time() > end:
                return False
            await asyncio.sleep(0.02)
        return True

    async def _render(self, exchange: _Exchange, view: _View, tree: Tree) -> None:
        limit = self.max_duration_s(tree.match.page)
        render = Render(
            tree,
            mode=self.mode,
            app_root=self.folder,
            manifest=view.manifest,
            max_duration_s=min(self._max_duration_s, limit or self._max_duration_s),
        )
        if exchange.wants_rows:
            await render.run(exchange.receive, exchange.send)
            return

        async def begin(rows: bytes, is_whole: bool) -> bool:
            return await self._begin(exchange, view, tree, rows, is_whole=is_whole)

        await render.run(exchange.receive, DocumentSender(exchange.send, begin=begin, nonce=exchange.nonce))

    async def _begin(
        self, exchange: _Exchange, view: _View, tree: Tree, rows: bytes, *, is_whole: bool
    ) -> bool:
        """Send a document as far as its rows are there; returns whether more of them are wanted."""
        failure = tree.failure
        if isinstance(failure, Redirect):
            await self._redirect(exchange, failure)
            return False
        status = 200 if failure is None else getattr(failure, "status_code", 500)
        if tree.match.is_missing:
            status = 404
        if is_whole or exchange.is_head:
            await self._send_whole(exchange, status, view, tree, rows)
            return False
        headers = [*self._document_headers(exchange, view.vite), (b"x-accel-buffering", b"no")]
        document = self._document(exchange, view, tree, rows)
        await exchange.send({"type": "http.response.start", "status": status, "headers": headers})
        await exchange.send({"type": "http.response.body", "body": open_shell(document), "more_body": True})
        return True

    async def _redirect(self, exchange: _Exchange, redirect: Redirect) -> None:
        location = redirect.location
        if location.startswith("/"):
            location = _root(exchange.scope) + location
        headers = [(b"location", quote(location, safe=_URL_SAFE).encode()), (b"cache-control", b"no-store")]
        await exchange.send({"type": "http.response.start", "status": 307, "headers": headers})
        await exchange.send({"type": "http.response.body", "body": b""})

    # --- documents -----------------------------------------------------------------------------------------------

    async def _view(self, exchange: _Exchange) -> _View:
        """Where the browser gets the page's modules from."""
        if self.mode == "production":
            build = self._try_build()
            assert build is not None  # a page was found in it
            return _View(build.manifest, build, None)
        if self.vite is None:
            raise ToolchainError("Pages in development need Vite, and none was given.")
        return _View(None, None, _origin_seen_by(exchange.scope, await self.vite.start()))

    def _document(self, exchange: _Exchange, view: _View, tree: Tree, rows: bytes) -> Document:
        root = _root(exchange.scope)
        metadata = joined(tree.metadata)
        config: dict[str, object] = {
            "root": root,
            "dev": view.vite is not None,
            "page": quote(tree.match.page),
        }
        if view.vite is not None:
            config |= {"app": self.folder.as_posix(), "isPython": bool(tree.match.python_files)}
            if error := self.load_error():
                config["error"] = self._shown(error)
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

    def _nothing_at(self, path: str) -> tuple[str, str]:
        if path not in ("", "/"):
            return "Not found", f"Nothing is served at {path}. Is the address spelled right?"
        where = (
            self.folder / "page.tsx" if self.mode == "development" else Path(self.folder.name) / "page.tsx"
        )
        return (
            "Missing page",
            f"This app has no page yet. Create {where} that exports a React component: export default function Home() {{ … }}",
        )

    def _title(self) -> str:
        folder = self.folder.parent if self.folder.name in ("app", "src") else self.folder
        return folder.name.replace("_", " ").replace("-", " ").strip().capitalize() or "Flightwire"

    def _shown(self, error: AppLoadError) -> dict[str, object]:
        place = error.path if error.line is None else f"{error.path}:{error.line}"
        return {
            "name": "The app cannot be loaded",
            "message": str(error),
            "frames": [place.removeprefix(f"{self.folder}/")],
            "hint": "Correct it and save, then reload this page. Until then calls are refused.",
        }

    # --- sending -------------------------------------------------------------------------------------------------

    async def _send_whole(
        self, exchange: _Exchange, status: int, view: _View, tree: Tree, rows: bytes
    ) -> None:
        if exchange.wants_rows:
            await exchange.send({"type": "http.response.start", "status": status, "headers": FLIGHT_HEADERS})
            await exchange.send({"type": "http.response.body", "body": rows})
            return
        document = self._document(exchange, view, tree, rows)
        await self._send_html(exchange, status, render_shell(document), vite=view.vite)

    async def _send_letter(self, exchange: _Exchange, status: int, title: str, text: str) -> None:
        await self._send_html(exchange, status, render_letter(title, text, nonce=exchange.nonce))

    async def _send_html(
        self, exchange: _Exchange, status: int, body: bytes, *, vite: str | None = None
    ) -> None:
        body, encoding = await compressed(exchange.scope, body)
        length = (b"content-length", str(len(body)).encode())
        headers = [*self._document_headers(exchange, vite), length, *encoding]
        await exchange.send({"type": "http.response.start", "status": status, "headers": headers})
        await exchange.send({"type": "http.response.body", "body": b"" if exchange.is_head else body})

    def _document_headers(self, exchange: _Exchange, vite: str | None) -> Headers:
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"cache-control", b"no-store"),
            (b"vary", b"accept"),
            *DOCUMENT_HEADERS,
        ]
        if self._csp is not None:
            headers.append((b"content-security-policy", self._csp.header(exchange.nonce, vite=vite)))
        return headers

    # --- assets --------------------------------------------------------------------------------------------------

    def _asset(self, path: str) -> StaticFile | None:
        if self.mode != "production" or not path.startswith(f"/{ASSETS_FOLDER}/"):
            return None
        build = self._try_build()
        return None if build is None else build.files.get(path.removeprefix("/"))

    def _facts_of(self, page: str) -> Mapping[str, Any]:
        """What a page exports for the server."""
        if self.mode == "production":
            build = self._try_build()
            facts = {} if build is None else build.page_facts(page)
        else:
            facts = (self._facts.get() or {}).get(page, {})
        return facts if isinstance(facts, Mapping) else {}

    def _try_build(self) -> Build | None:
        try:
            return self._build.get()
        except BuildError as error:
            log.error("%s", error)
            return None


def _root(scope: ASGIScope) -> str:
    """The prefix as the browser writes it."""
    return quote(root_path(scope), safe=_PATH_SAFE)


_PATH_SAFE = "/:@!$&'()*+,;=~-._"
_URL_SAFE = _PATH_SAFE + "?#[]%"


_EVERYWHERE = re.compile(r"//(?:0\.0\.0\.0|\[::\])(?=:)")
_HOST = re.compile(r"(?P<name>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?\Z")


def _origin_seen_by(scope: ASGIScope, origin: str) -> str:
    """Vite's origin as the browser reaches it: when it listens everywhere, under the name that the page was asked by."""
    if not _EVERYWHERE.search(origin):
        return origin
    found = _HOST.match(header(scope, b"host") or "")
    return _EVERYWHERE.sub(f"//{found['name'] if found else '127.0.0.1'}", origin)


def _search_params(scope: ASGIScope) -> dict[str, str | list[str]]:
    """What follows the `?`; a name that comes several times has a list, as in Next.js.

    Raises:
        CallError: there are more than anybody needs.
    """
    query = bytes(scope.get("query_string", b"")).decode("latin-1")
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=MAX_SEARCH_PARAMS)
    except ValueError:
        raise CallError(f"The address has more than {MAX_SEARCH_PARAMS} search parameters.") from None
    params: dict[str, str | list[str]] = {}
    for name, text in pairs:
        known = params.get(name)
        params[name] = text if known is None else [*([known] if isinstance(known, str) else known), text]
    return params


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
        pages: dict[str, Any] = document["pages"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("%s cannot be read: %s", path, error)
        return {}
    return pages
