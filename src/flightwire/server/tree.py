"""The tree of one page: layouts around it, and what is shown while it comes, when it fails, and when there is no such thing.

Owns: the order in which these stand around each other, starting the app's functions. Refuses to know: rows, HTTP, HTML.

The order is that of Next.js' app router (version 16): layout, error, loading, not-found, and what is inside, for each folder.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator, Mapping, Sequence
from types import CodeType
from typing import Any, Final

from flightwire.actions.provide import Supply, needs_of
from flightwire.elements import SUSPENSE, ClientReference, Element
from flightwire.scope import RequestScope
from flightwire.server.page_functions import PageFunction, PythonPart
from flightwire.server.routes import Folder, Match
from flightwire.wire.flight.values import LazyNode

RUNTIME: Final = "@flightwire/client/tree"  # web/client/tree.ts


class Later(LazyNode):
    """What one of the app's functions will have made."""

    __slots__ = ("task",)

    def __init__(self, task: asyncio.Task[object]) -> None:
        self.task = task

    def __await__(self) -> Generator[Any, None, object]:
        """Wait for it."""
        return self.task.__await__()


class Tree:
    """One page for one request.

    Arguments:
        match: which page, and the folders around it.
        parts: the `page.py` and `layout.py` of the app, by file.
        given: what their functions may ask for: `params`, `search_params`, `request`.

    Attributes:
        match: as given.
        metadata: what layouts and the page say about themselves, outermost first; complete once `root` has returned.
        failure: why what must be there before anything is shown will not be; None while all is well.
    """

    def __init__(
        self,
        match: Match,
        *,
        parts: Mapping[str, PythonPart],
        given: Mapping[str, object],
        facts: Mapping[str, Any],
    ) -> None:
        self.match = match
        self.metadata: list[Mapping[str, Any]] = []
        self.failure: BaseException | None = None
        self._parts = parts
        self._given: Mapping[str, object] = given
        self._facts = facts
        self._waited: list[asyncio.Task[object]] = []
        self._scope: RequestScope | None = None
        self._unsaid: BaseException | None = None

    @property
    def client_files(self) -> list[str]:
        """The client modules that it names."""
        named = [
            file
            for folder in self.match.folders
            for part, file in folder.files.items()
            if part not in ("page", "layout")
        ]
        return [*dict.fromkeys([*named, self.match.page])] if not self.match.page.endswith(".py") else named

    @property
    def code(self) -> CodeType:
        """The function of the innermost file."""
        return self._parts[self.match.python_files[-1]].render.code

    def supply(self, request: object, user: object) -> Supply:
        """What the functions ask for beside that, for all of them together."""
        wants = {name: wanted for function in self._functions() for name, wanted in function.wants.items()}
        return Supply(self.match.page, needs_of(wants), request=request, user=user)

    async def root(self, scope: RequestScope, supply: Supply) -> object:
        """Start every function, and wait for those without which nothing could be shown: what no `loading` is around.

        Returns the tree. What fails fails inside it, and is the `failure` when it was waited for.
        """
        self._scope = scope
        self._given = {**self._given, **await supply.values()}
        saying = [self._say(self._parts[file]) for file in self.match.python_files]
        tree = self.build()
        said = await asyncio.gather(*saying, return_exceptions=True)
        self._unsaid = next((each for each in said if isinstance(each, BaseException)), None)
        if self._unsaid is not None:  # it stands where the page would
            tree = self.build()
        self.metadata = [*(each for each in said if isinstance(each, Mapping)), self._facts]
        if self._waited:
            await asyncio.wait(self._waited)
        failures = [self._unsaid, *map(_failure, self._waited)]
        self.failure = next((each for each in failures if each is not None), None)
        return tree

    def build(self) -> object:
        """The tree; outside `root` only when no function of the app stands in it."""
        if not self.match.python_files:
            self.metadata = [self._facts]
        folders = self.match.folders
        node = self._page()
        for depth in range(len(folders) - 1, -1, -1):
            node = self._around(node, folders[depth], is_waited=not _has_loading(folders[:depth]))
        return node

    def _page(self) -> object:
        file = self.match.page
        if self._unsaid is not None:
            return self._start(_raise(self._unsaid))
        if file.endswith(".py"):
            return self._run(self._parts[file].render, {}, is_waited=not _has_loading(self.match.folders))
        if self.match.is_missing:
            return Element(client(file))
        props = {
            "component": client(file),
            "params": self.match.params,
            "searchParams": self._given["search_params"],
        }
        return Element(client(RUNTIME, "Page"), props)

    def _around(self, node: object, folder: Folder, *, is_waited: bool) -> object:
        files = folder.files
        if "not-found" in files and not self.match.is_missing:
            fallback = Element(client(files["not-found"]))
            node = Element(client(RUNTIME, "NotFoundBoundary"), {"fallback": fallback, "children": node})
        if "loading" in files:
            node = Element(SUSPENSE, {"fallback": Element(client(files["loading"])), "children": node})
        if "error" in files:
            props = {"component": client(files["error"]), "children": node}
            node = Element(client(RUNTIME, "ErrorBoundary"), props)
        if "layout" in files:
            render = self._parts[files["layout"]].render
            node = self._run(render, {"children": node}, is_waited=is_waited)
        return node

    def _run(self, render: PageFunction, more: Mapping[str, object], *, is_waited: bool) -> Later:
        later = self._start(render({**self._given, **more}))
        if is_waited:
            self._waited.append(later.task)
        return later

    def _start(self, coro: Coroutine[Any, Any, object]) -> Later:
        assert self._scope is not None
        task = asyncio.get_running_loop().create_task(coro)
        task.add_done_callback(_failure)  # it may stand in a place that is never shown
        self._scope.own(task)
        return Later(task)

    def _functions(self) -> list[PageFunction]:
        parts = [self._parts[file] for file in self.match.python_files]
        functions = [function for part in parts for function in (part.render, part.generate_metadata)]
        return [function for function in functions if function is not None]

    async def _say(self, part: PythonPart) -> Mapping[str, Any]:
        if part.generate_metadata is None:
            return part.metadata
        said = await part.generate_metadata(self._given)
        return {**part.metadata, **said} if isinstance(said, Mapping) else part.metadata


def client(file: str, name: str = "default") -> ClientReference:
    """An export of a client module, before a build has said in which chunk it is."""
    return ClientReference(file, name, (file, file))


def _has_loading(folders: Sequence[Folder]) -> bool:
    return any("loading" in folder.files for folder in folders)


def _failure(task: asyncio.Task[object]) -> BaseException | None:
    return None if task.cancelled() else task.exception()


async def _raise(error: BaseException) -> object:
    raise error
