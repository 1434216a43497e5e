"""The request scope: supervised tasks, after, cancellation, threads, the gate."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import sys
import threading

import pytest

from flightwire.errors import InvalidArgumentError
from flightwire.scope import Gate, RequestScope, after, current_scope, start_soon

pytestmark = pytest.mark.anyio


async def in_scope(fn, **options) -> RequestScope:
    scope = RequestScope(action="chat", **options)
    await scope.run(fn(), name="chat")
    return scope


async def test_the_scope_is_visible_in_the_action_and_its_tasks() -> None:
    seen: list[object] = []

    async def work() -> None:
        seen.append(current_scope())

    async def action() -> None:
        seen.append(current_scope())
        start_soon(work)

    scope = await in_scope(action)
    await scope.wait()
    assert seen == [scope, scope]
    assert current_scope() is None


async def test_a_task_sees_the_context_it_was_started_in() -> None:
    user: contextvars.ContextVar[str] = contextvars.ContextVar("user")
    seen: list[str] = []

    async def work() -> None:
        seen.append(user.get())

    async def action() -> None:
        user.set("ada")
        start_soon(work)

    await (await in_scope(action)).wait()
    assert seen == ["ada"]


async def test_arguments_reach_the_work_and_coroutines_are_taken_too() -> None:
    seen: list[int] = []

    async def work(n: int) -> None:
        seen.append(n)

    async def action() -> None:
        start_soon(work, 1)
        start_soon(work(2))

    await (await in_scope(action)).wait()
    assert seen == [1, 2]


async def test_a_failing_task_is_reported_and_its_siblings_live() -> None:
    failures: list[tuple[str, str]] = []
    lived = asyncio.Event()

    async def fail() -> None:
        raise RuntimeError("broken")

    async def live() -> None:
        await asyncio.sleep(0.01)
        lived.set()

    async def action() -> None:
        start_soon(fail)
        start_soon(live)

    scope = await in_scope(action, on_failure=lambda job, error: failures.append((job, str(error))))
    await scope.wait()
    assert failures == [("fail", "broken")]
    assert lived.is_set()


async def test_without_a_reporter_failures_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    async def fail() -> None:
        raise RuntimeError("broken")

    async def action() -> None:
        start_soon(fail)

    with caplog.at_level(logging.ERROR):
        await (await in_scope(action)).wait()
        await asyncio.sleep(0)
    assert "broken" in caplog.text


async def test_cancel_ends_the_work_and_waits_for_its_clean_up() -> None:
    cleaned: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.sleep(0)
            cleaned.append("clean")

    async def action() -> None:
        start_soon(work)

    scope = await in_scope(action)
    await asyncio.sleep(0)
    await scope.cancel()
    assert cleaned == ["clean"]
    assert not scope.has_work


async def test_nothing_starts_after_the_client_has_gone() -> None:
    scope = RequestScope()
    await scope.cancel()

    async def work() -> None:
        raise AssertionError("must not run")

    scope.start_soon(work)
    assert not scope.has_work


async def test_an_owned_task_is_cancelled_with_the_scope_also_when_it_comes_late() -> None:
    scope = RequestScope()
    early = asyncio.ensure_future(asyncio.sleep(60))
    scope.own(early)
    await scope.cancel()
    late = asyncio.ensure_future(asyncio.sleep(60))
    scope.own(late)
    await asyncio.wait([early, late])
    assert early.cancelled()
    assert late.cancelled()


async def test_after_runs_in_order_and_survives_a_failure(caplog: pytest.LogCaptureFixture) -> None:
    ran: list[str] = []

    async def later(name: str) -> None:
        ran.append(name)

    def broken() -> None:
        raise RuntimeError("broken")

    async def action() -> None:
        after(later, "async")
        after(broken)
        after(ran.append, "sync")

    scope = await in_scope(action)
    assert ran == []
    await scope.run_after()
    assert ran == ["async", "sync"]


async def test_work_that_wants_to_end_the_process_only_fails() -> None:
    failures: list[tuple[str, str]] = []

    async def quit_it() -> None:
        raise SystemExit(1)

    async def action() -> None:
        start_soon(quit_it)
        after(sys.exit, 1)
        after(quit_it)

    scope = await in_scope(
        action, on_failure=lambda name, error: failures.append((name, type(error).__name__))
    )
    await scope.wait()
    await scope.run_after()
    assert failures == [("quit_it", "RuntimeError"), ("after", "SystemExit"), ("after", "SystemExit")]


async def test_work_that_is_cancelled_before_it_begins_is_closed() -> None:
    async def work() -> None:
        raise AssertionError("it never begins")

    async def action() -> None:
        start_soon(work())

    scope = await in_scope(action)
    await scope.cancel()
    gc.collect()  # a coroutine that nobody awaits would warn now, and fail this test


async def test_another_thread_may_start_work() -> None:
    scope = RequestScope()
    ran = asyncio.Event()

    async def work() -> None:
        ran.set()

    threading.Thread(target=scope.start_soon, args=(work,)).start()
    await asyncio.wait_for(ran.wait(), 5)


async def test_outside_an_action_there_is_a_letter() -> None:
    async def work() -> None: ...

    with pytest.raises(InvalidArgumentError, match="outside an action"):
        start_soon(work)
    with pytest.raises(InvalidArgumentError, match="outside an action"):
        after(print)


async def test_something_that_is_not_async_is_refused() -> None:
    async def action() -> None:
        start_soon(print)  # type: ignore[arg-type] # the mistake under test

    with pytest.raises(InvalidArgumentError, match="async def"):
        await in_scope(action)


async def test_a_gate_holds_everybody_until_it_opens() -> None:
    gate = Gate()
    gate.close()
    waiting = [asyncio.ensure_future(gate.wait()) for _ in range(3)]
    await asyncio.sleep(0)
    assert not any(task.done() for task in waiting)
    gate.open()
    await asyncio.gather(*waiting)
