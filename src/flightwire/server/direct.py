"""Sending without waiting, where the server's `send` waits for nothing as long as the client reads.

Owns: which servers those are, and what happens when it does wait. Refuses to know: what is sent.

A message is sent by running the coroutine of `send` as far as it goes. That asks for a `send` that does not care in which task
it runs: uvicorn's own is one; what middleware puts around it may not be. Where it is the one we know (0.54, with httptools) and
would only frame some bytes and write them, that is done here: being called is most of what that costs.
"""

from __future__ import annotations

from collections.abc import Generator
from types import coroutine
from typing import Any, Final

from flightwire.server.responses import Message, Send
from flightwire.wire.chunked import HEADS, LINE_END

__all__ = ["Rest", "can_send_at_once", "known_cycle", "send_at_once", "send_body_at_once", "send_head"]


_DONE: Final = object()
_UVICORN: Final = "uvicorn.protocols.http."
_HTTPTOOLS: Final = f"{_UVICORN}httptools_impl"
_ATTRIBUTES: Final = ("chunked_encoding", "disconnected", "flow", "response_complete", "transport")


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
    return type(getattr(send, "__self__", None)).__module__.startswith(_UVICORN)


def known_cycle(send: Send) -> Any:
    """Past whose `send` a part of the body may be written: it is uvicorn's own, of which we know what it would do; else None."""
    cycle = getattr(send, "__self__", None)
    is_known = type(cycle).__module__ == _HTTPTOOLS and all(hasattr(cycle, name) for name in _ATTRIBUTES)
    return cycle if is_known else None


def send_body_at_once(send: Send, cycle: Any, body: bytes) -> Rest | Exception | None:
    """As `send_at_once`, for a part of the body that is not the last and not empty. The hot path, run once per token.

    Arguments:
        send: that may be run by anybody.
        cycle: its `known_cycle`.
        body: some bytes.
    """
    if (
        cycle is not None
        and cycle.chunked_encoding
        and not cycle.flow.write_paused
        and not cycle.disconnected
        and not cycle.response_complete
    ):
        size = len(body)
        head = HEADS[size] if size < len(HEADS) else b"%x\r\n" % size
        cycle.transport.write(b"".join((head, body, LINE_END)))
        return None
    return send_at_once(send, {"type": "http.response.body", "body": body, "more_body": True})


async def send_head(send: Send, cycle: Any, head: Message, body: bytes) -> bool:
    """Send the head of a response, and the first part of its body in the same write: each is a call of the system and a packet.

    Arguments:
        send: the ASGI callable.
        cycle: its `known_cycle`.
        head: the message that starts the response.
        body: some bytes that are not the last; empty when there are none.

    Returns:
        Whether the body could go with it.

    Raises:
        Exception: what `send` raises.
    """
    if not body or cycle is None or cycle.flow.write_paused or cycle.disconnected:
        await send(head)
        return False
    transport = cycle.transport
    cycle.transport = held = _Held(transport)
    try:
        rest = send_at_once(send, head)
    finally:
        cycle.transport = transport
    if isinstance(rest, Exception):
        raise rest
    written = held.written
    is_framed = rest is None and bool(cycle.chunked_encoding)  # else `send` has more to do than to frame
    if is_framed:
        written += (b"%x\r\n" % len(body), body, LINE_END)
    transport.write(b"".join(written))
    if rest is not None:
        await rest
    return is_framed


class _Held:
    """In the place of a transport: what is written to it is kept."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self.written: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


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
