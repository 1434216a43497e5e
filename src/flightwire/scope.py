"""The request scope: who owns the work of one request, and when it may go on.

Owns: one mutable holder per request in a context variable; the tasks it started; what runs after the response; the
gate that slows producers down while the client reads slowly. Refuses to know: HTTP, rows, models.

The rules are those of docs/design.md, points 3, 7 and 9.
"""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import logging
import signal
import threading
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from flightwire.errors import InvalidArgumentError

if TYPE_CHECKING:
    from pathlib import Path

    from flightwire.sealing import ApprovalStore, Sealer

T = TypeVar("T")
Work = Callable[..., Coroutine[Any, Any, object]] | Coroutine[Any, Any, object]

log = logging.getLogger("flightwire.scope")

MAX_UNSENT_BYTES = 256 * 1024
AFTER_TIMEOUT_S = 30.0
CANCEL_TIMEOUT_S = 10.0  # a task that swallows its cancellation must not hold the connection for ever


class Writable(Protocol):
    """Something a task writes to, and that must end when its writer fails."""

    @property
    def is_open(self) -> bool:
        """Whether more may come."""
        ...

    def fail(self, error: BaseException) -> None:
        """End it with an error."""
        ...


class Gate:
    """A door that producers pass: open normally, closed while too much waits for the client.

    Attributes:
        closed: whether producers have to wait.
        leave: sends what has come; a producer of ours calls it before it waits for more. None when it has to wait its turn.
        is_turn: whether a producer is at work whom somebody else has let go on, and who will call `leave` after that.
    """

    __slots__ = ("_waiters", "closed", "is_turn", "leave")

    def __init__(self) -> None:
        self.closed = False
        self.leave: Callable[[], None] | None = None
        self.is_turn = False
        self._waiters: list[asyncio.Future[None]] = []

    def close(self) -> None:
        """Let producers wait."""
        self.closed = True

    def open(self) -> None:
        """Let everybody pass who waits."""
        self.closed = False
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait(self) -> None:
        """Wait until the gate is open."""
        while self.closed:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            await waiter


class Job:
    """One supervised task and the streamables it has written to."""

    __slots__ = ("name", "written")

    def __init__(self, name: str) -> None:
        self.name = name
        self.written: dict[Writable, None] = {}  # empty it is a third of a set, and most jobs write nothing

    def fail_written(self, error: BaseException) -> int:
        """End what this job was writing; returns how many were still open."""
        open_ones = [stream for stream in self.written if stream.is_open]
        for stream in open_ones:
            stream.fail(error)
        return len(open_ones)


