"""Calls over HTTP: real servers, hostile servers, every ending."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
import uvicorn

import flightwire
from flightwire import (
    ActionNotFoundError,
    ArgumentError,
    CallError,
    CallFailedError,
    CallTimeoutError,
    Client,
    ConnectionClosedError,
    ForbiddenError,
    RemoteError,
    UserError,
    action,
    create_streamable_value,
    read_streamable_value,
    stream_text,
)
from flightwire.client.calls import Call, Timeouts
from flightwire.client.cookies import keep_cookies
from flightwire.errors import ArgumentEncodeError, DecodeError, InvalidArgumentError
from flightwire.testing import ScriptedModel, ScriptedUpstream
from flightwire.testing.upstream_script import Ending, chunk, head

pytestmark = pytest.mark.anyio

FLIGHT = {"content-type": "text/x-component", "transfer-encoding": "chunked"}
LAST_CHUNK = b"0\r\n\r\n"


def served(rows: bytes, *more: Any) -> list[Any]:
    """The steps of a server that sends rows and goes on with what is given; complete by default."""
    return [head(200, FLIGHT), chunk(rows), *(more or (LAST_CHUNK,))]


@asynccontextmanager
async def serving(app: Any, **config: Any) -> AsyncIterator[str]:
    """A real server on a free port; gives its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off", **config))
    task = asyncio.create_task(server.serve())
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.005)
    try:
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        await task


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0.002)


def app_of(*actions: Any, **options: Any) -> Any:
    return flightwire.app(actions=actions, mode="production", **options)


@action
async def echo(value: Any = "nothing") -> Any:
    return value


@action
async def fail() -> Any:
    raise UserError("No more tickets.")


def answering(model: ScriptedModel) -> Any:
    @action
    async def get_answer(question: str) -> Any:
        result = stream_text(model=model, prompt=question)
        return {"newMessage": create_streamable_value(result.text_stream).value}

    return get_answer


# against the real server


@pytest.mark.parametrize("name", ["test_client#echo", "test_client#e_cho"])
async def test_action_is_called_by_its_id(name: str) -> None:
    async with serving(app_of(echo)) as url, Client(url) as client:
        if name == "test_client#echo":
            assert await client.call(name, {"a": [1, b"2"]}) == {"a": [1, b"2"]}
        else:
            with pytest.raises(ActionNotFoundError):
                await client.call(name)


async def test_answer_is_read_while_it_is_made() -> None:
    model = ScriptedModel(["Hel", "lo"], gated=True)
    async with serving(app_of(answering(model))) as url, Client(url) as client:
        reply = await client.call("test_client#get_answer", "Why?")
        deltas = read_streamable_value(reply["newMessage"])
        model.release()
        assert await anext(deltas) == "Hel"
        model.release()
        assert [delta async for delta in deltas] == ["Hello"]


async def test_leaving_the_block_stops_the_action() -> None:
    model = ScriptedModel(["Hel", "lo"], gated=True)
    async with serving(app_of(answering(model))) as url:
        async with Client(url) as client:
            await client.call("test_client#getAnswer", "Why?")
            await until(lambda: model.open_streams == 1)
        await until(lambda: model.left_early == 1)


async def test_cancelling_a_call_stops_the_action() -> None:
    events: list[str] = []

    @action
    async def forever() -> None:
        events.append("started")
        try:
            await asyncio.Event().wait()
        finally:
            events.append("stopped")

    async with serving(app_of(forever)) as url, Client(url) as client:
        task = asyncio.create_task(client.call("test_client#forever"))
        await until(lambda: events == ["started"])
        task.cancel()
        await until(lambda: events == ["started", "stopped"])


async def test_stopping_one_call_stops_its_action_alone() -> None:
    model = ScriptedModel(["Hi"], gated=True)
    async with serving(app_of(answering(model))) as url, Client(url) as client:
        other = await client.call("test_client#getAnswer", "Why?")
        async with client.start("test_client#getAnswer", "Why?") as call:
            await call
            await until(lambda: model.open_streams == 2)
        await until(lambda: model.left_early == 1)
        model.release()
        assert [text async for text in read_streamable_value(other["newMessage"])] == ["Hi"]


async def test_user_errors_reach_python_in_production() -> None:
    async with serving(app_of(fail)) as url, Client(url) as client:
        with pytest.raises(UserError, match=r"^No more tickets\.$"):
            await client.call("test_client#fail")


