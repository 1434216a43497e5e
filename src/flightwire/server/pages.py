"""Pages: the HTML shell of an app folder, and the files of its build.

Owns: which GET is a page, an asset or nothing, and the shell's data. Refuses to know: actions, how modules are compiled.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import quote

from flightwire.elements import ClientReference, Element
from flightwire.errors import AppLoadError, EncodeError, ToolchainError
from flightwire.server.build import ASSETS_FOLDER, MANIFEST_FILE, Build, BuildError
from flightwire.server.compression import compressed
from flightwire.server.csp import CSP, ContentSecurityPolicy, new_nonce
from flightwire.server.fresh import Fresh
from flightwire.server.mode import Mode
from flightwire.server.responses import ASGIScope, Headers, Receive, Send, header, path_below_root, root_path
from flightwire.server.shell import Document, render_letter, render_shell
from flightwire.server.static import FOR_EVER, StaticFile, send_static
from flightwire.server.vite import ViteProcess
from flightwire.wire.flight.manifest import Manifest
from flightwire.wire.flight.writer import Writer

log = logging.getLogger("flightwire.pages")

STATE_FOLDER = ".flightwire"
BUILD_FOLDER = "build"
PAGES_FILE = "pages.json"
ROOT_PAGES = ("page.tsx", "page.jsx", "page.ts", "page.js")
ENTRY = "@flightwire/entry"  # web/vite-plugin/index.mjs
DOCUMENT_HEADERS: Headers = [
    (b"x-content-type-options", b"nosniff"),
    (
        b"referrer-policy",
        b"same-origin",
    ),  # addresses name chats; "no-referrer" would make forms say `Origin: null`
]
Shown: TypeAlias = tuple[int, bytes, str | None]  # status, document, Vite's origin as the browser sees it
MAX_DURATION_S = 7 * 24 * 3600.0  # more is no limit


class Pages:
    """Serves GET and HEAD for one app folder.

    Args:
        folder: the folder with `page.tsx`.
        mode: development takes modules from Vite, production from the build in `.flightwire/build`.
        vite: the development server; needed in development.
        load_error: gives the reason why the app's Python cannot be imported at the moment; development shows it.
        csp: see `ContentSecurityPolicy.of`.
    """

    def __init__(
        self,
        folder: Path,
        *,
        mode: Mode,
        vite: ViteProcess | None = None,
        load_error: Callable[[], AppLoadError | None] = lambda: None,
        csp: CSP = None,
    ) -> None:
        self.folder = folder.resolve()
        self.mode = mode
        self.vite = vite
        self.load_error = load_error
        self._csp = ContentSecurityPolicy.of(csp)
        self._build_folder = self.folder / STATE_FOLDER / BUILD_FOLDER
        self._build = Fresh(self._build_folder / MANIFEST_FILE, lambda _: Build.load(self._build_folder))
        self._facts = Fresh(self.folder / STATE_FOLDER / PAGES_FILE, _read_facts)

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
        if self.mode == "production":
            build = self._try_build()
            facts = {} if build is None else build.page_facts(page)
        else:
            facts = (self._facts.get() or {}).get(page, {})
        seconds = facts.get("maxDuration") if isinstance(facts, Mapping) else None
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
            return None
        return float(seconds) if 0 < seconds <= MAX_DURATION_S else None

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Answer one GET or HEAD."""
        path = path_below_root(scope)
        nonce = "" if self._csp is None else new_nonce()
        if path in ("", "/"):
            status, body, vite = await self._page(scope, nonce)
            await self._send_html(scope, send, status, body, nonce=nonce, vite=vite)
            return
        asset = self._asset(path)
        if asset is None:
            text = f"Nothing is served at {path}. Is the address spelled right?"
            await self._send_html(
                scope, send, 404, render_letter("Not found", text, nonce=nonce), nonce=nonce
            )
            return
        await send_static(asset, scope, receive, send, cache_control=FOR_EVER)

    # --- pages ---------------------------------------------------------------------------------------------------

    async def _page(self, scope: ASGIScope, nonce: str) -> Shown:
        try:
            if self.mode == "production":
                return self._production_page(scope, nonce)
            return await self._development_page(scope, nonce)
        except (ToolchainError, BuildError, EncodeError) as error:
            log.error("%s", error)
            text = str(error) if self.mode == "development" else "The log of the server says why."
            return 500, render_letter("This page cannot be shown", text, nonce=nonce), None

    async def _development_page(self, scope: ASGIScope, nonce: str) -> Shown:
        page = next((name for name in ROOT_PAGES if (self.folder / name).is_file()), None)
        if page is None:
            return 404, self._missing_page(nonce), None
        if self.vite is None:
            raise ToolchainError("Pages in development need Vite, and none was given.")
        origin = _origin_seen_by(scope, await self.vite.start())
        config = {**_config(scope, page, dev=True), "app": self.folder.as_posix()}
        if error := self.load_error():
            config["error"] = self._shown(error)
        scripts = [f"{origin}/@vite/client", f"{origin}/{ENTRY}"]
        document = Document(self._title(), config, _rows(page, None), scripts, nonce=nonce)
        return 200, render_shell(document), origin

    def _production_page(self, scope: ASGIScope, nonce: str) -> Shown:
        build = self._try_build()
        if build is None:
            if not any((self.folder / name).is_file() for name in ROOT_PAGES):
                return 404, self._missing_page(nonce), None  # actions alone need no build
            raise BuildError(
                f"{self.folder} has no build that works. Type: flightwire build {self.folder.name}"
            )
        page = next((name for name in ROOT_PAGES if build.has_page(name)), None)
        if page is None:
            return 404, self._missing_page(nonce), None
        root = _root(scope)
        document = Document(
            self._title(),
            _config(scope, page, dev=False),
            _rows(page, build.manifest),
            scripts=[f"{root}/{build.script}"],
            preloads=[f"{root}/{file}" for file in build.preloads(page)],
            styles=[f"{root}/{file}" for file in build.styles(page)],
            nonce=nonce,
        )
        return 200, render_shell(document), None

    def _missing_page(self, nonce: str) -> bytes:
        where = (
            self.folder / "page.tsx" if self.mode == "development" else Path(self.folder.name) / "page.tsx"
        )
        text = f"This app has no page yet. Create {where} that exports a React component: export default function Home() {{ … }}"
        return render_letter("Missing page", text, nonce=nonce)

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

    async def _send_html(
        self,
        scope: ASGIScope,
        send: Send,
        status: int,
        body: bytes,
        *,
        nonce: str,
        vite: str | None = None,
    ) -> None:
        body, encoding = await compressed(scope, body)
        headers = [
            (b"content-type", b"text/html; charset=utf-8"),
            (b"content-length", str(len(body)).encode()),
            (b"cache-control", b"no-store"),
            *DOCUMENT_HEADERS,
            *encoding,
        ]
        if self._csp is not None:
            headers.append((b"content-security-policy", self._csp.header(nonce, vite=vite)))
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})

    # --- assets --------------------------------------------------------------------------------------------------

    def _asset(self, path: str) -> StaticFile | None:
        if self.mode != "production" or not path.startswith(f"/{ASSETS_FOLDER}/"):
            return None
        build = self._try_build()
        return None if build is None else build.files.get(path.removeprefix("/"))

    def _try_build(self) -> Build | None:
        try:
            return self._build.get()
        except BuildError as error:
            log.error("%s", error)
            return None


