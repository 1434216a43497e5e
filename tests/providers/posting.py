"""A streamed reply in a block, left when all was well, closed when not; and when an upstream has stopped to send."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from flightwire.providers.retries import with_retries
from flightwire.providers.transport import Outgoing, Reply, open_stream
from flightwire.testing.upstream import RecordedRequest


@asynccontextmanager
async def post_stream(call: Outgoing) -> AsyncIterator[Reply]:
    """As `answering.stream_answer` does it."""
    reply = await with_retries(lambda: open_stream(call), max_retries=call.max_retries, clock=call.clock)
    try:
        yield reply
    except BaseException:
        reply.close()
        raise
    await reply.leave()


async def settled(request: RecordedRequest) -> int:
    """Wait until no more is sent."""
    before = -1
    while request.bytes_sent != before:
        before = request.bytes_sent
        await asyncio.sleep(0.1)
    return before
