"""The transforms of an answer at work.

Owns: handing parts to the transforms at the pace at which they take them, and what they give to whoever delivers it; ending
early when one of them says so. Refuses to know: models, logs, what transforms do.

Transforms pull and the model's task pushes, so they run in a task of their own. `push` returns when every part was taken
and everything that was given for it is delivered: a slow transform slows the model down.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any

from flightwire.core.transforms import StreamTextTransform, TransformContext
from flightwire.events import StreamPart


class Pipe:
    """A chain of transforms.

    Arguments:
        transforms: the first gets the model's parts.
        tools: of the call.
        deliver: takes what the last transform gives.
        on_stop: called once, when a transform ends the answer.

    Attributes:
        stopped: whether a transform has ended the answer.
    """

    def __init__(
        self,
        transforms: Sequence[StreamTextTransform],
        *,
        tools: Mapping[str, Any],
        deliver: Callable[[StreamPart], Awaitable[None]],
        on_stop: Callable[[], object],
    ) -> None:
        self.stopped = False
        self._deliver = deliver
        self._on_stop = on_stop
        self._waiting: deque[StreamPart] = deque()
        self._more = asyncio.Event()
        self._taken = asyncio.Event()
        self._is_over = False
        self._error: Exception | None = None
        self._lock = asyncio.Lock()  # tools that run at once push at once
        self._task = asyncio.get_running_loop().create_task(self._run(transforms, tools))

    # --- the model's side ----------------------------------------------------------------------------------------

    async def push(self, parts: Sequence[StreamPart]) -> None:
        """Hand in parts.

        Raises:
            Exception: what a transform raised.
        """
        async with self._lock:
            if not self._task.done():
                self._waiting.extend(parts)
                self._taken.clear()
                self._more.set()
                await self._taken.wait()
            if self._error is not None:
                raise self._error

    async def finish(self) -> None:
        """Say that there are no more parts, and wait for what the transforms still give.

        Raises:
            Exception: what a transform raised.
        """
        self._is_over = True
        self._more.set()
        await asyncio.wait([self._task])
        if self._error is not None:
            raise self._error

    @property
    def is_idle(self) -> bool:
        """Whether the transforms have taken everything and wait for more."""
        return self._taken.is_set() and not self._task.done()

    @property
    def is_open(self) -> bool:
        """Whether parts are still taken."""
        return not self._task.done()

    async def close(self) -> None:
        """End the transforms where they are."""
        self._task.cancel()
        await asyncio.wait([self._task])

    # --- the transforms' side ------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End the answer: `context.stop_stream`."""
        if not self.stopped and not self._is_over:
            self.stopped = True
            self._more.set()
            self._on_stop()

    async def _source(self) -> AsyncGenerator[StreamPart, None]:
        while not self.stopped:
            while self._waiting and not self.stopped:
                yield self._waiting.popleft()
            if self.stopped or self._is_over:
                break
            self._taken.set()
            self._more.clear()
            await self._more.wait()

    async def _run(self, transforms: Sequence[StreamTextTransform], tools: Mapping[str, Any]) -> None:
        context = TransformContext(tools, self.stop)
        chain: list[AsyncIterator[StreamPart]] = [self._source()]
        try:
            for transform in transforms:
                chain.append(transform(chain[-1], context))
            async for part in chain[-1]:
                await self._deliver(part)
            self.stop()  # the transforms have ended before the answer: nobody would take the rest
        except SystemExit as error:  # asyncio would end the whole server
            self._error = RuntimeError("a transform tried to end the process (SystemExit)")
            self._error.__cause__ = error
        except Exception as error:
            self._error = error
        finally:
            self._taken.set()
            for each in reversed(chain):
                if isinstance(each, AsyncGenerator):
                    await each.aclose()
