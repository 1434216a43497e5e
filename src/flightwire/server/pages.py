"""Pages: what an app folder serves to browsers that go to an address.

Owns: which GET is a page, a file or nothing, and where a page's modules and facts come from. Refuses to know: actions, how
modules are compiled, what stands in a document.
"""

from __future__ import annotations

import asyncio
import json
import logging
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

from starlette.exceptions import HTTPException

from flightwire.actions.folder import AppFolder
from flightwire.errors import (
    AppLoadError,
    CallError,
    EncodeError,
    NotFound,
    Redirect,
    ToolchainError,
    UnauthorizedError,
    UserError,
)
from flightwire.server.build import ASSETS_FOLDER, MANIFEST_FILE, Build, BuildError
from flightwire.server.components import missing_components
from flightwire.server.csp import CSP, ContentSecurityPolicy, new_nonce
from flightwire.server.documents import Documents, Exchange, View
from flightwire.server.failures import digest_of, log_failure
from flightwire.server.files import files_of
from flightwire.server.fresh import Fresh
from flightwire.server.mode import Mode
from flightwire.server.page_functions import PythonPart
from flightwire.server.public import PUBLIC_FOLDER, PublicFiles
from flightwire.server.responses import ASGIScope, Receive, Send, header, path_below_root, words_below_root
from flightwire.server.routes import Match, Routes, is_route_file
from flightwire.server.static import FOR_EVER, REVALIDATED, StaticFile, send_static
from flightwire.server.tree import Tree
from flightwire.server.vite import ViteProcess
from flightwire.server.work import UnderWay, Works
from flightwire.wire.flight.manifest import Manifest
from flightwire.wire.flight.writer import Writer

log = logging.getLogger("flightwire.pages")

STATE_FOLDER = ".flightwire"
BUILD_FOLDER = "build"
PAGES_FILE = "pages.json"
MAX_DURATION_S = 7 * 24 * 3600.0  # more is no limit
MAX_SEARCH_PARAMS = 1000
RELOAD_TIMEOUT_S = 2.0  # how long a page may wait for Python code that has just been saved
LINGER_S = 0.05  # what is there by then is in the first piece of the document


