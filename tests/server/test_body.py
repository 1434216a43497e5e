"""Request bodies: limits while they come, text, and forms as Chromium writes them."""

from __future__ import annotations

import asyncio
import base64
import json
import tracemalloc
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from time import process_time
from typing import Any

import pytest

from flightwire.errors import BodyTimeoutError, BodyTooLargeError, CallError, DecodeError
from flightwire.server.body import ClientDisconnected, parse_body, read_body
from flightwire.wire.flight.parts import FileField, TextField
from flightwire.wire.flight.reply import decode_call

pytestmark = pytest.mark.anyio

SPEC = Path(__file__).parents[2] / "spec" / "flight" / "reply_http_chromium.json"
CHROMIUM = json.loads(SPEC.read_text(encoding="utf-8"))["cases"]
TYPE = "multipart/form-data; boundary=XX"


class Client:
    """Sends a body in pieces; counts what was asked for."""

    def __init__(self, chunks: Iterable[bytes | None], *, then: str = "nothing") -> None:
        self.asked = 0
        self._chunks = iter(chunks)
        self._then = then

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        for chunk in self._chunks:
            return {"type": "http.request", "body": chunk, "more_body": True}
        if self._then == "end":
            return {"type": "http.request"}
        if self._then == "leave":
            return {"type": "http.disconnect"}
        return await asyncio.Event().wait()  # type: ignore[return-value]


async def read(client: Client, max_body_bytes: int = 10, **options: Any) -> bytes:
    return await read_body(client.receive, max_body_bytes=max_body_bytes, **options)


# --- reading -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", [[], [b""], [b"a"], [b"abc", b"", b"de"], [b"x"] * 10])
async def test_a_body_is_read_whole(chunks: list[bytes]) -> None:
    assert await read(Client(chunks, then="end")) == b"".join(chunks)


async def test_a_body_of_exactly_the_limit_is_read() -> None:
    assert await read(Client([b"x" * 10], then="end"), content_length="10") == b"x" * 10


@pytest.mark.parametrize("length", ["11", "99999999999999999999999", " 11", 11])
async def test_a_length_beyond_the_limit_is_refused_before_anything_is_read(length: Any) -> None:
    client = Client([b"x"], then="end")
    with pytest.raises(BodyTooLargeError, match="larger than 10 bytes"):
        await read(client, content_length=length)
    assert client.asked == 0


@pytest.mark.parametrize("length", ["", "-1", "1.5", "0x1", "٣", "1,1"])
async def test_a_length_that_is_no_number_is_refused(length: str) -> None:
    with pytest.raises(DecodeError, match="content-length"):
        await read(Client([], then="end"), content_length=length)


@pytest.mark.parametrize("length", [None, "3"])
async def test_a_body_without_length_or_with_a_lying_one_is_cut_at_the_limit(length: str | None) -> None:
    def endless() -> Iterable[bytes]:
        while True:
            yield b"xxx"

    client = Client(endless())
    with pytest.raises(BodyTooLargeError) as caught:
        await read(client, content_length=length)
    assert caught.value.status_code == 413
    assert client.asked == 4


async def test_a_body_that_comes_too_slowly_is_given_up() -> None:
    with pytest.raises(BodyTimeoutError, match=r"did not come within 0\.01 s") as caught:
        await read(Client([b"x"]), timeout_s=0.01)
    assert caught.value.status_code == 408


async def test_the_time_is_for_the_whole_body_not_for_each_piece() -> None:
    async def drip() -> dict[str, Any]:
        await asyncio.sleep(0.002)
        return {"type": "http.request", "body": b"x", "more_body": True}

    with pytest.raises(BodyTimeoutError):
        await read_body(drip, max_body_bytes=10_000, timeout_s=0.05)


@pytest.mark.parametrize("chunks", [[], [b"half"]])
async def test_a_client_that_leaves_is_noticed(chunks: list[bytes]) -> None:
    with pytest.raises(ClientDisconnected):
        await read(Client(chunks, then="leave"))


async def test_a_cancelled_read_is_cancelled_not_timed_out() -> None:
    task = asyncio.ensure_future(read(Client([])))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_body_in_single_bytes_costs_no_object_for_each() -> None:
    client = Client((b"x" for _ in range(200_000)), then="end")
    tracemalloc.start()
    try:
        await read(client, max_body_bytes=1 << 20)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 1_000_000


