"""Models that follow a script.

Owns: `ScriptedModel` and `simulate_stream`. Refuses to know: networks.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Sequence
from dataclasses import replace
from typing import Any, Final, TypeVar, get_args

from flightwire.events import (
    FinishReason,
    ProviderFinish,
    ProviderPart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    StreamStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
    Usage,
)
from flightwire.providers.base import ContentBlock, ModelCall, ModelResult, Reasoning, Text
from flightwire.testing.scripts import Answers, Item, Reply, Script

T = TypeVar("T")
_CONTENT: Final = get_args(ContentBlock)


class ScriptedModel:
    """A model that answers as it is told, for tests.

    Arguments:
        script: what to answer with, one batch for each item; an exception in their place is raised there, an
            `asyncio.Event` or async function is awaited. A list of lists or of `Reply` has one answer for each call; a
            function is given the call and returns its answer.
        finish_reason: why it ends, unless a `Reply` says so.
        usage: what it reports; by default one token per message and per item.
        gated: wait for `release()` before each item.
        model_id: its name.
        provider: its provider's name.
        supported_urls: addresses that it can fetch itself: media type → patterns.

    Attributes:
        calls: every call it got, in order.
        open_streams: how many streams are being read now.
        left_early: how many streams were closed or cancelled before their end.
    """

    def __init__(
        self,
        script: Script = ("Hello", ", ", "world!"),
        *,
        finish_reason: FinishReason | None = None,
        usage: Usage | None = None,
        gated: bool = False,
        model_id: str = "scripted",
        provider: str = "scripted",
        supported_urls: dict[str, Sequence[str]] | None = None,
    ) -> None:
        self.provider = provider
        self.model_id = model_id
        self.supported_urls = supported_urls or {}
        self.calls: list[ModelCall] = []
        self.open_streams = 0
        self.left_early = 0
        options: dict[str, Any] = {"usage": usage}
        if finish_reason is not None:
            options["finish_reason"] = finish_reason
        self._answers = Answers(script, options)
        self._gated = gated
        self._tool_calls = 0
        self._released = asyncio.Semaphore(0)

    def release(self, count: int = 1) -> None:
        """Let the next `count` items of a gated model pass."""
        for _ in range(count):
            self._released.release()

    async def stream(self, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
        """Answer with the script."""
        reply = self._next(call)
        self.open_streams += 1
        ended = False
        try:
            yield (
                [StreamStart(reply.warnings)]
                if reply.response is None
                else [
                    StreamStart(reply.warnings),
                    reply.response,
                ]
            )
            writer = _Writer()
            for item in reply.items:
                given = await self._passed(item)
                if isinstance(given, BaseException):
                    ended = True
                    raise given
                if given is not None and (parts := writer.parts(given)):
                    yield parts
            ended = True
            if reply.finish_reason is None:
                return
            yield [
                *writer.close(),
                ProviderFinish(
                    reply.finish_reason,
                    self._reported(reply, call),
                    reply.raw_finish_reason,
                    reply.provider_metadata,
                ),
            ]
        finally:
            self.open_streams -= 1
            self.left_early += not ended

    async def generate(self, call: ModelCall) -> ModelResult:
        """Answer with the whole script at once."""
        reply = self._next(call)
        content: list[ContentBlock] = []
        for item in reply.items:
            given = await self._passed(item)
            if isinstance(given, BaseException):
                raise given
            if isinstance(given, str):
                last = content[-1] if content else None
                if isinstance(last, Text):
                    content[-1] = Text(last.text + given)
                else:
                    content.append(Text(given))
            elif isinstance(given, _CONTENT):
                content.append(given)
        finish = reply.finish_reason or "other"
        result = ModelResult(
            content, finish, self._reported(reply, call), reply.raw_finish_reason, reply.warnings
        )
        result = replace(result, provider_metadata=reply.provider_metadata)
        return result if reply.response is None else replace(result, response=reply.response)

    def _next(self, call: ModelCall) -> Reply:
        self.calls.append(call)
        return self._answers.get(call, len(self.calls) - 1)

    async def _passed(self, item: Item) -> str | BaseException | Reasoning | ProviderPart | None:
        """The item, once it may come; None for what was only to be waited for."""
        if self._gated:
            await self._released.acquire()
        if isinstance(item, asyncio.Event):
            await item.wait()
            return None
        if isinstance(item, ToolCall) and not item.tool_call_id:
            self._tool_calls += 1
            return replace(item, tool_call_id=f"call-{self._tool_calls}")
        if isinstance(item, (str, BaseException)) or not callable(item):
            return item
        await item()
        return None

    def _reported(self, reply: Reply, call: ModelCall) -> Usage:
        if reply.usage is not None:
            return reply.usage
        read, written = len(call.messages), len(reply.items)
        return Usage(input_tokens=read, output_tokens=written, total_tokens=read + written)


class _Writer:
    """Opens and closes the texts of one answer."""

    def __init__(self) -> None:
        self._open: str | None = None
        self._texts = 0

    def parts(self, given: str | Reasoning | ProviderPart) -> list[ProviderPart]:
        if isinstance(given, str):
            return [*self._opened(), TextDelta(self._open or "", given)]
        parts = self.close()
        if isinstance(given, Reasoning):
            name = self._named()
            parts += [
                ReasoningStart(name, given.provider_metadata),
                ReasoningDelta(name, given.text),
                ReasoningEnd(name),
            ]
        elif isinstance(given, ToolCall) and not given.provider_executed and isinstance(given.input, str):
            name = given.tool_call_id
            parts += [
                ToolInputStart(name, given.tool_name),
                ToolInputDelta(name, given.input),
                ToolInputEnd(name),
                given,
            ]
        else:
            parts.append(given)
        return parts

    def close(self) -> list[ProviderPart]:
        """End the text that is open."""
        if self._open is None:
            return []
        ended, self._open = self._open, None
        return [TextEnd(ended)]

    def _opened(self) -> list[ProviderPart]:
        if self._open is not None:
            return []
        self._open = self._named()
        return [TextStart(self._open)]

    def _named(self) -> str:
        self._texts += 1
        return str(self._texts - 1)


async def simulate_stream(
    chunks: Iterable[T], *, initial_delay_s: float | None = 0.0, chunk_delay_s: float | None = 0.0
) -> AsyncIterator[T]:
    """Give chunks one after the other, as a stream does (`simulateReadableStream` of the AI SDK).

    Arguments:
        chunks: what to give.
        initial_delay_s: before the first; None does not wait at all, 0 lets others run.
        chunk_delay_s: before each of the others.
    """
    for place, chunk in enumerate(chunks):
        delay_s = chunk_delay_s if place else initial_delay_s
        if delay_s is not None:
            await asyncio.sleep(delay_s)
        yield chunk