class Pages:
    """Serves GET and HEAD for one app folder.

    Args:
        folder: the folder with `page.tsx`.
        mode: development takes modules from Vite, production from the build in `.flightwire/build`.
        vite: the development server; needed in development.
        load_error: gives the reason why the app's Python cannot be imported at the moment; development shows it.
        csp: see `ContentSecurityPolicy.of`.
        works: carries out what the app's functions do for a page.
    """

    def __init__(
        self,
        folder: Path,
        *,
        mode: Mode,
        vite: ViteProcess | None = None,
        load_error: Callable[[], AppLoadError | None] = lambda: None,
        csp: CSP = None,
        works: Works | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.mode = mode
        self.vite = vite
        self.load_error = load_error
        self._works = works or Works(mode=mode, app_root=self.folder)
        self._works.manifest = self.manifest
        self._works.tell = self.tell
        self._csp = ContentSecurityPolicy.of(csp)
        self._build_folder = self.folder / STATE_FOLDER / BUILD_FOLDER
        self._build = Fresh(self._build_folder / MANIFEST_FILE, lambda _: Build.load(self._build_folder))
        self._app: AppFolder | None = None
        self._parts: Mapping[str, PythonPart] = {}
        self._routes: tuple[Build, Routes] | None = None
        is_built = mode == "production"
        self._public = PublicFiles(
            (self._build_folder if is_built else self.folder) / PUBLIC_FOLDER,
            icons=self._build_folder / PUBLIC_FOLDER if is_built else self.folder,
        )
        self._documents = Documents(
            self.folder,
            csp=self._csp,
            public=self._public,
            load_error=self._problem,
        )
        self._facts = Fresh(self.folder / STATE_FOLDER / PAGES_FILE, _read_facts)

    def use(self, app: AppFolder) -> None:
        """Show pages with the Python code that was imported last.

        Raises:
            AppLoadError: a `page.py` or `layout.py` is none.
        """
        self._app = app
        files = [file.as_posix() for file in app.files]
        self._parts = {file: PythonPart(app, file) for file in files if is_route_file(file)}

    def tell(self, event: str, facts: Mapping[str, object]) -> None:
        """In development, tell the pages that are open what has happened."""
        if self.vite is not None:
            self.vite.tell(event, facts)

    def _problem(self) -> AppLoadError | None:
        """Why the app does not work whole at the moment."""
        if (error := self.load_error()) is not None or self._app is None or self.mode == "production":
            return error
        modules = (self._facts.get() or {}).get("modules")
        return None if modules is None else next(missing_components(self._app, modules), None)

    def tell_reloaded(self) -> None:
        """Tell them that the Python code was saved: it cannot be loaded, or another tree may come of it."""
        error = self._problem()
        self.tell("app", {"error": None if error is None else self._documents.shown(error)})

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
            await self._page(path, Exchange(scope, receive, send, nonce))

    # --- pages ---------------------------------------------------------------------------------------------------

    async def _page(self, path: str, exchange: Exchange) -> None:
        try:
            match = await self._match(words_below_root(exchange.scope))
            if match is None:
                title, text = self._nothing_at(path)
                await self._documents.send_letter(exchange, 404, title, text)
            else:
                await self._show(match, exchange)
        except CallError as error:
            await self._refuse(exchange, error.status_code, str(error))
        except (ToolchainError, BuildError, EncodeError, AppLoadError) as error:
            log.error("%s", error)
            text = str(error) if self.mode == "development" else "The log of the server says why."
            await self._refuse(exchange, 500, text)

    async def _refuse(self, exchange: Exchange, status: int, text: str) -> None:
        await self._documents.send_letter(exchange, status, "This page cannot be shown", text)

    async def _show(self, match: Match, exchange: Exchange) -> None:
        view = await self._view(exchange)
        is_broken = match.python_files and not await self._has_parts(match)
        tree = self._tree(match, exchange)
        if is_broken:
            await self._documents.send_whole(exchange, 500, view, tree, b"0:null\n")
        elif match.python_files:
            await self._run(exchange, view, tree)
        else:
            rows = Writer(view.manifest).start(tree.build())
            status = 404 if match.is_missing else 200
            await self._documents.send_whole(exchange, status, view, tree, rows)

    async def _run(self, exchange: Exchange, view: View, tree: Tree) -> None:
        """Let the app's functions make a page.

        Raises:
            CallError: the page is for users who are signed in.
        """
        works, page = self._works, tree.match.page
        try:
            user = await works.auth.user(exchange.request)
        except Exception as error:
            await self._without_user(exchange, view, tree, error)
            return
        supply = tree.supply(exchange.request, user)
        supply.check_user()
        limit = self.max_duration_s(page) or works.limits.max_duration_s
        under_way = UnderWay()
        works.drain.enter(under_way)
        try:
            await works.carry_out(
                page,
                lambda scope: tree.root(scope, supply),
                supply,
                exchange.receive,
                self._documents.sender(exchange, view, tree),
                request=exchange.request,
                under_way=under_way,
                max_duration_s=min(limit, works.limits.max_duration_s),
                linger_s=LINGER_S,
                code=tree.code,
            )
        finally:
            works.drain.leave(under_way)

    async def _without_user(self, exchange: Exchange, view: View, tree: Tree, error: Exception) -> None:
        """Answer when `auth` raised instead of saying who it is.

        Raises:
            CallError: it was one.
        """
        if isinstance(error, CallError):
            raise error
        log_failure(error, action="auth")
        if isinstance(error, Redirect):
            await self._documents.redirect(exchange, error)
        elif isinstance(error, HTTPException):
            exchange.request.response.headers.update(error.headers or {})
            await self._refuse(exchange, error.status_code, error.detail)
        elif isinstance(error, UserError):
            await self._refuse(exchange, UnauthorizedError.status_code, str(error))
        elif isinstance(error, NotFound):
            await self._documents.send_letter(exchange, 404, "Not found", "There is nothing here.")
        elif self.mode == "development":
            await self._documents.send_failure(
                exchange, view, tree, self._works.failure(error, action="auth")
            )
        else:
            await self._refuse(exchange, 500, f"The log of the server says why ({digest_of(error)}).")

    async def _match(self, words: list[str]) -> Match | None:
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
        return routes.find(words) or routes.not_found()

    def _built_routes(self, build: Build) -> Routes:
        if self._routes is None or self._routes[0] is not build:
            self._routes = (build, Routes([*build.modules, *self._parts]))
        return self._routes[1]

    def _tree(self, match: Match, exchange: Exchange) -> Tree:
        given = {
            "params": dict(match.params),
            "search_params": _search_params(exchange.scope),
            "request": exchange.request,
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

    async def _view(self, exchange: Exchange) -> View:
        """Where the browser gets the page's modules from."""
        if self.mode == "production":
            build = self._try_build()
            assert build is not None  # a page was found in it
            return View(build.manifest, build, None)
        if self.vite is None:
            raise ToolchainError("Pages in development need Vite, and none was given.")
        return View(None, None, _origin_seen_by(exchange.scope, await self.vite.start()))

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

    def manifest(self) -> Manifest | None:
        """The client modules of the build; None in development."""
        build = self._try_build() if self.mode == "production" else None
        return None if build is None else build.manifest

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
            facts = (self._facts.get() or {}).get("pages", {}).get(page, {})
        return facts if isinstance(facts, Mapping) else {}

    def _try_build(self) -> Build | None:
        try:
            return self._build.get()
        except BuildError as error:
            log.error("%s", error)
            return None


_EVERYWHERE = re.compile(r"//(?:0\.0\.0\.0|\[::\])(?=:)")
_HOST = re.compile(r"(?P<name>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]+)?\Z")


def _origin_seen_by(scope: ASGIScope, origin: str) -> str:
    """Vite's origin as the browser reaches it: when it listens everywhere, under the name that the page was asked by."""
    if not _EVERYWHERE.search(origin):
        return origin
    found = _HOST.match(header(scope, b"host") or "")
    return _EVERYWHERE.sub(f"//{found['name'] if found else '127.0.0.1'}", origin)


def check_build(app: AppFolder, build: Build) -> None:
    """See that an app's Python code and its build fit together.

    Raises:
        AppLoadError: a `page.py` or `layout.py` is none, two files want to be one page, or a client component is missing.
    """
    files = [file.as_posix() for file in app.files if is_route_file(file.as_posix())]
    for file in files:
        PythonPart(app, file)
    Routes([*build.modules, *files])
    for letter in missing_components(app, build.exports):
        raise letter


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
    """What web/vite-plugin/pages.mjs writes: `{"pages": {"page.tsx": {"maxDuration": 30}}, "modules": {"chart.tsx": ["C"]}}`."""
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
        if not isinstance(document["pages"], dict):
            raise TypeError("pages")
    except (OSError, ValueError, TypeError, KeyError) as error:
        log.warning("%s cannot be read: %s", path, error)
        return {}
    return document
