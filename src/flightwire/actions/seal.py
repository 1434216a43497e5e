"""The sealer: AES-256-GCM under keys that the deployment or the app folder keeps.

Owns: keys, where they come from, the format of what is sealed. Refuses to know: what is inside, who the user is.

Format: base64url without padding of `version (1) | nonce (24) | AES-256-GCM(expiry in ms (8) | payload)`. The first half
of the nonce makes a key of its own for each message (HMAC-SHA256), the second half is GCM's: random nonces of 96 bits alone would
be used up after 2**32 messages. Authenticated beside the payload: version, purpose, user.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import os
import secrets
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from flightwire.actions.state_files import write_changed
from flightwire.errors import InvalidArgumentError, SealError
from flightwire.sealing import SEAL_LIFETIME_S

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

log = logging.getLogger("flightwire.actions")

SECRET_KEY: Final = "FLIGHTWIRE_SECRET_KEY"  # noqa: S105 - the name of a variable
KEY_FILE: Final = "secret-key"
MIN_SECRET_CHARS: Final = 32
KEY_BYTES: Final = 32
MAX_SEALED_CHARS: Final = 8 * 1024 * 1024

_VERSION: Final = b"\x01"
_NONCE_BYTES: Final = 24
_TAG_BYTES: Final = 16
_EXPIRY_BYTES: Final = 8


class AESSealer:
    """Seals with the first of its keys, opens with any of them.

    Arguments:
        keys: gives the keys, newest first, when they are first needed.
        lifetime_s: how long what is sealed can be opened when nobody says otherwise, in seconds.
        now: the time in seconds since 1970.
    """

    def __init__(
        self,
        keys: Callable[[], Sequence[bytes]],
        *,
        lifetime_s: float = SEAL_LIFETIME_S,
        now: Callable[[], float] = time.time,
    ) -> None:
        if not 0 < lifetime_s < float("inf"):
            raise InvalidArgumentError(f"seal_lifetime_s must be a number of seconds, got {lifetime_s!r}.")
        self._lifetime_s = lifetime_s
        self._load = keys
        self._loaded: Sequence[bytes] | None = None
        self._now = now

    def seal(self, purpose: str, payload: bytes, *, user: str | None, expires_s: float | None = None) -> str:
        """As `Sealer.seal`."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        lifetime_s = self._lifetime_s if expires_s is None else expires_s
        expiry = int((self._now() + lifetime_s) * 1000).to_bytes(_EXPIRY_BYTES, "big", signed=True)
        cipher = _cipher(self._keys()[0], nonce)
        locked = cipher.encrypt(nonce[12:], expiry + payload, _context(purpose, user))
        return urlsafe_b64encode(_VERSION + nonce + locked).rstrip(b"=").decode()

    def open(self, purpose: str, sealed: str, *, user: str | None) -> bytes:
        """As `Sealer.open`.

        Raises:
            SealError: as there.
        """
        raw = _decoded(sealed)
        nonce, locked = raw[1 : 1 + _NONCE_BYTES], raw[1 + _NONCE_BYTES :]
        context = _context(purpose, user)
        opened = None
        for key in self._keys():
            opened = _unlocked(key, nonce, locked, context) or opened
        if opened is None:
            raise SealError
        expiry = int.from_bytes(opened[:_EXPIRY_BYTES], "big", signed=True)
        if expiry <= self._now() * 1000:
            raise SealError
        return opened[_EXPIRY_BYTES:]

    def _keys(self) -> Sequence[bytes]:
        if self._loaded is None:
            self._loaded = self._load()
        return self._loaded

    def __repr__(self) -> str:
        """`<sealer>`: never a key."""
        return "<sealer>"


def sealer_of(
    state_folder: Path | None, *, lifetime_s: float = SEAL_LIFETIME_S, environment: str | None = None
) -> AESSealer:
    """The sealer of an app: keys from FLIGHTWIRE_SECRET_KEY, else from a file in the state folder, else for this process.

    Arguments:
        state_folder: `.flightwire` of the app folder; every worker of a machine shares its key.
        lifetime_s: as in AESSealer.
        environment: what FLIGHTWIRE_SECRET_KEY says; by default what it does say.

    Raises:
        InvalidArgumentError: FLIGHTWIRE_SECRET_KEY holds a secret that could be guessed, or the lifetime is none.
    """
    written = os.environ.get(SECRET_KEY, "") if environment is None else environment
    if written.strip():
        keys = tuple(_key(secret.strip()) for secret in written.split(","))
        return AESSealer(lambda: keys, lifetime_s=lifetime_s)
    if state_folder is None:
        return AESSealer(_ephemeral, lifetime_s=lifetime_s)
    return AESSealer(lambda: [_kept_key(state_folder)], lifetime_s=lifetime_s)


