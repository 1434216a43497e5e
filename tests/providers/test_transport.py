"""Outgoing HTTP against a real server: every way to fail, and the socket's fate when the caller goes away."""

from __future__ import annotations

import asyncio
import gc
import time
import tracemalloc
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from flightwire.errors import APICallError, APITimeoutError, RetryError
from flightwire.providers import transport
from flightwire.providers.retries import Clock
from flightwire.providers.transport import Outgoing, Timeouts, close_connections, post_json
from flightwire.testing.upstream import Delay, Ending, RecordedRequest, ScriptedUpstream
from flightwire.testing.upstream_script import chunk, document, head

from .posting import post_stream, settled

pytestmark = pytest.mark.anyio

SSE_HEAD = head(200, {"content-type": "text/event-stream", "transfer-encoding": "chunked"})
CLOSED_WITHIN_S = 0.5


@pytest.fixture(params=[False, True], ids=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """Both loops: servers run on uvloop, scripts on asyncio's own."""
    if request.param:
        pytest.importorskip("uvloop")
    return "asyncio", {"use_uvloop": request.param}


async def no_wait(seconds: float) -> None:
    """Retry at once."""


def outgoing(upstream: ScriptedUpstream, **changes: Any) -> Outgoing:
    fields = {
        "url": upstream.base_url + "/chat/completions",
        "body": b'{"stream": true}',
        "headers": {"authorization": "Bearer sk-secret"},
        "service": "OpenAI",
        "key_variable": "OPENAI_API_KEY",
        "max_retries": 0,
        "clock": Clock(no_wait, time.time),
    }
    return Outgoing(**{**fields, **changes})


async def read_all(call: Outgoing) -> bytes:
    async with post_stream(call) as reply:
        pieces = []
        while piece := await reply.read():
            pieces.append(piece)
        return b"".join(pieces)


async def failure_of(call: Coroutine[Any, Any, object]) -> APICallError:
    with pytest.raises(APICallError) as caught:
        await call
    return caught.value


# --- answers -----------------------------------------------------------------------------------------------------


async def test_stream_is_read_to_its_end(upstream: ScriptedUpstream) -> None:
    upstream.events("a", "b")
    assert await read_all(outgoing(upstream)) == b"data: a\n\ndata: b\n\n"


async def test_request_is_sent_as_given(upstream: ScriptedUpstream) -> None:
    upstream.events("a")
    await read_all(outgoing(upstream))
    request = upstream.requests[0]
    assert (request.method, request.path, request.json) == ("POST", "/v1/chat/completions", {"stream": True})
    assert request.headers["authorization"] == "Bearer sk-secret"
    assert request.headers["content-type"] == "application/json"


async def test_document_is_given_whole_with_its_headers(upstream: ScriptedUpstream) -> None:
    upstream.play(*document('{"a": 1}', headers={"X-Request-Id": "r1"}))
    headers, body = await post_json(outgoing(upstream))
    assert (headers["x-request-id"], body) == ("r1", b'{"a": 1}')


async def test_read_gives_all_that_has_arrived(upstream: ScriptedUpstream) -> None:
    upstream.play(SSE_HEAD, chunk(b"1"), upstream.gate, chunk(b"2") + chunk(b"3") + chunk(b"4"), b"0\r\n\r\n")
    async with post_stream(outgoing(upstream)) as reply:
        assert await reply.read() == b"1"
        upstream.release()
        assert await reply.read() == b"234"
        assert await reply.read() == b""


async def test_large_body_is_sent_whole(upstream: ScriptedUpstream) -> None:
    upstream.events("a")
    body = b'{"x": "' + b"y" * (3 * 1024 * 1024) + b'"}'
    await read_all(outgoing(upstream, body=body))
    assert upstream.requests[0].body == body


async def test_connection_is_used_again(upstream: ScriptedUpstream) -> None:
    upstream.events("a", times=2)
    for _ in range(2):
        await read_all(outgoing(upstream))
    assert upstream.connections_made == 1


async def test_connection_is_used_again_when_the_end_comes_after_we_left(upstream: ScriptedUpstream) -> None:
    upstream.play(SSE_HEAD, chunk(b"data: [DONE]\n\n"), upstream.gate, b"0\r\n\r\n")
    upstream.events("a")
    async with post_stream(outgoing(upstream)) as reply:
        await reply.read()
    upstream.release()
    while not reply._response.content.is_eof():
        await asyncio.sleep(0.001)
    await read_all(outgoing(upstream))
    assert upstream.connections_made == 1


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET])
async def test_pooled_connection_that_is_closed_by_now_is_replaced_at_once(
    upstream: ScriptedUpstream, ending: Ending
) -> None:
    upstream.events("a")
    upstream.play(ending)
    upstream.events("b")
    await read_all(outgoing(upstream))
    assert await read_all(outgoing(upstream, max_retries=0)) == b"data: b\n\n"
    assert upstream.connections_made == 2


