"""The scripted upstream itself, spoken to over plain sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from flightwire.testing.upstream import Delay, Ending, ScriptedUpstream

pytestmark = pytest.mark.anyio

STREAM = {"stream": True, "stream_options": {"include_usage": True}}


def request_bytes(body: object) -> bytes:
    data = json.dumps(body).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nX-A: b\r\nContent-Length: %d\r\n\r\n%b" % (
        len(data),
        data,
    )


@contextmanager
def connected(upstream: ScriptedUpstream, body: object = STREAM) -> Iterator[socket.socket]:
    """A client that has sent one request."""
    port = int(upstream.base_url.split(":")[2].removesuffix("/v1"))
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(request_bytes(body))
        yield sock


def read_until(sock: socket.socket, mark: bytes) -> bytes:
    seen = b""
    while mark not in seen:
        piece = sock.recv(65_536)
        if not piece:
            break
        seen += piece
    return seen


def test_request_is_recorded() -> None:
    with ScriptedUpstream() as up:
        up.answer(["a"])
        with connected(up) as sock:
            read_until(sock, b"\r\n0\r\n\r\n")
        request = up.wait_received()
        assert (request.method, request.path, request.json) == ("POST", "/v1/chat/completions", STREAM)
        assert request.headers["x-a"] == "b"
        while not request.answered:
            time.sleep(0.001)


def test_answer_is_openai_s_stream() -> None:
    with ScriptedUpstream() as up:
        up.answer(["Hel", "lo"])
        with connected(up) as sock:
            seen = read_until(sock, b"\r\n0\r\n\r\n").decode()
    assert seen.startswith("HTTP/1.1 200 ")
    assert seen.index('"content":"Hel"') < seen.index('"content":"lo"') < seen.index('"finish_reason":"stop"')
    assert seen.index('"prompt_tokens":7') < seen.index("data: [DONE]")


def test_usage_is_sent_to_who_asks_for_it() -> None:
    with ScriptedUpstream() as up:
        up.answer(["a"])
        with connected(up, {"stream": True}) as sock:
            assert b"prompt_tokens" not in read_until(sock, b"\r\n0\r\n\r\n")


def test_answer_is_one_document_for_who_wants_no_stream() -> None:
    with ScriptedUpstream() as up:
        up.answer(["Hel", "lo"])
        with connected(up, {}) as sock:
            body = read_until(sock, b'"total_tokens": 10}}').partition(b"\r\n\r\n")[2]
    assert json.loads(body)["choices"][0]["message"]["content"] == "Hello"


def test_gate_holds_every_token_but_the_first() -> None:
    with ScriptedUpstream() as up:
        up.answer(["T1", "T2", "T3"], gated=True)
        with connected(up) as sock:
            assert b"T2" not in read_until(sock, b"T1")
            up.release()
            assert b"T3" not in read_until(sock, b"T2")
            up.release()
            assert b"T3" in read_until(sock, b"[DONE]")


def test_releases_that_come_early_are_remembered() -> None:
    with ScriptedUpstream() as up:
        up.release(2)
        up.answer(["T1", "T2", "T3"], gated=True)
        with connected(up) as sock:
            assert b"T3" in read_until(sock, b"[DONE]")


def test_open_gate_holds_nothing() -> None:
    with ScriptedUpstream() as up:
        up.gate.open()
        up.answer(["T1", "T2", "T3"], gated=True)
        with connected(up) as sock:
            assert b"T3" in read_until(sock, b"[DONE]")


def test_gates_of_their_own_do_not_meet() -> None:
    with ScriptedUpstream() as up:
        first, second = up.new_gate(), up.new_gate()
        up.answer(["T1", "T2"], gate=first)
        up.answer(["T1", "T2"], gate=second)
        with connected(up) as a:
            read_until(a, b"T1")
            with connected(up) as b:
                read_until(b, b"T1")
                second.release()
                read_until(b, b"T2")
                first.release()
                read_until(a, b"T2")


async def test_moment_of_the_client_s_going_is_known() -> None:
    async with ScriptedUpstream() as up:
        up.play(Ending.HANG)
        with connected(up):
            request = await up.received()
            assert request.closed_at_s is None
            left_at_s = time.monotonic()
        assert 0 <= await up.closed(request) - left_at_s < 0.5


async def test_waiting_for_what_never_comes_ends() -> None:
    async with ScriptedUpstream() as up:
        up.play(Ending.HANG)
        with connected(up):
            request = await up.received()
            with pytest.raises(TimeoutError):
                await up.closed(request, timeout_s=0.01)
            with pytest.raises(TimeoutError):
                await up.received(1, timeout_s=0.01)
        await up.closed(request)


def test_closed_by_the_script_is_not_closed_by_the_client() -> None:
    with ScriptedUpstream() as up:
        up.answer(["a"], ending=Ending.CLOSE)
        with connected(up) as sock:
            assert b"[DONE]" not in read_until(sock, b"never")
        assert up.requests[0].broken_off
        assert up.requests[0].closed_at_s is None


def test_reset_tears_the_connection_down() -> None:
    with ScriptedUpstream() as up:
        up.play(Ending.RESET)
        with connected(up) as sock, pytest.raises(ConnectionResetError):
            sock.recv(1)


def test_split_bytes_are_chunks_of_their_own() -> None:
    with ScriptedUpstream() as up:
        up.answer(["a"], split_bytes=1)
        with connected(up) as sock:
            assert b"1\r\nd\r\n1\r\na\r\n1\r\nt\r\n1\r\na\r\n" in read_until(sock, b"\r\n0\r\n\r\n")


def test_scripts_are_taken_in_order_and_the_lasting_one_lasts() -> None:
    with ScriptedUpstream() as up:
        up.refuse(429, times=2)
        up.refuse(500, times=None)
        statuses = []
        for _ in range(5):
            with connected(up) as sock:
                statuses.append(read_until(sock, b"\r\n")[9:12])
    assert statuses == [b"429", b"429", b"500", b"500", b"500"]


def test_unscripted_request_says_so() -> None:
    with ScriptedUpstream() as up, connected(up) as sock:
        assert b"nothing is scripted for POST /v1/chat/completions" in read_until(sock, b'first"}}')


def test_one_connection_carries_many_requests() -> None:
    with ScriptedUpstream() as up:
        up.answer(["a"], times=2)
        with connected(up) as sock:
            read_until(sock, b"\r\n0\r\n\r\n")
            sock.sendall(request_bytes(STREAM))
            read_until(sock, b"\r\n0\r\n\r\n")
        assert (up.connections_made, len(up.requests)) == (1, 2)


def test_delay_is_kept() -> None:
    with ScriptedUpstream() as up:
        up.play(Delay(0.05), b"HTTP/1.1 200 OK\r\n\r\n")
        with connected(up) as sock:
            sent_at_s = time.monotonic()
            read_until(sock, b"\r\n\r\n")
        assert time.monotonic() - sent_at_s > 0.04


def test_reader_that_does_not_read_holds_the_script_back() -> None:
    with ScriptedUpstream() as up:
        up.play(*[b"x" * 65_536] * 1000)
        with connected(up):
            request = up.wait_received()
            assert not request.answered
        request.wait_closed()
        assert request.bytes_sent < 65_536_000


def test_stopping_closes_what_is_open() -> None:
    with ScriptedUpstream() as up:
        up.play(Ending.HANG)
        with connected(up) as sock:
            up.wait_received()
            up.stop()
            assert sock.recv(1) == b""
    assert not up._thread.is_alive()


def test_works_inside_any_loop() -> None:
    async def once(up: ScriptedUpstream) -> float:
        up.play(Ending.HANG)
        number = len(up.requests)
        with connected(up):
            request = await up.received(number)
        return await up.closed(request)

    with ScriptedUpstream() as up:
        assert asyncio.run(once(up)) < asyncio.run(once(up))
