"""What each audience learns of a failure: the browser a digest, in development the story; the log everything.

Owns: digests, which frames are the app's own, logging. Refuses to know: rows, requests.
"""

from __future__ import annotations

import hashlib
import logging
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, TracebackType

from flightwire.errors import (
    APICallError,
    EncodeError,
    FlightwireError,
    LoadAPIKeyError,
    MissingExtraError,
    ModelLoadError,
    NoSuchModelError,
    RetryError,
    UserError,
)
from flightwire.server.mode import Mode
from flightwire.wire.flight.values import Failure, Frame

log = logging.getLogger("flightwire.actions")

MAX_FRAMES = 30
MAX_MESSAGE_CHARS = 4000
USER_ERROR = "user:"
# Their letters say all there is to know; where they were raised does not help.
LETTERS = (
    APICallError,
    LoadAPIKeyError,
    MissingExtraError,
    ModelLoadError,
    NoSuchModelError,
    RetryError,
)
_OURS = str(Path(__file__).resolve().parents[1])


def to_failure(error: BaseException, *, mode: Mode, app_root: Path | None, action: str | None) -> Failure:
    """What the browser may know of an exception.

    In production that is a digest, found again in the log; only the text of a UserError is shown. Development also gets the
    exception's name and message, the action, and the frames of the app's own code.
    """
    error = unwrap(error)
    digest = digest_of(error)
    if mode == "production":
        return Failure(digest)
    message = str(error)[:MAX_MESSAGE_CHARS] or type(error).__name__
    if action is not None and not isinstance(error, (FlightwireError, UserError)):
        message = f"{message} (in action '{action}')"
    return Failure(digest, type(error).__name__, message, tuple(_frames(error, app_root)))


def digest_of(error: BaseException) -> str:
    """What stands for an exception in a production page: a short hash of what and where, or a UserError's text."""
    if isinstance(error, UserError):
        return f"{USER_ERROR}{error}"
    digest = hashlib.sha256(
        f"{type(error).__module__}.{type(error).__qualname__}:{error}".encode("utf-8", "replace")
    )
    for frame in traceback.extract_tb(error.__traceback__)[-3:]:
        digest.update(f"{frame.filename}:{frame.lineno}".encode("utf-8", "replace"))
    return digest.hexdigest()[:12]


def log_failure(error: BaseException, *, action: str) -> None:
    """Write the story: digest, action, traceback. What the app meant for its user is no failure of the app."""
    error = unwrap(error)
    if isinstance(error, UserError):
        log.info("action '%s' told the user: %s", action, error)
    elif isinstance(error, EncodeError):
        log.error("[%s] %s", digest_of(error), error)
    else:
        story = None if isinstance(error, LETTERS) else error
        log.error("[%s] action '%s' failed: %s", digest_of(error), action, error, exc_info=story)


def unwrap(error: BaseException) -> BaseException:
    """The one exception inside a group of one, as a TaskGroup raises it."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _frames(error: BaseException, app_root: Path | None) -> list[Frame]:
    """The app's own frames, innermost first; all that are not ours or a library's when there is no app folder."""
    found = [frame for frame in _walk(error.__traceback__) if _is_app(frame[1], app_root)]
    return found[::-1][:MAX_FRAMES]


def _walk(tb: TracebackType | None) -> Iterator[Frame]:
    while tb is not None:
        code = tb.tb_frame.f_code
        yield (
            code.co_qualname if sys.version_info >= (3, 11) else code.co_name,
            code.co_filename,
            tb.tb_lineno,
            _column(code, tb.tb_lasti),
            code.co_firstlineno,
            1,
            bool(code.co_flags & 0x80),
        )
        tb = tb.tb_next


def _column(code: CodeType, instruction: int) -> int:
    """The column of an instruction, counted from 1; 1 when it is not known."""
    for index, (_, _, column, _) in enumerate(code.co_positions()):
        if index == instruction // 2:
            return 1 if column is None else column + 1
    return 1


def _is_app(filename: str, app_root: Path | None) -> bool:
    if filename.startswith("<"):
        return False
    path = str(Path(filename).resolve())
    if app_root is not None:
        return path.startswith(f"{app_root.resolve()}/")
    return not path.startswith(_OURS) and not any(
        path.startswith(root) for root in (sys.prefix, sys.base_prefix)
    )