async def test_new_connection_after_a_stale_one_is_not_replaced(upstream: ScriptedUpstream) -> None:
    upstream.events("a")
    upstream.play(Ending.CLOSE, times=None)
    await read_all(outgoing(upstream))
    error = await failure_of(read_all(outgoing(upstream)))
    assert error.message == "OpenAI closed the connection before it answered"
    assert len(upstream.requests) == 3


async def test_silence_on_a_pooled_connection_is_still_a_timeout(upstream: ScriptedUpstream) -> None:
    upstream.events("a")
    upstream.play(Ending.HANG)
    await read_all(outgoing(upstream))
    error = await failure_of(read_all(outgoing(upstream, timeouts=Timeouts(read_s=0.05))))
    assert isinstance(error, APITimeoutError)
    assert len(upstream.requests) == 2


# --- failures ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422, 429, 500, 503, 529])
async def test_status_becomes_an_error_with_all_facts(upstream: ScriptedUpstream, status: int) -> None:
    upstream.refuse(status, "No such luck.", headers={"Retry-After": "7", "X-Request-Id": "r1"})
    error = await failure_of(read_all(outgoing(upstream, url=f"{upstream.base_url}/x?secret=1")))
    assert error.status_code == status
    assert error.message.startswith("No such luck")
    assert error.url == f"{upstream.base_url}/x"
    assert error.retry_after_s == 7
    assert error.response_headers["x-request-id"] == "r1"
    assert error.is_retryable is (status in (429, 500, 503, 529))
    assert error.data == {"message": "No such luck.", "type": "scripted", "param": None, "code": None}


@pytest.mark.parametrize("status", [401, 403])
async def test_refused_key_names_the_variable(upstream: ScriptedUpstream, status: int) -> None:
    upstream.refuse(status, "Incorrect API key provided: sk-secret.")
    error = await failure_of(read_all(outgoing(upstream)))
    assert error.message == (
        "Incorrect API key provided: [key]; check OPENAI_API_KEY, or the api_key=… that was passed"
    )
    assert "sk-secret" not in str(error) + str(error.response_body) + str(error.data)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ('{"error": "plain"}', "plain"),
        ('{"message": "bare"}', "bare"),
        ('{"detail": "from FastAPI"}', "from FastAPI"),
        ('[{"error": {"message": "wrapped"}}]', "wrapped"),
        ("<h1>Bad gateway</h1>", "Scripted"),
        ("", "Scripted"),
        ('{"error": {"code": 3}}', "Scripted"),
        ("[" * 100_000, "Scripted"),
    ],
)
async def test_error_bodies_of_any_shape_are_read(
    upstream: ScriptedUpstream, body: str, message: str
) -> None:
    upstream.refuse(502, body=body)
    error = await failure_of(read_all(outgoing(upstream)))
    assert error.message == message
    assert error.response_body == body[:1000]


async def test_huge_error_body_is_not_read_whole(upstream: ScriptedUpstream) -> None:
    upstream.play(head(500, {"content-length": str(10**9)}), *[b"x" * 65536] * 1000)
    error = await failure_of(read_all(outgoing(upstream)))
    assert len(error.response_body or "") == 1000
    await upstream.closed(upstream.requests[0])


