"""Hearing of a client's leaving in the task of its call, whatever else ends that task's wait."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import pytest

import flightwire
from flightwire import action
from flightwire.server.listener import Listener

pytestmark = pytest.mark.anyio
Client = Callable[[], Awaitable[dict[str, Any]]]


def client(*messages: str) -> Client:
    """Says these things, one a turn, and then nothing."""
    said = iter(messages)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(0)
        kind = next(said, None)
        if kind is None:
            await asyncio.Future()
        return {"type": kind}

    return receive


async def stubborn() -> dict[str, Any]:
    """Keeps a cancellation to itself, as some servers do."""
    with suppress(asyncio.CancelledError):
        await asyncio.Future()
    return {"type": "http.disconnect"}


def soon(fn: Callable[[], object], turns: int = 3) -> None:
    loop = asyncio.get_running_loop()
    if turns:
        loop.call_soon(soon, fn, turns - 1)
    else:
        fn()


def cancellations() -> int:
    task = asyncio.current_task()
    assert task is not None
    return task.cancelling()


async def test_a_client_that_leaves_is_heard() -> None:
    assert await Listener().has_left(client("http.request", "http.disconnect"))
    assert not cancellations()


async def test_what_it_says_before_does_not_matter() -> None:
    listener = Listener()
    soon(listener.ignore)
    assert not await listener.has_left(client(*["http.request"] * 2))


@pytest.mark.parametrize("receive", [client(), stubborn])
async def test_who_is_told_to_stop_stops_and_is_not_cancelled(receive: Client) -> None:
    listener = Listener()
    soon(listener.ignore)
    soon(listener.ignore)
    assert not await listener.has_left(receive)
    assert not cancellations()
    await asyncio.sleep(0)  # which would raise


async def test_who_was_told_before_does_not_listen() -> None:
    listener = Listener()
    listener.ignore()
    assert not await listener.has_left(client())
    assert not cancellations()


async def test_told_afterwards_nothing_happens() -> None:
    listener = Listener()
    assert await listener.has_left(client("http.disconnect"))
    listener.ignore()
    await asyncio.sleep(0)
    assert not cancellations()


async def test_a_cancellation_of_somebody_else_is_raised() -> None:
    task = asyncio.current_task()
    assert task is not None
    soon(task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await Listener().has_left(client())
    assert task.uncancel() == 0


@pytest.mark.parametrize("is_first", [True, False])
async def test_of_two_cancellations_at_once_the_other_is_raised(is_first: bool) -> None:
    task, listener = asyncio.current_task(), Listener()
    assert task is not None
    soon(task.cancel if is_first else listener.ignore)
    soon(listener.ignore if is_first else task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await listener.has_left(client())
    assert task.uncancel() == 0


async def test_a_time_limit_around_it_holds() -> None:
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await Listener().has_left(client())
    assert not cancellations()


async def test_a_time_limit_around_it_is_not_taken_for_ours() -> None:
    listener = Listener()
    async with asyncio.timeout(10):
        soon(listener.ignore)
        assert not await listener.has_left(client())
    assert not cancellations()


async def test_a_cancellation_from_before_is_none_of_ours() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.sleep(0)
    listener = Listener()  # the host has caught one and has not taken it back
    soon(listener.ignore)
    assert not await listener.has_left(client())
    assert task.uncancel() == 0


async def test_what_receiving_raises_is_raised() -> None:
    async def broken() -> dict[str, Any]:
        raise OSError("the connection is broken")

    with pytest.raises(OSError, match="broken"):
        await Listener().has_left(broken)


async def test_a_send_that_fails_in_the_moment_in_which_the_client_leaves_is_not_lost() -> None:
    gone = asyncio.Event()
    messages = iter([{"type": "http.request", "body": b"[]"}])

    async def receive() -> dict[str, Any]:
        if (message := next(messages, None)) is not None:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        gone.set()
        raise OSError("the client has gone")

    async def later() -> str:
        await asyncio.Future()
        return ""

    @action
    async def greet() -> list[Awaitable[str]]:
        return [later()]  # so that there is more to come, and the client is listened for

    headers = [(b"rsc-action-id", greet.id.encode()), (b"content-type", b"text/plain;charset=UTF-8")]
    scope = {"type": "http", "method": "POST", "path": "/", "headers": headers, "query_string": b""}
    with pytest.raises(OSError, match="the client has gone"):
        await flightwire.app(actions=[greet])(scope, receive, send)
