"""The pump: what arrives is sent, at once, in one write; three endings, keep-alive, time limit, back-pressure."""

from __future__ import annotations

import asyncio
import gc
import inspect
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from flightwire.elements import Element
from flightwire.errors import StreamableAbandonedError
from flightwire.rsc.streamable import create_streamable_value
from flightwire.scope import RequestScope, start_soon
from flightwire.server import pump as pump_module
from flightwire.server.pump import Pump
from flightwire.wire.flight import values
from flightwire.wire.flight.values import Failure

pytestmark = pytest.mark.anyio


class Sent:
    """An ASGI `send` that keeps what it is given, and can be slow."""

    def __init__(self) -> None:
        self.messages: list[dict] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def __call__(self, message: dict) -> None:
        self.messages.append(message)
        await self.gate.wait()

    @property
    def bodies(self) -> list[bytes]:
        return [message["body"] for message in self.messages if message["type"].endswith("body")]

    @property
    def rows(self) -> dict[str, object]:
        lines = b"".join(self.bodies).decode().splitlines()
        return {
            line.partition(":")[0]: json.loads(line.partition(":")[2].lstrip("E"))
            for line in lines
            if not line.startswith(":")
        }

    @property
    def status(self) -> int:
        return self.messages[0]["status"]


class Call:
    """One action under a pump."""

    def __init__(
        self, action: Callable[[], Awaitable[object]], *, max_duration_s: float = 5, **options
    ) -> None:
        self.errors: list[BaseException] = []
        self.before_last = 0
        self.sent = Sent()
        self.scope = RequestScope(
            action="chat", on_failure=lambda job, error: self.errors.append(error), **options
        )
        self.pump = Pump(
            self.scope,
            self.sent,
            failures=self.failed,
            max_duration_s=max_duration_s,
            before_last=self.last,
        )
        self.root = self.scope.run(action(), name="chat")
        self.scope.own(self.root)

    def failed(self, error: BaseException) -> Failure:
        self.errors.append(error)
        return Failure("d1")

    def last(self) -> None:
        self.before_last += 1

    async def run(self) -> Sent:
        await self.pump.run(self.root)
        return self.sent


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0.001)


async def test_a_plain_result_is_one_write() -> None:
    async def action() -> object:
        return {"text": "hi"}

    sent = await Call(action).run()
    assert sent.bodies == [b'0:{"text":"hi"}\n']
    assert sent.status == 200
    assert sent.messages[-1]["more_body"] is False


async def test_headers_forbid_storing_and_buffering() -> None:
    async def action() -> object:
        return None

    headers = dict((await Call(action).run()).messages[0]["headers"])
    assert headers[b"content-type"] == b"text/x-component"
    assert headers[b"cache-control"] == b"no-store, no-transform"
    assert headers[b"x-accel-buffering"] == b"no"


async def test_a_streamable_is_sent_as_it_grows() -> None:
    go = asyncio.Event()

    async def action() -> object:
        stream = create_streamable_value("")

        async def work() -> None:
            async with stream:
                stream.append("Hel")
                await go.wait()
                stream.append("lo")

        start_soon(work)
        return {"text": stream.value}

    call = Call(action)
    running = asyncio.ensure_future(call.run())
    await until(lambda: b'"Hel"' in b"".join(call.sent.bodies))
    assert b'"lo"' not in b"".join(call.sent.bodies)
    go.set()
    await running
    assert b'"lo"' in b"".join(call.sent.bodies)


async def test_what_comes_together_leaves_together() -> None:
    async def action() -> object:
        stream = create_streamable_value("")
        value = stream.value
        for _ in range(100):
            stream.append("x")
        stream.done()
        return value

    assert len((await Call(action).run()).bodies) == 1


async def test_what_was_sent_is_let_go_when_only_streamables_are_open() -> None:
    go = asyncio.Event()
    stream = create_streamable_value("")
    shared = {"a": 1}

    async def action() -> object:
        async def work() -> None:
            async with stream:
                await go.wait()

        start_soon(work)
        return {"text": stream.value, "one": [shared, stream], "two": [shared]}

    call = Call(action)
    running = asyncio.ensure_future(call.run())
    await until(lambda: call.sent.bodies)
    del call.root
    await until(lambda: not stream._stream.held)
    assert not [one for one in gc.get_referrers(shared) if type(one) is list]
    stream.update("more")
    go.set()
    await running
    assert call.sent.rows["0"]["two"] == ["$0:one:0"]
    assert b'"more"' in b"".join(call.sent.bodies)


