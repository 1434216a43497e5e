"""One call of an action, from the request's head to the last row.

Owns: the order of checks, the life of the request scope, the three endings. Refuses to know: which app the action is of.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

from starlette.exceptions import HTTPException

from flightwire._frozen import value
from flightwire.actions.call import call_action
from flightwire.actions.provide import Supply
from flightwire.actions.registry import Action, ActionRegistry
from flightwire.errors import (
    ActionNotFoundError,
    CallError,
    FlightwireError,
    Navigation,
    ServerStoppingError,
    UnauthorizedError,
    UserError,
)
from flightwire.sealing import Sealer
from flightwire.server.body import ClientDisconnected, Uploads
from flightwire.server.drain import RETRY_AFTER_S
from flightwire.server.failures import log_failure, status_of
from flightwire.server.incoming import Caller, arguments_of
from flightwire.server.origin import check_origin
from flightwire.server.request import Request
from flightwire.server.responses import FLIGHT_HEADERS, ASGIScope, Headers, Receive, Send, merged, send_text
from flightwire.server.work import UnderWay, Works, access
from flightwire.wire.flight.values import Failure
from flightwire.wire.flight.writer import Writer

_REFUSED: Final = object()


class CallHandler:
    """Serves calls; made once per app."""

    def __init__(self, works: Works, *, allowed_origins: Sequence[str], sealer: Sealer) -> None:
        self._works = works
        self._allowed_origins = allowed_origins
        self._limits = works.limits
        self._auth = works.auth
        self._sealer = sealer
        self.drain = works.drain

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
        headers: Iterable[tuple[bytes, bytes]] = (),
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
        status = status_of(error) if isinstance(error, Navigation) else 500
        start = {"type": "http.response.start", "status": status, "headers": merged(FLIGHT_HEADERS, headers)}
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
        under_way, uploads = UnderWay(), Uploads()
        self.drain.enter(under_way)
        try:
            ready = await self._prepare(
                action_id, registry, scope, receive, send, under_way=under_way, uploads=uploads
            )
            if ready is None:
                return
            limits = (ready.action.max_duration_s, page_max_duration_s, self._limits.max_duration_s)
            await self._works.carry_out(
                ready.action.name,
                ready.perform,
                ready.supply,
                receive,
                send,
                request=ready.request,
                under_way=under_way,
                max_duration_s=min(limit for limit in limits if limit is not None),
                code=ready.action.fn.__code__,
            )
        finally:
            uploads.discard()
            self.drain.leave(under_way)

    async def _prepare(
        self,
        action_id: str,
        registry: ActionRegistry,
        scope: ASGIScope,
        receive: Receive,
        send: Send,
        *,
        under_way: UnderWay,
        uploads: Uploads,
    ) -> _Ready | None:
        """Everything before the action; None when the call was refused, or its caller has left."""
        request = Request(scope)
        action, is_bound = registry.find(action_id)
        try:
            async with under_way.limit(None):
                user = await self._user(action, request, send, action_id)
                if user is _REFUSED:
                    return None
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
                    uploads=uploads,
                    max_body_bytes=self._limits.max_body_bytes,
                    body_timeout_s=self._limits.body_timeout_s,
                )
            return _Ready(action, arguments, supply, request)
        except ClientDisconnected:
            pass
        except TimeoutError:
            await self.refuse(ServerStoppingError(), send, action_id)
        except CallError as error:
            headers = [*request.response.start(), *self._place(action)]
            await self.refuse(error, send, action_id, headers=headers)
        return None

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

    def _place(self, action: Action[Any, Any] | None) -> Headers:
        """In development, where the action stands whose call is refused."""
        if action is None or self._works.mode == "production":
            return []
        code = action.fn.__code__
        place = f"{code.co_qualname}@{quote(code.co_filename)}:{code.co_firstlineno}"
        return [(b"flightwire-place", place.encode("ascii", "replace"))]

    def _failure(self, error: BaseException, *, action: str | None) -> Failure:
        return self._works.failure(error, action=action)


@value
class _Ready:
    """A call whose arguments are there."""

    action: Action[Any, Any]
    arguments: tuple[Sequence[object], dict[str, object]]
    supply: Supply
    request: Request

    async def perform(self, _: object) -> object:
        """The action with everything it asks for. Making that is part of the call: it is limited and cancelled with it."""
        args, kwargs = self.arguments
        return await call_action(self.action, args, {**kwargs, **await self.supply.values()})