async def test_error_body_that_never_ends_is_not_waited_for(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flightwire.providers.transport.ERROR_BODY_TIMEOUT_S", 0.01)
    upstream.play(head(500, {"content-length": "100"}), b"so far", Ending.HANG)
    error = await failure_of(read_all(outgoing(upstream)))
    assert error.response_body == "so far"


@pytest.mark.parametrize("content_type", ["text/html", "application/octet-stream", "application/json"])
async def test_stream_of_another_type_is_refused(upstream: ScriptedUpstream, content_type: str) -> None:
    upstream.play(*document("<html>Welcome to the hotel</html>", content_type=content_type))
    error = await failure_of(read_all(outgoing(upstream, max_retries=2)))
    assert (
        error.message == f"OpenAI answered with {content_type} instead of text/event-stream; check base_url"
    )
    assert error.response_body == "<html>Welcome to the hotel</html>"


async def test_document_of_another_type_is_refused(upstream: ScriptedUpstream) -> None:
    upstream.play(*document("<html></html>", content_type="text/html; charset=utf-8"))
    error = await failure_of(post_json(outgoing(upstream)))
    assert "text/html instead of application/json" in error.message


async def test_error_document_where_a_stream_was_wanted_is_quoted(upstream: ScriptedUpstream) -> None:
    upstream.play(*document('{"error": {"message": "overloaded", "type": "overloaded_error"}}'))
    error = await failure_of(read_all(outgoing(upstream)))
    assert (error.message, error.is_retryable) == ("overloaded", True)


@pytest.mark.parametrize("post", [read_all, post_json])
async def test_empty_body_is_tried_again(upstream: ScriptedUpstream, post: Any) -> None:
    kind = "text/event-stream" if post is read_all else "application/json"
    upstream.play(*document("", content_type=kind), times=2)
    with pytest.raises(RetryError, match="empty body"):
        await post(outgoing(upstream, max_retries=1))
    assert len(upstream.requests) == 2


async def test_redirect_is_not_followed(upstream: ScriptedUpstream) -> None:
    upstream.play(head(307, {"location": "http://127.0.0.1:1/elsewhere?x", "content-length": "0"}))
    error = await failure_of(read_all(outgoing(upstream, max_retries=2)))
    assert "redirects to http://127.0.0.1:1/elsewhere; redirects are not followed" in error.message
    assert len(upstream.requests) == 1


async def test_refused_connection_is_named() -> None:
    call = Outgoing("http://127.0.0.1:1/v1/x", b"{}", {}, "OpenAI", max_retries=0)
    error = await failure_of(read_all(call))
    assert error.message == "OpenAI cannot be reached (127.0.0.1:1: connection refused)"
    assert (error.status_code, error.is_retryable) == (None, True)


async def test_unknown_host_is_named() -> None:
    call = Outgoing("http://nowhere.invalid/v1/x", b"{}", {}, "OpenAI", max_retries=0)
    error = await failure_of(read_all(call))
    assert error.message.startswith("the host name of OpenAI, nowhere.invalid, cannot be resolved")


async def test_tls_with_a_plain_server_is_named(upstream: ScriptedUpstream) -> None:
    async with plain_server(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        call = outgoing(upstream, url=f"https://127.0.0.1:{port}/v1/x", max_retries=2)
        error = await failure_of(read_all(call))
    assert error.message.startswith(f"no TLS connection with 127.0.0.1:{port}")


async def test_something_that_is_not_http_is_named(upstream: ScriptedUpstream) -> None:
    upstream.play(b"SSH-2.0-OpenSSH_9.9\r\n", Ending.CLOSE)
    error = await failure_of(read_all(outgoing(upstream, max_retries=2)))
    assert "not HTTP" in error.message


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET])
async def test_connection_closed_before_the_headers_is_tried_again(
    upstream: ScriptedUpstream, ending: Ending
) -> None:
    upstream.play(ending)
    upstream.events("a")
    assert await read_all(outgoing(upstream, max_retries=1)) == b"data: a\n\n"


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET])
async def test_connection_closed_before_the_first_byte_is_tried_again(
    upstream: ScriptedUpstream, ending: Ending
) -> None:
    upstream.play(SSE_HEAD, ending)
    upstream.events("a")
    assert await read_all(outgoing(upstream, max_retries=1)) == b"data: a\n\n"


