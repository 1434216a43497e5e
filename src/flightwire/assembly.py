"""The parts, put together: what needs more than one room.

Owns: `app`, `create_ai`, `safe_download`, and which model a name means. Refuses to know: what any of the parts does. What
they are made of is imported when they are called.
"""

from __future__ import annotations

import sys
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from flightwire.actions.registry import Action
    from flightwire.core.downloads import Download, Downloaded, DownloadRequest
    from flightwire.providers.base import LanguageModel
    from flightwire.rsc.ai_provider import AIProvider
    from flightwire.rsc.state_keeping import StateMode, StateStore
    from flightwire.server.app import App
    from flightwire.server.csp import CSP
    from flightwire.server.mode import Mode


def app(
    folder: str | Path | None = None,
    *,
    actions: Sequence[Action[Any, Any]] = (),
    mode: Mode | None = None,
    allowed_origins: Iterable[str] = (),
    max_body_bytes: int = 1024 * 1024,
    max_duration_s: float = 900.0,
    csp: CSP = None,
    drain_timeout_s: float | None = None,
    auth: Callable[[Any], Any] | None = None,
    seal_user: Callable[[Any], str] | None = None,
    seal_lifetime_s: float = 7 * 24 * 3600.0,
) -> App:
    """Make the ASGI app that serves an app folder's pages and actions, or actions alone; it mounts under any prefix.

    Arguments:
        folder: a folder with `page.tsx` and `actions.py`.
        actions: further actions, or all of them when there is no folder.
        mode: "development" or "production"; by default FLIGHTWIRE_ENV, else production when a build exists.
        allowed_origins: pages of other origins that may call, as `https://example.com`.
        max_body_bytes: the largest request body, unless an action says otherwise.
        max_duration_s: the longest an action may run, in seconds; an action or a page may say less.
        csp: the pages' Content-Security-Policy: a dict adds sources to the strict default, as
            `{"img-src": ["https://images.example.com"]}`; a text replaces it, with `{nonce}` in its place; False sends none.
        drain_timeout_s: how long calls under way may go on when the server stops, in seconds: 25 by default, 0 in development.
        auth: gets the Request and says who calls: a user, or None. With it every action needs a user, unless it is
            `@action(public=True)`. Parameters of the type that its return annotation names are given the user.
        seal_user: gives the text that stands for a user in what is sealed; by default the user's `id`.
        seal_lifetime_s: how long bound arguments can be used, in seconds.

    Raises:
        InvalidArgumentError: neither a folder nor actions, a folder that does not exist, an origin that is none, a policy
            that cannot be one, or an action that asks for what this app cannot give.
    """
    from flightwire.server.app import App
    from flightwire.server.auth import Auth
    from flightwire.server.work import Limits

    return App(
        None if folder is None else Path(folder),
        actions=actions,
        mode=mode,
        allowed_origins=allowed_origins,
        limits=Limits(max_body_bytes=max_body_bytes, max_duration_s=max_duration_s),
        csp=csp,
        drain_timeout_s=drain_timeout_s,
        auth=Auth(auth, user_text=seal_user),
        seal_lifetime_s=seal_lifetime_s,
    )


def create_ai(
    *,
    actions: Sequence[Action[Any, Any]] | Mapping[str, Action[Any, Any]],
    initial_ai_state: object = None,
    initial_ui_state: object = None,
    on_set_ai_state: Callable[..., Awaitable[object] | object] | None = None,
    on_get_ui_state: Callable[..., Awaitable[object] | object] | None = None,
    state: StateMode = "server",
    store: StateStore | None = None,
    max_state_bytes: int = 1024 * 1024,
) -> AIProvider:
    """Let actions share a state with the page: what was said, as the model needs it (AI state) and as it is shown (UI state).

    The result is a component for a `layout.py`: `AI(children, chat_id=…)`. Inside it the page uses `useActions`, `useUIState`,
    `useAIState` and `useSyncUIState` of `@ai-sdk/rsc`. Follows `createAI` of that package (3.0.107).

    Arguments:
        actions: those that get the state; the page calls them through `useActions()`.
        initial_ai_state: what a chat begins with, as JSON.
        initial_ui_state: what `useUIState` begins with; anything that can be sent.
        on_set_ai_state: called as `on_set_ai_state(state, key=…, done=…)` when an action changes the state; the page hears of
            the change when it has returned. If it raises, the page keeps the state it had.
        on_get_ui_state: makes the UI state of the AI state (`get_ai_state()`) when a page is loaded and for `useSyncUIState`;
            None leaves it as it is.
        state: who keeps the AI state between calls. "server": the server, and what the browser sends is not believed.
            "signed": the browser, with a seal. "client": the browser, as in the original; whoever calls may send any.
        store: where the server keeps it: a `ChatStore`, or anything with its `get` and `save`; by default the database that
            `flightwire.storage.chat_store()` finds.
        max_state_bytes: how large the state of one chat may be, as JSON.

    Raises:
        InvalidArgumentError: something that is no action, two of one name, an unknown mode, a state that is not JSON.
    """
    from flightwire.actions.stateful import StatefulAction
    from flightwire.rsc.ai_provider import UNNAMED_PREFIX, make_provider
    from flightwire.storage.ai_states import AIStates

    return make_provider(
        actions=actions,
        initial_ai_state=initial_ai_state,
        initial_ui_state=initial_ui_state,
        on_set_ai_state=on_set_ai_state,
        on_get_ui_state=on_get_ui_state,
        state=state,
        store=AIStates(UNNAMED_PREFIX) if store is None else store,
        max_state_bytes=max_state_bytes,
        make_action=StatefulAction,
        module=sys._getframe(1).f_globals.get("__name__", ""),
    )


def safe_download(*, max_bytes: int = 20 * 1024 * 1024, timeout_s: float = 30.0) -> Download:
    """Fetch files from addresses in messages, for `download=`; `download=True` is the same with these limits.

    Only public addresses of the internet are reached, over http(s), each looked at before and after every redirect (at most 3);
    no credentials are sent, and a file must be of the kind that the message says.

    Arguments:
        max_bytes: the largest file.
        timeout_s: how long one file may take.
    """

    async def download(requests: Sequence[DownloadRequest]) -> Sequence[Downloaded | None]:
        from flightwire.core.downloads import Downloaded
        from flightwire.providers.downloads import Downloader

        return await Downloader(Downloaded, max_bytes=max_bytes, timeout_s=timeout_s)(requests)

    return download


def resolve(model_id: str | None) -> LanguageModel:
    """The model of a name, or the default model.

    Raises:
        NoSuchModelError: nobody knows it.
    """
    from flightwire.providers import registry

    return registry.default_model()[0] if model_id is None else registry.resolve(model_id)
