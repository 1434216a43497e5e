"""Tool calls that come in pieces.

Owns: which call a piece belongs to, and when a call is announced and complete. Refuses to know: where pieces come from.

Some APIs leave the index out, use one again for another call, repeat the name on every piece, or send the id late; the
rules are those of the AI SDK v7 (`packages/provider-utils/src/streaming-tool-call-tracker.ts`).
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator

from msgspec import Struct

from flightwire.events import (
    ProviderMetadata,
    ProviderPart,
    ToolCall,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
)
from flightwire.jsontypes import loads
from flightwire.providers.chat_dialect.chunks import ToolCallDelta, thought_signature_of
from flightwire.providers.reading import clean

__all__ = ["PendingCalls", "new_call_id"]


class _Pending(Struct):
    """A call that is being written; it is announced once its name is known."""

    id: str
    wire_id: str
    name: str
    index: int | None
    pieces: list[str]
    signature: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether its input is complete JSON, so that another beginning belongs to another call."""
        try:
            return isinstance(loads("".join(self.pieces)), (dict, list))
        except ValueError:
            return False


def new_call_id() -> str:
    """An id for a call that came without one."""
    return f"call_{secrets.token_hex(12)}"


class PendingCalls:
    """The calls of one answer."""

    def __init__(self, options_key: str) -> None:
        self._options_key = options_key
        self._calls: list[_Pending] = []

    def __bool__(self) -> bool:
        """Whether there are any."""
        return bool(self._calls)

    def take(self, delta: ToolCallDelta, out: list[ProviderPart]) -> None:
        """Add one piece."""
        function = delta.function
        name = (function and function.name) or ""
        arguments = clean((function and function.arguments) or "")
        wire_id = delta.id or ""
        call = self._call_of(wire_id, delta.index, name.strip(), arguments)
        call.signature = call.signature or thought_signature_of(delta.extra_content)
        call.wire_id = call.wire_id or wire_id
        if not call.name and name.strip():
            call.name = name
            call.id = call.id or self._free_id(call.wire_id)
            out.append(ToolInputStart(call.id, name))
            if call.pieces:
                out.append(ToolInputDelta(call.id, "".join(call.pieces)))
        if arguments:
            call.pieces.append(arguments)
            if call.name:
                out.append(ToolInputDelta(call.id, arguments))

    def _call_of(self, wire_id: str, index: int | None, name: str, arguments: str) -> _Pending:
        """The call that a piece belongs to; a new one when it starts one."""
        begins = bool(name) and arguments.lstrip()[:1] in ("{", "[")
        found = next(self._candidates(wire_id, index, name), None)
        if found is not None and self._is_another(found, wire_id, name, begins=begins):
            found = None
        if found is None:
            found = _Pending("", wire_id, "", index, [])
            self._calls.append(found)
        return found

    def _is_another(self, call: _Pending, wire_id: str, name: str, *, begins: bool) -> bool:
        """Whether a piece that carries the marks of a call begins another one all the same."""
        if not (name and call.name):
            return False
        is_new_id = begins and bool(wire_id) and not self._knows(wire_id)
        return call.name != name or is_new_id or (begins and call.is_whole)

    def _candidates(self, wire_id: str, index: int | None, name: str) -> Iterator[_Pending]:
        latest_first = list(reversed(self._calls))
        if index is not None:
            yield from (call for call in latest_first if call.index == index)
        elif wire_id:
            yield from (call for call in latest_first if call.wire_id == wire_id)
        elif not name:
            yield from latest_first[:1]

    def _knows(self, wire_id: str) -> bool:
        return any(call.wire_id == wire_id for call in self._calls)

    def _free_id(self, wire_id: str) -> str:
        taken = any(call.id == wire_id for call in self._calls)
        return wire_id if wire_id.strip() and not taken else new_call_id()

    def end(self, out: list[ProviderPart], fail: Callable[[str], object]) -> None:
        """The answer is over: give every call as a whole."""
        for call in sorted(self._calls, key=lambda call: (call.index is None, call.index or 0)):
            if not call.name:
                fail("sent a tool call without a name")
                return
            metadata: ProviderMetadata | None = (
                {self._options_key: {"thoughtSignature": call.signature}} if call.signature else None
            )
            out.append(ToolInputEnd(call.id))
            out.append(ToolCall(call.id, call.name, "".join(call.pieces), provider_metadata=metadata))
        self._calls.clear()
