"""When a call that failed is made again, and after how long.

Owns: the policy of the AI SDK v7 (`packages/provider-utils/src/retry-with-exponential-backoff.ts`): 2 s, then twice as
long each time, or what the provider asks for; and a quarter more or less by chance, which theirs has not: many calls that
failed at one moment must not come back at one moment. Refuses to know: HTTP clients, what is being called.
"""

from __future__ import annotations

import asyncio
import logging
import random
import time
from collections.abc import Awaitable, Callable, Mapping
from email.utils import parsedate_to_datetime
from typing import TypeVar

from flightwire._frozen import value
from flightwire.errors import APICallError, RetryError

T = TypeVar("T")

FIRST_DELAY_S = 2.0
FACTOR = 2.0
MAX_ASKED_DELAY_S = 60.0
JITTER = 0.25  # how far a backoff may be from its length, as a part of it

_log = logging.getLogger("flightwire.providers")


_sleep: Callable[[float], Awaitable[object]] | None = None


def use_sleep(sleep: Callable[[float], Awaitable[object]] | None) -> None:
    """Wait with this where nothing else was said; None for the real thing. For tests: replayed refusals need no waiting."""
    global _sleep
    _sleep = sleep


async def wait(delay_s: float) -> None:
    """Wait for so many seconds."""
    await (_sleep or asyncio.sleep)(delay_s)


@value
class Clock:
    """How to wait, what time it is (Unix, in seconds), and chance (from 0 to 1): tests hand in their own."""

    sleep: Callable[[float], Awaitable[object]] = wait
    now: Callable[[], float] = time.time
    chance: Callable[[], float] = random.random


SYSTEM_CLOCK = Clock()


async def with_retries(
    attempt: Callable[[], Awaitable[T]], *, max_retries: int, clock: Clock = SYSTEM_CLOCK
) -> T:
    """Call `attempt` until it succeeds, fails for good, or has been called `max_retries + 1` times.

    Raises:
        APICallError: as it came, when it is the first and cannot be retried, or `max_retries` is 0.
        RetryError: several attempts failed; it has them all.
    """
    errors: list[APICallError] = []
    backoff_s = FIRST_DELAY_S
    while True:
        try:
            return await attempt()
        except APICallError as error:
            errors.append(error)
            if not error.is_retryable or len(errors) > max_retries:
                if len(errors) == 1:
                    raise
                raise _exhausted(errors) from error
        delay_s = retry_delay_s(errors[-1], backoff_s * (1 + JITTER * (2 * clock.chance() - 1)))
        _log.info("%s Trying again in %.1f s (%d of %d).", errors[-1], delay_s, len(errors), max_retries)
        await clock.sleep(delay_s)
        backoff_s *= FACTOR


def _exhausted(errors: list[APICallError]) -> RetryError:
    last = errors[-1]
    why = "" if last.is_retryable else ", the last time with an error that trying again cannot mend"
    return RetryError(f"Failed after {len(errors)} attempts{why}. The last one: {last}", errors=errors)


def retry_delay_s(error: APICallError, backoff_s: float) -> float:
    """What the provider asked for when that is reasonable (below a minute, or below the backoff), else the backoff."""
    asked_s = error.retry_after_s
    if asked_s is not None and asked_s >= 0 and (asked_s < MAX_ASKED_DELAY_S or asked_s < backoff_s):
        return asked_s
    return backoff_s


def retry_after_s(headers: Mapping[str, str], *, now_s: float) -> float | None:
    """Read `retry-after-ms`, else `retry-after` (seconds or an HTTP date, RFC 9110 section 10.2.3); lower-case names.

    `None` when there is neither, or nothing one could wait for.
    """
    for name, unit_s in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        seconds = _number(headers.get(name, ""))
        if seconds is not None:
            return seconds * unit_s
    try:
        asked_s = parsedate_to_datetime(headers.get("retry-after", "")).timestamp() - now_s
    except (ValueError, OverflowError):
        return None
    return asked_s if asked_s >= 0 else None


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
