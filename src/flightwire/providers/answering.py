"""One streamed answer over the transport, whatever the API.

Owns: obtaining it, with retries until the API has begun to answer, and reading it to its end. Refuses to know: what is
asked, what the events mean.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from flightwire._frozen import value
from flightwire.errors import APICallError, InvalidPromptError
from flightwire.events import CallWarning, ProviderPart, RequestMetadata, StreamStart
from flightwire.jsontypes import JSONValue, dumps, loads
from flightwire.providers.base import HandedOver, ModelCall, ModelResult, TextBatch
from flightwire.providers.reading import EventReader
from flightwire.providers.retries import with_retries
from flightwire.providers.transport import Outgoing, Reply, open_stream

__all__ = ["Answer", "Question", "Request", "Takers", "metadata_of", "stream_answer", "with_body"]

END_TIMEOUT_S = 1.0
"""How long an answer that has said why it ends may keep its connection open."""

Take = Callable[[Sequence[ProviderPart]], bool]
"""See `HandedOver.hand_to`."""

Takers = list[Take]
"""Who takes batches."""

OpenReader = Callable[[Reply], EventReader]


@value
class Request:
    """What to send, and what could not be said in it."""

    body: dict[str, object]
    warnings: tuple[CallWarning, ...]
    json_tool: str | None = (
        None  # a tool of ours whose input is the answer, where an API takes no schema beside tools
    )

    def encode(self) -> bytes:
        """The body as JSON in UTF-8; half surrogate pairs, which UTF-8 cannot carry, become U+FFFD.

        Raises:
            InvalidPromptError: NaN, or something that is not JSON, in a schema or in provider_options.
        """
        try:
            text = dumps(self.body)  # type: ignore[arg-type] # checked by doing it
        except (TypeError, ValueError, RecursionError) as error:
            raise InvalidPromptError(f"the call cannot be written as JSON: {error}.") from None
        try:
            return text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace").encode()


def metadata_of(call: ModelCall, request: Request) -> RequestMetadata:
    """The body, when the call wants to see it."""
    body: JSONValue = request.body if call.include_request_body else None  # type: ignore[assignment] # it was encoded
    return RequestMetadata(body)


def with_body(result: ModelResult, call: ModelCall, document: bytes) -> ModelResult:
    """The answer with the document it was in, when the call wants to see it."""
    if not call.include_response_body:
        return result
    return replace(result, response=replace(result.response, body=loads(document)))


@value
class Question:
    """One call, ready to be sent, and who reads its answer.

    Attributes:
        outgoing: the call.
        start: the answer's first part.
        open_reader: makes the reader, once the response has begun.
    """

    outgoing: Outgoing
    start: StreamStart
    open_reader: OpenReader


def stream_answer(ask: Callable[[], Question]) -> HandedOver:
    """Send a call and give the parts of its answer in batches: what one read of the socket delivered.

    An error that the API reports inside a 200 before it has begun to answer counts as a refusal: it is retried if it may
    pass, and raised otherwise. What has begun is never asked for again.

    Arguments:
        ask: gives the call when the first batch is wanted; what it raises is raised then.

    Raises:
        APICallError: the API could not be reached, refused the call, or broke off before its own end mark.
        RetryError: it failed several times before it answered.
    """
    return Answer(partial(_batches, ask))


class Answer(HandedOver):
    """A generator of batches, and whom they may be handed to.

    Args:
        batches: makes the generator; it is given a list of who takes batches, which has one entry or none.
    """

    __slots__ = ("_batches", "_takers")

    def __init__(self, batches: Callable[[Takers], AsyncGenerator[Sequence[ProviderPart], None]]) -> None:
        self._takers: Takers = []
        self._batches = batches(self._takers)

    def hand_to(self, take: Take) -> None:
        """See `HandedOver`."""
        self._takers[:] = [take]

    def __anext__(self) -> Coroutine[Any, Any, Sequence[ProviderPart]]:
        return self._batches.__anext__()

    def asend(self, value: None) -> Coroutine[Any, Any, Sequence[ProviderPart]]:
        """As of any asynchronous generator."""
        return self._batches.asend(value)

    def athrow(self, *error: Any) -> Coroutine[Any, Any, Sequence[ProviderPart]]:
        """Likewise."""
        return self._batches.athrow(*error)

    def aclose(self) -> Coroutine[Any, Any, None]:
        """Likewise."""
        return self._batches.aclose()


async def _batches(
    ask: Callable[[], Question], takers: Takers
) -> AsyncGenerator[Sequence[ProviderPart], None]:
    question = ask()
    outgoing = question.outgoing
    reply, reader, begun = await with_retries(
        partial(_begin, question), max_retries=outgoing.max_retries, clock=outgoing.clock
    )
    parts = _after(question.start, begun)
    del ask, question, outgoing, begun  # an answer may take long
    try:
        yield parts
        consumer: _Consumer | None = None
        while not reader.ended:
            if consumer is None and takers:
                consumer = _Consumer(reader, takers[0])
            if reader.is_complete:
                parts = await _read(reply, reader)
            else:  # `_read`, written out: once per batch
                try:
                    data = await (reply.read() if consumer is None else reply.read_on(consumer.consume))
                except APICallError as error:
                    parts = reader.broke_off(error)
                else:
                    if data is None:
                        if consumer is not None and consumer.failure is not None:
                            raise consumer.failure
                        yield ()  # whoever took the last one has something to do
                        continue
                    parts = reader.feed(data)
            if parts:
                yield parts
        if reader.failure is not None:
            raise reader.failure
    except BaseException:
        reply.close()
        raise
    await reply.leave()


def _after(start: StreamStart, batch: Sequence[ProviderPart]) -> Sequence[ProviderPart]:
    return batch.after(start) if isinstance(batch, TextBatch) else (start, *batch)


class _Consumer:
    """Takes bytes in the turn in which they come, once per token, until something else is to be done first."""

    __slots__ = ("_reader", "_take", "failure")

    def __init__(self, reader: EventReader, take: Take) -> None:
        self._reader = reader
        self._take = take
        self.failure: Exception | None = None

    def consume(self, data: bytes) -> bool:
        """See `Reply.read_on`."""
        reader, take = self._reader, self._take
        try:
            parts = reader.feed(data)
            if parts and not take(parts):
                return False
        except Exception as error:  # it belongs to who awaits the answer, not to the connection
            self.failure = error
            return False
        return not (reader.ended or reader.is_complete)


async def _begin(question: Question) -> tuple[Reply, EventReader, Sequence[ProviderPart]]:
    """Ask once; the API has begun to answer."""
    reply = await open_stream(question.outgoing)
    try:
        reader = question.open_reader(reply)
        parts = await _read_until_begun(reply, reader)
    except BaseException:
        reply.close()
        raise
    return reply, reader, parts


async def _read_until_begun(reply: Reply, reader: EventReader) -> Sequence[ProviderPart]:
    parts: Sequence[ProviderPart] = ()
    while not reader.begun and not reader.ended:
        read = await _read(reply, reader)
        parts = (*parts, *read) if parts else read
    if reader.failure is not None and not reader.begun:
        raise reader.failure
    return parts


async def _read(reply: Reply, reader: EventReader) -> Sequence[ProviderPart]:
    try:
        if not reader.is_complete:
            return reader.feed(await reply.read())
        try:  # nothing is missing any more; what follows, if anything, follows at once
            async with asyncio.timeout(END_TIMEOUT_S):
                return reader.feed(await reply.read())
        except TimeoutError:
            return reader.feed(b"")
    except APICallError as error:
        return reader.broke_off(error)
