"""AI states in the memory of this process: where no database can be had, and in tests.

Owns: how many are kept. Refuses to know: what they mean.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from flightwire._frozen import value
from flightwire.errors import ChatConflictError
from flightwire.jsontypes import JSONValue

MAX_STATES: Final = 10_000


@value
class MemoryState:
    """A state and how often it was saved."""

    state: JSONValue
    version: int


class MemoryStateStore:
    """A `StateStore` that forgets: the state that was used longest ago when there are too many, and all when the process ends."""

    def __init__(self, max_states: int = MAX_STATES) -> None:
        self._max_states = max_states
        self._states: OrderedDict[tuple[str, str], MemoryState] = OrderedDict()

    async def get(self, chat_id: str, *, owner: str | None = None) -> MemoryState | None:
        """The state and its version, or None."""
        found = self._states.get((owner or "", chat_id))
        if found is not None:
            self._states.move_to_end((owner or "", chat_id))
        return found

    async def save(
        self, chat_id: str, state: object, *, owner: str | None = None, if_version: int | None = None
    ) -> MemoryState:
        """Save a state.

        Raises:
            ChatConflictError: it has another version by now.
        """
        key = (owner or "", chat_id)
        found = self._states.get(key)
        version = 0 if found is None else found.version
        if if_version is not None and if_version != version:
            raise ChatConflictError(chat_id, if_version, version)
        self._states[key] = saved = MemoryState(state, version + 1)  # type: ignore[arg-type] # plain() made it
        self._states.move_to_end(key)
        while len(self._states) > self._max_states:
            self._states.popitem(last=False)
        return saved

    async def sweep(self, prefix: str, *, before_s: float) -> int:
        """Nothing: what is old goes when there are too many."""
        return 0