# --- text --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind", ["text/plain", "text/plain;charset=UTF-8", 'TEXT/PLAIN; charset="utf-8"', None, ""]
)
def test_text_is_text(kind: str | None) -> None:
    assert parse_body(kind, "é😀\r\n\0".encode()) == "é😀\r\n\0"


@pytest.mark.parametrize("raw", [b"\xff", b"\xed\xa0\x80", b"\xc0\x80", b"\xf0\x9f\x98"])
def test_text_that_is_not_utf8_is_refused(raw: bytes) -> None:
    with pytest.raises(DecodeError, match="The body is not UTF-8"):
        parse_body("text/plain", raw)


@pytest.mark.parametrize(
    "kind",
    [
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/mixed; boundary=XX",
        "text/plain; charset=utf-16",
        "text/html",
        ";",
        "multipart/form-data",
        "multipart/form-data; boundary=",
        'multipart/form-data; boundary=""',
        "multipart/form-data; boundary=" + "x" * 71,
        "x" * 100_000,
    ],
)
def test_other_content_types_are_refused(kind: str) -> None:
    with pytest.raises(DecodeError) as caught:
        parse_body(kind, b"[]")
    assert len(str(caught.value)) < 300


# --- forms -------------------------------------------------------------------------------------------------------


def form(*parts: bytes, end: bytes = b"--XX--\r\n") -> bytes:
    return b"".join(b"--XX\r\n" + part + b"\r\n" for part in parts) + end


def field(name: str | bytes, data: bytes = b"", *, more: bytes = b"", headers: bytes = b"") -> bytes:
    raw = name.encode() if isinstance(name, str) else name
    return b'Content-Disposition: form-data; name="' + raw + b'"' + more + b"\r\n" + headers + b"\r\n" + data


@pytest.mark.parametrize("case", CHROMIUM, ids=[case["name"] for case in CHROMIUM])
def test_chromiums_bodies_are_read_as_react_made_them(case: dict[str, Any]) -> None:
    parsed = parse_body(case["content_type"], base64.b64decode(case["body_base64"]))
    if isinstance(parsed, str):
        assert parsed == case["parts"]
        return
    seen = [[part.name, "<blob>" if isinstance(part, FileField) else part.text] for part in parsed]
    wanted = [[name, text if text == "<blob>" else in_a_form(text)] for name, text in case["parts"]]
    assert seen == wanted


def in_a_form(text: str) -> str:
    """Browsers turn every line end of a text field into CR LF (WHATWG HTML)."""
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "\r\n")


@pytest.mark.parametrize("case", CHROMIUM, ids=[case["name"] for case in CHROMIUM])
def test_chromiums_bodies_become_lists_of_arguments(case: dict[str, Any]) -> None:
    parsed = parse_body(case["content_type"], base64.b64decode(case["body_base64"]))
    assert isinstance(decode_call(parsed, resolve_reference=lambda reference: reference), list)


def test_a_file_keeps_name_type_and_bytes() -> None:
    case = next(case for case in CHROMIUM if case["name"] == "file_unicode_name")
    parsed = parse_body(case["content_type"], base64.b64decode(case["body_base64"]))
    assert parsed[0] == FileField("1", 'na"me é\n.txt', "text/plain", b"z")


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("a", "a"),
        ("", ""),
        ("é😀", "é😀"),
        ("%22%0D%0A%0d%0a", '"\r\n\r\n'),
        ("100%25", "100%25"),
        ("a\\b\\", "a\\b\\"),
        ("a; name=b", "a; name=b"),
        ("C:\\temp\\a.txt", "C:\\temp\\a.txt"),
    ],
)
def test_names_are_unescaped_as_browsers_escape_them(raw: str, name: str) -> None:
    more = f'; filename="{raw}"'.encode()
    assert parse_body(TYPE, form(field(raw, b"x"))) == [TextField(name, "x")]
    assert parse_body(TYPE, form(field(raw, b"x", more=more))) == [
        FileField(name, name, "application/octet-stream", b"x")
    ]


@pytest.mark.parametrize(
    "data", [b"", b"\r\n", b"--XX", b"\r\n--X", b"\n--XX\n", bytes(range(256)) * 10, b"-" * 10_000]
)
def test_bytes_of_files_come_through_whatever_they_are(data: bytes) -> None:
    headers = b"Content-Type: image/png\r\n"
    body = form(field("1", data, more=b'; filename="blob"', headers=headers))
    assert parse_body(TYPE, body) == [FileField("1", "blob", "image/png", data)]


