"""Which decisions on tool calls were used, in SQLite or PostgreSQL: known to every process.

Owns: the statements about decisions. Refuses to know: connections (database.py), what is decided, seals.
"""

from __future__ import annotations

import secrets
import time
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from flightwire.storage.database import Database
from flightwire.storage.tables import approvals

FORGET_EVERY_S: Final = 3600.0


class SqlApprovalStore:
    """An `ApprovalStore` in a SQL database.

    Arguments:
        database: where.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._forgot_at_s = 0.0

    def __repr__(self) -> str:
        """Where it is; never the password."""
        return f"<approval store {self._database.shown}>"

    async def claim(self, approval_id: str, *, expires_s: float) -> bool:
        """Use a decision: True for exactly one of all callers, in all processes.

        Raises:
            StorageError: the database cannot be reached, or refuses; the decision does not count then.
        """
        await self._forget()
        claim = secrets.token_hex(8)
        row = {"id": approval_id, "claim": claim, "expires_at_us": _now_us() + round(expires_s * 1e6)}

        async def use(connection: AsyncConnection) -> bool:
            try:
                async with connection.begin_nested():
                    await connection.execute(insert(approvals).values(**row))
            except IntegrityError:
                # Ours after all, when the first try came through and its answer was lost.
                query = select(approvals.c.claim).where(approvals.c.id == approval_id)
                return (await connection.execute(query)).scalar_one_or_none() == claim
            return True

        return await self._database.write(use)

    async def aclose(self) -> None:
        """Close the connections; the store can be used again afterwards."""
        await self._database.aclose()

    async def _forget(self) -> None:
        now_s = time.monotonic()
        if self._forgot_at_s and now_s - self._forgot_at_s < FORGET_EVERY_S:
            return
        self._forgot_at_s = now_s
        expired = delete(approvals).where(approvals.c.expires_at_us < _now_us())

        async def remove(connection: AsyncConnection) -> None:
            await connection.execute(expired)

        await self._database.write(remove)


def _now_us() -> int:
    return time.time_ns() // 1000
