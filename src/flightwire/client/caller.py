"""Whoever calls actions: names, arguments, headers, cookies, and the calls in progress.

Owns: what a call looks like, whatever carries it. Refuses to know: sockets.
"""

from __future__ import annotations

import asyncio
import re
import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self, TypeAlias
from urllib.parse import quote

from flightwire.client.calls import Call, Response, Timeouts
from flightwire.client.cookies import cookie_header, keep_cookies
from flightwire.client.refusals import FLIGHT
from flightwire.errors import ArgumentEncodeError, InvalidArgumentError
from flightwire.wire.flight.call import encode_call
from flightwire.wire.flight.declared import camel_case
from flightwire.wire.flight.form import encode_form
from flightwire.wire.flight.values import ServerReference, SupportsReference

Auth: TypeAlias = str | tuple[str, str]
"""A bearer token, or a name and a password."""
Callee: TypeAlias = str | ServerReference | SupportsReference
"""A name, an id, an action, or a server function that an answer held."""

DEFAULT_MODULE: Final = "actions"
_ID_SAFE: Final = "/#[]()@$!&'*+,;=:%"
_HEADER_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_NOT_IN_HEADERS: Final = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class Transport(Protocol):
    """Carries calls to a server.

    Attributes:
        page_origin: of a page of the app, said beside cookies: servers want to know where those come from. None to say none.
    """

    page_origin: str | None

    async def post(self, headers: Mapping[str, str], body: bytes, timeouts: Timeouts) -> Response:
        """Send one call; returns when the answer begins.

        Raises:
            CallFailedError: there is no answer.
            CallTimeoutError: it did not begin in time.
        """
        ...

    async def aclose(self) -> None:
        """Let go of everything."""
        ...