async def test_connection_closed_in_the_middle_is_never_tried_again(upstream: ScriptedUpstream) -> None:
    upstream.play(SSE_HEAD, chunk(b"data: a\n\n"), Ending.CLOSE)
    async with post_stream(outgoing(upstream, max_retries=2)) as reply:
        assert await reply.read() == b"data: a\n\n"
        error = await failure_of(reply.read())
    assert error.message == "OpenAI broke off in the middle of the answer"
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("tail", [b"nonsense\r\n", b"5\r\nab", b"5;\r\nabcdefgh\r\n"])
async def test_what_came_before_a_broken_chunk_is_given_first(
    upstream: ScriptedUpstream, tail: bytes
) -> None:
    upstream.play(SSE_HEAD, chunk(b"1"), upstream.gate, chunk(b"2") + tail, Ending.CLOSE)
    async with post_stream(outgoing(upstream)) as reply:
        assert await reply.read() == b"1"
        upstream.release()
        rest = b""
        with pytest.raises(APICallError, match="broke off"):
            while piece := await reply.read():
                rest += piece
    assert rest.startswith(b"2")


async def test_what_came_before_a_lost_connection_is_given_first(upstream: ScriptedUpstream) -> None:
    upstream.play(SSE_HEAD, chunk(b"1"), upstream.gate, chunk(b"2"), Ending.CLOSE)
    async with post_stream(outgoing(upstream)) as reply:
        await reply.read()
        upstream.release()
        while not upstream.requests[0].broken_off:
            time.sleep(0.001)
        time.sleep(0.02)
        assert await reply.read() == b"2"
        with pytest.raises(APICallError, match="broke off"):
            await reply.read()


async def test_silence_before_the_headers_is_a_timeout(upstream: ScriptedUpstream) -> None:
    upstream.play(Ending.HANG)
    error = await failure_of(read_all(outgoing(upstream, timeouts=Timeouts(read_s=0.05))))
    assert isinstance(error, APITimeoutError)
    assert error.message == "OpenAI sent nothing for 0.05 s (timeouts.read_s)"
    await upstream.closed(upstream.requests[0])


async def test_silence_in_the_middle_is_a_timeout(upstream: ScriptedUpstream) -> None:
    upstream.play(SSE_HEAD, chunk(b"1"), Ending.HANG)
    async with post_stream(outgoing(upstream, timeouts=Timeouts(read_s=0.05))) as reply:
        await reply.read()
        assert isinstance(await failure_of(reply.read()), APITimeoutError)


