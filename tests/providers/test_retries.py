"""The retry policy, with a clock that only notes how long it was asked to wait."""

from __future__ import annotations

import pytest

from flightwire.errors import APICallError, RetryError
from flightwire.providers.retries import Clock, retry_after_s, with_retries

pytestmark = pytest.mark.anyio

NOW_S = 1_445_412_480.0  # Wed, 21 Oct 2015 07:28:00 GMT


class Attempts:
    """Fails as scripted, then succeeds."""

    def __init__(self, *errors: APICallError) -> None:
        self.errors = list(errors)
        self.waits: list[float] = []
        self.chance = 0.5  # neither more nor less
        self.clock = Clock(self.sleep, lambda: NOW_S, lambda: self.chance)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def __call__(self) -> str:
        if self.errors:
            raise self.errors.pop(0)
        return "answer"

    async def run(self, max_retries: int = 2) -> str:
        return await with_retries(self, max_retries=max_retries, clock=self.clock)


def failure(status: int | None = 500, after_s: float | None = None) -> APICallError:
    return APICallError(f"status {status}", url="https://x/v1", status_code=status, retry_after_s=after_s)


async def test_success_waits_for_nothing() -> None:
    attempts = Attempts()
    assert await attempts.run() == "answer"
    assert attempts.waits == []


async def test_waits_double() -> None:
    attempts = Attempts(failure(), failure(), failure())
    assert await attempts.run(max_retries=3) == "answer"
    assert attempts.waits == [2, 4, 8]


@pytest.mark.parametrize(("chance", "waits"), [(0.0, [1.5, 3]), (1.0, [2.5, 5])])
async def test_waits_differ_by_chance(chance: float, waits: list[float]) -> None:
    attempts = Attempts(failure(), failure())
    attempts.chance = chance
    await attempts.run()
    assert attempts.waits == waits


async def test_what_the_provider_asks_for_is_waited_exactly() -> None:
    attempts = Attempts(failure(429, after_s=7))
    attempts.chance = 0.0
    await attempts.run()
    assert attempts.waits == [7]


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503, 529, None])
async def test_passing_failures_are_tried_again(status: int | None) -> None:
    assert await Attempts(failure(status)).run() == "answer"


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_lasting_failures_are_raised_as_they_are(status: int) -> None:
    attempts = Attempts(error := failure(status))
    with pytest.raises(APICallError) as caught:
        await attempts.run()
    assert caught.value is error
    assert attempts.waits == []


async def test_without_retries_the_failure_is_raised_as_it_is() -> None:
    with pytest.raises(APICallError) as caught:
        await Attempts(error := failure()).run(max_retries=0)
    assert caught.value is error


async def test_exhausted_retries_tell_all_and_quote_the_last() -> None:
    errors = [failure(500), failure(503), failure(429, after_s=1)]
    with pytest.raises(
        RetryError, match=r"Failed after 3 attempts\. The last one: status 429 \(HTTP 429\)"
    ) as caught:
        await Attempts(*errors).run()
    assert list(caught.value.errors) == errors
    assert caught.value.last_error is errors[-1]


async def test_lasting_failure_after_a_passing_one_tells_both() -> None:
    with pytest.raises(RetryError, match="cannot mend") as caught:
        await Attempts(failure(500), failure(401)).run()
    assert len(caught.value.errors) == 2


@pytest.mark.parametrize(
    ("asked_s", "waited_s"), [(0, 0), (0.5, 0.5), (7, 7), (59.9, 59.9), (60, 2), (3600, 2), (None, 2)]
)
async def test_reasonable_wishes_are_honoured(asked_s: float | None, waited_s: float) -> None:
    attempts = Attempts(failure(429, after_s=asked_s))
    await attempts.run()
    assert attempts.waits == [waited_s]


async def test_long_wishes_below_the_backoff_are_honoured() -> None:
    attempts = Attempts(*[failure(429) for _ in range(6)], failure(429, after_s=100))
    await attempts.run(max_retries=7)
    assert attempts.waits == [2, 4, 8, 16, 32, 64, 100]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3),
        ({"retry-after": "0"}, 0),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250"}, 0.25),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:05 GMT"}, 5),
        ({"retry-after": "Wed, 21 Oct 2015 07:27:00 GMT"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "tomorrow"}, None),
        ({"retry-after": "Wed, 99 Oct 99999 07:27:00 GMT"}, None),
    ],
)
def test_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_s(headers, now_s=NOW_S) == seconds
