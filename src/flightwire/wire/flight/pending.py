"""What a response has promised and may not have delivered yet.

Owns: the two things a reader hands out before their time: single values and streams of items. Refuses to know: rows, and
event loops: an async client gives the reader subclasses that can be awaited.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from flightwire.elements import UNDEFINED

State: TypeAlias = Literal["pending", "resolved", "rejected"]


class Pending:
    """A value that comes later.

    Attributes:
        state: "pending", then "resolved" or "rejected".
        value: what it became, once resolved.
        error: why it never will be, once rejected.
    """

    def __init__(self) -> None:
        self.state: State = "pending"
        self.value: Any = None
        self.error: BaseException | None = None
        self._callbacks: list[Callable[[Any], None]] = []

    def add_done_callback(self, callback: Callable[[Any], None]) -> None:
        """Call back with this object once it is settled; at once if it is."""
        if self.state == "pending":
            self._callbacks.append(callback)
        else:
            callback(self)

    def result(self) -> Any:
        """The value.

        Raises:
            RemoteError: the server reported a failure.
            ConnectionClosedError: the bytes ended first.
            LookupError: it has not come yet.
        """
        if self.error is not None:
            raise self.error
        if self.state == "pending":
            raise LookupError("the value has not come yet")
        return self.value

    def settle(self, value: Any, error: BaseException | None = None) -> None:
        """Settle it, once; what comes later is ignored."""
        if self.state == "pending":
            self.state, self.value, self.error = ("rejected" if error else "resolved"), value, error
            callbacks, self._callbacks = self._callbacks, []
            for callback in callbacks:
                callback(self)

    def __repr__(self) -> str:
        """`<Pending resolved>`: never the value, which may be private."""
        return f"<{type(self).__name__} {self.state}>"


class RemoteStream:
    """Items that come one after the other.

    Attributes:
        items: those that have come.
        is_closed: whether no more will come.
        returned: the return value of a JavaScript iterator, else UNDEFINED.
        error: why it ended too early.
    """

    def __init__(self) -> None:
        self.items: list[Any] = []
        self.is_closed = False
        self.returned: Any = UNDEFINED
        self.error: BaseException | None = None
        self._callbacks: list[Callable[[Any], None]] = []

    def add_callback(self, callback: Callable[[Any], None]) -> None:
        """Call back with this object whenever an item or the end has come."""
        self._callbacks.append(callback)

    def push(self, item: Any) -> None:
        """An item has come."""
        self.items.append(item)
        self._notify()

    def end(self, returned: Any = UNDEFINED, error: BaseException | None = None) -> None:
        """The end has come; a second one is ignored."""
        if not self.is_closed:
            self.is_closed, self.returned, self.error = True, returned, error
            self._notify()

    def _notify(self) -> None:
        for callback in tuple(self._callbacks):
            callback(self)

    def __repr__(self) -> str:
        """`<RemoteStream of 3 items, open>`."""
        return f"<{type(self).__name__} of {len(self.items)} items, {'closed' if self.is_closed else 'open'}>"
