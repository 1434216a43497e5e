"""One call of an action, from the request's head to the last row.

Owns: the order of checks, the life of the request scope, the three endings. Refuses to know: which app the action is of.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

from starlette.exceptions import HTTPException

from flightwire._frozen import value
from flightwire.actions.call import call_action
from flightwire.actions.provide import Supply
from flightwire.actions.registry import Action, ActionRegistry
from flightwire.errors import (
    ActionInterruptedError,
    ActionNotFoundError,
    CallError,
    FlightwireError,
    ServerStoppingError,
    UnauthorizedError,
    UserError,
)
from flightwire.scope import RequestScope
from flightwire.sealing import Sealer
from flightwire.server.auth import Auth
from flightwire.server.body import ClientDisconnected
from flightwire.server.drain import RETRY_AFTER_S, Drain
from flightwire.server.failures import log_failure, status_of, to_failure
from flightwire.server.incoming import Caller, arguments_of
from flightwire.server.mode import Mode
from flightwire.server.origin import check_origin
from flightwire.server.pump import Pump
from flightwire.server.request import Request
from flightwire.server.responses import FLIGHT_HEADERS, ASGIScope, Headers, Receive, Send, merged, send_text
from flightwire.wire.flight.values import Failure
from flightwire.wire.flight.writer import Writer

access = logging.getLogger("flightwire.access")

_REFUSED: Final = object()


@value
class Limits:
    """What one call may cost, unless its action says otherwise."""

    max_body_bytes: int = 1024 * 1024
    body_timeout_s: float = 30.0
    max_duration_s: float = 900.0
    max_unsent_bytes: int = 256 * 1024


class CallHandler:
    """Serves calls; made once per app."""

    def __init__(
        self,
        *,
        mode: Mode,
        app_root: Path | None,
        allowed_origins: Sequence[str],
        limits: Limits,
        auth: Auth,
        sealer: Sealer,
    ) -> None:
        self._mode = mode
        self._app_root = app_root
        self._allowed_origins = allowed_origins
        self._limits = limits
        self._auth = auth
        self._sealer = sealer
        self.drain = Drain()

    # --- refusing ------------------------------------------------------------------------------------------------

    def check_origin(self, scope: ASGIScope) -> None:
        """Refuse calls from other sites, before anything is read or decoded.

        Raises:
            ForbiddenError: the page that calls is of another site.
        """
        check_origin(
            scope["headers"], scheme=scope.get("scheme", "http"), allowed_origins=self._allowed_origins
        )

    async def refuse(
        self,
        error: CallError | UserError,
        send: Send,
        action: str | None,
        *,
        status: int = 0,
        headers: Headers = [],  # noqa: B006
    ) -> None:
        """Answer a call that is not carried out, with a letter in plain text."""
        status = status or (
            error.status_code if isinstance(error, CallError) else UnauthorizedError.status_code
        )
        access.info("%s refused with %d: %s", action or "call", status, error)
        # The kind is for callers that have the same classes: several share a status.
        more = [(b"flightwire-error", type(error).__name__.encode())]
        if isinstance(error, ServerStoppingError):
            more.append((b"retry-after", str(RETRY_AFTER_S).encode()))
        with suppress(OSError):
            await send_text(send, status, str(error), headers=[*more, *headers])

    async def refuse_broken_app(self, error: FlightwireError, send: Send) -> None:
        """Answer a call while the app folder cannot be imported: an error row, so that the page shows it."""
        await self._refuse_with_row(error, send, headers=[])

    async def _refuse_with_row(self, error: BaseException, send: Send, *, headers: Headers) -> None:
        writer = Writer()
        row = writer.reject(writer.root, self._failure(error, action=None))
        start = {"type": "http.response.start", "status": 500, "headers": merged(FLIGHT_HEADERS, headers)}
        with suppress(OSError):
            await send(start)
            await send({"type": "http.response.body", "body": row})

    # --- calling -------------------------------------------------------------------------------------------------

    async def call(
        self,
        action_id: str,
        registry: ActionRegistry,
        scope: ASGIScope,
        receive: Receive,
        send: Send,
        *,
        page_max_duration_s: float | None,
    ) -> None:
        """Carry out one call: who it is, which action, what arguments, and only then the action."""
        under_way = UnderWay()
        self.drain.enter(under_way)
        try:
            await self._call(
                action_id,
                registry,
                scope,
                receive,
                send,
                under_way=under_way,
                page_limit_s=page_max_duration_s,
            )
        finally:
            self.drain.leave(under_way)

    async def _call(
        self,
        action_id: str,
        registry: ActionRegistry,
        scope: ASGIScope,
        receive: Receive,
        send: Send,
        *,
        under_way: UnderWay,
        page_limit_s: float | None,
    ) -> None:
        request = Request(scope)
        action, is_bound = registry.find(action_id)
        try:
            async with under_way.limit(None):
                user = await self._user(action, request, send, action_id)
                if user is _REFUSED:
                    return
                if action is None:
                    raise ActionNotFoundError(action_id)
                supply = Supply(action.name, action.schema.needs, request=request, user=user)
                supply.check_user()
                arguments = await arguments_of(
                    action,
                    scope,
                    receive,
                    is_bound=is_bound,
                    registry=registry,
                    caller=Caller(user, self._auth, self._sealer),
                    max_body_bytes=action.max_body_bytes or self._limits.max_body_bytes,
                    body_timeout_s=self._limits.body_timeout_s,
                )
        except ClientDisconnected:
            return
        except TimeoutError:
            await self.refuse(ServerStoppingError(), send, action_id)
            return
        except CallError as error:
            await self.refuse(error, send, action_id, headers=request.response.start())
            return
        duration = min(
            limit
            for limit in (action.max_duration_s, page_limit_s, self._limits.max_duration_s)
            if limit is not None
        )
        await self._carry_out(
            action,
            arguments,
            supply,
            receive,
            send,
            request=request,
            under_way=under_way,
            max_duration_s=duration,
        )

    async def _user(
        self, action: Action[Any, Any] | None, request: Request, send: Send, action_id: str
    ) -> object:
        """Who calls, or _REFUSED when the answer is given: an unknown action looks to strangers like one they may not call."""
        try:
            user = await self._auth.user(request)
            if not Caller(user, self._auth, self._sealer).may_call(action):
                raise UnauthorizedError("This call is for users who are signed in.")
        except (CallError, UserError) as error:
            await self.refuse(error, send, action_id, headers=request.response.start())
        except HTTPException as error:
            headers = [(name.lower().encode(), text.encode()) for name, text in (error.headers or {}).items()]
            await self.refuse(
                CallError(error.detail), send, action_id, status=error.status_code, headers=headers
            )
        except Exception as error:
            log_failure(error, action=f"{action_id} (auth)")
            await self._refuse_with_row(error, send, headers=request.response.start())
        else:
            return user
        return _REFUSED

    async def _carry_out(
        self,
        action: Action[Any, Any],
        arguments: tuple[Sequence[object], dict[str, object]],
        supply: Supply,
        receive: Receive,
        send: Send,
        *,
        request: Request,
        under_way: UnderWay,
        max_duration_s: float,
    ) -> None:
        began = time.monotonic()
        reported = Reported(self, action.name)
        work = RequestScope(
            action=action.name,
            development=self._mode == "development",
            max_unsent_bytes=self._limits.max_unsent_bytes,
            on_failure=reported.background,
        )
        work.state_folder = None if self._app_root is None else self._app_root / ".flightwire"
        self._auth.enter(work, request, supply.user, self._sealer)
        watcher = asyncio.ensure_future(_disconnected(receive))
        # Some servers report a disconnect as soon as the response is complete: stop listening before the last chunk.
        pump = Pump(
            work,
            send,
            failures=reported.row,
            max_duration_s=max_duration_s,
            before_last=watcher.cancel,
            head=request.response,
            status_of=status_of,
        )
        root = work.run(_perform(action, arguments, supply), name=action.name)
        work.own(root)
        # Rows are written in the context of the scope, too: what is bound is sealed for its user.
        response = asyncio.get_running_loop().create_task(pump.run(root), context=work.context)
        ending = "cancelled"
        interruption = ActionInterruptedError(action.name)
        try:
            try:
                with under_way.on_interrupt(lambda: pump.end(interruption)):
                    ending = await _first(response, watcher, on_cancel=lambda: pump.end_now(interruption))
            finally:
                await _stop(response)
                if ending != "done":
                    await work.cancel()
                await _shielded(work.run_after())
                access.info(
                    "%s %s: %d in %.2f s, %d bytes",
                    action.name,
                    ending,
                    pump.status,
                    time.monotonic() - began,
                    pump.sent_bytes,
                )
            await self._finish_work(work, under_way, max_duration_s - (time.monotonic() - began))
        finally:
            how = pump.error if ending == "done" else asyncio.CancelledError()
            await _shielded(supply.aclose(how))
            work.close()

    async def _finish_work(self, work: RequestScope, under_way: UnderWay, left_s: float) -> None:
        """The response is complete; what still runs may, until the action's time is up."""
        try:
            async with under_way.limit(max(left_s, 0)):
                await work.wait()
        except TimeoutError:
            pass
        finally:
            await work.cancel()
            await _shielded(work.run_after())

    def _failure(self, error: BaseException, *, action: str | None) -> Failure:
        return to_failure(error, mode=self._mode, app_root=self._app_root, action=action)


