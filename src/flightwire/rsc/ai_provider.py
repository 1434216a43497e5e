"""`create_ai`: actions that share an AI state with the page, and the provider that the page's hooks read from.

Owns: what the provider component is made of, running an action or callback with its chat's state. Refuses to know: how
actions are served and sealed (it is handed a way to make them), databases.
Follows `packages/rsc/src/provider.tsx` (@ai-sdk/rsc 3.0.107); the client is that package's `InternalAIProvider`, unmodified.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final, Protocol

from flightwire._frozen import value
from flightwire.elements import UNDEFINED, UNSET, ClientReference, Element
from flightwire.errors import InvalidArgumentError
from flightwire.ids import generate_id
from flightwire.jsontypes import JSONValue
from flightwire.navigation import not_found
from flightwire.rsc.ai_state import OnSet, StateCall, enter, leave
from flightwire.rsc.state_keeping import (
    ChatKey,
    ClientKeeping,
    Keeping,
    Loaded,
    ServerKeeping,
    SignedKeeping,
    StateMode,
    StateStore,
    digest,
)
from flightwire.rsc.state_text import plain
from flightwire.scope import current_scope

RSC_PACKAGE: Final = "@ai-sdk/rsc"
UNNAMED_PREFIX: Final = "tmp-"
"""Begins the ids of chats that nobody named: a page without `chat_id` is a new one each time it is loaded."""

_CHAT_ID: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_INTERNAL_PROVIDER: Final = ClientReference(RSC_PACKAGE, "InternalAIProvider", (RSC_PACKAGE, RSC_PACKAGE))


class ServedAction(Protocol):
    """An action as the page is given it."""

    @property
    def name(self) -> str:
        """What the page calls it."""
        ...

    def bind(self, *args: Any) -> object:
        """The same with its first argument sealed."""
        ...


Inner = Callable[[], Awaitable[object]]
Run = Callable[[object, object, Inner], Awaitable[object]]
MakeAction = Callable[[object, str, Run], ServedAction]
"""Makes of (what the app wrote, its name, how to run it) an action that takes the chat and the page's state first."""


@value
class AIOptions:
    """What `create_ai` was told."""

    initial_ai_state: object
    initial_ui_state: object
    on_set_ai_state: OnSet | None
    max_state_bytes: int


class AIProvider:
    """A component that gives the page's hooks their state and actions; made by `create_ai`, used in a `layout.py`.

    `AI(children, chat_id=…, initial_ai_state=…, initial_ui_state=…)`: see `__call__`.
    """

    def __init__(
        self,
        actions: Mapping[str, object],
        options: AIOptions,
        keeping: Keeping,
        *,
        on_get_ui_state: Callable[..., object] | None,
        make_action: MakeAction,
        module: str,
    ) -> None:
        self.module = module
        self._options = options
        self._keeping = keeping
        self._initial = plain(options.initial_ai_state, max_state_bytes=options.max_state_bytes)
        self._actions = {name: make_action(each, name, self._run) for name, each in actions.items()}
        self._sync = (
            None if on_get_ui_state is None else make_action(on_get_ui_state, "syncUIState", self._run_sync)
        )
        self._on_get_ui_state = on_get_ui_state
        self._written = dict(actions)

    @property
    def written(self) -> tuple[Mapping[str, Any], OnSet | None, Callable[..., object] | None]:
        """What the app wrote: actions by name, the callback that takes the AI state, the one that makes the UI state."""
        return self._written, self._options.on_set_ai_state, self._on_get_ui_state

    def server_actions(self) -> Sequence[ServedAction]:
        """What an app must serve for this provider."""
        return [*self._actions.values(), *([] if self._sync is None else [self._sync])]

    async def __call__(
        self,
        *children: object,
        chat_id: str | None = None,
        initial_ai_state: object = UNSET,
        initial_ui_state: object = UNSET,
        key: str | None = None,
    ) -> Element:
        """The provider around these children.

        Arguments:
            children: what may use the hooks: usually the layout's `children`.
            chat_id: which conversation; the state is kept under it, for the user that `auth` says. Without one each load of
                the page is a new conversation.
            initial_ai_state: the state to begin with, as it was stored; by default the one that is kept for this chat, else
                that of `create_ai`.
            initial_ui_state: what `useUIState` begins with; by default what `on_get_ui_state` makes, else that of `create_ai`.
            key: React's key.

        Raises:
            NotFound: the chat's id is none: letters, digits, `-` and `_`, 64 at most.
            InvalidArgumentError: a state is not JSON, or there is no request.
        """
        if chat_id is not None and not _CHAT_ID.fullmatch(chat_id):
            not_found()
        given = None if initial_ai_state in (UNSET, None) else initial_ai_state
        state = None if given is None else plain(given, max_state_bytes=self._options.max_state_bytes)
        chat = ChatKey(chat_id or UNNAMED_PREFIX + generate_id(32), _owner(), "")
        state = await self._keeping.begin(chat, state, self._initial)
        chat = ChatKey(chat.chat_id, chat.owner, digest(state))
        ui_state: object = self._options.initial_ui_state if initial_ui_state is UNSET else initial_ui_state
        patch: object = UNDEFINED
        if self._on_get_ui_state is not None:
            patch, made = await self._ui_state(chat, state)
            ui_state = ui_state if made is UNDEFINED else made
        token = _to_token(chat)
        return Element(
            _INTERNAL_PROVIDER,
            {
                "wrappedActions": {name: each.bind(token) for name, each in self._actions.items()},
                "wrappedSyncUIState": UNDEFINED if self._sync is None else self._sync.bind(token),
                "initialUIState": ui_state,
                "initialAIState": self._keeping.outgoing(state),
                "initialAIStatePatch": patch,
                "children": children[0] if len(children) == 1 else list(children),
            },
            key,
        )

    async def _ui_state(self, chat: ChatKey, state: JSONValue) -> tuple[object, object]:
        """What `on_get_ui_state` makes of the state, while a page is made; and the delta, if it changed that."""
        callback = self._on_get_ui_state
        assert callback is not None

        async def ask() -> object:
            made = callback()
            return await made if isinstance(made, Awaitable) else made

        loaded = await self._keeping.load(chat, self._keeping.outgoing(state), self._initial)
        delta, made = await self._within(chat, loaded, ask, on_set=None)
        return delta, UNDEFINED if made is None else made

    # --- calls ---------------------------------------------------------------------------------------------------

    async def _run(self, token: object, at_client: object, inner: Inner) -> object:
        chat = _from_token(token)
        loaded = await self._keeping.load(chat, at_client, self._initial)
        return await self._within(chat, loaded, inner, on_set=self._options.on_set_ai_state)

    async def _run_sync(self, token: object, at_client: object, inner: Inner) -> object:
        chat = _from_token(token)
        loaded = await self._keeping.load(chat, at_client, self._initial)
        delta, made = await self._within(chat, loaded, inner, on_set=None)
        return [delta, UNDEFINED if made is None else made]

    async def _within(
        self, chat: ChatKey, loaded: Loaded, inner: Inner, *, on_set: OnSet | None
    ) -> list[object]:
        call = StateCall(
            chat, loaded, self._keeping, on_set=on_set, max_state_bytes=self._options.max_state_bytes
        )
        token = enter(call)
        try:
            result = await inner()
            await call.finished()  # who has the result may call again, and must find what this call has done
        finally:
            call.seal()
            leave(token)
        return [UNDEFINED if call.delta is None else call.delta, result]


