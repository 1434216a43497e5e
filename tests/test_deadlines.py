"""One timer for everything that may be due."""

from __future__ import annotations

import asyncio
import gc
import weakref
from contextvars import ContextVar, copy_context

import pytest

from flightwire import deadlines

pytestmark = pytest.mark.anyio


class Silent:
    """Something that has been silent since it was made."""

    def __init__(self, limit_s: float) -> None:
        self._since = asyncio.get_running_loop().time()
        self._limit_s = limit_s
        self.overdue_after_s: list[float] = []

    def speak(self) -> None:
        self._since = asyncio.get_running_loop().time()

    def due(self) -> float:
        return self._since + self._limit_s

    def overdue(self) -> None:
        self.overdue_after_s.append(asyncio.get_running_loop().time() - self._since)


async def test_each_has_its_own_limit_and_is_overdue_once() -> None:
    loop = asyncio.get_running_loop()
    ones = [Silent(limit_s) for limit_s in (60, 0.1, 0.02, 0.05)]
    for one in ones:
        deadlines.watch(one, loop)
    await asyncio.sleep(0.4)
    assert [len(one.overdue_after_s) for one in ones] == [0, 1, 1, 1]
    assert all(one.overdue_after_s[0] >= one._limit_s - 0.002 for one in ones[1:])


async def test_who_spoke_in_between_is_looked_at_again_later() -> None:
    loop = asyncio.get_running_loop()
    one = Silent(0.3)
    deadlines.watch(one, loop)
    for _ in range(5):
        await asyncio.sleep(0.1)
        one.speak()
    assert one.overdue_after_s == []
    await asyncio.sleep(0.6)
    assert len(one.overdue_after_s) == 1


async def test_what_is_forgotten_is_never_overdue_and_others_still_are() -> None:
    loop = asyncio.get_running_loop()
    forgotten, kept = Silent(0.05), Silent(0.06)
    deadlines.watch(forgotten, loop)
    deadlines.watch(kept, loop)
    deadlines.forget(forgotten, loop)
    deadlines.forget(forgotten, loop)
    await asyncio.sleep(0.3)
    assert (forgotten.overdue_after_s, len(kept.overdue_after_s)) == ([], 1)
    later = Silent(0.02)
    deadlines.watch(later, loop)  # after nobody was left
    await asyncio.sleep(0.2)
    assert len(later.overdue_after_s) == 1


async def test_what_is_due_soon_after_a_look_waits_for_the_next_and_for_no_longer() -> None:
    loop = asyncio.get_running_loop()
    ones = [Silent(0.001 * n) for n in range(1, 41)]
    looks = 0

    class Counted(Silent):
        def due(self) -> float:
            nonlocal looks
            looks += 1
            return super().due()

    deadlines.watch(Counted(60), loop)
    for one in ones:
        deadlines.watch(one, loop)
    await asyncio.sleep(0.3)
    assert all(one.overdue_after_s for one in ones)
    assert looks <= 1 + 3


async def test_what_another_has_forgotten_is_not_done() -> None:
    loop = asyncio.get_running_loop()
    ones: list[Silent] = []

    class Jealous(Silent):
        def overdue(self) -> None:
            super().overdue()
            for other in ones:
                deadlines.forget(other, loop)

    ones += [Jealous(0.01), Jealous(0.01)]
    for one in ones:
        deadlines.watch(one, loop)
    await asyncio.sleep(0.2)
    assert [len(one.overdue_after_s) for one in ones] == [1, 0]


async def test_who_is_overdue_may_be_watched_again() -> None:
    loop = asyncio.get_running_loop()

    class Beating(Silent):
        def overdue(self) -> None:
            super().overdue()
            self.speak()
            deadlines.watch(self, loop)

    one = Beating(0.01)
    deadlines.watch(one, loop)
    await asyncio.sleep(0.5)
    deadlines.forget(one, loop)
    beats = len(one.overdue_after_s)
    assert beats >= 3
    await asyncio.sleep(0.1)
    assert len(one.overdue_after_s) == beats


class Request:
    """What a context holds while something is done for somebody."""


_request: ContextVar[Request] = ContextVar("request")


async def test_a_timer_keeps_nothing_of_whom_it_was_set_for() -> None:
    loop = asyncio.get_running_loop()
    context, kept = copy_context(), Silent(60)
    request = Request()
    context.run(_request.set, request)
    context.run(deadlines.watch, kept, loop)
    gone = weakref.ref(request)
    del request, context
    gc.collect()
    assert gone() is None
    deadlines.forget(kept, loop)