def test_names_may_repeat_and_order_is_kept() -> None:
    parsed = parse_body(TYPE, form(field("S1", b"1"), field("0", b"[]"), field("S1", b"C")))
    assert [(part.name, part.text) for part in parsed] == [("S1", "1"), ("0", "[]"), ("S1", "C")]  # type: ignore[union-attr]


def test_an_empty_form_has_no_parts() -> None:
    assert parse_body(TYPE, form()) == []
    assert parse_body(TYPE, b"--XX--") == []


def test_other_clients_ways_of_writing_headers_are_read() -> None:
    part = b'content-type:text/plain\r\nCONTENT-DISPOSITION:  Form-Data;filename=blob;  name="1"\r\nX-Other: 1\r\n\r\nz'
    assert parse_body(TYPE, form(part)) == [FileField("1", "blob", "text/plain", b"z")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"--XX",
        b"--XX\r\n",
        form(field("0", b"[]"), end=b""),
        form(field("0", b"[]"), end=b"--XX"),
        form(field("0", b"[]"), end=b"--XY--\r\n"),
        b"before\r\n" + form(field("0", b"[]")),
        b"\r\n" + form(field("0", b"[]")),
        form(field("0", b"[]")) + b"after",
        form(field("0", b"[]")) + form(field("1", b"[]")),
        form(b"no header at all"),
        form(b"\r\nno name"),
        form(b"Content-Type: text/plain\r\n\r\nno name"),
        form(b"Content-Disposition: form-data\r\n\r\nno name"),
        form(b'Content-Disposition: attachment; name="0"\r\n\r\n'),
        form(b'Content-Disposition: form-data; name="0\r\n\r\n'),
        form(field("0", more=b'; name="1"')),
        form(field("0", more=b"; filename*=utf-8''a")),
        form(field("0", more=b"; size=1")),
        form(field("0", more=b"junk")),
        form(field("0", headers=b'Content-Disposition: form-data; name="1"\r\n')),
        form(field("0", headers=b"Content-Transfer-Encoding: base64\r\n")),
        form(field("0", headers=b"bad header\r\n")),
        form(field("0", headers=b": x\r\n")),
        form(field("0", headers=b"a: " + b"x" * 10_000 + b"\r\n")),
        form(field("0", headers=b"".join(b"h%d: x\r\n" % n for n in range(20)))),
        form(field(b"\xff")),
        form(field("0", b"\xff")),
        form(field("0", more=b'; filename="\xff"')),
    ],
)
def test_forms_that_no_browser_writes_are_refused(body: bytes) -> None:
    with pytest.raises(DecodeError) as caught:
        parse_body(TYPE, body)
    assert caught.value.status_code == 400
    assert len(str(caught.value)) < 300


def test_a_thousand_parts_are_read_and_not_one_more() -> None:
    parts = [field(str(n)) for n in range(1001)]
    assert len(parse_body(TYPE, form(*parts[:1000]))) == 1000
    with pytest.raises(DecodeError, match="more than 1000 parts"):
        parse_body(TYPE, form(*parts))
    with pytest.raises(DecodeError, match="more than 2 parts"):
        parse_body(TYPE, form(*parts[:3]), max_parts=2)


@pytest.mark.parametrize(
    "unit",
    [
        b"\r",
        b"\r\n",
        b"\r\n--X",
        b"\r\n--",
        b"-",
        b"\0",
        b"--XX\r\n",
        b"\r\n--XX\r\n",
        b"a: b\r\n",
        b'"; name="',
    ],
)
def test_hostile_forms_are_read_in_time_that_grows_with_their_size(unit: bytes) -> None:
    def cost(size: int) -> float:
        hostile = unit * (size // len(unit))
        bodies = [
            form(field("0", hostile, more=b'; filename="b"')),
            b"--XX\r\n" + hostile,
            form(field(hostile[:4000], b"")),
        ]
        began = process_time()
        for body in bodies:
            with suppress(CallError):
                parse_body(TYPE, body)
        return process_time() - began

    assert min(cost(1 << 20) for _ in range(3)) < 0.1
