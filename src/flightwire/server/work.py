"""One piece of work: a call of an action, or a page whose tree the app's functions make.

Owns: the life of its request scope, the three endings, and reporting each of its failures once. Refuses to know: what is done,
and how it was asked for.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from types import CodeType, TracebackType
from typing import Any, Final

from flightwire._frozen import value
from flightwire.actions.provide import Supply
from flightwire.core.approval_seals import default_store
from flightwire.errors import ActionInterruptedError
from flightwire.scope import RequestScope
from flightwire.sealing import Sealer
from flightwire.server.auth import Auth
from flightwire.server.drain import Drain
from flightwire.server.failures import log_failure, status_of, to_failure
from flightwire.server.listener import Listener
from flightwire.server.mode import Mode
from flightwire.server.pump import Pump
from flightwire.server.request import Request
from flightwire.server.responses import Receive, Send
from flightwire.storage.app_approvals import AppApprovals
from flightwire.wire.flight.manifest import Manifest
from flightwire.wire.flight.values import Failure

access = logging.getLogger("flightwire.access")


@value
class Limits:
    """What one call may cost, unless its action says otherwise."""

    max_body_bytes: int = 1024 * 1024
    body_timeout_s: float = 30.0
    max_duration_s: float = 900.0
    max_unsent_bytes: int = 256 * 1024


RUNTIME_HEADER: Final = "x-flightwire-runtime"  # sent by web/client/call.ts; pages are made for it anyway


class Works:
    """Carries out the work of one app.

    Arguments:
        mode: what browsers may know of failures.
        app_root: the app folder, if there is one.
        limits: what each may cost.
        auth: who is asked who it is.
        sealer: seals what the browser keeps.

    Attributes:
        drain: the work that is under way.
        manifest: gives the client modules of a production build.
        tell: in development, tells pages that are open of what no answer says.
    """

    def __init__(
        self,
        *,
        mode: Mode,
        app_root: Path | None,
        limits: Limits | None = None,
        auth: Auth | None = None,
        sealer: Sealer | None = None,
    ) -> None:
        self.drain = Drain()
        self.limits = limits or Limits()
        self.auth = auth or Auth()
        self.mode = mode
        self.app_root = app_root
        self.manifest: Callable[[], Manifest | None] = lambda: None
        self.tell: Callable[[str, Mapping[str, object]], None] = lambda event, facts: None
        self._sealer = sealer
        self._approvals = AppApprovals(default_store)

    async def aclose(self) -> None:
        """Close what the works shared."""
        await self._approvals.aclose()

    async def carry_out(
        self,
        name: str,
        perform: Callable[[RequestScope], Coroutine[Any, Any, object]],
        supply: Supply,
        receive: Receive,
        send: Send,
        *,
        request: Request,
        under_way: UnderWay,
        max_duration_s: float,
        linger_s: float = 0.0,
        code: CodeType | None = None,
    ) -> None:
        """Do it, and send its result as rows.

        Arguments:
            name: of the action or page, for messages.
            perform: what is to be done, in the scope that owns it.
            supply: what it is given; closed at the end.
            receive: as ASGI gives it; the body has been read.
            send: gets the head and the rows.
            request: who asks.
            under_way: how it is ended from outside.
            max_duration_s: how long it may take, in seconds.
            linger_s: how long the first rows may wait for more, in seconds.
            code: the function that is at fault when nothing else is known to be.
        """
        began = time.monotonic()
        reported = Reported(self, name, code)
        work = RequestScope(
            action=name,
            development=self.mode == "development",
            max_unsent_bytes=self.limits.max_unsent_bytes,
            on_failure=reported.background,
        )
        work.state_folder = None if self.app_root is None else self.app_root / ".flightwire"
        work.approval_store = self._approvals
        work.has_runtime = request.method == "GET" or RUNTIME_HEADER in request.headers
        if self._sealer is not None:
            self.auth.enter(work, request, supply.user, self._sealer)
        client = Listener()
        # Some servers report a disconnect as soon as the response is complete: stop listening before the last chunk.
        pump = Pump(
            work,
            send,
            failures=reported.row,
            max_duration_s=max_duration_s,
            before_last=client.ignore,
            head=request.response,
            status_of=status_of,
            manifest=self.manifest(),
            linger_s=linger_s,
        )
        root = work.run(perform(work), name=name)
        work.own(root)
        # Rows are written in the context of the scope, too: what is bound is sealed for its user.
        response = work.loop.create_task(pump.run(root), context=work.context)
        del perform, root  # an answer may take long
        ending = "cancelled"
        try:
            try:
                under_way.on_interrupt(lambda: pump.end(ActionInterruptedError(name)))
                response.add_done_callback(client.ignore)
                if await client.has_left(receive) and not response.done():
                    ending = "client gone"
                else:
                    await response
                    ending = "done"
            except asyncio.CancelledError:  # the server ends
                await pump.end_now(ActionInterruptedError(name))
                raise
            finally:
                under_way.on_interrupt(None)
                await _stop(response)
                if ending != "done":
                    await work.cancel()
                if work.has_after:
                    await _shielded(work.run_after())
                access.info(
                    "%s %s: %d in %.2f s, %d bytes",
                    name,
                    ending,
                    pump.status,
                    time.monotonic() - began,
                    pump.sent_bytes,
                )
            await _finish(work, under_way, max_duration_s - (time.monotonic() - began))
        finally:
            how = pump.error if ending == "done" else asyncio.CancelledError()
            if supply.is_used:
                await _shielded(supply.aclose(how))
            work.close()

    def failure(self, error: BaseException, *, action: str | None, code: CodeType | None = None) -> Failure:
        """What the browser may know of an exception."""
        return to_failure(error, mode=self.mode, app_root=self.app_root, action=action, code=code)


class UnderWay:
    """One call, as the server's end sees it: whatever it does at the moment can be ended."""

    __slots__ = ("_end", "_is_interrupted")

    def __init__(self) -> None:
        self._is_interrupted = False
        self._end: Callable[[], object] | None = None

    def interrupt(self) -> None:
        """End it."""
        self._is_interrupted = True
        if self._end is not None:
            self._end()

    def on_interrupt(self, end: Callable[[], object] | None) -> None:
        """From now on this is how the call ends."""
        self._end = end
        if self._is_interrupted and end is not None:
            end()

    def limit(self, timeout_s: float | None) -> Limit:
        """Inside the block (`async with`) the call ends with a TimeoutError, when its time is up or when it is interrupted."""
        return Limit(self, timeout_s)


