"""How long an answer, a step, a silence or a tool may take.

Owns: `Timeout` and the timers of a step (AI SDK v7, `packages/ai/src/prompt/request-options.ts`, `set-abort-timeout.ts`).
Refuses to know: what happens when one is over.
"""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias, TypedDict

from flightwire.errors import GenerationTimeoutError, InvalidArgumentError


@dataclass(frozen=True, slots=True)
class Timeout:
    """Time limits in seconds; what is None has no limit.

    Attributes:
        total_s: the whole answer, with all steps and tools.
        step_s: one step, with its retries and tools.
        first_chunk_s: from the model's call, retries included, to its first text, reasoning, file or tool input; streams only.
        chunk_s: between two of them; streams only.
        tool_s: each run of a tool.
        tools: tool name → each run of this tool, instead of `tool_s`.
    """

    total_s: float | None = None
    step_s: float | None = None
    first_chunk_s: float | None = None
    chunk_s: float | None = None
    tool_s: float | None = None
    tools: Mapping[str, float] = field(default_factory=dict)

    def for_tool(self, name: str) -> float | None:
        """How long a run of this tool may take."""
        return self.tools.get(name, self.tool_s)


class TimeoutSettings(TypedDict, total=False):
    """A `Timeout` written as a dict."""

    total_s: float | None
    step_s: float | None
    first_chunk_s: float | None
    chunk_s: float | None
    tool_s: float | None
    tools: Mapping[str, float]


TimeoutLike: TypeAlias = float | Timeout | TimeoutSettings | None
_KNOWN = tuple(each.name for each in dataclasses.fields(Timeout))
_NO_TIMEOUT = Timeout()


def to_timeout(given: TimeoutLike) -> Timeout:
    """A number is the total.

    Raises:
        InvalidArgumentError: not a time, or a limit nobody knows.
    """
    if given is None:
        return _NO_TIMEOUT
    if isinstance(given, Mapping):
        if unknown := sorted(given.keys() - set(_KNOWN)):
            raise InvalidArgumentError(f"timeout has no {unknown[0]!r}; there are: {', '.join(_KNOWN)}.")
        given = Timeout(**given)
    elif not isinstance(given, Timeout):
        given = Timeout(total_s=given)
    for name in _KNOWN[:-1]:
        _check(f"timeout.{name}", getattr(given, name))
    for tool, limit in given.tools.items():
        _check(f"timeout.tools[{tool!r}]", limit)
    return given


def _check(name: str, limit: object) -> None:
    if limit is None:
        return
    if isinstance(limit, bool) or not isinstance(limit, (int, float)) or not 0 <= limit < float("inf"):
        raise InvalidArgumentError(f"{name} must be a number of seconds, got {limit!r}.")


class NoTimers:
    """Those of a step that may take as long as it likes."""

    def step_begins(self) -> None:
        """Do nothing."""

    stream_begins = stream_ends = step_ends = step_begins


_NO_TIMERS = NoTimers()


class StepTimers:
    """The timers of one step. They cost nothing per chunk: when one is up, it asks when the last chunk came.

    Arguments:
        timeout: the limits.
        abort: called with what happened, at most once.
        last_chunk: when the last chunk of output came, as `loop.time()`; None before the first.
        is_paused: whether nobody wants more just now, so that the silence is ours.
    """

    def __init__(
        self,
        timeout: Timeout,
        *,
        abort: Callable[[GenerationTimeoutError], object],
        last_chunk: Callable[[], float | None],
        is_paused: Callable[[], bool],
    ) -> None:
        self._timeout = timeout
        self._abort = abort
        self._last_chunk = last_chunk
        self._is_paused = is_paused
        self._loop = asyncio.get_running_loop()
        self._step: asyncio.TimerHandle | None = None
        self._chunk: asyncio.TimerHandle | None = None
        self._waiting_since = 0.0

    def step_begins(self) -> None:
        """Arm the step's own timer."""
        limit = self._timeout.step_s
        if limit is not None:
            self._step = self._loop.call_later(limit, self._abort, GenerationTimeoutError("Step", limit))

    def stream_begins(self) -> None:
        """The model is called: arm the timers of its chunks."""
        self._waiting_since = self._loop.time()
        if self._timeout.first_chunk_s is not None or self._timeout.chunk_s is not None:
            self._look()

    def stream_ends(self) -> None:
        """The model has said its last word; only the step's own timer runs on."""
        if self._chunk is not None:
            self._chunk.cancel()
            self._chunk = None

    def step_ends(self) -> None:
        """Disarm everything."""
        self.stream_ends()
        if self._step is not None:
            self._step.cancel()
            self._step = None

    def _look(self) -> None:
        """See whether a chunk is overdue, and when to look again."""
        last, now = self._last_chunk(), self._loop.time()
        if self._is_paused():
            self._waiting_since = now
        kind, limit = ("First chunk", self._timeout.first_chunk_s)
        if last is not None:
            kind, limit = ("Chunk", self._timeout.chunk_s)
        due = None if limit is None else max(self._waiting_since, last or 0.0) + limit
        if due is not None and due <= now and limit is not None:
            self._abort(GenerationTimeoutError(kind, limit))
            return
        if (
            last is None and self._timeout.chunk_s is not None
        ):  # once there is one, the next may be overdue soon
            soon = now + self._timeout.chunk_s
            due = soon if due is None else min(due, soon)
        if due is not None:
            self._chunk = self._loop.call_at(due, self._look)


def step_timers(
    timeout: Timeout,
    *,
    abort: Callable[[GenerationTimeoutError], object],
    last_chunk: Callable[[], float | None],
    is_paused: Callable[[], bool],
) -> StepTimers | NoTimers:
    """The timers that these limits need; see `StepTimers`."""
    if timeout.step_s is None and timeout.first_chunk_s is None and timeout.chunk_s is None:
        return _NO_TIMERS
    return StepTimers(timeout, abort=abort, last_chunk=last_chunk, is_paused=is_paused)