async def test_where_the_client_is_another_inside_reads_take_the_public_way(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_KNOWS_CLIENT", False)
    await close_connections()
    upstream.answer(["a", "b"])
    assert b'"b"' in await read_all(outgoing(upstream))
    upstream.play(SSE_HEAD, chunk(b"x"), Ending.HANG)
    async with post_stream(outgoing(upstream, timeouts=Timeouts(read_s=0.05))) as reply:
        assert await reply.read() == b"x"
        error = await failure_of(reply.read())
    assert isinstance(error, APITimeoutError)
    await close_connections()


async def test_slow_but_steady_is_not_a_timeout(upstream: ScriptedUpstream) -> None:
    pieces = [step for _ in range(8) for step in (Delay(0.05), chunk(b"x"))]
    upstream.play(SSE_HEAD, *pieces, b"0\r\n\r\n")
    assert await read_all(outgoing(upstream, timeouts=Timeouts(read_s=0.2))) == b"x" * 8


async def test_tls_handshake_that_hangs_is_a_timeout(upstream: ScriptedUpstream) -> None:
    async with plain_server(b"") as port:
        call = outgoing(upstream, url=f"https://127.0.0.1:{port}/v1/x", timeouts=Timeouts(connect_s=0.05))
        error = await failure_of(read_all(call))
    assert isinstance(error, APITimeoutError)
    assert error.message == f"OpenAI could not be reached within 0.05 s (127.0.0.1:{port})"


async def test_retry_after_is_waited_for(upstream: ScriptedUpstream) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    upstream.refuse(429, headers={"retry-after": "7"})
    upstream.refuse(503, headers={"retry-after-ms": "1500"})
    upstream.events("a")
    await read_all(outgoing(upstream, max_retries=2, clock=Clock(sleep, time.time)))
    assert waits == [7, 1.5]


async def test_document_beyond_the_limit_is_refused(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flightwire.providers.transport.MAX_DOCUMENT_BYTES", 1000)
    upstream.play(*document("[" + "1," * 100_000 + "1]"))
    error = await failure_of(post_json(outgoing(upstream, max_retries=2)))
    assert "more than 1000 bytes" in error.message
    await upstream.closed(upstream.requests[0])


# --- going away --------------------------------------------------------------------------------------------------


async def assert_closed_at_once(upstream: ScriptedUpstream, request: RecordedRequest, since_s: float) -> None:
    assert await upstream.closed(request) - since_s < CLOSED_WITHIN_S


PHASES = {
    "before the headers": (Ending.HANG,),
    "before the first byte": (SSE_HEAD, Ending.HANG),
    "in the middle": (SSE_HEAD, chunk(b"1"), Ending.HANG),
    "in a burst": (SSE_HEAD, *[chunk(b"x" * 60_000)] * 500, Ending.HANG),
}


@pytest.mark.parametrize("steps", PHASES.values(), ids=PHASES)
async def test_cancelling_a_stream_closes_the_socket(upstream: ScriptedUpstream, steps: Any) -> None:
    upstream.play(*steps)
    task = asyncio.create_task(read_all(outgoing(upstream, max_retries=2)))
    request = await upstream.received()
    await asyncio.sleep(0.05)  # any moment will do; this one is most likely in the phase
    cancelled_at_s = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await assert_closed_at_once(upstream, request, cancelled_at_s)
    assert len(upstream.requests) == 1


async def test_cancelling_a_document_closes_the_socket(upstream: ScriptedUpstream) -> None:
    upstream.play(head(200, {"content-type": "application/json", "content-length": "9"}), b"{", Ending.HANG)
    task = asyncio.create_task(post_json(outgoing(upstream)))
    request = await upstream.received()
    cancelled_at_s = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await assert_closed_at_once(upstream, request, cancelled_at_s)


async def test_leaving_by_an_exception_closes_the_socket(upstream: ScriptedUpstream) -> None:
    upstream.play(SSE_HEAD, chunk(b"1"), Ending.HANG)
    with pytest.raises(ZeroDivisionError):
        async with post_stream(outgoing(upstream)) as reply:
            await reply.read()
            left_at_s = time.monotonic()
            _ = 1 / 0
    await assert_closed_at_once(upstream, upstream.requests[0], left_at_s)


async def test_leaving_an_endless_stream_closes_it_soon(upstream: ScriptedUpstream) -> None:
    upstream.play(SSE_HEAD, chunk(b"1"), Ending.HANG)
    async with post_stream(outgoing(upstream)) as reply:
        await reply.read()
    await upstream.closed(upstream.requests[0], timeout_s=3)


async def test_cancelling_in_the_tls_handshake_closes_the_socket(upstream: ScriptedUpstream) -> None:
    closed = asyncio.Event()
    async with plain_server(b"", closed) as port:
        task = asyncio.create_task(read_all(outgoing(upstream, url=f"https://127.0.0.1:{port}/x")))
        await asyncio.sleep(0.05)
        task.cancel()
        await asyncio.wait_for(closed.wait(), CLOSED_WITHIN_S)


async def test_cancelling_between_attempts_makes_no_further_one(upstream: ScriptedUpstream) -> None:
    sleeping = asyncio.Event()

    async def sleep(seconds: float) -> None:
        sleeping.set()
        await asyncio.Event().wait()

    upstream.refuse(500, times=None)
    task = asyncio.create_task(read_all(outgoing(upstream, max_retries=5, clock=Clock(sleep, time.time))))
    await sleeping.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert len(upstream.requests) == 1


async def test_reader_that_pauses_holds_the_upstream_back(upstream: ScriptedUpstream) -> None:
    piece = chunk(b"x" * 65_536)
    upstream.script(lambda _: [SSE_HEAD, *[piece] * 2000, b"0\r\n\r\n"])
    tracemalloc.start()
    async with post_stream(outgoing(upstream)) as reply:
        await reply.read()
        sent = await settled(upstream.requests[0])
        size = tracemalloc.get_traced_memory()[1]
        assert sent < 20 * 1024 * 1024  # of 131 MB; the rest of it is the kernel's socket buffers
        assert size < 4 * 1024 * 1024
        reply.close()
    tracemalloc.stop()


# --- sessions ----------------------------------------------------------------------------------------------------


def test_every_loop_has_its_own_session_and_closes_it(upstream: ScriptedUpstream) -> None:
    upstream.events("a", times=None)
    for _ in range(3):
        assert asyncio.run(read_all(outgoing(upstream))) == b"data: a\n\n"
        upstream.wait_received()
    gc.collect()  # an unclosed session, connection or transport would warn, which fails the test
    for request in upstream.requests:
        request.wait_closed()


def test_loop_that_is_just_dropped_does_not_disturb_the_next(upstream: ScriptedUpstream) -> None:
    upstream.events("a", times=None)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(read_all(outgoing(upstream)))
    loop.run_until_complete(close_connections())
    loop.close()
    assert asyncio.run(read_all(outgoing(upstream))) == b"data: a\n\n"


async def test_connections_can_be_closed_and_made_anew(upstream: ScriptedUpstream) -> None:
    upstream.events("a", times=None)
    await read_all(outgoing(upstream))
    await close_connections()
    await upstream.closed(upstream.requests[0])
    assert await read_all(outgoing(upstream)) == b"data: a\n\n"


def test_two_loops_in_two_threads_work_at_once(upstream: ScriptedUpstream) -> None:
    upstream.events("a", times=None)

    async def in_both() -> list[bytes]:
        other = asyncio.to_thread(asyncio.run, read_all(outgoing(upstream)))
        return list(await asyncio.gather(read_all(outgoing(upstream)), other))

    assert asyncio.run(in_both()) == [b"data: a\n\n"] * 2


# --- proxies -----------------------------------------------------------------------------------------------------


async def test_proxy_of_the_environment_is_used(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = upstream.base_url.split(":")[2].removesuffix("/v1")
    monkeypatch.setenv("http_proxy", f"http://me:p%40ss@127.0.0.1:{port}")
    upstream.events("a")
    call = outgoing(upstream, url="http://api.example/v1/chat/completions")
    assert await read_all(call) == b"data: a\n\n"
    request = upstream.requests[0]
    assert request.path == "http://api.example/v1/chat/completions"
    assert request.headers["proxy-authorization"] == "Basic bWU6cEBzcw=="


async def test_this_machine_is_never_called_through_a_proxy(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    upstream.events("a")
    assert await read_all(outgoing(upstream)) == b"data: a\n\n"


async def test_no_proxy_is_honoured(upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "nowhere.invalid")
    error = await failure_of(read_all(outgoing(upstream, url="http://nowhere.invalid/v1/x")))
    assert "cannot be resolved" in error.message


async def test_proxy_that_is_away_is_named(
    upstream: ScriptedUpstream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "127.0.0.1:1")
    error = await failure_of(read_all(outgoing(upstream, url="http://api.example/v1/x")))
    assert error.message.startswith("the proxy to OpenAI does not let us through (connection refused)")


class Plain(asyncio.Protocol):
    """Says one thing, whatever it hears, and waits."""

    def __init__(self, answer: bytes, closed: asyncio.Event) -> None:
        self.answer = answer
        self.closed = closed

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if self.answer:
            self.transport.write(self.answer)
            self.transport.close()

    def connection_lost(self, error: Exception | None) -> None:
        self.closed.set()


@asynccontextmanager
async def plain_server(answer: bytes, closed: asyncio.Event | None = None) -> AsyncIterator[int]:
    closed = closed or asyncio.Event()
    server = await asyncio.get_running_loop().create_server(lambda: Plain(answer, closed), "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        await asyncio.wait_for(closed.wait(), 5)
