"""One timer for everything that may be silent too long."""

from __future__ import annotations

import asyncio

import pytest

from flightwire.providers.patience import Patience

pytestmark = pytest.mark.anyio


class Silent:
    """Something that has been silent since it was made."""

    def __init__(self, limit_s: float) -> None:
        self._since = asyncio.get_running_loop().time()
        self._limit_s = limit_s
        self.given_up: list[float] = []

    def speak(self) -> None:
        self._since = asyncio.get_running_loop().time()

    def patient_until(self) -> float:
        return self._since + self._limit_s

    def give_up(self) -> None:
        self.given_up.append(asyncio.get_running_loop().time() - self._since)


async def test_each_has_its_own_limit_and_is_given_up_once() -> None:
    patience = Patience(asyncio.get_running_loop())
    ones = [Silent(limit_s) for limit_s in (60, 0.1, 0.02, 0.05)]
    for one in ones:
        patience.watch(one)
    await asyncio.sleep(0.4)
    assert [len(one.given_up) for one in ones] == [0, 1, 1, 1]
    assert all(one.given_up[0] >= one._limit_s - 0.002 for one in ones[1:])


async def test_who_spoke_in_between_is_looked_at_again_later() -> None:
    patience = Patience(asyncio.get_running_loop())
    one = Silent(0.3)
    patience.watch(one)
    for _ in range(5):
        await asyncio.sleep(0.1)
        one.speak()
    assert one.given_up == []
    await asyncio.sleep(0.6)
    assert len(one.given_up) == 1


async def test_what_is_forgotten_is_never_given_up_and_others_still_are() -> None:
    patience = Patience(asyncio.get_running_loop())
    forgotten, kept = Silent(0.05), Silent(0.06)
    patience.watch(forgotten)
    patience.watch(kept)
    patience.forget(forgotten)
    patience.forget(forgotten)
    await asyncio.sleep(0.3)
    assert (forgotten.given_up, len(kept.given_up)) == ([], 1)
    later = Silent(0.02)
    patience.watch(later)  # after nobody was left
    await asyncio.sleep(0.2)
    assert len(later.given_up) == 1