async def test_what_a_promise_may_refer_to_is_kept_until_it_has_come() -> None:
    go, end = asyncio.Event(), asyncio.Event()
    user = {"name": "Ada"}
    stream = create_streamable_value("")

    async def action() -> object:
        async def later() -> object:
            await go.wait()
            return {"user": user}

        async def work() -> None:
            async with stream:
                await end.wait()

        start_soon(work)
        return {"user": user, "text": stream.value, "later": later()}

    call = Call(action)
    running = asyncio.ensure_future(call.run())
    await until(lambda: call.sent.bodies)
    del call.root
    assert stream._stream.held
    go.set()
    await until(lambda: not stream._stream.held)
    end.set()
    await running
    rows = call.sent.rows
    assert rows[rows["0"]["later"][2:]] == {"user": "$0:user"}


async def test_a_value_that_comes_once_more_after_it_was_let_go_is_whole() -> None:
    async def action() -> object:
        first, second = create_streamable_value(""), create_streamable_value()
        value = first.value

        async def work() -> None:
            for number in range(100):
                first.update(str(number))
                await asyncio.sleep(0)
            second.update({"again": value})
            first.done()
            second.done({"again": value, "function": None})

        start_soon(work)
        return {"first": value, "second": second.value}

    rows = (await Call(action).run()).rows
    texts = [str(number) for number in range(100)]
    told = rows["0"]
    assert told_by(rows, told["first"]) == ["", *texts]
    second = following(rows, told["second"]["next"])
    again = second["curr"]["again"]
    assert told_by(rows, again) == ["", *texts]
    once_more = following(rows, second["next"])["curr"]["again"]
    assert once_more["next"] == again["next"]


def following(rows: dict, step: object) -> dict:
    return rows[step[2:]] if isinstance(step, str) else step


def told_by(rows: dict, step: dict) -> list[str]:
    """The values that a page sees of a streamable."""
    told: list[str] = []
    while "next" in step or "curr" in step or "diff" in step:
        if "curr" in step:
            told.append(step["curr"])
        elif "diff" in step:
            told.append(told[-1] + step["diff"][1])
        step = following(rows, step["next"]) if "next" in step else {}
    return told


async def test_a_raising_action_rejects_the_root_with_status_500() -> None:
    async def action() -> object:
        raise RuntimeError("secret")

    call = Call(action)
    sent = await call.run()
    assert sent.status == 500
    assert b"secret" not in b"".join(sent.bodies)
    assert [str(error) for error in call.errors] == ["secret"]


async def test_a_failing_task_ends_its_stream_and_the_rest_goes_on() -> None:
    async def action() -> object:
        bad, good = create_streamable_value(""), create_streamable_value("")

        async def fail() -> None:
            bad.append("a")
            raise RuntimeError("broken")

        async def work() -> None:
            async with good:
                await asyncio.sleep(0.01)
                good.append("fine")

        start_soon(fail)
        start_soon(work)
        return {"bad": bad.value, "good": good.value}

    call = Call(action)
    body = b"".join((await call.run()).bodies)
    assert b":E{" in body
    assert b'"fine"' in body


async def test_promises_are_awaited_in_any_order() -> None:
    async def later(value: str, after_s: float) -> str:
        await asyncio.sleep(after_s)
        return value

    async def action() -> object:
        return {"slow": later("slow", 0.02), "fast": later("fast", 0)}

    rows = (await Call(action).run()).rows
    root = rows["0"]
    assert rows[root["slow"][2:]] == "slow"
    assert rows[root["fast"][2:]] == "fast"
    assert list(rows).index(root["fast"][2:]) < list(rows).index(root["slow"][2:])


async def test_a_failing_promise_fails_alone() -> None:
    async def broken() -> str:
        raise RuntimeError("broken")

    async def action() -> object:
        return {"bad": broken(), "good": 1}

    call = Call(action)
    rows = (await call.run()).rows
    assert rows["0"]["good"] == 1
    assert rows["1"]["digest"] == "d1"
    assert call.sent.status == 200


async def test_a_promise_that_was_cancelled_fails_instead_of_staying_open() -> None:
    async def action() -> object:
        cancelled = asyncio.get_running_loop().create_future()
        cancelled.cancel()
        return {"never": cancelled, "good": 1}

    call = Call(action)
    rows = (await call.run()).rows
    assert rows["1"]["digest"] == "d1"
    assert isinstance(call.errors[0], asyncio.CancelledError)


