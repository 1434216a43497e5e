"""What a type checker knows of actions; checked by mypy, not run."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, assert_type

from flightwire import Action, action


@action
async def get_answer(question: str, times: int = 1) -> str:
    return question * times


@action(name="shout", max_duration_s=3, max_body_bytes=2048)
def get_loud(text: str) -> str:
    return text.upper()


@action()
async def bare_call() -> None: ...


async def calls() -> None:
    started: Coroutine[Any, Any, str] = get_answer("why")
    assert_type(await started, str)
    assert_type(await get_answer(question="why", times=2), str)
    assert_type(get_loud("a"), str)
    fn: Callable[[str], str] = get_loud.fn
    assert_type(fn("a"), str)
    assert_type(await bare_call(), None)
    assert_type(get_answer.name, str)


async def mistakes() -> None:
    await get_answer(3)  # type: ignore[arg-type]
    await get_answer()  # type: ignore[call-arg]
    get_loud("a", "b")  # type: ignore[call-arg]
    action(name="x", colour="red")  # type: ignore[call-overload]


def takes(served: Action[[str], str]) -> str:
    return served("a")


takes(get_loud)
