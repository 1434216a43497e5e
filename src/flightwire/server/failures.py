"""What each audience learns of a failure: the browser a digest, in development the story; the log everything.

Owns: digests, which frames are the app's own, logging. Refuses to know: rows, requests.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import logging
import re
import sysconfig
from collections import deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import CodeType, TracebackType
from typing import Final

from starlette.exceptions import HTTPException

from flightwire.errors import (
    ActionInterruptedError,
    APICallError,
    CallError,
    EncodeError,
    FlightwireError,
    LoadAPIKeyError,
    MissingExtraError,
    ModelLoadError,
    Navigation,
    NoSuchModelError,
    RetryError,
    UserError,
    named,
)
from flightwire.server.excerpts import remember
from flightwire.server.mode import Mode
from flightwire.wire.flight.values import Failure, Frame

log = logging.getLogger("flightwire.actions")

MAX_FRAMES: Final = 30
MAX_MESSAGE_CHARS: Final = 4000
MAX_CAUSES: Final = 3
MAX_CAUSE_CHARS: Final = 300
USER_ERROR: Final = "user:"
INTERRUPTED: Final = "interrupted"
_DIGEST_FRAMES: Final = 3
# Their letters say all there is to know; where they were raised does not help.
LETTERS = (
    APICallError,
    LoadAPIKeyError,
    MissingExtraError,
    ModelLoadError,
    NoSuchModelError,
    RetryError,
)
_OURS: Final = Path(__file__).resolve().parents[1]
_LIBRARIES: Final = tuple(
    Path(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib", "purelib", "platlib")
)
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]+")  # `<object at 0x7f…>` is another one in every process


def to_failure(
    error: BaseException,
    *,
    mode: Mode,
    app_root: Path | None,
    action: str | None,
    code: CodeType | None = None,
) -> Failure:
    """What the browser may know of an exception.

    In production that is a digest, found again in the log; only the text of a UserError is shown. Development also gets the
    exception's name and message, the action, what it came from, and the frames of the app's own code; where there are none, the
    place of `code`.
    """
    error = unwrap(error)
    digest = digest_of(error)
    if mode == "production":
        return Failure(digest)
    message = _text(error) or type(error).__name__
    if not isinstance(error, FlightwireError):
        # What is in a group stands on lines of its own below.
        first, line_break, rest = message.partition("\n- ") if _is_group(error) else (message, "", "")
        where = "" if action is None else f" (in {named(action)})"
        message = f"{first}{where}{line_break}{rest}{''.join(_causes(error, app_root))}"
    frames = _frames(error, app_root) or ([] if code is None else [_place(code)])
    for frame in frames:
        remember(frame[1], frame[2])
    return Failure(digest, type(error).__name__, message, tuple(frames))


def digest_of(error: BaseException) -> str:
    """What stands for an exception in a production page: a short hash of what and where, a UserError's text, or `interrupted`.

    The same failure has the same digest in every process and on every machine that runs the same code.
    """
    error = unwrap(error)
    if isinstance(error, UserError):
        return f"{USER_ERROR}{_message(error)[:MAX_MESSAGE_CHARS]}"  # notes are for developers
    if isinstance(error, ActionInterruptedError):
        return INTERRUPTED
    if isinstance(error, Navigation):
        return error.digest
    facts = [f"{type(error).__module__}.{type(error).__qualname__}", _ADDRESS.sub("", _text(error))]
    for tb in deque(_tracebacks(error.__traceback__), maxlen=_DIGEST_FRAMES):
        code = tb.tb_frame.f_code
        facts.append(f"{Path(code.co_filename).name}:{code.co_qualname}:{tb.tb_lineno}")
    return hashlib.sha256("\n".join(facts).encode("utf-8", "replace")).hexdigest()[:12]


def status_of(error: BaseException) -> int:
    """The HTTP status of a response whose action raised this before anything was sent."""
    error = unwrap(error)
    if isinstance(error, Navigation | CallError | HTTPException):
        return error.status_code
    return 500


def log_failure(error: BaseException, *, action: str) -> None:
    """Write the story: digest, action, traceback. What the app meant for its user is no failure of the app."""
    error = unwrap(error)
    if isinstance(error, UserError):
        log.info("%s told the user: %r", named(action), _message(error))
    elif isinstance(error, ActionInterruptedError):
        log.warning("%s was interrupted: the server stops", named(action))
    elif isinstance(error, Navigation):
        log.info("%s: %s", named(action), error)
    elif isinstance(error, EncodeError):
        log.error("[%s] %s", digest_of(error), _text(error))
    else:
        story = None if isinstance(error, LETTERS) else error
        log.error("[%s] %s failed: %s", digest_of(error), named(action), _text(error), exc_info=story)


def unwrap(error: BaseException) -> BaseException:
    """The one exception that a group, as a TaskGroup raises it, is about: the only one, or what is meant for the user."""
    if not isinstance(error, BaseExceptionGroup):
        return error
    leaves = [leaf for leaf in _leaves(error) if not isinstance(leaf, asyncio.CancelledError)]
    told = [leaf for leaf in leaves if isinstance(leaf, UserError | Navigation)]
    if len(leaves) == 1 or (leaves and len(told) == len(leaves)):
        return leaves[0]
    return error


def _is_group(error: BaseException) -> bool:
    return isinstance(error, BaseExceptionGroup)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _leaves(inner)
    else:
        yield error


def _text(error: BaseException) -> str:
    """An exception's message, with its notes; a group also says what is in it."""
    text = _message(error)
    if isinstance(error, BaseExceptionGroup):
        text += "".join(f"\n- {type(leaf).__name__}: {_message(leaf)}" for leaf in _leaves(error))
    notes = [note for note in getattr(error, "__notes__", None) or () if isinstance(note, str)]
    return "\n".join([text, *notes])[:MAX_MESSAGE_CHARS]


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # the app's own __str__ may fail as well
        return "(its message cannot be read)"


