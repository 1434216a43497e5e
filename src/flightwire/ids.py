"""Ids that nobody can guess.

Owns: `generate_id`. Refuses to know: what they are for.
"""

from __future__ import annotations

import secrets
import string
from typing import Final

from flightwire.errors import InvalidArgumentError

_ALPHABET: Final = string.ascii_letters + string.digits
_MAX_CHARS: Final = 1000


def generate_id(size: int = 16, *, prefix: str = "") -> str:
    """A random id of letters and digits, as `generateId()` of the AI SDK makes them; good for messages, chats and keys.

    Arguments:
        size: how many characters; 16 have 95 bits.
        prefix: stands before them, with a `-` between.

    Raises:
        InvalidArgumentError: a size that is none.
    """
    if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= _MAX_CHARS:
        raise InvalidArgumentError(f"generate_id() takes a size from 1 to {_MAX_CHARS}, got {size!r}.")
    made = "".join(secrets.choice(_ALPHABET) for _ in range(size))
    return f"{prefix}-{made}" if prefix else made
