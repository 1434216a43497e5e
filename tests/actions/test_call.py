"""Running actions: on the loop and in threads, with their context, cancelled and failing."""

from __future__ import annotations

import asyncio
import contextvars
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from flightwire.actions import call as call_module
from flightwire.actions.call import MAX_SYNC_ACTIONS, call_action
from flightwire.actions.registry import action
from flightwire.scope import RequestScope, current_scope
from flightwire.threads import DaemonThreads

pytestmark = pytest.mark.anyio

who = contextvars.ContextVar("who", default="nobody")


@pytest.fixture
def two_threads(monkeypatch: pytest.MonkeyPatch) -> DaemonThreads:
    threads = DaemonThreads(2, "test action")
    monkeypatch.setattr(call_module, "_threads", threads)
    return threads


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.001)


async def call(fn: Callable[..., Any], *args: object, **kwargs: object) -> object:
    async with asyncio.timeout(10):
        return await call_action(action(fn), args, kwargs)


async def test_an_async_action_runs_on_the_loop() -> None:
    async def f(a: int, *, b: int):
        return a, b, threading.current_thread() is threading.main_thread()

    assert await call(f, 1, b=2) == (1, 2, True)


async def test_a_sync_action_runs_in_a_thread_with_the_callers_context() -> None:
    def f(a: int, *, b: int):
        return a, b, who.get(), threading.current_thread().name

    who.set("me")
    a, b, name, thread = await call(f, 1, b=2)  # type: ignore[misc]
    assert (a, b, name) == (1, 2, "me")
    assert thread.startswith("flightwire action ")


async def test_what_a_thread_sets_stays_in_its_own_context() -> None:
    def f():
        who.set("thread")

    who.set("me")
    await call(f)
    assert who.get() == "me"


async def test_a_sync_action_sees_the_request_scope_and_starts_work_in_it() -> None:
    done: list[object] = []

    def f():
        scope = current_scope()
        assert scope is not None
        scope.start_soon(work)
        return scope

    async def work() -> None:
        done.append(current_scope())

    scope = RequestScope(action="f")
    assert await scope.run(call_action(action(f), (), {}), name="f") is scope
    await until(lambda: done)
    assert done == [scope]


async def test_a_sync_wrapper_of_an_async_function_is_awaited() -> None:
    async def inner() -> str:
        return "done"

    assert await call(lambda_of(inner)) == "done"


def lambda_of(inner: Callable[[], Any]) -> Callable[[], Any]:
    def wrapper():
        return inner()

    return wrapper


async def test_an_async_generator_is_returned_as_it_is() -> None:
    async def f():
        yield 1

    assert [each async for each in await call(f)] == [1]  # type: ignore[attr-defined]


async def test_awaitables_that_are_returned_are_left_alone() -> None:
    async def later() -> int:
        return 1

    async def f():
        return later()

    result: Any = await call(f)
    assert asyncio.iscoroutine(result)
    assert await result == 1


async def test_what_an_action_raises_reaches_the_caller() -> None:
    def sync():
        raise ValueError("no")

    async def on_loop():
        raise ValueError("no")

    for fn in (sync, on_loop):
        with pytest.raises(ValueError, match="no"):
            await call(fn)


async def test_an_action_cannot_end_the_server() -> None:
    def sync():
        sys.exit(3)

    async def on_loop():
        sys.exit(3)

    for fn in (sync, on_loop):
        with pytest.raises(RuntimeError, match="tried to end the process"):
            await asyncio.ensure_future(call(fn))


async def test_stop_iteration_does_not_hang_the_call() -> None:
    def f():
        return next(iter(()))

    with pytest.raises(RuntimeError, match="action 'f' raised StopIteration"):
        await call(f)


async def test_a_cancelled_call_abandons_its_thread(two_threads: DaemonThreads) -> None:
    began, go, ended = threading.Event(), threading.Event(), threading.Event()

    def f():
        began.set()
        go.wait(10)
        ended.set()

    task = asyncio.ensure_future(call(f))
    await until(began.is_set)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not ended.is_set()
    go.set()
    await until(ended.is_set)


async def test_an_abandoned_thread_counts_until_it_ends(two_threads: DaemonThreads) -> None:
    go, runs = threading.Event(), []

    def hang(n: int):
        runs.append(n)
        go.wait(10)

    abandoned = [asyncio.ensure_future(call(hang, n)) for n in range(2)]
    await until(lambda: len(runs) == 2)
    for task in abandoned:
        task.cancel()
    await asyncio.wait(abandoned)
    waiting = asyncio.ensure_future(call(lambda_of(lambda: "ran")))
    await asyncio.sleep(0)
    assert not waiting.done()
    assert two_threads._started == 2
    go.set()
    assert await waiting == "ran"


async def test_a_call_that_waits_for_its_turn_never_begins_once_cancelled(two_threads: DaemonThreads) -> None:
    go, runs = threading.Event(), []

    def hang(n: int):
        runs.append(n)
        go.wait(10)

    running = [asyncio.ensure_future(call(hang, n)) for n in range(2)]
    await until(lambda: len(runs) == 2)
    queued = asyncio.ensure_future(call(hang, 3))
    await asyncio.sleep(0)
    queued.cancel()
    await asyncio.wait([queued])
    go.set()
    await asyncio.gather(*running, call(hang, 4))
    assert sorted(runs) == [0, 1, 4]


async def test_no_more_than_forty_run_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = DaemonThreads(MAX_SYNC_ACTIONS, "test action")
    monkeypatch.setattr(call_module, "_threads", threads)
    go, running, most, lock = threading.Event(), 0, 0, threading.Lock()

    def f():
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        go.wait(10)
        with lock:
            running -= 1

    tasks = [asyncio.ensure_future(call(f)) for _ in range(100)]
    await until(lambda: running == MAX_SYNC_ACTIONS)
    go.set()
    await asyncio.gather(*tasks)
    assert (most, threads._started) == (40, 40)


async def test_threads_are_used_again() -> None:
    threads = DaemonThreads(5, "again")
    names = {await asyncio.get_running_loop().run_in_executor(threads, thread_name) for _ in range(1)}
    await until(lambda: threads._unclaimed == 1)
    names |= {await asyncio.get_running_loop().run_in_executor(threads, thread_name)}
    assert names == {"again 1"}


def thread_name() -> str:
    return threading.current_thread().name


def test_a_thread_that_hangs_does_not_keep_python_from_ending() -> None:
    code = (
        "import asyncio, threading\nfrom flightwire.actions.registry import action\n"
        "from flightwire.actions.call import call_action\n"
        "began = threading.Event()\n@action\ndef f():\n    began.set()\n    threading.Event().wait()\n"
        "async def main():\n    task = asyncio.ensure_future(call_action(f, (), {}))\n"
        "    while not began.is_set(): await asyncio.sleep(0.001)\n    task.cancel()\n"
        "    await asyncio.wait([task])\nasyncio.run(main())\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