async def test_an_action_that_waits_for_something_cancelled_fails() -> None:
    async def action() -> object:
        cancelled = asyncio.get_running_loop().create_future()
        cancelled.cancel()
        await cancelled

    call = Call(action)
    assert (await call.run()).status == 500
    assert isinstance(call.errors[0], asyncio.CancelledError)


async def test_an_item_that_cannot_be_sent_ends_its_iterable_and_nothing_else() -> None:
    closed: list[str] = []

    async def items() -> AsyncIterator[object]:
        try:
            for item in ("kept", object(), "lost", "lost"):
                yield item
            while True:
                await asyncio.sleep(0)
                yield "lost"
        finally:
            closed.append("closed")

    async def action() -> object:
        return {"items": items(), "good": asyncio.sleep(0.02, "good")}

    body = b"".join((await Call(action).run()).bodies)
    assert b"kept" in body
    assert b":E{" in body
    assert b"lost" not in body
    assert b'"good"' in body
    assert closed == ["closed"]


async def test_async_iterables_are_sent_item_by_item() -> None:
    async def numbers() -> AsyncIterator[int]:
        yield 1
        yield 2

    async def action() -> object:
        return {"numbers": numbers()}

    body = b"".join((await Call(action).run()).bodies)
    assert body.index(b"1:1\n") < body.index(b"1:2\n") < body.index(b"1:C")


async def test_what_cannot_be_sent_names_action_and_path() -> None:
    async def action() -> object:
        return {"db": object()}

    call = Call(action)
    sent = await call.run()
    assert sent.status == 500
    assert "action 'chat'" in str(call.errors[0])
    assert "result['db']" in str(call.errors[0])


async def test_an_update_that_cannot_be_sent_loses_nothing_before_it() -> None:
    async def action() -> object:
        stream = create_streamable_value("")
        value = stream.value
        stream.append("kept").update(object())
        return value

    body = b"".join((await Call(action).run()).bodies)
    assert b'"kept"' in body
    assert b":E{" in body


async def test_a_stream_that_nobody_can_finish_ends_when_the_last_task_does() -> None:
    async def action() -> object:
        stream = create_streamable_value("")

        async def forgetful() -> None:
            await asyncio.sleep(0)
            stream.append("a")

        start_soon(forgetful)
        return stream.value

    call = Call(action)
    body = b"".join((await call.run()).bodies)
    assert b'"a"' in body
    assert isinstance(call.errors[-1], StreamableAbandonedError)
    assert "'chat'" in str(call.errors[-1])


async def test_a_stream_held_only_by_a_cycle_ends_too() -> None:
    async def action() -> object:
        stream = create_streamable_value("")
        cycle: list[object] = [stream]
        cycle.append(cycle)

        async def forgetful() -> None:
            await asyncio.sleep(0)
            cycle[0]

        start_soon(forgetful)
        return stream.value

    call = Call(action)
    await call.run()
    assert isinstance(call.errors[-1], StreamableAbandonedError)


async def test_the_time_limit_ends_the_action() -> None:
    async def action() -> object:
        await asyncio.sleep(60)

    call = Call(action, max_duration_s=0.02)
    sent = await call.run()
    assert sent.status == 500
    assert "ran longer than 0.02 s" in str(call.errors[0])


async def test_the_time_limit_ends_open_streams_and_their_work() -> None:
    cancelled = asyncio.Event()

    async def action() -> object:
        stream = create_streamable_value("")

        async def endless() -> None:
            stream.append("kept")
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                cancelled.set()
                raise

        start_soon(endless)
        return stream.value

    call = Call(action, max_duration_s=0.05)
    body = b"".join((await call.run()).bodies)
    assert b'"kept"' in body
    assert b":E{" in body
    assert cancelled.is_set()


async def test_silence_is_filled_with_keep_alive_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pump_module, "KEEP_ALIVE_S", 0.01)
    go = asyncio.Event()

    async def action() -> object:
        await go.wait()
        stream = create_streamable_value("a")
        asyncio.get_running_loop().call_later(0.3, stream.done)
        return stream.value

    call = Call(action)
    running = asyncio.ensure_future(call.run())
    await until(lambda: call.sent.bodies.count(b':HZ""\n') >= 2)
    go.set()
    await running
    at = [index for index, body in enumerate(call.sent.bodies) if body.startswith(b"0:")][0]
    assert b':HZ""\n' in call.sent.bodies[at + 1 :]