async def test_app_under_a_prefix_is_called_there() -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount

    host = Starlette(routes=[Mount("/deep/ai", app_of(echo))])
    async with serving(host) as url:
        for address in (f"{url}/deep/ai", f"{url}/deep/ai/"):
            async with Client(address) as client:
                assert await client.call("test_client#echo", 1) == 1
        async with Client(url) as client:
            with pytest.raises((CallFailedError, CallError)):
                await client.call("test_client#echo", 1)


async def test_calls_with_cookies_say_their_origin() -> None:
    async with serving(app_of(echo)) as url, Client(url, cookies={"session": "x"}) as client:
        assert await client.call("test_client#echo", 1) == 1
        with pytest.raises(ForbiddenError):
            await client.call("test_client#echo", 1, headers={"origin": "https://evil.example"})


async def test_hundred_calls_at_once_are_answered() -> None:
    async with serving(app_of(echo)) as url, Client(url) as client:
        calls = [client.call("test_client#echo", number) for number in range(100)]
        assert await asyncio.gather(*calls) == list(range(100))


async def test_large_arguments_and_results_are_carried() -> None:
    text = "🦜" * 600_000
    async with serving(app_of(echo, max_body_bytes=10_000_000)) as url, Client(url) as client:
        assert await client.call("test_client#echo", text) == text
        assert await client.call("test_client#echo", [text.encode()]) == [text.encode()]


# what is sent


async def sent_by(call: Any, **options: Any) -> Any:
    """The request of one call, as a server has seen it."""
    with ScriptedUpstream() as upstream:
        upstream.play(*served(b"0:1\n"))
        async with Client(upstream.base_url, **options) as client:
            assert await call(client) == 1
        return upstream.requests[0]


async def test_call_looks_like_a_browsers() -> None:
    request = await sent_by(lambda client: client.call("continue_conversation", [{"role": "user"}]))
    assert (request.method, request.path) == ("POST", "/v1/")
    assert request.headers["rsc-action-id"] == "actions#continueConversation"
    assert request.headers["accept"] == "text/x-component"
    assert request.headers["content-type"] == "text/plain;charset=UTF-8"
    assert request.body == b'[[{"role":"user"}]]'
    assert not {"origin", "cookie", "authorization"} & set(request.headers)


async def test_id_is_sent_as_a_header_can_carry_it() -> None:
    request = await sent_by(lambda client: client.call("rezepte/süß/actions#gibAus"))
    assert request.headers["rsc-action-id"] == "rezepte/s%C3%BC%C3%9F/actions#gibAus"


async def test_headers_cookies_and_auth_of_client_and_call_are_joined() -> None:
    request = await sent_by(
        lambda client: client.call("f", headers={"X-One": "2"}, cookies={"b": "2"}, auth="token"),
        headers={"x-one": "1", "x-two": "1"},
        cookies={"a": "1"},
        auth=("ann", "pass"),
    )
    assert (request.headers["x-one"], request.headers["x-two"]) == ("2", "1")
    assert request.headers["cookie"] == "a=1; b=2"
    assert request.headers["origin"].startswith("http://127.0.0.1:")
    assert request.headers["authorization"] == "Bearer token"


async def test_credentials_in_the_address_are_sent_and_not_shown() -> None:
    with ScriptedUpstream() as upstream:
        upstream.refuse(502, body="<html>", content_type="text/html")
        client = Client(upstream.base_url.replace("//", "//ann:s3cret@"))
        with pytest.raises(CallFailedError) as caught:
            await client.call("f")
        await client.aclose()
        assert upstream.requests[0].headers["authorization"] == "Basic YW5uOnMzY3JldA=="
        assert "s3cret" not in f"{caught.value} {client!r} {caught.value.url}"


async def test_cookies_that_answers_set_are_sent_again() -> None:
    with ScriptedUpstream() as upstream:
        cookie = {**FLIGHT, "set-cookie": "session=abc; HttpOnly; Path=/"}
        upstream.play(head(200, cookie), chunk(b"0:1\n"), LAST_CHUNK)
        upstream.play(*served(b"0:1\n"))
        async with Client(upstream.base_url) as client:
            await client.call("log_in")
            await client.call("f")
        assert upstream.requests[1].headers["cookie"] == "session=abc"