class Limit:
    """See `UnderWay.limit`."""

    __slots__ = ("_timeout", "_under_way")

    def __init__(self, under_way: UnderWay, timeout_s: float | None) -> None:
        self._under_way = under_way
        self._timeout = asyncio.timeout(timeout_s)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._under_way.on_interrupt(self._end)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._under_way.on_interrupt(None)
        await self._timeout.__aexit__(kind, error, trace)

    def _end(self) -> None:
        self._timeout.reschedule(asyncio.get_running_loop().time())


class Reported:
    """Sees to it that each failure of one piece of work stands in the log once."""

    __slots__ = ("_action", "_code", "_seen", "_works")

    def __init__(self, works: Works, action: str, code: CodeType | None) -> None:
        self._works = works
        self._action = action
        self._code = code
        self._seen: list[BaseException] = []

    def row(self, error: BaseException) -> Failure:
        """For a failure that ends a row."""
        self._log(error, self._action)
        return self._works.failure(error, action=self._action, code=self._code)

    def background(self, job: str, error: BaseException) -> None:
        """For a failure of work that the action started; no answer may be left that could tell of it."""
        self._log(error, f"{self._action} ({job})")
        if self._works.mode == "development":
            failure = self._works.failure(error, action=None, code=self._code)
            frames = [frame[:4] for frame in failure.stack]
            facts = {
                "digest": failure.digest,
                "name": failure.name,
                "message": failure.message,
                "frames": frames,
            }
            self._works.tell("failure", {**facts, "action": self._action, "job": job})

    def _log(self, error: BaseException, where: str) -> None:
        if not any(error is seen for seen in self._seen):
            self._seen.append(error)
            log_failure(error, action=where)


async def _finish(work: RequestScope, under_way: UnderWay, left_s: float) -> None:
    """The response is complete; what still runs may, until the action's time is up."""
    try:
        if work.has_work:
            async with under_way.limit(max(left_s, 0)):
                await work.wait()
    except TimeoutError:
        pass
    finally:
        await work.cancel()
        if work.has_after:
            await _shielded(work.run_after())


async def _stop(task: asyncio.Future[None]) -> None:
    if not task.done():
        task.cancel()
        await asyncio.wait({task})


async def _shielded(coro: Any) -> None:
    """Clean-up goes on when the server cancels us; it is bounded by its own time-outs."""
    await asyncio.shield(asyncio.ensure_future(coro))
