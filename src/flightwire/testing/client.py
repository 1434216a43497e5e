"""A browser without a browser: calls actions as a page does, in this process.

Owns: `ActionClient`: the whole way of a call, from what React's `encodeReply` writes through the real app to what its client
reads, without sockets. Refuses to know: pages, JavaScript.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from flightwire import app as make_app
from flightwire.actions.registry import Action
from flightwire.client.caller import Auth, Callee, Caller
from flightwire.client.calls import Call, Timeouts
from flightwire.core.models import ModelLike, resolve_model, use_instead
from flightwire.errors import InvalidArgumentError
from flightwire.server.app import App
from flightwire.server.mode import Mode
from flightwire.testing.in_process import ASGIApp, InProcess
from flightwire.wire.flight.declared import camel_case
from flightwire.wire.flight.values import ServerReference

HOST: Final = "http://localhost:3000"


class ActionClient(Caller):
    """Calls actions in this process, through the real app.

        async with ActionClient(actions=[get_answer], model=ScriptedModel(["Hel", "lo"])) as client:
            reply = await client.call(get_answer, "Why is the sky blue?")
            assert [delta async for delta in read_streamable_value(reply)] == ["Hel", "Hello"]

    Leaving the block ends every request, its background work included.

    Arguments:
        app: an app folder, or an ASGI app that was made already.
        actions: actions to serve, with or without a folder.
        model: answers wherever the app names no model or names one by text; models given as objects stay.
        mode: "development" tells what exceptions say; "production" only their digests.
        origin: of the page that calls; another than the app's own (`http://localhost:3000`) is another site. None for a
            program that is no browser.
        prefix: where the app is mounted: `/ai`.
        headers: sent with every call.
        cookies: sent with every call; those that answers set are kept.
        auth: a bearer token, or (name, password).
        allowed_origins: as in `flightwire.app`.
        timeout_s: how long one answer may take, in seconds.

    Raises:
        InvalidArgumentError: neither an app nor actions, or both; and as `flightwire.app`.
    """

    _keeps_bodies = True

    def __init__(
        self,
        app: str | Path | ASGIApp | None = None,
        *,
        actions: Sequence[Action[Any, Any]] = (),
        model: ModelLike = None,
        mode: Mode = "development",
        origin: str | None = HOST,
        prefix: str = "",
        headers: Mapping[str, str] | None = None,
        cookies: Mapping[str, str] | None = None,
        auth: Auth | None = None,
        allowed_origins: Sequence[str] = (),
        timeout_s: float | None = 60.0,
    ) -> None:
        self.app: ASGIApp
        self._own_app: App | None = None
        if app is None or isinstance(app, (str, Path)):
            self.app = self._own_app = make_app(
                app, actions=actions, mode=mode, allowed_origins=allowed_origins
            )
        elif actions:
            raise InvalidArgumentError(
                "ActionClient takes an app or actions; that app serves actions of its own."
            )
        else:
            self.app = app
        instead = None if model is None else resolve_model(model)
        self._in_process = InProcess(self.app, origin=HOST, prefix=prefix, enter=lambda: use_instead(instead))
        super().__init__(
            self._in_process,
            headers={**_page(origin), **(headers or {})},
            cookies=cookies,
            auth=auth,
            timeouts=Timeouts(total_s=timeout_s, read_s=timeout_s),
        )
        self._actions = list(actions)
        if self._own_app is not None and self._own_app.app_folder is not None:
            self._actions += self._own_app.app_folder.registry
        self._last: Call | None = None

    # --- what can be asserted ------------------------------------------------------------------------------------

    @property
    def last(self) -> Call:
        """The latest call: its `status`, `headers`, `body` and `rows`.

        Raises:
            LookupError: there was none.
        """
        if self._last is None:
            raise LookupError("nothing has been called yet")
        return self._last

    async def settle(self) -> None:
        """Wait until every request has ended, with what it does after its response."""
        await self._in_process.settle()

    # --- what a browser does -------------------------------------------------------------------------------------

    def start(self, action: Callee, /, *arguments: object, **options: Any) -> Call:
        """Begin a call; see `Client.start`."""
        self._last = super().start(self._served(action), *arguments, **options)
        return self._last

    def leave(self) -> asyncio.Future[None]:
        """Go away, as a browser whose tab is closed: every open call ends.

        Returns:
            To be awaited: done when the app has ended them all.
        """
        requests = self._in_process.open_requests()
        for call in tuple(self._calls):
            call.close()
        return asyncio.ensure_future(_ended(requests))

    async def aclose(self) -> None:
        """End every request, and the app if it is ours."""
        await super().aclose()
        if self._own_app is not None:
            await self._own_app.aclose()
            if self._own_app.app_folder is not None:
                self._own_app.app_folder.close()

    def _served(self, action: Callee) -> Callee:
        """What this app serves an action as: under a bare name, or as it was imported by the test.

        A folder is imported anew for each client, under a name of its own, so its actions are other objects.
        """
        if isinstance(action, str) and "#" not in action:
            found = [each for each in self._actions if each.name in (camel_case(action), action)]
            return ServerReference(found[0].id) if len(found) == 1 else action
        if isinstance(action, Action):
            code = action.fn.__code__.co_filename
            found = [each for each in self._actions if each.name == action.name]
            same = [each for each in found if each.fn.__code__.co_filename == code]
            return ServerReference((*same, action)[0].id)
        return action


async def _ended(tasks: set[asyncio.Task[None]]) -> None:
    if tasks:
        await asyncio.wait(tasks)


def _page(origin: str | None) -> dict[str, str]:
    """What browsers say of the page that calls."""
    if origin is None:
        return {}
    return {"origin": origin, "sec-fetch-site": "same-origin" if origin == HOST else "cross-site"}
