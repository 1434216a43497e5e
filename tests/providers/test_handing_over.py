"""Batches that are handed over in the turn of the event loop in which they come; and whoever only iterates misses nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

from flightwire import stream_text, tool
from flightwire.errors import APICallError, APITimeoutError, OutputLimitError
from flightwire.events import ProviderFinish, ProviderPart, TextDelta
from flightwire.messages import UserMessage
from flightwire.providers.base import HandedOver, LanguageModel, ModelCall
from flightwire.providers.openai import openai
from flightwire.providers.transport import Timeouts
from flightwire.testing.upstream import Delay, Ending, ScriptedUpstream
from flightwire.testing.upstream_script import chunk, head

from .posting import settled

pytestmark = pytest.mark.anyio

SSE_HEAD = head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
TOKENS = [f"{number:02} " for number in range(30)]
CALL = ModelCall([UserMessage("Hi")], max_retries=0)


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops: servers run on uvloop, scripts on asyncio's own."""
    if request.param:
        pytest.importorskip("uvloop")
    return "asyncio", {"use_uvloop": request.param}


@pytest.fixture(params=["chat", "whichever API"])
def either(
    request: pytest.FixtureRequest, upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> LanguageModel:
    """A model of one API, and one that finds out which."""
    if request.param == "chat":
        return model(upstream)
    monkeypatch.setenv("OPENAI_BASE_URL", upstream.base_url)
    return openai("any", api_key="sk-test")


def model(upstream: ScriptedUpstream, **settings: Any) -> LanguageModel:
    return openai.chat("any", base_url=upstream.base_url, api_key="sk-test", **settings)


def event(text: str) -> bytes:
    return chunk(
        b'data: {"id":"a1","model":"m","choices":[{"index":0,"delta":{"content":"%b"}}]}\n\n' % text.encode()
    )


END = (
    chunk(b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n')
    + b"0\r\n\r\n"
)


def one_by_one(upstream: ScriptedUpstream, tokens: Sequence[str], *rest: Any) -> None:
    """Each token waits for the one before to have been read."""
    steps: list[Any] = [SSE_HEAD]
    for token in tokens:
        steps += [event(token), upstream.gate]
    upstream.play(*steps, *(rest or (END,)))


class Taker:
    """Takes batches; notes in which task."""

    def __init__(self, upstream: ScriptedUpstream, *, until: int = 10**9) -> None:
        self.texts: list[str] = []
        self.tasks: list[object] = []
        self._upstream = upstream
        self._until = until

    def __call__(self, batch: Sequence[ProviderPart]) -> bool:
        self.texts += texts_of(batch)
        self.tasks.append(asyncio.current_task())
        if len(self.texts) < self._until:
            self._upstream.release()
        return True


def texts_of(batch: Sequence[ProviderPart]) -> list[str]:
    return [part.text for part in batch if isinstance(part, TextDelta)]


async def test_what_comes_while_one_waits_is_handed_over_in_that_turn(
    upstream: ScriptedUpstream, either: LanguageModel
) -> None:
    one_by_one(upstream, TOKENS)
    stream = either.stream(CALL)
    assert isinstance(stream, HandedOver)
    taker = Taker(upstream)
    stream.hand_to(taker)
    yielded: list[ProviderPart] = []
    async for batch in stream:
        yielded += batch
        if texts_of(batch):
            upstream.release()
    assert texts_of(yielded) + taker.texts == TOKENS
    assert len(taker.texts) >= len(TOKENS) - 2  # what came with the head is given
    assert set(taker.tasks) == {None}  # a callback of the connection
    assert isinstance(yielded[-1], ProviderFinish)


async def test_who_does_not_want_the_next_gets_an_empty_batch_first(upstream: ScriptedUpstream) -> None:
    one_by_one(upstream, TOKENS)
    stream = model(upstream).stream(CALL)
    assert isinstance(stream, HandedOver)
    order: list[str] = []

    def take(batch: Sequence[ProviderPart]) -> bool:
        order.extend(texts_of(batch))
        upstream.release()
        return False

    stream.hand_to(take)
    async for batch in stream:
        order += texts_of(batch) or (["-"] if not batch else [])
        if texts_of(batch):
            upstream.release()
    assert [each for each in order if each != "-"] == TOKENS
    assert "--" not in "".join(order)
    assert order.count("-") >= len(TOKENS) - 2


async def test_what_the_taker_raises_is_raised_where_it_is_awaited(upstream: ScriptedUpstream) -> None:
    one_by_one(upstream, TOKENS)
    stream = model(upstream).stream(CALL)
    assert isinstance(stream, HandedOver)

    def take(batch: Sequence[ProviderPart]) -> bool:
        raise OutputLimitError("enough")

    stream.hand_to(take)
    with pytest.raises(OutputLimitError, match="enough"):
        async for batch in stream:
            if texts_of(batch):
                upstream.release()
    await upstream.closed(upstream.requests[0])


async def test_whoever_only_iterates_gets_everything(upstream: ScriptedUpstream) -> None:
    one_by_one(upstream, TOKENS)
    texts: list[str] = []
    async for batch in model(upstream).stream(CALL):
        texts += texts_of(batch)
        if texts_of(batch):
            upstream.release()
    assert texts == TOKENS


@pytest.mark.parametrize(
    "ending",
    [Ending.CLOSE, Ending.RESET, Ending.HANG, chunk(b"data: {oh"), chunk(b"data: {oh\n\n"), b"zz\r\n"],
    ids=str,
)
async def test_an_answer_that_fails_has_given_what_came_before(
    upstream: ScriptedUpstream, ending: Any
) -> None:
    one_by_one(upstream, TOKENS, ending, *([] if isinstance(ending, Ending) else [Ending.CLOSE]))
    stream = model(upstream, timeouts=Timeouts(read_s=0.2)).stream(CALL)
    assert isinstance(stream, HandedOver)
    taker = Taker(upstream)
    stream.hand_to(taker)
    given: list[str] = []
    with pytest.raises(APICallError) as caught:
        async for batch in stream:
            given += texts_of(batch)
            if texts_of(batch):
                upstream.release()
    assert given + taker.texts == TOKENS
    assert isinstance(caught.value, APITimeoutError) == (ending is Ending.HANG)


async def test_what_says_nothing_is_passed_over(upstream: ScriptedUpstream) -> None:
    """Pings, empty texts, an event in two halves, one of another kind: what follows is handed over as before."""
    pings = [
        chunk(b": ping\n\n"),
        event(""),
        *map(chunk, (b'data: {"id":"a1",', b'"choices":[]}\n\n')),
        chunk(b"event: odd\n\n"),
    ]
    upstream.play(
        SSE_HEAD, *(step for token in TOKENS for step in (event(token), upstream.gate, *pings)), END
    )
    stream = model(upstream).stream(CALL)
    assert isinstance(stream, HandedOver)
    taker = Taker(upstream)
    stream.hand_to(taker)
    given: list[str] = []
    async for batch in stream:
        given += texts_of(batch)
        if texts_of(batch):
            upstream.release()
    assert sorted(given + taker.texts) == TOKENS
    assert taker.texts == sorted(taker.texts)


async def test_an_answer_without_a_word_ends(upstream: ScriptedUpstream) -> None:
    upstream.play(SSE_HEAD, event(""), Delay(0.02), END)
    assert [text async for text in stream_text(model=model(upstream), prompt="Hi").text_stream] == []


async def test_steady_tokens_are_no_silence(upstream: ScriptedUpstream) -> None:
    """The clock begins anew with what is handed over, too."""
    one_by_one(upstream, TOKENS[:8])
    stream = model(upstream, timeouts=Timeouts(read_s=0.15)).stream(CALL)
    assert isinstance(stream, HandedOver)
    texts: list[str] = []

    def take(batch: Sequence[ProviderPart]) -> bool:
        texts.extend(texts_of(batch))
        asyncio.get_running_loop().call_later(0.05, upstream.release)
        return True

    stream.hand_to(take)
    async for batch in stream:
        texts += texts_of(batch)
        if texts_of(batch):
            upstream.release()
    assert texts == TOKENS[:8]


async def test_cancelling_closes_the_socket_and_hands_over_no_more(upstream: ScriptedUpstream) -> None:
    one_by_one(upstream, TOKENS)
    stream = model(upstream).stream(CALL)
    assert isinstance(stream, HandedOver)
    taker = Taker(upstream, until=10)
    stream.hand_to(taker)

    async def read() -> None:
        async for batch in stream:
            if texts_of(batch):
                upstream.release()

    task = asyncio.create_task(read())
    while len(taker.texts) < 10:
        await asyncio.sleep(0.001)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    upstream.release(20)
    await upstream.closed(upstream.requests[0])
    assert len(taker.texts) == 10


# --- stream_text over it -----------------------------------------------------------------------------------------


async def test_a_text_is_read_as_it_comes(upstream: ScriptedUpstream) -> None:
    one_by_one(upstream, TOKENS)
    result = stream_text(model=model(upstream), prompt="Hi")
    texts = []
    async for text in result.text_stream:
        texts.append(text)
        upstream.release()
    assert texts == TOKENS
    assert await result.text == "".join(TOKENS)


async def test_an_answer_that_grows_too_large_fails_with_that(upstream: ScriptedUpstream) -> None:
    one_by_one(upstream, TOKENS)
    result = stream_text(model=model(upstream), prompt="Hi", max_output_bytes=40)
    texts: list[str] = []
    with pytest.raises(OutputLimitError):
        async for text in result.text_stream:
            texts.append(text)
            upstream.release()
    assert texts == TOKENS[:13]
    await upstream.closed(upstream.requests[0])


async def test_a_tool_call_in_the_middle_is_run_before_what_follows(upstream: ScriptedUpstream) -> None:
    ran: list[str] = []

    @tool
    async def look(place: str) -> str:
        """Look somewhere."""
        ran.append(place)
        return "rain"

    call = (
        b'data: {"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"c1","type":"function","function":'
        b'{"name":"look","arguments":"{\\"place\\":\\"Rome\\"}"}}]}}]}\n\n'
    )
    finish = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}\n\ndata: [DONE]\n\n'
    one_by_one(upstream, TOKENS[:5], chunk(call), upstream.gate, chunk(finish) + b"0\r\n\r\n")
    one_by_one(upstream, TOKENS[5:])
    result = stream_text(
        model=model(upstream), prompt="Hi", tools={"look": look}, stop_when=lambda steps: len(steps) == 2
    )
    kinds: list[str] = []
    async for part in result.stream:
        kinds.append(part.type)
        upstream.release()
    assert ran == ["Rome"]
    assert await result.text == "".join(TOKENS[5:])
    assert kinds.index("tool-call") > 5


async def test_a_model_around_another_is_not_bypassed(upstream: ScriptedUpstream) -> None:
    """It filters what it passes on; nothing may reach readers beside it."""

    class Shouting:
        provider = model_id = "shouting"

        def __init__(self, inner: LanguageModel) -> None:
            self._inner = inner

        async def stream(self, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
            async for batch in self._inner.stream(call):
                yield [
                    TextDelta(part.id, f"<{part.text}>") if isinstance(part, TextDelta) else part
                    for part in batch
                ]

        async def generate(self, call: ModelCall) -> Any:
            raise NotImplementedError  # it is only streamed here

    one_by_one(upstream, TOKENS)
    texts = []
    async for text in stream_text(model=Shouting(model(upstream)), prompt="Hi").text_stream:
        texts.append(text)
        upstream.release()
    assert texts == [f"<{token}>" for token in TOKENS]


async def test_a_reader_that_stops_holds_the_answer_back(upstream: ScriptedUpstream) -> None:
    many = [f"{number:06}" + "x" * 16_384 for number in range(3000)]
    upstream.play(SSE_HEAD, *map(event, many), END)
    result = stream_text(model=model(upstream), prompt="Hi", max_output_bytes=10**9)
    texts: list[str] = []
    sent = 0
    async for text in result.text_stream:
        texts.append(text)
        if len(texts) == 100:
            sent = await settled(upstream.requests[0])
    assert 0 < sent < 24 * 1024 * 1024  # of 49 MB: 512 parts are read ahead, and the kernel has its buffers
    assert texts == many