def _root(scope: ASGIScope) -> str:
    """The prefix as the browser writes it."""
    return quote(root_path(scope), safe="/:@!$&'()*+,;=~-._")


def _config(scope: ASGIScope, page: str, *, dev: bool) -> dict[str, object]:
    return {"root": _root(scope), "dev": dev, "page": page}


_EVERYWHERE = re.compile(r"//(?:0\.0\.0\.0|\[::\])(?=:)")
_HOST = re.compile(r"(?P<name>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?\Z")


def _origin_seen_by(scope: ASGIScope, origin: str) -> str:
    """Vite's origin as the browser reaches it: when it listens everywhere, under the name that the page was asked by."""
    if not _EVERYWHERE.search(origin):
        return origin
    found = _HOST.match(header(scope, b"host") or "")
    return _EVERYWHERE.sub(f"//{found['name'] if found else '127.0.0.1'}", origin)


def _rows(page: str, manifest: Manifest | None) -> str:
    """The page as Flight: one client reference, one element."""
    return Writer(manifest).start(Element(ClientReference(page, "default", (page, page)))).decode()


def _read_facts(path: Path) -> dict[str, Any]:
    try:
        document = json.loads(path.read_bytes())
        pages: dict[str, Any] = document["pages"]
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("%s cannot be read: %s", path, error)
        return {}
    return pages
