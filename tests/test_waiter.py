"""A task that waits goes on within the call of who wakes it, and is a task like any other all the same."""

from __future__ import annotations

import asyncio
import gc
from asyncio.tasks import _PyTask  # type: ignore[attr-defined] # what tasks are where C is not
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any
from weakref import ref

import pytest
import uvloop

from flightwire.waiter import Waiter

LOOPS = [
    pytest.param(asyncio.new_event_loop, id="asyncio"),
    pytest.param(uvloop.new_event_loop, id="uvloop"),
]
place: ContextVar[str] = ContextVar("place", default="nowhere")


@pytest.fixture(params=LOOPS)
def runner(request: pytest.FixtureRequest) -> Any:
    with asyncio.Runner(loop_factory=request.param) as made:
        yield made


async def started(work: Any, **options: Any) -> asyncio.Task[Any]:
    task = asyncio.get_running_loop().create_task(work, **options)
    await asyncio.sleep(0)
    return task


def me() -> asyncio.Task[Any]:
    task = asyncio.current_task()
    assert task is not None
    return task


def test_who_waits_goes_on_before_the_call_returns(runner: asyncio.Runner) -> None:
    async def main() -> list[str]:
        waiter: Waiter[str] = Waiter(asyncio.get_running_loop())
        said: list[str] = []

        async def wait() -> None:
            for turn in range(3):
                await waiter
                said.append(f"{me().get_name()} {turn}")

        task = await started(wait(), name="who waits")
        for turn in range(3):
            waiter.go_on(caller=me())
            said.append(f"{me().get_name()} {turn}")
        assert waiter.callback is None
        await task
        return said

    name = "who wakes"

    async def named() -> list[str]:
        me().set_name(name)
        return await main()

    order = [f"{who} {turn}" for turn in range(3) for who in ("who waits", name)]
    assert runner.run(named()) == order


def test_who_waits_gets_what_is_handed_over(runner: asyncio.Runner) -> None:
    async def main() -> list[str | None]:
        waiter: Waiter[str] = Waiter(asyncio.get_running_loop())
        got: list[str | None] = []

        async def wait() -> None:
            for _ in range(3):
                got.append(await waiter)

        task = await started(wait())
        waiter.go_on("one", me())
        waiter.go_on(caller=me())
        waiter.go_on("three", me())
        await task
        return got

    assert runner.run(main()) == ["one", None, "three"]


def test_cancelled_in_one_turn_and_awaited_by_another_in_the_same(runner: asyncio.Runner) -> None:
    async def main() -> list[str | None]:
        waiter: Waiter[str] = Waiter(asyncio.get_running_loop())
        got: list[str | None] = []

        async def wait() -> None:
            got.append(await waiter)

        first = await started(wait())
        second = asyncio.create_task(wait())
        first.cancel()
        await asyncio.sleep(0)
        waiter.go_on("for the second", me())
        await asyncio.wait([first, second])
        assert first.cancelled()
        return got

    assert runner.run(main()) == ["for the second"]


def test_a_callback_of_the_loop_may_wake(runner: asyncio.Runner) -> None:
    async def main() -> list[str]:
        loop = asyncio.get_running_loop()
        waiter: Waiter[str] = Waiter(loop)
        said: list[str] = []

        async def wait() -> None:
            await waiter
            said.append(me().get_name())

        def wake() -> None:
            waiter.go_on()
            said.append(str(asyncio.current_task()))

        task = await started(wait(), name="who waits")
        loop.call_soon(wake)
        await task
        return said

    assert runner.run(main()) == ["who waits", "None"]


def test_who_waits_has_its_own_context(runner: asyncio.Runner) -> None:
    async def main() -> list[str]:
        waiter: Waiter[str] = Waiter(asyncio.get_running_loop())
        said: list[str] = []

        async def wait() -> None:
            place.set("inside")
            await waiter
            said.append(place.get())
            place.set("further inside")

        task = await started(wait())
        place.set("outside")
        waiter.go_on(caller=me())
        said.append(place.get())
        await task
        return said

    assert runner.run(main()) == ["inside", "outside"]


def test_woken_otherwise_it_goes_on_in_the_next_turn(runner: asyncio.Runner) -> None:
    async def main() -> list[str]:
        waiter: Waiter[str] = Waiter(asyncio.get_running_loop())
        said: list[str] = []

        async def wait() -> None:
            await waiter
            said.append("who waits")

        task = await started(wait())
        waiter.wake()
        waiter.wake()
        waiter.go_on(caller=me())  # it is woken already
        said.append("who wakes")
        await task
        return said

    assert runner.run(main()) == ["who wakes", "who waits"]