def test_cookies_that_are_over_are_forgotten() -> None:
    cookies = {"a": "1", "b": "2", "c": "3"}
    gone = "Expires=Thu, 01 Jan 1970 00:00:00 GMT"
    keep_cookies(cookies, [("set-cookie", "a=; Max-Age=0"), ("set-cookie", f"b=x; {gone}"), ("x", "c=4")])
    keep_cookies(cookies, [("set-cookie", "d=5; Max-Age=9"), ("set-cookie", "\x00=;;=")])
    assert cookies == {"c": "3", "d": "5"}


@pytest.mark.parametrize("url", ["localhost:3000", "ftp://x", "http://", "http://x/?a=1", "/ai", ""])
def test_what_is_no_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidArgumentError, match="not the address of an app"):
        Client(url)


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"a": "b\r\nc: d"}},
        {"headers": {"a b": "c"}},
        {"auth": "a\nb"},
        {"cookies": {"a": "b; c=d"}},
    ],
    ids=str,
)
async def test_header_that_would_add_another_is_refused(options: dict[str, Any]) -> None:
    async with Client("http://127.0.0.1:1") as client:
        with pytest.raises(InvalidArgumentError):
            await client.call("f", **options)


async def test_argument_that_cannot_be_sent_is_named_before_anything_is() -> None:
    async with Client("http://127.0.0.1:1") as client:
        with pytest.raises(ArgumentEncodeError, match=r"'actions#f'.*at arguments\[1\]\['a'\]"):
            await client.call("f", 1, {"a": object()})


# refused


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, ArgumentError),
        (403, ForbiddenError),
        (404, ActionNotFoundError),
        (408, flightwire.errors.BodyTimeoutError),
        (413, flightwire.errors.BodyTooLargeError),
    ],
)
async def test_refusal_has_the_class_of_its_status_and_the_servers_letter(
    status: int, kind: type[CallError]
) -> None:
    with ScriptedUpstream() as upstream:
        upstream.refuse(status, body="This is why.", content_type="text/plain; charset=utf-8", times=None)
        async with Client(upstream.base_url) as client:
            with pytest.raises(kind, match=r"^This is why\.$") as caught:
                await client.call("f")
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("status", "headers", "body", "letter"),
    [
        (401, {"content-type": "text/plain"}, "Who are you?", "status 401: Who are you"),
        (404, {"content-type": "text/html"}, "<h1>nginx", "prefix included"),
        (200, {"content-type": "text/html"}, "<h1>hi", "no Flight"),
        (302, {"location": "/login"}, "", "redirect to /login"),
        (502, {}, "", "no content type"),
    ],
)
async def test_answer_of_something_else_says_what_it_was(
    status: int, headers: dict[str, str], body: str, letter: str
) -> None:
    with ScriptedUpstream() as upstream:
        sent = {"content-length": str(len(body)), **headers}
        upstream.play(head(status, sent), body.encode(), times=None)
        async with Client(upstream.base_url) as client:
            with pytest.raises(CallFailedError, match=letter) as caught:
                await client.call("f")
    assert caught.value.status_code == status


async def test_server_that_is_not_there_is_named() -> None:
    async with Client("http://127.0.0.1:1") as client:
        with pytest.raises(CallFailedError, match=r"127\.0\.0\.1:1 cannot be reached"):
            await client.call("f")


# hostile and broken servers

ANSWERS = {
    "value": (b'0:{"a":[1,"x"],"b":"$1"}\n1:T3,abc', {"a": [1, "x"], "b": "abc"}),
    "streamable": (
        b'0:{"curr":"a","next":"$@1","type":"$Sui.streamable.value"}\n1:{"diff":[0,"b"],"next":"$@2"}\n2:{}\n',
        ["a", "ab"],
    ),
    "bytes": (b'0:["$1"]\n1:o3,\n0:', [b"\n0:"]),
    "iterable": (b'0:"$1"\n1:X\n1:1\n1:2\n1:C\n', [1, 2]),
    "emoji": ('0:"🦜é"\n'.encode(), "🦜é"),
}


async def whole(reply: Any) -> Any:
    if flightwire.is_streamable_value(reply):
        return [value async for value in read_streamable_value(reply)]
    return [item async for item in reply] if hasattr(reply, "__aiter__") else reply