class RequestScope:
    """Everything one request started, and the way to end it.

    Arguments:
        action: the name of the action, for messages.
        development: whether warnings for developers are wanted.
        max_unsent_bytes: how much may wait for the client before producers are slowed down.
        on_failure: told about every exception that ends a supervised task (the job's name, the exception).
    """

    def __init__(
        self,
        *,
        action: str = "",
        development: bool = False,
        max_unsent_bytes: int = MAX_UNSENT_BYTES,
        on_failure: Callable[[str, BaseException], None] | None = None,
    ) -> None:
        self.action = action
        self.development = development
        self.max_unsent_bytes = max_unsent_bytes
        self.gate = Gate()
        self.request: object = None  # what the action is given when it asks for a Request
        self.user: object = None  # what the app's `auth` said
        self.user_key: Callable[[], str | None] = _nobody  # a text that stands for the user in what is sealed
        self.sealer: Sealer | None = None
        self.approval_store: ApprovalStore | None = None  # remembers which decisions on tool calls were used
        self.has_runtime = False  # whether our own components are in the page that reads the answer
        self.state_folder: Path | None = None  # where the app keeps what is its own, `APP/.flightwire`
        self.last_failure: BaseException | None = None
        self.last_resort = Job("")  # what ends when a task has failed and no other is left
        self.on_idle: Callable[[], None] | None = None
        self.loop = asyncio.get_running_loop()
        self.context = contextvars.copy_context()  # the action runs in it, and so does what its result awaits
        self.thread = threading.get_ident()
        self._on_failure = on_failure or _log_failure
        self._tasks: dict[asyncio.Task[Any], bool] = {}  # whether it was started with `start_soon`
        self._working = 0  # how many of them were
        self._after: list[Callable[[], object]] = []
        self._cancelled = False

    # --- entering ------------------------------------------------------------------------------------------------

    def run(self, coro: Coroutine[Any, Any, T], *, name: str) -> asyncio.Task[T]:
        """Start a coroutine inside this scope, as a job of its own; the caller awaits and supervises it."""
        self.context.run(_scope.set, self)
        self.context.run(_job.set, Job(name))
        return self.loop.create_task(coro, name=name, context=self.context)

    # --- work ----------------------------------------------------------------------------------------------------

    def start_soon(self, work: Work, *args: object, name: str | None = None) -> None:
        """Start a supervised task; may be called from any thread.

        If it fails, the streamables it was writing end with its error; other tasks live on.
        """
        if threading.get_ident() != self.thread:
            context = contextvars.copy_context()
            self.loop.call_soon_threadsafe(lambda: context.run(self._start, work, args, name))
        else:
            self._start(work, args, name)

    def _start(self, work: Work, args: tuple[object, ...], name: str | None) -> None:
        coro = _to_coroutine(work, args)
        if self._cancelled:
            coro.close()
            return
        job = Job(name or getattr(coro, "__qualname__", "task").rpartition(".")[2])
        context = contextvars.copy_context()
        context.run(_scope.set, self)
        context.run(_job.set, job)
        work = contained(coro, job.name)
        task: asyncio.Task[object] = self.loop.create_task(work, name=job.name, context=context)
        self._tasks[task] = True
        self._working += 1
        task.add_done_callback(partial(self._ended, job, coro))

    def _ended(self, job: Job, coro: Coroutine[Any, Any, object], task: asyncio.Task[object]) -> None:
        self._tasks.pop(task, None)
        self._working -= 1
        coro.close()  # it has not begun when the task was cancelled before
        if not task.cancelled() and (error := task.exception()) is not None:
            self.last_failure = error
            job.fail_written(error)
            self._on_failure(job.name, error)
        job.written.clear()
        if not self._working and self.last_failure is not None:
            # The frames of what failed may keep alive what nobody writes to any more: here, collecting it cannot tell.
            self.last_resort.fail_written(self.last_failure)
        if not self._working and self.on_idle is not None:
            # Once the loop has dropped the task and its frame, whoever nobody can write to any more is known.
            self.loop.call_soon(self.on_idle)

    def own(self, task: asyncio.Task[Any]) -> None:
        """Cancel this task when the scope is cancelled; it does not count as work that may still write."""
        self._tasks.setdefault(task, False)
        task.add_done_callback(self._disown)
        if self._cancelled:
            task.cancel()

    def _disown(self, task: asyncio.Task[Any]) -> None:
        self._tasks.pop(task, None)

    def after(self, fn: Callable[..., object], *args: object) -> None:
        """Run a function, sync or async, once the response is finished: done, failed or client gone."""
        self._after.append(lambda: fn(*args))

    @property
    def has_after(self) -> bool:
        """Whether anything waits for the end of the response."""
        return bool(self._after)

    @property
    def has_work(self) -> bool:
        """Whether a task started with `start_soon` is still running."""
        return self._working > 0

    @property
    def cancelled(self) -> bool:
        """Whether the client is gone or the time is up."""
        return self._cancelled

    # --- endings -------------------------------------------------------------------------------------------------

    async def wait(self) -> None:
        """Wait until every task started with `start_soon` has ended."""
        while self._working:
            await asyncio.wait([task for task, is_work in self._tasks.items() if is_work])

    async def cancel(self) -> None:
        """End everything this request started, and wait until it has ended."""
        self._cancelled = True
        self.gate.open()
        me = asyncio.current_task()
        tasks = [task for task in self._tasks if task is not me]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=CANCEL_TIMEOUT_S)

    async def run_after(self) -> None:
        """Run what `after` collected, in order, each within 30 s; failures are reported, not raised."""
        while self._after:
            fn = self._after.pop(0)
            try:
                async with asyncio.timeout(AFTER_TIMEOUT_S):
                    result = fn()
                    if inspect.isawaitable(result):
                        await result
            except (Exception, SystemExit) as error:
                self._on_failure("after", error)

    def close(self) -> None:
        """The request is over: break the circles around the context, or all it streamed waits for the garbage collector."""
        job = self.context.get(_job)
        if job is not None:
            job.written.clear()
        self.last_resort.written.clear()
        self.context = contextvars.Context()