class UnderWay:
    """One call, as the server's end sees it: whatever it does at the moment can be ended."""

    def __init__(self) -> None:
        self._is_interrupted = False
        self._end: Callable[[], object] | None = None

    def interrupt(self) -> None:
        """End it."""
        self._is_interrupted = True
        if self._end is not None:
            self._end()

    @contextmanager
    def on_interrupt(self, end: Callable[[], object]) -> Iterator[None]:
        """Inside the block `end` is how this call ends."""
        self._end = end
        if self._is_interrupted:
            end()
        try:
            yield
        finally:
            self._end = None

    @asynccontextmanager
    async def limit(self, timeout_s: float | None) -> AsyncIterator[None]:
        """Inside the block the call ends with a TimeoutError, when its time is up or when it is interrupted."""
        async with asyncio.timeout(timeout_s) as limit:
            with self.on_interrupt(lambda: limit.reschedule(asyncio.get_running_loop().time())):
                yield


async def _perform(
    action: Action[Any, Any], arguments: tuple[Sequence[object], dict[str, object]], supply: Supply
) -> object:
    """The action with everything it asks for. Making that is part of the call: it is limited and cancelled with it."""
    args, kwargs = arguments
    return await call_action(action, args, {**kwargs, **await supply.values()})


class Reported:
    """Sees to it that each failure of one call stands in the log once."""

    def __init__(self, handler: CallHandler, action: str) -> None:
        self._handler = handler
        self._action = action
        self._seen: list[BaseException] = []

    def row(self, error: BaseException) -> Failure:
        """For a failure that ends a row."""
        self._log(error, self._action)
        return self._handler._failure(error, action=self._action)

    def background(self, job: str, error: BaseException) -> None:
        """For a failure of work that the action started."""
        self._log(error, f"{self._action} ({job})")

    def _log(self, error: BaseException, where: str) -> None:
        if not any(error is seen for seen in self._seen):
            self._seen.append(error)
            log_failure(error, action=where)


async def _first(
    response: asyncio.Future[None],
    watcher: asyncio.Future[None],
    *,
    on_cancel: Callable[[], Awaitable[None]],
) -> str:
    """Wait for the end of the response or of the client: "done" or "client gone"."""
    try:
        try:
            await asyncio.wait({response, watcher}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:  # the server ends
            await on_cancel()
            raise
        if watcher.cancelled() or response.done():
            await response
            return "done"
        return "client gone"
    finally:
        await _stop(watcher)


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _stop(task: asyncio.Future[None]) -> None:
    task.cancel()
    await asyncio.wait({task})


async def _shielded(coro: Any) -> None:
    """Clean-up goes on when the server cancels us; it is bounded by its own time-outs."""
    await asyncio.shield(asyncio.ensure_future(coro))
