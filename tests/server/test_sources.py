"""What a response waits for, and that nothing of it is left; what comes of it is tested with the pump (test_pump.py)."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import pytest

from flightwire import deadlines
from flightwire.rsc.streamable import create_streamable_value
from flightwire.scope import start_soon
from flightwire.server.sources import Sources

from .test_pump import Call, until

pytestmark = pytest.mark.anyio


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


async def one_call(ending: str) -> None:
    async def action() -> object:
        stream = create_streamable_value("")

        async def write() -> None:
            stream.update("a")
            await asyncio.sleep(0.01)
            if ending == "failed":
                stream.error(ValueError("no"))
            elif ending == "done":
                stream.done()
            else:
                await asyncio.sleep(60)

        start_soon(write)
        return {"stream": stream.value, "later": asyncio.sleep(0.001, "b")}

    call = Call(action)
    running = asyncio.ensure_future(call.run())
    if ending == "client gone":
        await until(lambda: call.sent.bodies)
        running.cancel()
    await asyncio.wait([running])
    await call.scope.cancel()
    call.scope.close()
    del call.pump  # which knows the call


@pytest.mark.parametrize("ending", ["done", "failed", "client gone"])
@pytest.mark.usefixtures("no_collector")
async def test_nothing_is_followed_watched_or_held_when_a_response_is_over(ending: str) -> None:
    await one_call(ending)
    await asyncio.sleep(0)
    assert [one for one in gc.get_objects() if type(one) is Sources] == []
    assert not deadlines._watchers[asyncio.get_running_loop()]._watched