def make_provider(
    *,
    actions: Sequence[object] | Mapping[str, object],
    initial_ai_state: object,
    initial_ui_state: object,
    on_set_ai_state: OnSet | None,
    on_get_ui_state: Callable[..., object] | None,
    state: StateMode,
    store: StateStore,
    max_state_bytes: int,
    make_action: MakeAction,
    module: str,
) -> AIProvider:
    """What `create_ai` does, with what the front door hands in.

    Raises:
        InvalidArgumentError: something that is no action, two of one name, an unknown mode, a state that is not JSON.
    """
    keeping: Keeping
    if state == "server":
        keeping = ServerKeeping(store, max_state_bytes=max_state_bytes)
    elif state == "signed":
        keeping = SignedKeeping(max_state_bytes=max_state_bytes)
    elif state == "client":
        keeping = ClientKeeping(max_state_bytes=max_state_bytes)
    else:
        raise InvalidArgumentError(f"create_ai(state={state!r}): expected 'server', 'signed' or 'client'.")
    return AIProvider(
        _named(actions),
        AIOptions(initial_ai_state, initial_ui_state, on_set_ai_state, max_state_bytes),
        keeping,
        on_get_ui_state=on_get_ui_state,
        make_action=make_action,
        module=module,
    )


def _named(actions: Sequence[object] | Mapping[str, object]) -> dict[str, object]:
    if isinstance(actions, Mapping):
        return dict(actions)
    named: dict[str, object] = {}
    for each in actions:
        name = getattr(each, "name", None)
        if not isinstance(name, str):
            raise InvalidArgumentError(
                f"create_ai(actions=[…]) holds {each!r}, which is no action. Write @action above its `def`."
            )
        if name in named:
            raise InvalidArgumentError(
                f"create_ai(actions=[…]) holds two actions called '{name}'. Write actions={{'{name}': …, '{name}2': …}}."
            )
        named[name] = each
    return named


def _owner() -> str | None:
    scope = current_scope()
    return None if scope is None else scope.user_key()


def _to_token(chat: ChatKey) -> str:
    return json.dumps([chat.chat_id, chat.owner, chat.initial])


def _from_token(token: object) -> ChatKey:
    chat_id, owner, initial = json.loads(str(token))  # it was sealed, so we wrote it
    return ChatKey(chat_id, owner, initial)