def test_who_waits_can_be_cancelled(runner: asyncio.Runner) -> None:
    async def main() -> None:
        waiter: Waiter[str] = Waiter(asyncio.get_running_loop())

        async def wait() -> None:
            await waiter

        task = await started(wait())
        assert task.cancel("enough")
        waiter.go_on(caller=me())  # too late
        assert not task.done()
        with pytest.raises(asyncio.CancelledError, match="enough"):
            await task
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await waiter
        again = await started(wait())  # it can be awaited after that
        waiter.go_on(caller=me())
        await again

    runner.run(main())


def test_woken_and_cancelled_in_one_turn_it_is_cancelled(runner: asyncio.Runner) -> None:
    async def main() -> None:
        waiter: Waiter[str] = Waiter(asyncio.get_running_loop())
        has_gone_on = False

        async def wait() -> None:
            nonlocal has_gone_on
            await waiter
            has_gone_on = True

        task = await started(wait())
        waiter.wake()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert not has_gone_on

    runner.run(main())


def test_who_waits_may_cancel_who_wakes(runner: asyncio.Runner) -> None:
    async def main() -> list[str]:
        waiter: Waiter[str] = Waiter(asyncio.get_running_loop())
        said: list[str] = []
        source: asyncio.Task[None] | None = None

        async def wait() -> None:
            await waiter
            assert source is not None
            source.cancel()

        async def wake() -> None:
            await asyncio.sleep(0)
            waiter.go_on(caller=me())
            said.append("still here")
            try:
                await asyncio.sleep(10)
            except asyncio.CancelledError:
                said.append("cancelled")
                raise

        task = await started(wait())
        source = await started(wake())
        await asyncio.wait([source])
        await task
        return said

    assert runner.run(main()) == ["still here", "cancelled"]


def test_a_failure_is_of_who_waits(runner: asyncio.Runner) -> None:
    async def main() -> None:
        waiter: Waiter[str] = Waiter(asyncio.get_running_loop())

        async def wait() -> None:
            await waiter
            raise ValueError("mine")

        task = await started(wait())
        caller = me()
        waiter.go_on(caller=caller)
        assert me() is caller
        with pytest.raises(ValueError, match="mine"):
            await task

    runner.run(main())


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt()])
@pytest.mark.parametrize("loop_factory", LOOPS)
def test_what_ends_the_process_ends_it(
    loop_factory: Callable[[], asyncio.AbstractEventLoop], error: BaseException
) -> None:
    caught: list[str] = []

    async def main() -> None:
        waiter: Waiter[str] = Waiter(asyncio.get_running_loop())

        async def wake() -> None:
            await asyncio.sleep(0.01)
            try:
                waiter.go_on(caller=me())
            except BaseException as wrong:
                caught.append(repr(wrong))
            await asyncio.sleep(10)

        task = asyncio.create_task(wake())
        await waiter
        assert not task.done()
        raise error

    with pytest.raises(type(error)), asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(main())
    assert caught == []


def test_with_a_caller_that_cannot_stand_aside_it_goes_on_in_the_next_turn(runner: asyncio.Runner) -> None:
    async def main() -> list[str | None]:
        waiter: Waiter[str] = Waiter(asyncio.get_running_loop())
        got: list[str | None] = []

        async def wait() -> None:
            got.append(await waiter)

        task = await started(wait())
        waiter.go_on("an item", task)  # which is not the one that runs
        assert got == []
        await task
        waiter.go_on("another", me())
        return got

    assert runner.run(main()) == [None]


def test_tasks_in_python_are_tasks_too() -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(lambda loop, coro, **options: _PyTask(coro, loop=loop, **options))
        waiter: Waiter[str] = Waiter(loop)

        async def wait() -> str:
            await waiter
            return "there"

        task = await started(wait())
        waiter.go_on(caller=me())
        return str(await task)

    assert asyncio.run(main()) == "there"


def test_no_loop_outlives_those_who_waited_in_it() -> None:
    async def main() -> Waiter[str]:
        first: Waiter[str] = Waiter(asyncio.get_running_loop())
        second: Waiter[str] = Waiter(asyncio.get_running_loop())
        assert first.get_loop() is second.get_loop() is asyncio.get_running_loop()
        return first

    loop = asyncio.new_event_loop()
    waiter = loop.run_until_complete(main())
    loop.close()
    held = ref(loop)
    del loop, waiter
    gc.collect()
    assert held() is None