@pytest.mark.parametrize("name", ANSWERS)
async def test_answers_are_read_however_they_are_split(name: str) -> None:
    rows, expected = ANSWERS[name]
    for at in range(1, len(rows)):
        reply = await scripted([rows[:at], rows[at:], b""])
        assert await whole(reply) == expected
    assert await whole(await scripted([bytes([byte]) for byte in rows] + [b""])) == expected


@pytest.mark.parametrize("name", ANSWERS)
async def test_answers_cut_anywhere_end_in_an_error_or_are_whole(name: str) -> None:
    rows, expected = ANSWERS[name]
    for at in range(len(rows)):
        with pytest.raises(ConnectionClosedError, match=f"'f' ended after {at} bytes"):
            found = await whole(await scripted([rows[:at], b""]))
            assert found == expected
            assert at == len(rows) - 1  # only a last line feed or stream end may be missing
            raise ConnectionClosedError(f"'f' ended after {at} bytes")


class Scripted:
    """An answer whose reads are given."""

    url = "http://scripted/"
    status = 200

    def __init__(self, reads: list[Any]) -> None:
        self.headers = [("content-type", "text/x-component")]
        self.closed = False
        self._reads = reads

    async def read(self) -> bytes:
        if not self._reads:
            await asyncio.Event().wait()
        await asyncio.sleep(0)  # as what comes from a socket
        found = self._reads.pop(0)
        if isinstance(found, BaseException):
            raise found
        return found

    def close(self) -> None:
        self.closed = True


def calling(response: Scripted, **timeouts: float) -> Call:
    async def send() -> Scripted:
        return response

    return Call("f", send, timeouts=Timeouts(**timeouts))


async def scripted(reads: list[Any]) -> Any:
    call = calling(Scripted(reads))
    try:
        return await call
    finally:
        await call.finished()


@pytest.mark.parametrize(
    "rows",
    [
        b"nonsense\n",
        b"0:[1\n",
        b'0:"$1"\n1:"$zz"\n',
        b'0:"$@0"\n',
        b'0:"$@1"\n1:"$@0"\n',
        b"0:T5,\xff\xff\xff\xff\xff",
    ],
)
async def test_bytes_that_are_no_answer_fail_the_call(rows: bytes) -> None:
    with pytest.raises(DecodeError):
        await scripted([rows, b""])


async def test_connection_is_closed_at_bytes_that_are_no_answer() -> None:
    response = Scripted([b'0:"$@1"\n', b"nonsense\n"])
    call = calling(response)
    with pytest.raises(DecodeError):
        await call
    await call.finished()
    assert response.closed


async def test_what_came_before_a_lost_connection_stays() -> None:
    call = calling(
        Scripted([b'0:{"now":1,"later":"$@1","items":"$2"}\n2:x\n2:"a"\n', ConnectionClosedError("reset")])
    )
    reply = await call
    await call.finished()
    assert reply["now"] == 1
    with pytest.raises(ConnectionClosedError, match=r"'f' ended after \d+ bytes.*reset"):
        await reply["later"]
    items = aiter(reply["items"])
    assert await anext(items) == "a"
    with pytest.raises(ConnectionClosedError, match="'f' ended"):
        await anext(items)


async def test_silent_server_is_given_up() -> None:
    call = calling(Scripted([b'0:{"later":"$@1"}\n']), read_s=0.05)
    reply = await call
    with pytest.raises(CallTimeoutError, match=r"nothing for 0\.05 s"):
        await reply["later"]


async def test_whole_answer_has_its_time() -> None:
    call = calling(Scripted([b'0:{"later":"$@1"}\n']), total_s=0.05)
    with pytest.raises(CallTimeoutError, match=r"within 0\.05 s"):
        await (await call)["later"]


async def test_server_that_floods_has_to_wait_until_somebody_looks() -> None:
    row = b'1:"' + b"x" * 100_000 + b'"\n'
    response = Scripted([b'0:"$1"\n1:X\n', *[row] * 40, b"1:C\n", b""])
    call = calling(response)
    stream = await call
    await until(lambda: len(response._reads) < 32)
    await asyncio.sleep(0)
    assert len(response._reads) > 25
    assert len([item async for item in stream]) == 40


async def test_closing_before_anything_was_sent_fails_the_call() -> None:
    call = calling(Scripted([]))
    call.close()
    with pytest.raises(ConnectionClosedError, match="closed here"):
        await call


