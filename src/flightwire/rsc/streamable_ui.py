"""Streamable UI: a part of the page that goes on changing after it was sent.

Owns: `create_streamable_ui`, and the two ways it travels. Refuses to know: rows, bytes, HTTP, how edits are applied.

A page with our runtime gets one component that keeps the tree and makes edits on it: what did not change stays mounted and
is not sent again. Another client gets what `createStreamableUI` of `@ai-sdk/rsc` 3.0.107 sends, a Suspense inside a Suspense
for each update (`packages/rsc/src/streamable-ui/create-streamable-ui.tsx`).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from threading import get_ident
from types import TracebackType
from typing import Any, Final, NoReturn, Self

from flightwire.elements import SUSPENSE, ClientReference, Element
from flightwire.errors import InvalidArgumentError, StreamableAbandonedError, StreamableClosedError
from flightwire.markup import Node
from flightwire.rsc.streamable import StreamableValueSource
from flightwire.rsc.ui_changes import Edit, changes
from flightwire.scope import current_job, current_scope
from flightwire.wire.flight.values import LazyNode

RUNTIME_MODULE: Final = "@flightwire/client/streamed"  # web/client/streamed.ts
_STREAMED_UI: Final = ClientReference(RUNTIME_MODULE, "StreamedUI", (RUNTIME_MODULE, RUNTIME_MODULE))


class StreamableUI:
    """The writing end of a streamable UI. Used as a context manager it ends by itself.

    Made by `create_streamable_ui`. `async with ui:` calls `done()` at the end of the block, or `error(exception)` when the
    block raises.
    """

    def __init__(self, initial: Node = None) -> None:
        self._scope = current_scope()
        self._loop = self._scope.loop if self._scope is not None else _running_loop()
        self._thread = get_ident() if self._scope is None else self._scope.thread
        self._has_runtime = self._scope is not None and self._scope.has_runtime
        self._fixed: list[object] = []
        self._current: object = initial
        self._error: BaseException | None = None
        self._is_open = True
        self._edits: list[StreamableValueSource[list[Edit]]] = []
        self._steps = _Step()

    # --- reading -------------------------------------------------------------------------------------------------

    @property
    def value(self) -> Node:
        """The node to put into a result or another node; it shows what is there now and everything that comes."""
        if not self._has_runtime:
            return _nested(self._shown() if self._fixed else self._current, self._steps)
        edits: StreamableValueSource[list[Edit]] = StreamableValueSource()
        node = Element(_STREAMED_UI, {"initial": self._shown(), "edits": edits.value})
        if self._error is not None:
            edits.error(self._error)
        elif self._is_open:
            self._edits.append(edits)
        else:
            edits.done()
        return node

    @property
    def is_open(self) -> bool:
        """Whether `done()` or `error()` has yet to be called."""
        return self._is_open

    def _shown(self) -> list[object]:
        return [*self._fixed, self._current]

    # --- writing -------------------------------------------------------------------------------------------------

    def update(self, node: Node) -> StreamableUI:
        """Show this in the place of what was shown, or of what was appended last.

        Raises:
            StreamableClosedError: after `done()` or `error()`.
        """
        if not self._elsewhere(self.update, node) and self._may("update") and node is not self._current:
            self._replace(node)
        return self

    def append(self, node: Node) -> StreamableUI:
        """Show this after what is shown.

        Raises:
            StreamableClosedError: after `done()` or `error()`.
        """
        if not self._elsewhere(self.append, node) and self._may("append"):
            self._fixed.append(self._current)
            self._current = node
            self._send([[3, (), len(self._fixed), 0, node]])
            self._step(is_appended=True)
        return self

    def error(self, error: BaseException) -> StreamableUI:
        """End with an error: the error boundary around this part of the page gets it.

        Raises:
            StreamableClosedError: after `done()` or `error()`.
        """
        if not self._elsewhere(self.error, error) and self._may("error"):
            self.fail(error)
        return self

    def done(self, *last: Node) -> StreamableUI:
        """End, optionally with a last update.

        Raises:
            StreamableClosedError: after `done()` or `error()`.
            InvalidArgumentError: more than one node was given.
        """
        if len(last) > 1:
            raise InvalidArgumentError(f"done() takes one node, got {len(last)}. Write Fragment(a, b).")
        if self._elsewhere(self.done, *last) or not self._may("done"):
            return self
        self._is_open = False
        if last:
            self._replace(last[0])
        elif not self._has_runtime:
            self._step(is_appended=False)
        for edits in self._edits:
            if edits.is_open:  # else it grew past what a reader may leave unread
                edits.done()
        self._edits.clear()
        return self

    def fail(self, error: BaseException) -> None:
        """End with an error; does nothing when already ended."""
        if not self._is_open:
            return
        self._is_open = False
        self._error = error
        for edits in self._edits:
            if edits.is_open:  # the task that failed was writing to these, too
                edits.error(error)
        self._edits.clear()
        self._steps.fail(error)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if not self._is_open:
            return
        if error is None:
            self.done()
        else:
            self.error(error)

    def __del__(self) -> None:
        # The last one who could have finished it is gone; the edits' own sources say so by themselves.
        if getattr(self, "_is_open", False):
            self._steps.fail(_abandoned())

    def __repr__(self) -> str:
        """Says whether it is open; never the content."""
        return f"<StreamableUI {'open' if self._is_open else 'ended'}>"

    # --- inside --------------------------------------------------------------------------------------------------

    def _replace(self, node: object) -> None:
        edits = changes(self._current, node, (len(self._fixed),)) if self._edits else []
        self._current = node
        if edits:
            self._send(edits)
        self._step(is_appended=False)

    def _send(self, edits: list[Edit]) -> None:
        for each in self._edits:
            if each.is_open:
                each.update(edits)

    def _step(self, *, is_appended: bool) -> None:
        if not self._has_runtime:
            self._steps = self._steps.set(self._current, is_appended=is_appended, is_last=not self._is_open)

    def _may(self, method: str) -> bool:
        if not self._is_open:
            self._refuse(method)
        job = current_job()
        if job is not None:  # if that task fails, this ends with its error
            job.written[self] = None
        return True

    def _refuse(self, method: str) -> NoReturn:
        raise StreamableClosedError(
            f".{method}(): the streamable UI has already ended. What comes after .done() or .error() cannot be shown; call "
            "them last, and once."
        )

    def _elsewhere(self, method: Callable[..., object], *args: object) -> bool:
        """Called from another thread: repeat the call on the loop."""
        if self._loop is None or get_ident() == self._thread:
            return False
        self._loop.call_soon_threadsafe(lambda: method(*args) if self._is_open else None)
        return True


def create_streamable_ui(initial: Node = None) -> StreamableUI:
    """Create a part of the page that an action can return now and go on changing.

    Arguments:
        initial: what is shown until the first update.
    """
    return StreamableUI(initial)


# --- as the original sends it ------------------------------------------------------------------------------------


class _Step:
    """A place in the history of a UI: what was shown next, once there is a next."""

    __slots__ = ("_error", "_waiters", "is_appended", "is_last", "next", "node")

    def __init__(self) -> None:
        self.next: _Step | None = None
        self.node: object = None
        self.is_appended = False
        self.is_last = False
        self._error: BaseException | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def set(self, node: object, *, is_appended: bool, is_last: bool) -> _Step:
        """Say what is shown next; gives the place after it."""
        made = _Step()
        self.next, self.node, self.is_appended, self.is_last = made, node, is_appended, is_last
        self._wake()
        return made

    def fail(self, error: BaseException) -> None:
        """Nothing is shown next."""
        self._error = error
        self._wake()

    async def wait(self) -> None:
        """Wait until there is a next."""
        if self.next is None and self._error is None:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter
        if self._error is not None:
            raise self._error

    def _wake(self) -> None:
        for waiter in self._waiters:
            if not waiter.done():
                waiter.get_loop().call_soon_threadsafe(_let_go, waiter)
        self._waiters = []


def _let_go(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


def _nested(shown: object, step: _Step) -> Element:
    return Element(SUSPENSE, {"fallback": shown, "children": _Following(shown, step)})


class _Following(LazyNode):
    """What is shown after something: not a coroutine, because nobody may ever ask for it."""

    __slots__ = ("_shown", "_step")

    def __init__(self, shown: object, step: _Step) -> None:
        self._shown = shown
        self._step = step

    def __await__(self) -> Generator[Any, None, object]:
        yield from self._step.wait().__await__()
        step = self._step
        assert step.next is not None
        if step.is_last:
            return step.node
        nested = _nested(step.node, step.next)
        return [self._shown, nested] if step.is_appended else nested


def _abandoned() -> BaseException:
    return StreamableAbandonedError(
        "a streamable UI was left open that nobody can finish any more. Call .done(), or write `async with ui:` around the "
        "code that updates it."
    )


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
