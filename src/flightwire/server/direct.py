"""Sending without waiting, where the server's `send` waits for nothing as long as the client reads.

Owns: which servers those are, and what happens when it does wait. Refuses to know: what is sent.

A message is sent by running the coroutine of `send` as far as it goes. That asks for a `send` that does not care in which task
it runs: uvicorn's own is one; what middleware puts around it may not be.
"""

from __future__ import annotations

from collections.abc import Generator
from types import coroutine
from typing import Any, Final

from flightwire.server.responses import Message, Send

__all__ = ["Rest", "can_send_at_once", "send_at_once"]


_DONE: Final = object()


@coroutine
def _sender() -> Generator[Any, Any, None]:
    """Runs one `send` after the other; says when one is done. Whoever runs a coroutine himself gets an exception each time."""
    said = None
    while True:
        send, message = yield said
        yield from send(message)
        send = message = None  # nothing of a request outlives it here
        said = _DONE


_senders: list[Any] = []  # that have nothing to do


class Rest:
    """What is left of a `send` that waits: await it."""

    def __init__(self, sender: Any, waits_for: object) -> None:
        self._sender = sender
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        while waits_for is not _DONE:
            try:
                got = yield waits_for
            except BaseException as error:
                waits_for = self._sender.throw(error)
            else:
                waits_for = self._sender.send(got)


def can_send_at_once(send: Send) -> bool:
    """Whether this `send` may be run by anybody."""
    return type(getattr(send, "__self__", None)).__module__.startswith("uvicorn.protocols.http.")


def send_at_once(send: Send, message: Message) -> Rest | Exception | None:
    """Send a message; what is left of it when the server makes us wait, what `send` raised, None when it has left."""
    sender = _senders.pop() if _senders else _started()
    try:
        waits_for = sender.send((send, message))
    except Exception as error:
        return error
    if waits_for is not _DONE:
        return Rest(sender, waits_for)
    _senders.append(sender)
    return None


def _started() -> Any:
    sender: Any = _sender()
    sender.send(None)
    return sender
