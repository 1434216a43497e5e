"""Values that the browser keeps for the server: encrypted, authenticated, bound to their purpose and user, with an end.

Owns: the contracts, and how code of any room gets at the sealer of its request. Refuses to know: keys, ciphers (actions/seal.py).
"""

from __future__ import annotations

from typing import Final, Protocol

from flightwire.errors import InvalidArgumentError
from flightwire.scope import RequestScope, current_scope

SEAL_LIFETIME_S: Final = 7 * 24 * 3600.0
"""How long what is sealed can be opened, unless somebody says otherwise: a page may be left open over a holiday week."""


class Sealer(Protocol):
    """Seals bytes into text that only the same app can open."""

    def seal(self, purpose: str, payload: bytes, *, user: str | None, expires_s: float | None = None) -> str:
        """Letters, digits, `-` and `_` that stand for the payload.

        Arguments:
            purpose: what it is for; it opens for nothing else: `"bound:actions#save"`, `"ai-state"`.
            payload: what to keep.
            user: whose it is, as a text that stays the same; None for nobody in particular.
            expires_s: for how many seconds from now it can be opened; None for the app's `seal_lifetime_s`.
        """
        ...

    def open(self, purpose: str, sealed: str, *, user: str | None) -> bytes:
        """The payload.

        Raises:
            SealError: it was not sealed here, for this purpose and user, or its time is over; which of these is not said.
        """
        ...


class ApprovalStore(Protocol):
    """Remembers which decisions on tool calls have been used: what is sealed can be shown again and again."""

    async def claim(self, approval_id: str, *, expires_s: float) -> bool:
        """Use a decision: True for exactly one of all callers, in all processes.

        Arguments:
            approval_id: which.
            expires_s: after how many seconds it need not be remembered any more.

        Raises:
            StorageError: it cannot be told; the decision does not count then.
        """
        ...


def seal(purpose: str, payload: bytes, *, expires_s: float | None = None) -> str:
    """Seal something for the user of the current request, with its app's key.

    Raises:
        InvalidArgumentError: there is no request, or its user cannot be told from others.
    """
    scope, sealer = _current()
    return sealer.seal(purpose, payload, user=scope.user_key(), expires_s=expires_s)


def unseal(purpose: str, sealed: str) -> bytes:
    """Open what was sealed for the user of the current request.

    Raises:
        SealError: it does not open.
        InvalidArgumentError: there is no request, or its user cannot be told from others.
    """
    scope, sealer = _current()
    return sealer.open(purpose, sealed, user=scope.user_key())


def _current() -> tuple[RequestScope, Sealer]:
    scope = current_scope()
    if scope is None or scope.sealer is None:
        raise InvalidArgumentError(
            "There is no request whose app could seal this. Do it inside an action, or while a page is made."
        )
    return scope, scope.sealer
