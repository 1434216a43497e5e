"""Whether the client is still there.

Owns: listening for its leaving in the task of the call itself, and being told to stop: a task of its own for that would cost a
kilobyte per open stream. Refuses to know: what is sent, and what becomes of the work.
"""

from __future__ import annotations

import asyncio

from flightwire.server.responses import Receive


class Listener:
    """Made in the task that listens; anybody in the same event loop may end that."""

    __slots__ = ("_cancellations", "_has_cancelled", "_is_listening", "_is_needed", "_task")

    def __init__(self) -> None:
        self._task = asyncio.current_task()
        self._cancellations = 0 if self._task is None else self._task.cancelling()  # of others
        self._has_cancelled = False
        self._is_listening = False
        self._is_needed = True

    async def has_left(self, receive: Receive) -> bool:
        """Wait until the client has left, or until nobody wants to know any more.

        Arguments:
            receive: as ASGI gives it; the body has been read.

        Raises:
            CancelledError: somebody else has cancelled the task.
        """
        if not self._is_needed:
            return False
        self._is_listening = True
        try:
            while (await receive())["type"] != "http.disconnect":
                pass
        except asyncio.CancelledError:
            if not self._has_cancelled or not self._is_ours():
                raise
            return False
        finally:
            self._is_listening = False
        return not self._has_cancelled or not self._is_ours()  # a `receive` may keep a cancellation to itself

    def ignore(self, _: object = None) -> None:
        """It does not matter any more: `has_left` gives False. May be called back by a future."""
        self._is_needed = False
        if self._is_listening and not self._has_cancelled and self._task is not None:
            self._has_cancelled = True
            self._task.cancel()

    def _is_ours(self) -> bool:
        """Take our cancellation back; whether there was no other. It is how `asyncio.timeout` tells its own."""
        return self._task is None or self._task.uncancel() <= self._cancellations
