"""Sending without waiting, where the server's `send` waits for nothing as long as the client reads.

Owns: which servers those are, and what happens when it does wait. Refuses to know: what is sent.

A message is sent by running the coroutine of `send` as far as it goes. That asks for a `send` that does not care in which task
it runs: uvicorn's own is one; what middleware puts around it may not be.
"""

from __future__ import annotations

from collections.abc import Coroutine, Generator
from typing import Any

from flightwire.server.responses import Message, Send

__all__ = ["Rest", "can_send_at_once", "send_at_once"]


class Rest:
    """What is left of a `send` that waits: await it."""

    def __init__(self, coro: Coroutine[Any, Any, None], waits_for: object) -> None:
        self._coro = coro
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, None]:
        waits_for = self._waits_for
        while True:
            try:
                try:
                    got = yield waits_for
                except BaseException as error:
                    waits_for = self._coro.throw(error)
                else:
                    waits_for = self._coro.send(got)
            except StopIteration:
                return


def can_send_at_once(send: Send) -> bool:
    """Whether this `send` may be run by anybody."""
    return type(getattr(send, "__self__", None)).__module__.startswith("uvicorn.protocols.http.")


def send_at_once(send: Send, message: Message) -> Rest | Exception | None:
    """Send a message; what is left of it when the server makes us wait, what `send` raised, None when it has left."""
    coro: Any = send(message)
    try:
        waits_for = coro.send(None)
    except StopIteration:
        return None
    except Exception as error:
        return error
    return Rest(coro, waits_for)
