"""How long the pauses between chunks were, against all of them sorted."""

from __future__ import annotations

from itertools import accumulate, pairwise
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flightwire.pauses import MOST_KEPT, Pauses

pauses_s = st.floats(0.0, 100.0, allow_subnormal=False)


def noted(times: list[float], sizes: list[int]) -> Pauses:
    """The times, told in groups of these sizes, and the rest one by one."""
    pauses, at = Pauses(), 0
    for size in sizes:
        if times[at : at + size]:
            pauses.note(times[at : at + size])
        at += size
    for time in times[at:]:
        pauses.note([time])
    return pauses


@given(st.lists(pauses_s, min_size=1, max_size=MOST_KEPT), st.lists(st.integers(1, 40), max_size=8))
def test_as_many_as_are_kept_are_exact(gaps: list[float], sizes: list[int]) -> None:
    times = list(accumulate(gaps, initial=5.0))
    found = noted(times, sizes).times
    assert found is not None
    real = sorted(b - a for a, b in pairwise(times))
    ranks = [real[0], *(real[ceil(share * len(real)) - 1] for share in (0.1, 0.5, 0.9)), real[-1]]
    assert [found.min_s, found.p10_s, found.median_s, found.p90_s, found.max_s] == pytest.approx(
        ranks, abs=1e-5
    )
    assert found.avg_s == pytest.approx(sum(real) / len(real), abs=1e-5)
    assert found.min_s <= found.p10_s <= found.median_s <= found.p90_s <= found.max_s


@pytest.mark.parametrize("group", [1, 7, 32, 100, 10_000])
@pytest.mark.parametrize("count", [257, 1_000, 8_193, 100_000])
def test_of_many_the_kept_ones_are_spread_evenly(count: int, group: int) -> None:
    times = list(
        accumulate((1 + at / (count - 1) for at in range(count)), initial=0.0)
    )  # ever longer: 1 s to 2 s
    pauses = noted(times, [group] * (len(times) // group))
    assert MOST_KEPT / 2 <= len(pauses._kept) <= MOST_KEPT
    found = pauses.times
    assert found is not None
    assert (found.min_s, found.max_s) == pytest.approx((1.0, 2.0), abs=1e-3)
    assert found.avg_s == pytest.approx(1.5, abs=0.01)
    assert (found.p10_s, found.median_s, found.p90_s) == pytest.approx((1.1, 1.5, 1.9), abs=0.01)


def test_nothing_and_one_chunk_have_no_pauses() -> None:
    pauses = Pauses()
    assert pauses.times is pauses.first is pauses.last is None
    pauses.note([3.0])
    assert (pauses.times, pauses.first, pauses.last) == (None, 3.0, 3.0)
