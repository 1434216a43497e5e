"""The ASGI app: actions and pages under any prefix.

Owns: which request is what, the order of checks, the app folder and its reloading. Refuses to know: rows, models, Vite.

A POST with the header `rsc-action-id` (or Next's `next-action`), on any path, is a call; a GET is a page or an asset. The order
of a call is fixed: origin, user, action, body, arguments, and only then the action.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import sys
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from flightwire.actions.declarations.project import write_tsconfig
from flightwire.actions.folder import AppFolder, load_folder
from flightwire.actions.registry import Action, ActionRegistry
from flightwire.actions.seal import sealer_of
from flightwire.errors import (
    AppLoadError,
    CallError,
    FlightwireError,
    InvalidArgumentError,
    ServerStoppingError,
    ToolchainError,
)
from flightwire.sealing import SEAL_LIFETIME_S
from flightwire.server.auth import Auth
from flightwire.server.calls import CallHandler
from flightwire.server.cors import is_preflight, readable, send_preflight
from flightwire.server.csp import CSP
from flightwire.server.development import check_development_client
from flightwire.server.drain import DRAIN_TIMEOUT_S
from flightwire.server.environment import load_environment
from flightwire.server.excerpts import SOURCE, send_source
from flightwire.server.files import has_page
from flightwire.server.health import LIVE, READY, State, send_live, send_ready
from flightwire.server.mode import Mode, choose_mode
from flightwire.server.origin import check_allowed_origins
from flightwire.server.pages import STATE_FOLDER, Pages
from flightwire.server.responses import ASGIScope, Receive, Send, header, located, path_below_root, send_text
from flightwire.server.signals import unwatch, watch
from flightwire.server.vite import ViteProcess
from flightwire.server.watch import FolderWatch
from flightwire.server.work import Limits, Works
from flightwire.toolchain.node import find_or_install_node
from flightwire.toolchain.packages import ensure_packages, web_root

log = logging.getLogger("flightwire.server")


class App:
    """Actions and pages as one ASGI app; made by `flightwire.app`."""

    def __init__(
        self,
        folder: Path | None,
        *,
        actions: Sequence[Action[Any, Any]],
        mode: Mode | None,
        allowed_origins: Iterable[str],
        limits: Limits,
        csp: CSP = None,
        drain_timeout_s: float | None = None,
        auth: Auth | None = None,
        seal_lifetime_s: float = SEAL_LIFETIME_S,
    ) -> None:
        _check_served(folder, actions)
        self.folder = folder
        self.auth = auth or Auth()  # before actions are looked at: it says what a user is
        self.sealer = sealer_of(None if folder is None else folder / STATE_FOLDER, lifetime_s=seal_lifetime_s)
        self.mode, self.mode_reason = choose_mode(mode, folder)
        if folder is not None and self.mode == "development":
            load_environment(folder.resolve())
        self._asked_for = mode is not None or bool(os.environ.get("FLIGHTWIRE_ENV"))
        self.load_error: AppLoadError | None = None
        self.app_folder: AppFolder | None = None
        self.vite_host = "127.0.0.1"  # who may load modules in development; read when Vite starts
        self._works = works = Works(
            mode=self.mode, app_root=folder, limits=limits, auth=self.auth, sealer=self.sealer
        )
        self.pages = (
            None
            if folder is None
            else Pages(folder, mode=self.mode, load_error=lambda: self.load_error, csp=csp, works=works)
        )
        self._given = ActionRegistry.of(actions, user_types=self.auth.types)
        self._registry = self._given
        self._allowed_origins = check_allowed_origins(allowed_origins)
        self._handler = CallHandler(works, allowed_origins=self._allowed_origins, sealer=self.sealer)
        self.drain_timeout_s = DRAIN_TIMEOUT_S if drain_timeout_s is None else drain_timeout_s
        if self.mode == "development" and drain_timeout_s is None:
            self.drain_timeout_s = 0.0  # who saves a file or presses Ctrl-C does not wait for answers
        self.watches_signals = True  # False: whoever serves us drains us, too
        self._starting = asyncio.Lock()
        self._started = False
        self._watch: FolderWatch | None = None
        if folder is not None:
            self.reload()
            self._watch = FolderWatch(folder, self._saved) if self.mode == "development" else None

    # --- the app folder ------------------------------------------------------------------------------------------

    def reload(self) -> None:
        """Import the app folder anew; if that fails, calls are answered with the letter until it works again."""
        assert self.folder is not None
        try:
            found = self.auth

            def users(load: Callable[[], ModuleType | None]) -> Collection[type]:
                nonlocal found
                found = self.auth.found_in(load)
                return found.types

            loaded = load_folder(self.folder, self.app_folder, users=users)
            if self.pages is not None:
                self.pages.use(loaded)
            if self.mode == "development":
                loaded.write_state(self.folder / STATE_FOLDER)
        except AppLoadError as error:
            self.load_error = error
            log.error("%s", error)
            return
        if self.app_folder is not None or self.load_error is not None:
            log.info("reloaded the Python code of %s/", self.folder.name)
        self.load_error = None
        self.auth.use(found)
        self.app_folder = loaded
        self._registry = self._given.merged_with(loaded.registry)
        if self._started:
            threading.Thread(target=self._prepare, daemon=True).start()

    def _prepare(self) -> None:
        """Build what checks arguments; where that fails, it is as with code that cannot be imported."""
        loaded = self.app_folder
        try:
            if loaded is not None:
                loaded.prepare()
        except AppLoadError as error:
            if self.mode == "production":
                raise
            if loaded is self.app_folder:  # else it was saved again in the meantime
                self.load_error = error
                log.error("%s", error)
            return
        self._registry.prepare()

    def _saved(self, paths: set[Path]) -> None:
        self.reload()
        if self.pages is not None:
            self.pages.tell_reloaded()

    # --- life ----------------------------------------------------------------------------------------------------

    async def startup(self) -> None:
        """Start what pages need; the first request does it where a host runs no lifespan. Safe to call again."""
        async with self._starting:
            if self._started:
                return
            self._handler.drain.reopen()
            if self._watch is not None:
                self._watch.start()
            # Reading annotations imports pydantic, which takes longer than a call may be held up.
            await asyncio.to_thread(self._prepare)
            if self.pages is not None:
                await self._start_pages(self.pages)
            if self.mode == "production":
                _freeze()
            self._started = True

    async def _start_pages(self, pages: Pages) -> None:
        # Actions alone need no Node: their pages are somebody else's project.
        if self.mode == "development" and pages.vite is None and has_page(pages.folder):
            try:
                pages.vite = await asyncio.to_thread(_find_vite, pages.folder, self.vite_host)
            except ToolchainError as error:
                log.error("%s", error)  # actions still work; the page says what it lacks
        await pages.startup()

    async def drain(self, timeout_s: float | None = None) -> None:
        """Take no new calls, wait until those under way have ended, and end the rest so that their pages know.

        Until then pages, assets and `/_flightwire/live` are served, calls get 503, and so does `/_flightwire/ready`. The
        server does this itself on SIGTERM and SIGINT; call it from a host that is stopped in another way.

        Arguments:
            timeout_s: how long calls may go on, in seconds; by default the app's `drain_timeout_s`.
        """
        await self._handler.drain.run(self.drain_timeout_s if timeout_s is None else timeout_s)

    async def aclose(self) -> None:
        """End the calls that are under way, stop every process this app started, and close its connections."""
        if self._handler.drain:
            await self.drain(0)
        unwatch(self)
        self._started = False
        if self._watch is not None:
            await self._watch.aclose()
        if self.pages is not None:
            await self.pages.aclose()
        await self._works.aclose()
        if storage := sys.modules.get("flightwire.storage.database"):  # else there is none to leave behind
            await storage.close_idle_connections()

    @asynccontextmanager
    async def lifespan(self, host: object = None) -> AsyncIterator[None]:
        """Start with the host and end with it: `FastAPI(lifespan=app.lifespan)`.

        Hosts do not pass their lifespan on to what they mount. Without this the first request starts what is needed.

        Arguments:
            host: what frameworks hand over; not used.
        """
        self._watch_signals()
        await self.startup()
        try:
            yield
        finally:
            await self.aclose()

    # --- requests ------------------------------------------------------------------------------------------------

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Serve one ASGI connection."""
        if scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        elif scope["type"] == "http":
            self._watch_signals()
            await self._http(located(scope), receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1000})

    def _http(self, scope: ASGIScope, receive: Receive, send: Send) -> Awaitable[None]:
        """Who answers, to be awaited: one that may take long holds no frame of ours but its own."""
        method = scope["method"]
        try:
            if self.mode == "development":
                check_development_client(scope, asked_for=self._asked_for)
        except CallError as error:
            return send_text(send, error.status_code, str(error), head=method == "HEAD")
        if is_preflight(scope):
            return send_preflight(scope, send, self._allowed_origins)
        path = path_below_root(scope)
        return self._answer(path, scope, receive, readable(scope, send, self._allowed_origins))

    def _answer(self, path: str, scope: ASGIScope, receive: Receive, send: Send) -> Awaitable[None]:
        method = scope["method"]
        if path in (LIVE, READY) and method in ("GET", "HEAD"):
            return self._health(path, send, head=method == "HEAD")
        if path == SOURCE and self.mode == "development" and method in ("GET", "HEAD"):
            return send_source(scope, send, head=method == "HEAD")
        if method == "POST":
            return self._call(scope, receive, send)
        if method in ("GET", "HEAD"):
            return self._page(scope, receive, send)
        return send_text(send, 405, f"{method} is not served here.", headers=[(b"allow", b"GET, HEAD, POST")])

    def _call(self, scope: ASGIScope, receive: Receive, send: Send) -> Awaitable[None]:
        action_id = header(scope, b"rsc-action-id") or header(scope, b"next-action")
        try:
            self._handler.check_origin(scope)
            if self._handler.drain.is_draining:
                raise ServerStoppingError
            if action_id is None:
                raise CallError(
                    "This POST names no action. A call carries the header 'rsc-action-id', which the browser runtime sets: "
                    "write <form action={save}>. Forms that work without JavaScript are not supported."
                )
        except CallError as error:
            return self._handler.refuse(error, send, action_id)
        if self.load_error is not None:
            return self._handler.refuse_broken_app(self.load_error, send)
        return self._handler.call(
            action_id, self._registry, scope, receive, send, page_max_duration_s=self._page_limit(scope)
        )

    def _page_limit(self, scope: ASGIScope) -> float | None:
        page = header(scope, b"flightwire-page")
        return None if page is None or self.pages is None else self.pages.max_duration_s(page)

    async def _page(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        if self.pages is None:
            await send_text(send, 404, "This app serves actions only.", head=scope["method"] == "HEAD")
            return
        if not self._started:
            await self.startup()
        elif self.mode == "development" and self.pages.vite is None:
            async with self._starting:
                await self._start_pages(self.pages)  # the first page has come, perhaps
        await self.pages(scope, receive, send)

    async def _health(self, path: str, send: Send, *, head: bool) -> None:
        if path == LIVE:
            await send_live(send, head=head)
        else:
            broken = self.load_error is not None
            state: State = "draining" if self._handler.drain.is_draining else "broken" if broken else "ready"
            await send_ready(send, state, head=head)

    def _watch_signals(self) -> None:
        """In somebody else's server the signal that stops it reaches us, too, before it waits for our responses."""
        if self.watches_signals:
            watch(self)

    def server_stops(self) -> None:
        """The server was told to stop, and waits for our responses."""
        self._draining = asyncio.ensure_future(self.drain())

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                try:
                    _check_loop()
                    self._watch_signals()
                    await self.startup()
                except Exception as error:
                    await send({"type": "lifespan.startup.failed", "message": str(error)})
                    return
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return


def _check_loop() -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise FlightwireError(
            "Flightwire needs an asyncio event loop, and this server runs its workers on another one. "
            "With hypercorn, leave out `--worker-class trio`."
        ) from None


def _freeze() -> None:
    """Keep what was imported out of the garbage collector, and let it look less often, once per process.

    It went through all of it again and again while tokens came: a fifth of the time. What a call leaves needs no collector.
    """
    global _is_frozen
    if not _is_frozen:
        _is_frozen = True
        gc.collect()
        gc.freeze()
        if gc.get_threshold()[0] < _YOUNG_OBJECTS and gc.isenabled():
            gc.set_threshold(_YOUNG_OBJECTS, *gc.get_threshold()[1:])


_is_frozen = False
_YOUNG_OBJECTS = 10_000  # between two looks at what is new; Python looks after 700


def _check_served(folder: Path | None, actions: Sequence[object]) -> None:
    if folder is None and not actions:
        raise InvalidArgumentError("flightwire.app() needs a folder or actions to serve.")
    if folder is not None and not folder.is_dir():
        raise InvalidArgumentError(f"there is no such folder: {folder}")


def _find_vite(folder: Path, host: str) -> ViteProcess:
    """Node and the npm packages that pages need; installs what is missing, and tells editors where they are."""
    tools = ensure_packages()
    with suppress(OSError):  # pages run without it
        write_tsconfig(folder, tools, web_root() / "client")
    return ViteProcess(
        folder,
        node=find_or_install_node(),
        tools=tools,
        plugin=web_root() / "vite-plugin",
        host=host,
    )
