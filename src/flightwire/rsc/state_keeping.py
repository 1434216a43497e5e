"""Where the AI state of a chat is between two calls, and how one call's change gets there.

Owns: the three ways (the server keeps it, the browser keeps it sealed, the browser keeps it) and what each believes of what
the browser sent. Refuses to know: databases (a store is handed in), actions, React.

The unmodified client of `@ai-sdk/rsc` sends its copy of the state with every call and applies the delta that comes back. With
`state="server"` the copy is only looked at to see which delta will do.
"""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager, nullcontext
from hashlib import sha256
from typing import Final, Literal, Protocol, TypeAlias
from weakref import WeakValueDictionary

from flightwire._frozen import value
from flightwire.errors import ChatConflictError, InvalidArgumentError, SealError, StateTooLargeError
from flightwire.jsontypes import JSONValue
from flightwire.rsc.json_delta import Delta, diff, merge, same
from flightwire.rsc.state_text import plain
from flightwire.sealing import seal, unseal

StateMode: TypeAlias = Literal["server", "signed", "client"]
SEAL_KEY: Final = "flightwire:seal"
MAX_CONFLICTS: Final = 100


class Saved(Protocol):
    """A state as a store gives it."""

    @property
    def state(self) -> JSONValue:
        """The state."""
        ...

    @property
    def version(self) -> int:
        """How often it was saved."""
        ...


class StateStore(Protocol):
    """Keeps AI states by owner and chat. Every `ChatStore` is one (`flightwire.storage`)."""

    async def get(self, chat_id: str, *, owner: str | None = None) -> Saved | None:
        """The state and its version, or None."""
        ...

    async def save(
        self, chat_id: str, state: object, *, owner: str | None = None, if_version: int | None = None
    ) -> Saved:
        """Save a state if its version is still this one (0: there is none).

        Raises:
            ChatConflictError: it has another version by now.
        """
        ...


@value
class ChatKey:
    """Which chat a call belongs to: sealed with the page, never the browser's word.

    `initial` is the digest of the state that the page was made with.
    """

    chat_id: str
    owner: str | None
    initial: str


class Loaded:
    """The state at the beginning of a call."""

    __slots__ = ("at_client", "state", "version")

    def __init__(self, state: JSONValue, version: int, at_client: JSONValue) -> None:
        self.state = state
        self.version = version
        self.at_client = at_client


class Keeping(Protocol):
    """One way to keep states."""

    def outgoing(self, state: JSONValue) -> JSONValue:
        """The state as the browser gets it."""
        ...

    async def begin(self, key: ChatKey, state: JSONValue | None, initial: JSONValue) -> JSONValue:
        """The state that a page is made with: the given one, else the one that is kept, else the initial one."""
        ...

    async def load(self, key: ChatKey, at_client: object, initial: JSONValue) -> Loaded:
        """The state that a call begins with.

        Raises:
            SealError: what the browser sent was changed.
            InvalidArgumentError: it is no JSON, or too large.
        """
        ...

    def turn(self, key: ChatKey) -> AbstractAsyncContextManager[object]:
        """Inside it, no other call of this process tells the app of this chat's state, or keeps it."""
        ...

    async def ahead(self, key: ChatKey, loaded: Loaded, state: JSONValue) -> JSONValue:
        """What `commit` would keep now: the state, with what other calls have kept since this one began."""
        ...

    async def commit(self, key: ChatKey, loaded: Loaded, state: JSONValue) -> tuple[Delta, Loaded]:
        """Keep a call's new state; gives the delta for the browser, and what later changes of this call start from."""
        ...


class ServerKeeping:
    """The server keeps the state; the browser's copy is believed in nothing."""

    def __init__(self, store: StateStore, *, max_state_bytes: int) -> None:
        self._store = store
        self._max_state_bytes = max_state_bytes
        self._turns: WeakValueDictionary[ChatKey, asyncio.Lock] = WeakValueDictionary()

    def outgoing(self, state: JSONValue) -> JSONValue:
        """As it is."""
        return state

    async def begin(self, key: ChatKey, state: JSONValue | None, initial: JSONValue) -> JSONValue:
        """See `Keeping`."""
        for _ in range(MAX_CONFLICTS):
            saved = await self._store.get(key.chat_id, owner=key.owner)
            if saved is not None and (state is None or same(saved.state, state)):
                return saved.state
            wanted = initial if state is None else state
            try:
                version = 0 if saved is None else saved.version
                await self._store.save(key.chat_id, wanted, owner=key.owner, if_version=version)
            except ChatConflictError:  # a second tab was first
                continue
            return wanted
        raise _too_busy(key)

    async def load(self, key: ChatKey, at_client: object, initial: JSONValue) -> Loaded:
        """See `Keeping`."""
        saved = await self._store.get(key.chat_id, owner=key.owner)
        if saved is None:
            return Loaded(initial, 0, _json_or_nothing(at_client, self._max_state_bytes))
        return Loaded(saved.state, saved.version, _json_or_nothing(at_client, self._max_state_bytes))

    def turn(self, key: ChatKey) -> AbstractAsyncContextManager[object]:
        """One call after the other, for each chat."""
        return self._turns.setdefault(ChatKey(key.chat_id, key.owner, ""), asyncio.Lock())

    async def ahead(self, key: ChatKey, loaded: Loaded, state: JSONValue) -> JSONValue:
        """See `Keeping`."""
        latest = await self._store.get(key.chat_id, owner=key.owner)
        if latest is None or latest.version == loaded.version:
            return state
        return merge(loaded.state, state, latest.state)

    async def commit(self, key: ChatKey, loaded: Loaded, state: JSONValue) -> tuple[Delta, Loaded]:
        """Save the state; what another call has saved in between is kept, with this call's change made on it."""
        version, mine = loaded.version, state
        for _ in range(MAX_CONFLICTS):
            try:
                saved = await self._store.save(key.chat_id, mine, owner=key.owner, if_version=version)
            except ChatConflictError:
                latest = await self._store.get(key.chat_id, owner=key.owner)
                version = 0 if latest is None else latest.version
                mine = state if latest is None else merge(loaded.state, state, latest.state)
            else:
                # The browser's copy is the base of a small delta only if nothing else has happened to this chat.
                is_known = mine is state and same(loaded.at_client, loaded.state)
                delta: Delta = diff(loaded.state, mine) if is_known else [0, mine]
                return delta, Loaded(mine, saved.version, mine)
        raise _too_busy(key)


