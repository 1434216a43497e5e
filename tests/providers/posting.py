"""A streamed reply in a block: left when all was well, closed when not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from flightwire.providers.retries import with_retries
from flightwire.providers.transport import Outgoing, Reply, open_stream


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
