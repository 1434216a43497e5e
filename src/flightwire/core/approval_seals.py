"""What keeps decisions on tool calls honest where there is no app: a seal of this process, a memory of this process.

Owns: an `ApprovalStore` in memory, and a sealer with a key that is forgotten when the process ends. Refuses to know:
tools, requests. An app's own sealer is in `actions/`; stores that processes share are in `storage/`.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from typing import Final

from flightwire.errors import SealError
from flightwire.sealing import SEAL_LIFETIME_S

MAX_REMEMBERED: Final = 100_000
_MAC_BYTES: Final = 32


class MemoryApprovalStore:
    """Remembers in this process."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self._now = now
        self._lock = threading.Lock()
        self._used: dict[str, float] = {}  # approval id → when it may be forgotten, oldest first

    async def claim(self, approval_id: str, *, expires_s: float) -> bool:
        """As `ApprovalStore.claim`."""
        with self._lock:
            self._forget()
            if approval_id in self._used:
                return False
            self._used[approval_id] = self._now() + expires_s
            return True

    def _forget(self) -> None:
        now = self._now()
        for approval_id, until in list(self._used.items()):
            if until > now and len(self._used) < MAX_REMEMBERED:
                break
            del self._used[approval_id]


class HmacSealer:
    """Seals by signing (HMAC-SHA256): what is inside can be read, not changed.

    Arguments:
        key: the secret; at least 32 bytes.
        now: the time in seconds since 1970.
    """

    def __init__(self, key: bytes, *, now: Callable[[], float] = time.time) -> None:
        self._key = key
        self._now = now

    def seal(self, purpose: str, payload: bytes, *, user: str | None, expires_s: float | None = None) -> str:
        """As `Sealer.seal`."""
        expiry = int((self._now() + (expires_s or SEAL_LIFETIME_S)) * 1000).to_bytes(8, "big")
        mac = self._mac(purpose, user, expiry + payload)
        return urlsafe_b64encode(mac + expiry + payload).rstrip(b"=").decode()

    def open(self, purpose: str, sealed: str, *, user: str | None) -> bytes:
        """As `Sealer.open`.

        Raises:
            SealError: as there.
        """
        try:
            raw = urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
        except ValueError:
            raise SealError from None
        mac, rest = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if not hmac.compare_digest(mac, self._mac(purpose, user, rest)):
            raise SealError
        if int.from_bytes(rest[:8], "big") < self._now() * 1000:
            raise SealError
        return rest[8:]

    def _mac(self, purpose: str, user: str | None, rest: bytes) -> bytes:
        about = "\0".join([purpose, "-" if user is None else f"+{user}"]).encode()
        return hmac.digest(self._key, len(about).to_bytes(4, "big") + about + rest, hashlib.sha256)


process_sealer: Final = HmacSealer(secrets.token_bytes(32))
default_store: Final = MemoryApprovalStore()