class ClientKeeping:
    """The browser keeps the state, as in the original: whoever calls may send any."""

    def __init__(self, *, max_state_bytes: int) -> None:
        self._max_state_bytes = max_state_bytes

    def outgoing(self, state: JSONValue) -> JSONValue:
        """As it is."""
        return state

    async def begin(self, key: ChatKey, state: JSONValue | None, initial: JSONValue) -> JSONValue:
        """See `Keeping`."""
        return initial if state is None else state

    async def load(self, key: ChatKey, at_client: object, initial: JSONValue) -> Loaded:
        """What the browser sent."""
        state = plain(at_client, max_state_bytes=self._max_state_bytes)
        return Loaded(state, 0, state)

    def turn(self, key: ChatKey) -> AbstractAsyncContextManager[object]:
        """Nothing is shared."""
        return nullcontext()

    async def ahead(self, key: ChatKey, loaded: Loaded, state: JSONValue) -> JSONValue:
        """As it is."""
        return state

    async def commit(self, key: ChatKey, loaded: Loaded, state: JSONValue) -> tuple[Delta, Loaded]:
        """Nothing is kept."""
        return diff(loaded.at_client, state), Loaded(state, 0, state)


class SignedKeeping(ClientKeeping):
    """The browser keeps the state with a seal on it: it can send an older one, but none that the server did not make.

    The seal is one more field of the state, or of the last object in it when it is a list.
    """

    def outgoing(self, state: JSONValue) -> JSONValue:
        """As it is: what a page was made with is known by its digest in the chat's key."""
        return state

    async def load(self, key: ChatKey, at_client: object, initial: JSONValue) -> Loaded:
        """What the browser sent, if it was made here."""
        received = plain(at_client, max_state_bytes=self._max_state_bytes)
        state, mark = _without_seal(received)
        if digest(state) != key.initial or mark is not None:
            found = unseal(_purpose(key), mark if isinstance(mark, str) else "")
            if found.decode() != digest(state):
                raise SealError("The AI state was changed outside the server. Reload the page.")
        return Loaded(state, 0, received)

    async def commit(self, key: ChatKey, loaded: Loaded, state: JSONValue) -> tuple[Delta, Loaded]:
        """Seal it."""
        sealed = _with_seal(state, seal(_purpose(key), digest(state).encode()))
        return diff(loaded.at_client, sealed), Loaded(state, 0, sealed)


def digest(state: JSONValue) -> str:
    """A text that is the same for states that are the same to JavaScript."""
    text = json.dumps(_canonical(state), ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return urlsafe_b64encode(sha256(text.encode()).digest()).decode().rstrip("=")


def _canonical(state: JSONValue) -> object:
    """JavaScript has one kind of number: 1.0 comes back as 1."""
    if isinstance(state, float) and state.is_integer():
        return int(state)
    if isinstance(state, Mapping):
        return {key: _canonical(item) for key, item in state.items()}
    return [_canonical(item) for item in state] if isinstance(state, list) else state


def _purpose(key: ChatKey) -> str:
    return f"ai-state:{key.chat_id}"


def _with_seal(state: JSONValue, mark: str) -> JSONValue:
    if isinstance(state, Mapping):
        return {**state, SEAL_KEY: mark}
    if isinstance(state, list) and state and isinstance(state[-1], Mapping):
        return [*state[:-1], {**state[-1], SEAL_KEY: mark}]
    raise InvalidArgumentError(
        "create_ai(state='signed') needs a place for the seal: a state that is an object, or a list that ends with an object. "
        "Use state='server' for other states."
    )


def _without_seal(state: JSONValue) -> tuple[JSONValue, object]:
    if isinstance(state, Mapping):
        return {key: item for key, item in state.items() if key != SEAL_KEY}, state.get(SEAL_KEY)
    if isinstance(state, list) and state and isinstance(state[-1], Mapping):
        last, mark = _without_seal(state[-1])
        return [*state[:-1], last], mark
    return state, None


def _json_or_nothing(at_client: object, max_state_bytes: int) -> JSONValue:
    try:
        return plain(at_client, max_state_bytes=max_state_bytes)
    except (InvalidArgumentError, StateTooLargeError):  # whatever it is, it is not the server's
        return None


def _too_busy(key: ChatKey) -> ChatConflictError:
    return ChatConflictError(key.chat_id, 0, 0)