# --- keys --------------------------------------------------------------------------------------------------------


def _key(secret: str) -> bytes:
    if len(secret) < MIN_SECRET_CHARS:
        raise InvalidArgumentError(
            f"{SECRET_KEY} holds a secret of {len(secret)} characters, which could be guessed. Take at least "
            f'{MIN_SECRET_CHARS}: python -c "import secrets; print(secrets.token_urlsafe(32))".'
        )
    return hashlib.sha256(b"flightwire secret key\0" + secret.encode("utf-8", "surrogateescape")).digest()


def _ephemeral() -> list[bytes]:
    log.warning(
        "No %s is set and there is no app folder to keep a key in: what is sealed for pages opens in this process only, "
        "until it ends.",
        SECRET_KEY,
    )
    return [secrets.token_bytes(KEY_BYTES)]


def _kept_key(folder: Path) -> bytes:
    """The key in the state folder; the first who needs it makes it."""
    file = folder / KEY_FILE
    try:
        return _read(file) if file.exists() else _made(folder, file)
    except OSError as error:
        log.warning(
            "%s cannot be used (%s), so what is sealed for pages opens in this process only. Make it readable and writable "
            "for the server alone, or set %s.",
            file,
            error.strerror or error,
            SECRET_KEY,
        )
        return secrets.token_bytes(KEY_BYTES)


def _made(folder: Path, file: Path) -> bytes:
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / ".gitignore").exists():
        write_changed(folder / ".gitignore", "*\n")
    aside = folder / f"{KEY_FILE}.{os.getpid()}.{secrets.token_hex(4)}"
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(secrets.token_hex(KEY_BYTES).encode())
        with suppress(FileExistsError):  # another worker was faster: its key is the key
            os.link(aside, file)  # appears whole or not at all
    finally:
        aside.unlink(missing_ok=True)
    return _read(file)


def _read(file: Path) -> bytes:
    if os.name == "posix" and file.stat().st_mode & 0o077:
        log.warning("%s can be read by others on this machine. Write: chmod 600 %s", file, file)
    try:
        key = bytes.fromhex(file.read_text(encoding="ascii").strip())
    except ValueError:
        key = b""
    if len(key) != KEY_BYTES:
        raise OSError(f"it is no key of {2 * KEY_BYTES} hexadecimal digits; delete it, and a new one is made")
    return key


# --- the format --------------------------------------------------------------------------------------------------


def _cipher(key: bytes, nonce: bytes) -> AESGCM:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(hmac.digest(key, b"flightwire seal\0" + nonce[:12], "sha256"))


def _unlocked(key: bytes, nonce: bytes, locked: bytes, context: bytes) -> bytes | None:
    from cryptography.exceptions import InvalidTag

    try:
        opened: bytes = _cipher(key, nonce).decrypt(nonce[12:], locked, context)
    except InvalidTag:
        return None
    return opened


def _context(purpose: str, user: str | None) -> bytes:
    """What must be the same when it is opened; lengths keep one part from reaching into the next."""
    parts = [purpose.encode("utf-8", "surrogatepass")]
    parts.append(b"" if user is None else b"=" + user.encode("utf-8", "surrogatepass"))
    return _VERSION + b"".join(len(part).to_bytes(8, "big") + part for part in parts)


def _decoded(sealed: object) -> bytes:
    """The bytes of what was sealed; text that another text decodes to as well is refused."""
    if not isinstance(sealed, str) or len(sealed) > MAX_SEALED_CHARS or not sealed.isascii():
        raise SealError
    try:
        raw = urlsafe_b64decode(sealed + "=" * (-len(sealed) % 4))
    except Base64Error:
        raise SealError from None
    is_written_so = urlsafe_b64encode(raw).rstrip(b"=").decode() == sealed
    if not is_written_so or len(raw) < 1 + _NONCE_BYTES + _EXPIRY_BYTES + _TAG_BYTES or raw[:1] != _VERSION:
        raise SealError
    return raw