async def contained(work: Awaitable[T], name: str) -> T:
    """What somebody else's code gives, also when it tries to end the process: asyncio would end the whole server.

    Raises:
        RuntimeError: it raised SystemExit, or KeyboardInterrupt although nobody pressed Ctrl-C.
    """
    try:
        return await work
    except (SystemExit, KeyboardInterrupt) as error:
        raise instead_of_the_end(error, name) from error


def instead_of_the_end(error: SystemExit | KeyboardInterrupt, name: str) -> BaseException:
    """What to raise for an exception that would end the process and everybody else's calls with it.

    A Ctrl-C comes as a KeyboardInterrupt only to the main thread, and only where nobody handles its signal: it stays what it is.
    """
    is_unhandled = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    is_main = threading.current_thread() is threading.main_thread()
    if isinstance(error, KeyboardInterrupt) and is_main and is_unhandled:
        return error
    return RuntimeError(f"{name} tried to end the process ({type(error).__name__})")


def _nobody() -> None:
    return None


def _to_coroutine(work: Work, args: tuple[object, ...]) -> Coroutine[Any, Any, object]:
    coro = work if inspect.iscoroutine(work) else work(*args)  # type: ignore[operator] # a coroutine is not called
    if inspect.iscoroutine(coro):
        return coro
    if inspect.isawaitable(coro):
        return _await(coro)
    raise InvalidArgumentError(
        f"start_soon needs an async function, got {work!r}. Write `async def pump(): …` and `start_soon(pump)`."
    )


async def _await(awaitable: Awaitable[object]) -> object:
    return await awaitable


def _log_failure(name: str, error: BaseException) -> None:
    log.error("background work %r failed", name, exc_info=error)


_scope: contextvars.ContextVar[RequestScope | None] = contextvars.ContextVar("flightwire_scope", default=None)
_job: contextvars.ContextVar[Job | None] = contextvars.ContextVar("flightwire_job", default=None)

current_scope: Callable[[], RequestScope | None] = _scope.get
"""The scope of the request this code runs for, or None."""

current_job: Callable[[], Job | None] = _job.get
"""The supervised task this code runs in, or None."""


def start_soon(work: Work, *args: object) -> None:
    """Start background work that the current request owns.

    The work is cancelled when the browser goes away or the action's time is up. If it fails, the streamables it was
    writing end with an error, and other work lives on.

    Arguments:
        work: an async function (called with `args`), or a coroutine.
        args: positional arguments for it.

    Raises:
        InvalidArgumentError: outside an action, or when `work` is not async.
    """
    _require("start_soon").start_soon(work, *args)


def after(fn: Callable[..., object], *args: object) -> None:
    """Run a function once the response is finished, whether it was done, failed, or the client went away.

    Raises:
        InvalidArgumentError: outside an action.
    """
    _require("after").after(fn, *args)


def _require(what: str) -> RequestScope:
    scope = _scope.get()
    if scope is None:
        raise InvalidArgumentError(
            f"{what}() was called outside an action; there is no request that could own the work. "
            "Elsewhere use asyncio.create_task or a TaskGroup."
        )
    return scope
