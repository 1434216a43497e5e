"""Where an app remembers which decisions on tool calls were used, when it says nothing: in the database that chats are in.

Owns: the choice. Refuses to know: SQL, what is decided.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from flightwire.errors import MissingExtraError
from flightwire.sealing import ApprovalStore
from flightwire.storage.opening import approval_store

log = logging.getLogger("flightwire.storage")


class AppApprovals:
    """An `ApprovalStore` as `approval_store()` finds it; without the extra `storage` another one.

    Arguments:
        otherwise: remembers where no database can be had.
    """

    def __init__(self, otherwise: ApprovalStore) -> None:
        self._otherwise = otherwise
        self._store: ApprovalStore | None = None
        self._close: Callable[[], Awaitable[None]] | None = None

    async def claim(self, approval_id: str, *, expires_s: float) -> bool:
        """As `ApprovalStore.claim`.

        Raises:
            StorageError: the database cannot be reached, or refuses; the decision does not count then.
        """
        if self._store is None:
            self._store = self._found()
        return await self._store.claim(approval_id, expires_s=expires_s)

    async def aclose(self) -> None:
        """Close the connections; the store can be used again afterwards."""
        if self._close is not None:
            await self._close()

    def _found(self) -> ApprovalStore:
        try:
            found = approval_store()
        except MissingExtraError:
            log.warning(
                "Which decisions on tool calls were used is kept in this process's memory: after a restart and in other workers "
                "they could be used again. Install pip install 'flightwire[storage]', or give Approvals(store=…)."
            )
            return self._otherwise
        self._close = found.aclose
        return found