@pytest.mark.parametrize("ending", [Ending.CLOSE, Ending.RESET])
async def test_connection_that_breaks_off_is_told_to_who_waits(ending: Ending) -> None:
    with ScriptedUpstream() as upstream:
        gate = upstream.new_gate()
        upstream.play(*served(b'0:{"later":"$@1"}\n', gate, ending))
        async with Client(upstream.base_url) as client:
            reply = await client.call("f")
            gate.open()
            with pytest.raises(ConnectionClosedError, match="'actions#f' ended after 18 bytes"):
                await reply["later"]


async def test_connection_that_is_closed_without_an_answer_is_named() -> None:
    with ScriptedUpstream() as upstream:
        upstream.play(Ending.CLOSE, times=None)
        async with Client(upstream.base_url) as client:
            with pytest.raises(CallFailedError, match="closed the connection before it answered"):
                await client.call("f")


def close_before_sending(monkeypatch: pytest.MonkeyPatch, times: int) -> list[int]:
    """Connections that are closed between being chosen and being written to: nobody can be that quick from outside."""
    connect = aiohttp.TCPConnector.connect
    chosen: list[int] = []

    async def closing(self: Any, *args: Any, **options: Any) -> Any:
        connection = await connect(self, *args, **options)
        chosen.append(len(chosen))
        # Just before the call is written, which is the first step of a task; of an eager one since 3.12.
        if len(chosen) <= times:
            close = connection.transport.close
            close() if sys.version_info >= (3, 12) else asyncio.get_running_loop().call_soon(close)
        return connection

    monkeypatch.setattr(aiohttp.TCPConnector, "connect", closing)
    return chosen


async def test_connection_that_closes_before_a_call_is_written_costs_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    chosen = close_before_sending(monkeypatch, times=1)
    with ScriptedUpstream() as upstream:
        upstream.play(*served(b"0:1\n"), times=None)
        async with Client(upstream.base_url) as client:
            assert await client.call("f") == 1
        assert len(chosen) == 2
        assert len([request for request in upstream.requests if request.body]) == 1


@pytest.mark.parametrize(("argument", "tries"), [("x", 2), ("x" * 40_000, 1)])
async def test_call_is_written_again_once_and_only_when_nothing_of_it_can_have_left(
    monkeypatch: pytest.MonkeyPatch, argument: str, tries: int
) -> None:
    chosen = close_before_sending(monkeypatch, times=99)
    with ScriptedUpstream() as upstream:
        async with Client(upstream.base_url) as client:
            with pytest.raises(CallFailedError, match="closed the connection before it answered"):
                await client.call("f", argument)
    assert len(chosen) == tries


async def test_answer_that_is_no_http_is_named() -> None:
    with ScriptedUpstream() as upstream:
        upstream.play(b"SSH-2.0-OpenSSH_9\r\n", Ending.CLOSE, times=None)
        async with Client(upstream.base_url) as client:
            with pytest.raises(CallFailedError):
                await client.call("f")


async def test_chunk_that_is_none_ends_the_answer() -> None:
    with ScriptedUpstream() as upstream:
        gate = upstream.new_gate()
        upstream.play(*served(b'0:{"later":"$@1"}\n', gate, b"zz\r\nnonsense", Ending.HANG))
        async with Client(upstream.base_url, read_timeout_s=20) as client, asyncio.timeout(10):
            reply = await client.call("f")
            gate.open()
            with pytest.raises(ConnectionClosedError, match="'actions#f' ended"):
                await reply["later"]


async def test_error_rows_become_remote_errors_with_their_digest() -> None:
    with pytest.raises(RemoteError) as caught:
        await scripted([b'0:E{"digest":"d1","name":"KeyError","message":"no"}\n', b""])
    assert (caught.value.digest, caught.value.name, caught.value.message) == ("d1", "KeyError", "no")


async def test_answer_without_end_leaves_no_task_behind() -> None:
    with ScriptedUpstream() as upstream:
        upstream.play(*served(b"0:1\n", Ending.HANG))
        async with Client(upstream.base_url) as client:
            assert await client.call("f") == 1
        assert [task for task in asyncio.all_tasks() if "call of" in task.get_name()] == []
        await asyncio.to_thread(upstream.requests[0].wait_closed)