async def test_a_slow_client_closes_the_gate_and_opens_it_again() -> None:
    go = asyncio.Event()

    async def action() -> object:
        stream = create_streamable_value("")

        async def work() -> None:
            async with stream:
                await go.wait()
                stream.append("x" * 2000)

        start_soon(work)
        return stream.value

    call = Call(action, max_unsent_bytes=1000)
    call.sent.gate.clear()
    running = asyncio.ensure_future(call.run())
    await until(lambda: call.sent.messages)
    go.set()
    await until(lambda: call.scope.gate.closed)
    call.sent.gate.set()
    await running
    assert not call.scope.gate.closed


async def test_the_disconnect_watcher_stops_before_the_last_chunk() -> None:
    async def action() -> object:
        return 1

    call = Call(action)
    call.sent.gate.clear()
    running = asyncio.ensure_future(call.run())
    await until(lambda: call.sent.messages)
    assert call.before_last == 1
    call.sent.gate.set()
    await running


async def test_a_cancelled_pump_leaves_nothing_behind() -> None:
    async def action() -> object:
        stream = create_streamable_value("a")
        asyncio.get_running_loop().call_later(60, stream.done)
        return {"stream": stream.value, "promise": asyncio.sleep(60)}

    before = asyncio.all_tasks()
    call = Call(action)
    running = asyncio.ensure_future(call.run())
    await until(lambda: call.sent.bodies)
    running.cancel()
    await asyncio.wait([running])
    await call.scope.cancel()
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


# Coroutines that are never awaited: Python would warn, and warnings are errors here.


@dataclass
class Holder:
    inner: object


async def late(value: object = 1) -> object:
    return value


@pytest.mark.parametrize(
    "around",
    [
        lambda each: [each, object()],
        lambda each: [object(), each],
        lambda each: {"a": {"b": [each]}, "c": object()},
        lambda each: Element("p", {"children": [object(), each]}),
        lambda each: [Holder(each), object()],
        lambda each: [values.JSMap([("a", each)]), object()],
        lambda each: [values.ServerReference("a#b", [each]), object()],
    ],
)
async def test_coroutines_in_what_cannot_be_sent_are_closed(around: Callable[[object], object]) -> None:
    waiting = [late() for _ in range(5)]

    async def action() -> object:
        return around(waiting[0])

    async def in_a_promise() -> object:
        return {"later": late(around(waiting[1]))}

    async def items() -> AsyncIterator[object]:
        yield around(waiting[2])

    async def in_a_stream() -> object:
        return items()

    async def in_a_streamable() -> object:
        stream = create_streamable_value()
        stream.done(around(waiting[3]))
        return [stream.value]

    async def in_an_update() -> object:
        stream = create_streamable_value()
        answer = [stream.value]
        stream.done(around(waiting[4]))
        return answer

    for call in (action, in_a_promise, in_a_stream, in_a_streamable, in_an_update):
        await Call(call).run()
    assert [inspect.getcoroutinestate(each) for each in waiting] == [inspect.CORO_CLOSED] * 5
    gc.collect()


async def test_coroutine_that_another_row_awaits_stays() -> None:
    both = late("both")

    async def action() -> object:
        return {"a": both, "b": late([both, object()])}

    sent = await Call(action).run()
    assert "both" in sent.rows.values()


async def test_coroutines_are_closed_when_the_client_goes_at_once() -> None:
    waiting = late()

    async def action() -> object:
        return [waiting]

    call = Call(action)
    running = asyncio.ensure_future(call.pump.run(call.root))
    await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    await asyncio.wait([call.root])
    await call.scope.cancel()
    waiting.close()
    gc.collect()


async def test_coroutine_whose_task_never_began_is_closed() -> None:
    waiting = late()

    async def action() -> object:
        return [waiting]

    call = Call(action)
    call.sent.gate.clear()  # the client reads nothing
    running = asyncio.ensure_future(call.pump.run(call.root))
    while not call.sent.messages:
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait([running])
    await call.scope.cancel()
    await asyncio.sleep(0)
    assert inspect.getcoroutinestate(waiting) == inspect.CORO_CLOSED


async def test_item_that_changes_after_it_was_yielded_is_sent_as_it_was() -> None:
    async def items() -> AsyncIterator[object]:
        buffer, state = bytearray(b"a"), {"n": 0}
        yield buffer
        buffer[:] = b"bb"
        yield buffer
        yield state
        state["n"] = 1
        yield state
        buffer.clear()

    async def action() -> object:
        return items()

    sent = await Call(action).run()
    body = b"".join(sent.bodies)
    assert b"1:o1,a1:o2,bb" in body
    assert b'{"n":0}' in body
    assert b'{"n":1}' in body