class Caller:
    """Calls actions through a transport; the base of clients.

    Attributes:
        headers: sent with every call.
        cookies: sent with every call; those that answers set are kept here.
    """

    _keeps_bodies = False

    def __init__(
        self,
        transport: Transport,
        *,
        headers: Mapping[str, str] | None,
        cookies: Mapping[str, str] | None,
        auth: Auth | None,
        timeouts: Timeouts,
    ) -> None:
        self.headers = {**_checked(headers), **_authorization(auth)}
        self.cookies = dict(cookies or {})
        self._transport = transport
        self._timeouts = timeouts
        self._calls: set[Call] = set()
        self._is_closed = False

    # --- calling -------------------------------------------------------------------------------------------------

    async def call(
        self,
        action: Callee,
        /,
        *arguments: object,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        timeout_s: float | None = None,
        connect_timeout_s: float | None = None,
        read_timeout_s: float | None = None,
    ) -> Any:
        """Call an action and return its result, as soon as that has come.

        What the result holds may come later: promises can be awaited, streams iterated, streamable values read with
        `read_streamable_value`. Cancelling closes the connection, which stops the action.

        Arguments:
            action: `continue_conversation` or `continueConversation` for an action in `actions.py`, an id as
                `recipes/chat/actions#continueConversation`, or a server function that an earlier answer held.
            arguments: the action's arguments, in order.
            headers: for this call, besides the client's.
            cookies: for this call, besides the client's.
            auth: for this call, instead of the client's.
            timeout_s: how long the whole answer may take, in seconds.
            connect_timeout_s: how long connecting may take, in seconds.
            read_timeout_s: how long the server may be silent, in seconds.

        Raises:
            ArgumentEncodeError: an argument that cannot be sent.
            CallError: the server refused the call: ActionNotFoundError, ArgumentError, ForbiddenError, ….
            CallFailedError: no Flightwire server answered; CallTimeoutError when it took too long.
            UserError: what the action wanted its user to know.
            Redirect: the page is to go elsewhere; `location` says where. NotFound: there is no such thing.
            RemoteError: the action failed; its digest stands in the server's log.
            ConnectionClosedError: the answer ended before the result had come.
        """
        call = self.start(
            action,
            *arguments,
            headers=headers,
            cookies=cookies,
            auth=auth,
            timeout_s=timeout_s,
            connect_timeout_s=connect_timeout_s,
            read_timeout_s=read_timeout_s,
        )
        try:
            return await call
        except asyncio.CancelledError:
            await call.aclose()
            raise

    def start(
        self,
        action: Callee,
        /,
        *arguments: object,
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        timeout_s: float | None = None,
        connect_timeout_s: float | None = None,
        read_timeout_s: float | None = None,
    ) -> Call:
        """Begin a call, to be awaited, or to be stopped alone: `async with client.start("get_answer") as call`.

        Arguments and errors are those of `call`; awaiting the Call raises them.

        Raises:
            ArgumentEncodeError: an argument that cannot be sent.
            InvalidArgumentError: the client is closed, or a header cannot be one.
        """
        if self._is_closed:
            raise InvalidArgumentError("this client is closed; make another one.")
        ids, bound = self._ids(action)
        content_type, body = _encoded(ids[0], [*bound, *arguments])
        sent = {"accept": FLIGHT, "content-type": content_type, **self.headers}
        sent |= {**_checked(headers), **_authorization(auth)}
        both = {**self.cookies, **(cookies or {})}
        if both and "cookie" not in sent:
            sent["cookie"] = cookie_header(both)
            if self._transport.page_origin is not None:
                sent.setdefault("origin", self._transport.page_origin)
        timeouts = Timeouts(
            total_s=self._timeouts.total_s if timeout_s is None else timeout_s,
            connect_s=self._timeouts.connect_s if connect_timeout_s is None else connect_timeout_s,
            read_s=self._timeouts.read_s if read_timeout_s is None else read_timeout_s,
        )
        call = Call(
            ids[0],
            lambda: self._post(ids, sent, body, timeouts),
            timeouts=timeouts,
            keep_body=self._keeps_bodies,
        )
        self._calls.add(call)
        call.when_ended(self._calls.discard)
        return call

    def _ids(self, action: Callee) -> tuple[list[str], Sequence[object]]:
        """The ids to try, the likeliest first, and arguments that are bound already."""
        if not isinstance(action, str):
            reference = action if isinstance(action, ServerReference) else action.to_server_reference()
            return [reference.id], reference.bound or ()
        if not action:
            raise InvalidArgumentError("which action? Write its name, as 'get_answer'.")
        module, _, name = action.rpartition("#")
        ids = [f"{module or DEFAULT_MODULE}#{each}" for each in (camel_case(name), name)]
        if module:
            ids.reverse()  # an id is likely to be one
        return [quote(each, safe=_ID_SAFE) for each in dict.fromkeys(ids)], ()

    async def _post(
        self, ids: Sequence[str], headers: Mapping[str, str], body: bytes, timeouts: Timeouts
    ) -> Response:
        """Send the call; a name that is not found is tried the other way, too: nothing has run then."""
        first, *others = [{"rsc-action-id": each, **headers} for each in ids]
        response = await self._transport.post(first, body, timeouts)
        for other in others:
            if response.status != 404:
                break
            again = await self._transport.post(other, body, timeouts)
            response, unused = (response, again) if again.status == 404 else (again, response)
            unused.close()
        keep_cookies(self.cookies, response.headers)
        return response

    # --- ending --------------------------------------------------------------------------------------------------

    async def aclose(self) -> None:
        """Close every connection, which stops the actions that still run."""
        self._is_closed = True
        await self._close_calls()
        await self._transport.aclose()

    async def _close_calls(self) -> None:
        calls = tuple(self._calls)
        for call in calls:
            call.close()
        for call in calls:
            await call.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        await self.aclose()


def _encoded(action: str, arguments: Sequence[object]) -> tuple[str, bytes]:
    try:
        body = encode_call(arguments)
    except ArgumentEncodeError as error:
        error.action = action
        raise
    if isinstance(body, str):
        return "text/plain;charset=UTF-8", body.encode()
    boundary = f"----flightwire{secrets.token_hex(16)}"
    return f"multipart/form-data; boundary={boundary}", encode_form(body, boundary)


def _authorization(auth: Auth | None) -> dict[str, str]:
    if auth is None:
        return {}
    if isinstance(auth, str):
        return _checked({"authorization": f"Bearer {auth}"})
    return {"authorization": f"Basic {b64encode(':'.join(auth).encode()).decode()}"}


def _checked(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Headers with names in lower case.

    Raises:
        InvalidArgumentError: one could end its line and begin another.
    """
    made: dict[str, str] = {}
    for name, content in (headers or {}).items():
        if (
            not _HEADER_NAME.fullmatch(name)
            or not isinstance(content, str)
            or _NOT_IN_HEADERS.search(content)
        ):
            raise InvalidArgumentError(f"{name!r} with this content cannot be a header.")
        made[name.lower()] = content
    return made
