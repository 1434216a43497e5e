"""Answers that are no Flight: refused calls, and servers that are something else.

Owns: which exception an answer becomes. Refuses to know: connections.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from flightwire.errors import (
    ActionNotFoundError,
    ArgumentError,
    BodyTimeoutError,
    BodyTooLargeError,
    CallError,
    CallFailedError,
    DecodeError,
    FlightwireError,
    ForbiddenError,
    SealError,
    ServerStoppingError,
    UnauthorizedError,
    UserError,
)

FLIGHT: Final = "text/x-component"
KIND_HEADER: Final = "flightwire-error"
"""In which Flightwire's servers say what kind of refusal it is: several have the same status."""
MAX_SHOWN_CHARS: Final = 2000

_LIMIT: Final = re.compile(r"larger than ([0-9]{1,15}) bytes")


class Answer(Protocol):
    """What is known of an answer."""

    url: str
    status: int


def _too_large(letter: str) -> CallError:
    found = _LIMIT.search(letter)
    return BodyTooLargeError(int(found[1]) if found else None, letter)


_KINDS: Final[dict[str, Callable[[str], FlightwireError]]] = {
    "ArgumentError": ArgumentError,
    "BodyTimeoutError": BodyTimeoutError,
    "BodyTooLargeError": _too_large,
    "CallError": CallError,
    "DecodeError": DecodeError,
    "ForbiddenError": ForbiddenError,
    "ServerStoppingError": ServerStoppingError,
    "SealError": SealError,
    "UnauthorizedError": UnauthorizedError,
    "UserError": UserError,
}
_BY_STATUS: Final = {
    400: "ArgumentError",  # what it nearly always is
    403: "ForbiddenError",
    404: "ActionNotFoundError",
    408: "BodyTimeoutError",
    413: "BodyTooLargeError",
}


def refusal(action: str, answer: Answer, headers: Mapping[str, str], body: bytes) -> FlightwireError:
    """The exception that stands for an answer without rows, with the server's letter where it wrote one.

    Args:
        action: what was called.
        answer: its status and address.
        headers: of the response; names in lower case.
        body: as far as it was read.
    """
    letter = body.decode("utf-8", "replace").strip()[:MAX_SHOWN_CHARS]
    is_text = headers.get("content-type", "").lower().startswith("text/plain")
    kind = headers.get(KIND_HEADER) or (_BY_STATUS.get(answer.status) if is_text and letter else None)
    if kind == "ActionNotFoundError":
        return ActionNotFoundError(action, letter)
    if kind in _KINDS:
        return _KINDS[kind](letter)
    return CallFailedError(
        _stranger(action, answer, headers, letter if is_text else ""),
        url=answer.url,
        status_code=answer.status,
    )


def _stranger(action: str, answer: Answer, headers: Mapping[str, str], letter: str) -> str:
    where = f"{answer.url} answered the call of '{action}' with status {answer.status}"
    if 300 <= answer.status < 400:
        return f"{where}, a redirect to {headers.get('location', 'nowhere')[:200]}; calls follow none. Use that address."
    if letter:
        return f"{where}: {letter}"
    content_type = headers.get("content-type") or "no content type"
    return f"{where} and {content_type[:100]}, which is no Flight. Is it the address of a Flightwire app, prefix included?"
