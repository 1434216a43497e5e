"""One page whose tree the app's own functions make, from the request's head to the last row.

Owns: the life of its request scope, the three endings, putting rows into the document. Refuses to know: which page it is, what
else is in the document.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from flightwire.errors import ActionInterruptedError
from flightwire.scope import RequestScope
from flightwire.server.calls import _disconnected, _first, _shielded, _stop, access
from flightwire.server.failures import log_failure, to_failure
from flightwire.server.mode import Mode
from flightwire.server.pump import Pump
from flightwire.server.responses import Message, Receive, Send
from flightwire.server.shell import CLOSING, more_rows
from flightwire.server.tree import Tree
from flightwire.wire.flight.manifest import Manifest
from flightwire.wire.flight.values import Failure

LINGER_S: Final = 0.05  # what is there by then is in the first piece of the document


class Render:
    """Runs the functions of a page and sends what they make.

    Arguments:
        tree: of the page.
        mode: what browsers may know of failures.
        app_root: the app folder.
        manifest: the client modules of a production build.
        max_duration_s: how long it may take, in seconds.
    """

    def __init__(
        self, tree: Tree, *, mode: Mode, app_root: Path, manifest: Manifest | None, max_duration_s: float
    ) -> None:
        self._tree = tree
        self._mode = mode
        self._app_root = app_root
        self._manifest = manifest
        self._max_duration_s = max_duration_s
        self._logged: list[BaseException] = []

    async def run(self, receive: Receive, send: Send) -> None:
        """Carry it out; `send` gets what the pump sends: a start, and rows."""
        began = time.monotonic()
        work = RequestScope(
            action=self._tree.match.page,
            development=self._mode == "development",
            on_failure=lambda job, error: self._log(error, f"{self._tree.match.page} ({job})"),
        )
        watcher = asyncio.ensure_future(_disconnected(receive))
        pump = Pump(
            work,
            send,
            failures=self._failure,
            max_duration_s=self._max_duration_s,
            before_last=watcher.cancel,
            manifest=self._manifest,
            linger_s=LINGER_S,
        )
        root = work.run(self._tree.root(work), name=self._tree.match.page)
        work.own(root)
        response = asyncio.ensure_future(pump.run(root))
        ending = "cancelled"
        interruption = ActionInterruptedError(self._tree.match.page)
        try:
            ending = await _first(response, watcher, on_cancel=lambda: pump.end_now(interruption))
        finally:
            await _stop(response)
            if ending != "done":
                await work.cancel()
            await _shielded(work.run_after())
            took_s = time.monotonic() - began
            access.info("%s %s: %d bytes in %.2f s", self._tree.match.page, ending, pump.sent_bytes, took_s)
        await self._finish(work, self._max_duration_s - took_s)

    async def _finish(self, work: RequestScope, left_s: float) -> None:
        """The document is complete; what still runs may, until the page's time is up."""
        try:
            async with asyncio.timeout(max(left_s, 0)):
                await work.wait()
        except TimeoutError:
            pass
        finally:
            await work.cancel()
            await _shielded(work.run_after())
            work.close()

    def _failure(self, error: BaseException) -> Failure:
        self._log(error, self._tree.match.page)
        return to_failure(error, mode=self._mode, app_root=self._app_root, action=self._tree.match.page)

    def _log(self, error: BaseException, where: str) -> None:
        if not any(error is seen for seen in self._logged):
            self._logged.append(error)
            log_failure(error, action=where)


class DocumentSender:
    """Takes what a pump sends, and sends a document with the rows in it.

    Arguments:
        send: the ASGI callable.
        begin: called with the first rows and whether they are all; sends the head and the document as far as it goes, and says
            whether the rest is wanted.
        nonce: what the document's Content-Security-Policy trusts.
    """

    def __init__(self, send: Send, *, begin: Callable[[bytes, bool], Awaitable[bool]], nonce: str) -> None:
        self._send = send
        self._begin = begin
        self._nonce = nonce
        self._has_begun = False
        self._goes_on = False

    async def __call__(self, message: Message) -> None:
        """Take one message."""
        if message["type"] == "http.response.start":
            return  # the document has a head of its own
        rows, more = message["body"], message["more_body"]
        if not self._has_begun:
            self._has_begun = True
            self._goes_on = await self._begin(rows, not more) and more
        elif self._goes_on:
            piece = (more_rows(rows, self._nonce) if rows else b"") + (b"" if more else CLOSING)
            await self._send({"type": "http.response.body", "body": piece, "more_body": more})
