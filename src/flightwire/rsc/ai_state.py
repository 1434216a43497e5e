"""The AI state inside a call: reading it, changing it, and the delta that tells the browser.

Owns: `get_ai_state`, `get_mutable_ai_state`, the order of saving and telling. Refuses to know: where states are kept, actions.
Follows `packages/rsc/src/ai-state.tsx` (@ai-sdk/rsc 3.0.107), with these differences: the delta is sent when the callbacks have
ended and the state is kept; a delta that nobody can complete any more settles instead of pending for ever.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
import weakref
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from typing import Any, Final, Generic, TypeVar, cast

from flightwire.elements import UNDEFINED, UNSET, Unset
from flightwire.errors import InvalidArgumentError
from flightwire.jsontypes import JSONValue
from flightwire.rsc.json_delta import Delta, same
from flightwire.rsc.state_keeping import ChatKey, Keeping, Loaded
from flightwire.rsc.state_text import plain
from flightwire.scope import contained, current_scope

T = TypeVar("T")
OnSet = Callable[..., Awaitable[object] | object]

log = logging.getLogger("flightwire.ai_state")


class StateCall:
    """The AI state of one call.

    Arguments:
        key: the chat.
        loaded: the state it begins with.
        keeping: where it goes.
        on_set: the app's callback, or None while a page is made.
        max_state_bytes: how large it may become.
    """

    def __init__(
        self, key: ChatKey, loaded: Loaded, keeping: Keeping, *, on_set: OnSet | None, max_state_bytes: int
    ) -> None:
        self.key = key
        self.current = plain(loaded.state, max_state_bytes=max_state_bytes)
        self.delta: asyncio.Future[Delta] | None = None
        self._loaded = loaded
        self._keeping = keeping
        self._on_set = on_set
        self._max_state_bytes = max_state_bytes
        self._loop = asyncio.get_running_loop()
        self._thread = threading.get_ident()
        self._is_sealed = False
        self._held: _Pen | None = None  # until the action returns: it may not have kept what it got
        self._pen: weakref.ref[_Pen] | None = None
        self._changes: list[tuple[str | int | None, JSONValue, bool, bool]] = []
        self._told: JSONValue | Unset = UNSET
        self._working: asyncio.Task[None] | None = None

    # --- from the action -----------------------------------------------------------------------------------------

    def pen(self) -> _Pen:
        """What may change the state; the delta is owed from now on.

        Raises:
            InvalidArgumentError: the action has returned already.
        """
        pen = self._pen() if self._pen is not None else None
        if self._is_sealed and pen is None:
            raise InvalidArgumentError(
                "get_mutable_ai_state() must be called before the action returns: the page has been told already whether the "
                "state will change. Move it to the top of the action."
            )
        if pen is None:
            pen = self._held = _Pen(self)
            self._pen = weakref.ref(pen)
            self.delta = self._loop.create_future()
            scope = current_scope()
            if scope is not None:
                scope.last_resort.written[self] = None
        return pen

    def seal(self) -> None:
        """The action has returned."""
        self._is_sealed = True
        self._held = None

    def change(self, key: str | int | Unset, new: object, *, done: bool, is_given: bool) -> None:
        """Change the state, or a field of it."""
        if is_given:
            before = self.field(key)
            wanted = new(before) if callable(new) else new
            self.current = plain(self._with(key, wanted), max_state_bytes=self._max_state_bytes)
        self._changes.append((None if key is UNSET else key, self.current, done, is_given))
        if threading.get_ident() == self._thread:
            self._work()
        else:
            self._loop.call_soon_threadsafe(self._work)

    def field(self, key: str | int | Unset) -> Any:
        """The state, or a field of it."""
        if key is UNSET:
            return self.current
        if not isinstance(self.current, (dict, list)):
            raise InvalidArgumentError(
                f"there is no {key!r} in the AI state: it is a {type(self.current).__name__}, not an object."
            )
        if isinstance(self.current, dict):
            return self.current.get(cast("str", key))
        return self.current[cast("int", key)]

    def _with(self, key: str | int | Unset, wanted: object) -> object:
        if key is UNSET:
            return wanted
        if isinstance(self.current, list):
            items: list[object] = list(self.current)
            items[cast("int", key)] = wanted
            return items
        return {**cast("dict[str, object]", self.current), cast("str", key): wanted}

    # --- keeping and telling -------------------------------------------------------------------------------------

    def _work(self) -> None:
        if self._working is None or self._working.done():
            self._working = self._loop.create_task(self._take_changes(), name="flightwire AI state")
            scope = current_scope()
            if scope is not None:  # a state that is done is saved, though the browser goes away meanwhile
                scope.after(self.finished)

    async def finished(self) -> None:
        """Wait until every change so far is told and kept, or could not be."""
        while self._working is not None and not self._working.done():
            await asyncio.wait([self._working])

    async def _take_changes(self) -> None:
        try:
            async with self._keeping.turn(self.key):
                await contained(self._take_all(), "on_set_ai_state")
        except Exception as error:
            self._changes.clear()
            self._fail(error)

    async def _take_all(self) -> None:
        is_done = False
        while self._changes or is_done:
            if not self._changes:
                is_done = False
                await self._commit()
                continue
            key, state, done, is_given = self._changes.pop(0)
            if is_given and self._on_set is not None:
                # What an app saves is whole: with what other calls have kept since this one began.
                told = await self._keeping.ahead(self.key, self._loaded, state) if done else state
                await _call(self._on_set, told, key=key, done=done)
                self._told = told if done else self._told
            is_done = is_done or done

    async def _commit(self) -> None:
        state = self.current
        delta, self._loaded = await self._keeping.commit(self.key, self._loaded, state)
        kept = self._loaded.state
        if self._on_set is not None and self._told is not UNSET and not same(self._told, kept):
            await _call(self._on_set, kept, key=None, done=True)  # another process was faster
            self._told = kept
        if self.current is state:  # else there is a later change, which was made on `state`
            self.current = kept
        self._settle(delta)

    def _settle(self, delta: Delta) -> None:
        if self.delta is not None and not self.delta.done():
            self.delta.set_result(delta)
        elif delta is not UNDEFINED and self.delta is not None:
            log.warning(
                "the AI state was changed after its first done(); it is saved, and the page hears of it with its next call. "
                "Call done() once, when nothing follows."
            )

    def _fail(self, error: Exception) -> None:
        """The page is told, and keeps the state that it has: what was not saved must not look as if it were."""
        if self.delta is not None and not self.delta.done():
            self.delta.set_exception(error)
            self.delta.exception()  # it may be that nobody waits for it any more
        else:
            log.error("the AI state could not be saved", exc_info=error)

    @property
    def is_open(self) -> bool:
        """Whether the page waits for a delta that nobody is about to send."""
        is_working = self._working is not None and not self._working.done()
        return self.delta is not None and not self.delta.done() and not is_working and not self._changes

    def fail(self, error: BaseException) -> None:
        """What would have called done() has failed, and says so elsewhere."""
        self.abandon()

    def abandon(self) -> None:
        """Nobody can call done() any more."""
        if not self.is_open or self.delta is None:
            return
        if self.current is not None and not _is_unchanged(self):
            log.warning(
                "the AI state was changed without done(), so the change is lost. Call done() at the end."
            )
        self.delta.set_result(UNDEFINED)


class _Pen:
    """Held by everything that may still change the state; when it is collected, nobody can."""

    __slots__ = ("__weakref__", "call")

    def __init__(self, call: StateCall) -> None:
        self.call = call

    def __del__(self) -> None:
        call = self.call
        if not call._loop.is_closed():
            call._loop.call_soon_threadsafe(call.abandon)


class MutableAIState(Generic[T]):
    """The AI state of this chat, or a field of it, to be changed.

    Made by `get_mutable_ai_state`. `done` must be called at the end: only then is the state saved and the page told.
    """

    __slots__ = ("_key", "_pen")

    def __init__(self, pen: _Pen, key: str | int | Unset) -> None:
        self._pen = pen
        self._key = key

    def get(self) -> T:
        """The value now, with this call's changes."""
        return cast("T", self._pen.call.field(self._key))

    def update(self, new: T | Callable[[T], T]) -> None:
        """Change it for the rest of this call; the page is told at `done`.

        Arguments:
            new: the new value, or a function that makes it of the old one.

        Raises:
            InvalidArgumentError: the value is not JSON; says where.
            StateTooLargeError: the state would be larger than `create_ai(max_state_bytes=…)` allows.
        """
        self._pen.call.change(self._key, new, done=False, is_given=True)

    def done(self, new: T | Callable[[T], T] | Unset = UNSET) -> None:
        """Change it for the last time, save it and tell the page.

        Raises: as `update`.
        """
        self._pen.call.change(self._key, new, done=True, is_given=new is not UNSET)