def _frames(error: BaseException, app_root: Path | None) -> list[Frame]:
    """The app's own frames, innermost first, of the exception, else of what it came from.

    Without an app folder every frame that is neither ours nor a library's counts as the app's.
    """
    seen: set[int] = set()
    while id(error) not in seen:
        seen.add(id(error))
        own = [tb for tb in _tracebacks(error.__traceback__) if _is_app(tb, app_root)]
        cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if isinstance(error, BaseExceptionGroup) and not own:
            cause = error.exceptions[0]
        if own or cause is None:
            return [_frame(tb) for tb in own[: -MAX_FRAMES - 1 : -1]]
        error = cause
    return []


def _causes(error: BaseException, app_root: Path | None) -> Iterator[str]:
    """A line for each exception that this one came from, the nearest first: how, what, and where in the app."""
    seen = {id(error)}
    for _ in range(MAX_CAUSES):
        cause, how = error.__cause__, "because of"
        if cause is None and not error.__suppress_context__:
            cause, how = error.__context__, "while handling"
        if cause is None or id(cause) in seen or isinstance(cause, asyncio.CancelledError):
            return
        seen.add(id(cause))
        said = _message(cause).partition("\n")[0][:MAX_CAUSE_CHARS]
        own = [tb for tb in _tracebacks(cause.__traceback__) if _is_app(tb, app_root)]
        place = f" ({Path(own[-1].tb_frame.f_code.co_filename).name}:{own[-1].tb_lineno})" if own else ""
        yield f"\n{how} {type(cause).__name__}{': ' if said else ''}{said}{place}"
        error = cause


def _tracebacks(tb: TracebackType | None) -> Iterator[TracebackType]:
    while tb is not None:
        yield tb
        tb = tb.tb_next


def _frame(tb: TracebackType) -> Frame:
    code = tb.tb_frame.f_code
    return (
        code.co_qualname,
        code.co_filename,
        tb.tb_lineno or code.co_firstlineno,
        _column(code, tb.tb_lasti),
        code.co_firstlineno,
        1,
        bool(code.co_flags & inspect.CO_COROUTINE),
    )


def _place(code: CodeType) -> Frame:
    """Where a function stands."""
    return (code.co_qualname, code.co_filename, code.co_firstlineno, 1, code.co_firstlineno, 1, False)


def _column(code: CodeType, instruction: int) -> int:
    """The column of an instruction, counted from 1; 1 when it is not known."""
    position = next(islice(code.co_positions(), max(instruction, 0) // 2, None), None)
    column = None if position is None else position[2]
    return 1 if column is None else column + 1


def _is_app(tb: TracebackType, app_root: Path | None) -> bool:
    name = tb.tb_frame.f_code.co_filename
    if name.startswith("<"):
        return False
    file = Path(name).resolve()
    if app_root is not None:
        root = app_root.resolve()
        return file.is_relative_to(root) and not {"site-packages", ".venv"} & {*file.relative_to(root).parts}
    return not file.is_relative_to(_OURS) and not any(file.is_relative_to(path) for path in _LIBRARIES)
