"""Models that follow a script.

Owns: `ScriptedModel`. Refuses to know: networks, clocks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Iterable, Sequence

from flightwire.events import (
    FinishReason,
    ProviderFinish,
    ProviderPart,
    StreamStart,
    TextDelta,
    TextEnd,
    TextStart,
    Usage,
)
from flightwire.providers.base import ModelCall, ModelResult, Text


class ScriptedModel:
    """A model that answers with given deltas, for tests.

    Arguments:
        deltas: the texts to answer with, one batch each; an exception in their place is raised there.
        finish_reason: why it ends.
        usage: what it reports; by default one token per message and per delta.
        gated: wait for `release()` before each delta.

    Attributes:
        calls: every call it got, in order.
        open_streams: how many streams are being read now.
        left_early: how many streams were closed or cancelled before their end.
    """

    provider = "scripted"

    def __init__(
        self,
        deltas: Iterable[str | BaseException] = ("Hello", ", ", "world!"),
        *,
        finish_reason: FinishReason = "stop",
        usage: Usage | None = None,
        gated: bool = False,
        model_id: str = "scripted",
    ) -> None:
        self.model_id = model_id
        self.calls: list[ModelCall] = []
        self.open_streams = 0
        self.left_early = 0
        self._deltas = tuple(deltas)
        self._finish_reason = finish_reason
        self._usage = usage
        self._gated = gated
        self._released = asyncio.Semaphore(0)

    def release(self, count: int = 1) -> None:
        """Let the next `count` deltas of a gated model pass."""
        for _ in range(count):
            self._released.release()

    async def stream(self, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
        """Answer with the script."""
        self.calls.append(call)
        self.open_streams += 1
        ended = False
        try:
            yield [StreamStart(), TextStart("0")]
            for delta in self._deltas:
                if self._gated:
                    await self._released.acquire()
                if isinstance(delta, BaseException):
                    ended = True
                    raise delta
                yield [TextDelta("0", delta)]
            ended = True
            yield [TextEnd("0"), ProviderFinish(self._finish_reason, self._reported(call))]
        finally:
            self.open_streams -= 1
            self.left_early += not ended

    async def generate(self, call: ModelCall) -> ModelResult:
        """Answer with the whole script at once."""
        self.calls.append(call)
        texts: list[str] = []
        for delta in self._deltas:
            if self._gated:
                await self._released.acquire()
            if isinstance(delta, BaseException):
                raise delta
            texts.append(delta)
        return ModelResult([Text("".join(texts))], self._finish_reason, self._reported(call))

    def _reported(self, call: ModelCall) -> Usage:
        if self._usage is not None:
            return self._usage
        read, written = len(call.messages), len(self._deltas)
        return Usage(input_tokens=read, output_tokens=written, total_tokens=read + written)
