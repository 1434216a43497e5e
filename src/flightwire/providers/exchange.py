"""One request and its reply, and the seam at which a test puts recorded traffic in the place of the network.

Owns: what a reply is, `use_tape`. Refuses to know: the HTTP client, what is sent.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol, TypeAlias

from flightwire.providers.outgoing import Outgoing


class Reply(ABC):
    """A response whose body is being read.

    Attributes:
        status: the HTTP status.
        reason: the words beside it.
        headers: the response's headers, names in lower case.
    """

    __slots__ = ("_unread", "headers", "reason", "status")

    def __init__(self, status: int, reason: str, headers: Mapping[str, str]) -> None:
        self.status = status
        self.reason = reason
        self.headers = headers
        self._unread = b""

    @abstractmethod
    async def read(self) -> bytes:
        """Everything that has arrived since the last read; waits for something; b"" at the end of the body.

        Raises:
            APITimeoutError: nothing came for `timeouts.read_s`.
            APICallError: the connection broke off. What had come before it was given first.
        """

    async def read_on(self, consume: Callable[[bytes], bool]) -> bytes | None:
        """As `read`; but what comes while it waits may go to `consume` in that very turn, as long as this says True.

        Arguments:
            consume: takes what `read` would give. Must not raise.

        Returns:
            What it did not get; None when it has said False.
        """
        del consume
        return await self.read()

    def unread(self, piece: bytes) -> None:
        """Put back what was read last."""
        self._unread = piece

    def _read_again(self) -> bytes:
        """What was put back."""
        piece, self._unread = self._unread, b""
        return piece

    @abstractmethod
    def close(self) -> None:
        """Close the connection now, whatever is still to come on it."""

    @abstractmethod
    async def leave(self) -> None:
        """Nothing more is wanted, and little more is to come: keep the connection if its end comes in a moment."""


Send: TypeAlias = Callable[[Outgoing, str], Awaitable[Reply]]
"""Sends a call; the second argument is the type of response it accepts. Raises APICallError."""


class Tape(Protocol):
    """Stands between providers and the network."""

    async def send(self, call: Outgoing, accept: str, network: Send) -> Reply:
        """Answer a call, by asking the network or otherwise. Raises APICallError as the network does."""
        ...


_tape: Tape | None = None


def use_tape(tape: Tape | None) -> Tape | None:
    """Put this between all providers of the process and the network; gives what was there before. For tests."""
    global _tape
    before, _tape = _tape, tape
    return before


def sender(network: Send) -> Send:
    """What sends a call now: the network, or what stands before it."""
    if (tape := _tape) is None:
        return network
    return lambda call, accept: tape.send(call, accept, network)