_call_state: ContextVar[StateCall | None] = ContextVar("flightwire_ai_state", default=None)
enter: Final = _call_state.set
leave: Final = _call_state.reset


def get_ai_state(key: str | int | Unset = UNSET) -> Any:
    """The AI state of this chat, or a field of it. Do not change what it returns; `get_mutable_ai_state` is for that.

    Raises:
        InvalidArgumentError: outside an action of `create_ai` and its callbacks; or the state has no fields.
    """
    return _required("get_ai_state").field(key)


def get_mutable_ai_state(key: str | int | Unset = UNSET) -> MutableAIState[Any]:
    """The AI state of this chat, or a field of it, to be changed; call it before the action returns.

    Raises:
        InvalidArgumentError: outside an action of `create_ai`, or after the action returned.
    """
    call = _required("get_mutable_ai_state")
    call.field(key)
    return MutableAIState(call.pen(), key)


def current_chat_id() -> str:
    """The id of the chat that this action or callback works for.

    Raises:
        InvalidArgumentError: outside an action of `create_ai` and its callbacks.
    """
    return _required("current_chat_id").key.chat_id


def _required(name: str) -> StateCall:
    call = _call_state.get()
    if call is None:
        raise InvalidArgumentError(
            f"{name}() works inside actions that are listed in create_ai(actions=[…]) and were called through useActions(), "
            "and in on_set_ai_state and on_get_ui_state."
        )
    return call


async def _call(callback: OnSet, state: JSONValue, **details: object) -> None:
    result = callback(state, **details)
    if inspect.isawaitable(result):
        await result


def _is_unchanged(call: StateCall) -> bool:
    return call.current == call._loaded.state
