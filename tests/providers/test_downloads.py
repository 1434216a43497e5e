"""Fetching files from addresses that strangers give: nothing but the public internet is ever reached."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest

from flightwire.core.downloads import Downloaded, DownloadRequest
from flightwire.errors import DownloadError
from flightwire.providers.downloads import Downloader, is_public

pytestmark = pytest.mark.anyio

PNG = b"\x89PNG\r\n\x1a\n" + b"x" * 100
Answer = Callable[[bytes], bytes]


def ok(body: bytes = PNG, media_type: str = "image/png", more: str = "") -> bytes:
    head = f"HTTP/1.1 200 OK\r\ncontent-type: {media_type}\r\ncontent-length: {len(body)}\r\n{more}\r\n"
    return head.encode() + body


def redirect(to: str, status: int = 302) -> bytes:
    return f"HTTP/1.1 {status} Found\r\nlocation: {to}\r\ncontent-length: 0\r\n\r\n".encode()


class Canary:
    """A server on the loopback interface that counts who came."""

    def __init__(self) -> None:
        self.hits = 0
        self.requests: list[bytes] = []
        self.answer: Callable[[bytes], bytes | None] = lambda _: ok()
        self.port = 0

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.hits += 1
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head)
            answer = self.answer(head)
            if answer is None:
                await reader.read()
            else:
                writer.write(answer)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Canary]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()


@pytest.fixture
async def canary() -> AsyncIterator[Canary]:
    async with Canary().serving() as running:
        yield running


async def fetch(url: str, *, media_type: str = "image/*", **options: Any) -> Any:
    downloader = Downloader(Downloaded, **options)
    (found,) = await downloader([DownloadRequest(url, False, media_type)])
    return found


def to_loopback(host: str, port: int) -> Any:
    async def answer() -> Sequence[str]:
        return ["127.0.0.1"]

    return answer()


OPEN: dict[str, Any] = {"resolve": to_loopback, "is_allowed": lambda address: True}

# Every way to write "this machine", "the machine next door" or "the cloud's metadata" that parsers have fallen for.
# {p} is the canary's port.
FORBIDDEN = [
    "http://127.0.0.1:{p}/",
    "http://127.0.0.2:{p}/",
    "http://127.255.255.254:{p}/",
    "http://127.1:{p}/",
    "http://127.0.1:{p}/",
    "http://127.000.000.001:{p}/",
    "http://2130706433:{p}/",
    "http://0x7f000001:{p}/",
    "http://0x7f.0x0.0x0.0x1:{p}/",
    "http://0x7f.1:{p}/",
    "http://017700000001:{p}/",
    "http://0177.0.0.1:{p}/",
    "http://0177.0.0.01:{p}/",
    "http://00000177.1:{p}/",
    "http://127.0.0.1.:{p}/",
    "http://0.0.0.0:{p}/",
    "http://0:{p}/",
    "http://0x0:{p}/",
    "http://localhost:{p}/",
    "http://LOCALHOST:{p}/",
    "http://localhost.:{p}/",
    "http://LocalHost.:{p}/",
    "http://a.localhost:{p}/",
    "http://localhost.localdomain:{p}/",
    "http://ip6-localhost:{p}/",
    "http://printer.local:{p}/",
    "http://metadata.google.internal:{p}/",
    "http://router.home.arpa:{p}/",
    "http://[::1]:{p}/",
    "http://[0:0:0:0:0:0:0:1]:{p}/",
    "http://[0000:0000:0000:0000:0000:0000:0000:0001]:{p}/",
    "http://[::]:{p}/",
    "http://[::1%25lo]:{p}/",
    "http://[::127.0.0.1]:{p}/",
    "http://[::7f00:1]:{p}/",
    "http://[::ffff:127.0.0.1]:{p}/",
    "http://[::ffff:7f00:1]:{p}/",
    "http://[0:0:0:0:0:ffff:127.0.0.1]:{p}/",
    "http://[::ffff:0:127.0.0.1]:{p}/",
    "http://[64:ff9b::127.0.0.1]:{p}/",
    "http://[64:ff9b::7f00:1]:{p}/",
    "http://[64:ff9b:1::7f00:1]:{p}/",
    "http://[64:ff9b::8.8.8.8]:{p}/",
    "http://[2002:7f00:1::]:{p}/",
    "http://[2002:7f00:0001::1]:{p}/",
    "http://[2001:0:7f00:1::]:{p}/",
    "http://[2001:db8::1]:{p}/",
    "http://[3fff::1]:{p}/",
    "http://[fe80::1]:{p}/",
    "http://[fe80::1%25eth0]:{p}/",
    "http://[fec0::1]:{p}/",
    "http://[fc00::1]:{p}/",
    "http://[fd00:ec2::254]:{p}/",
    "http://[ff02::1]:{p}/",
    "http://[5f00::1]:{p}/",
    "http://10.0.0.1:{p}/",
    "http://10.255.255.255:{p}/",
    "http://172.16.0.1:{p}/",
    "http://172.31.255.255:{p}/",
    "http://192.168.0.1:{p}/",
    "http://192.168.1.1:{p}/",
    "http://169.254.169.254/latest/meta-data/",
    "http://169.254.170.2/",
    "http://2852039166/latest/meta-data/",
    "http://0xa9fea9fe/",
    "http://100.64.0.1:{p}/",
    "http://100.100.100.200/",
    "http://100.127.255.255:{p}/",
    "http://192.0.0.1:{p}/",
    "http://192.0.2.1:{p}/",
    "http://192.88.99.1:{p}/",
    "http://198.18.0.1:{p}/",
    "http://198.19.255.255:{p}/",
    "http://198.51.100.1:{p}/",
    "http://203.0.113.1:{p}/",
    "http://224.0.0.1:{p}/",
    "http://239.255.255.250:{p}/",
    "http://240.0.0.1:{p}/",
    "http://255.255.255.255:{p}/",
    "http://\u24db\u24de\u24d2\u24d0\u24db\u24d7\u24de\u24e2\u24e3:{p}/",  # circled letters
    "http://\uff11\uff12\uff17.0.0.1:{p}/",  # full-width digits
    "http://127\u30020\u30020\u30021:{p}/",  # ideographic full stops
    "http://user@127.0.0.1:{p}/",
    "http://example.com@127.0.0.1:{p}/",
    "http://example.com:80@127.0.0.1:{p}/",
    "http://127.0.0.1:{p}#@example.com/",
    "http://127.0.0.1:{p}\\@example.com/",
    "http://example.com\\@127.0.0.1:{p}/",
    "http:127.0.0.1:{p}/",
    "http:///127.0.0.1:{p}/",
    "http://127.0.0.1\t:{p}/",
    " http://127.0.0.1:{p}/",
    "http://127.0.0.1:{p}\r\nx: y",
    "//127.0.0.1:{p}/",
    "ftp://127.0.0.1:{p}/",
    "gopher://127.0.0.1:{p}/",
    "file:///etc/passwd",
    "dict://127.0.0.1:{p}/",
    "jar:http://127.0.0.1:{p}!/",
    "javascript:alert(1)",
    "http://",
    "http://:{p}/",
    "http://[::1",
    "http://127.0.0.1:99999/",
    "",
]


def test_there_are_enough_of_them() -> None:
    assert len(set(FORBIDDEN)) >= 90


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_a_forbidden_address_is_never_reached(canary: Canary, url: str) -> None:
    with pytest.raises(DownloadError):
        await fetch(url.replace("{p}", str(canary.port)), timeout_s=5)
    assert canary.hits == 0


@pytest.mark.parametrize("url", FORBIDDEN)
async def test_a_redirect_to_a_forbidden_address_is_not_followed(canary: Canary, url: str) -> None:
    target = url.replace("{p}", str(canary.port)).replace("\r", "").replace("\n", "").strip()
    canary.answer = lambda _: redirect(target)

    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["127.0.0.1"] if host == "attacker.example" else await really(host, port)

    # Only the first address is the attacker's own; what follows is looked at as ever.
    is_first = iter([True])
    with pytest.raises(DownloadError):
        await fetch(
            f"http://attacker.example:{canary.port}/",
            resolve=resolve,
            is_allowed=lambda address: next(is_first, False) or is_public(address),
            timeout_s=5,
        )
    assert canary.hits == 1


async def really(host: str, port: int) -> Sequence[str]:
    found = await asyncio.get_running_loop().getaddrinfo(host, port)
    return [str(each[4][0]) for each in found]


@pytest.mark.parametrize(
    "inside", ["127.0.0.1", "10.1.2.3", "169.254.169.254", "::1", "::ffff:127.0.0.1", "fe80::1%lo"]
)
@pytest.mark.parametrize("with_a_public_one", [True, False])
async def test_a_name_that_stands_for_an_inner_address_is_refused(
    canary: Canary, inside: str, with_a_public_one: bool
) -> None:
    async def resolve(host: str, port: int) -> Sequence[str]:
        return ["93.184.216.34", inside] if with_a_public_one else [inside]

    with pytest.raises(DownloadError, match="public internet"):
        await fetch(f"http://innocent.example:{canary.port}/", resolve=resolve)
    assert canary.hits == 0


async def test_a_name_is_resolved_once_and_the_connection_goes_there(canary: Canary) -> None:
    """DNS rebinding: the second answer would be the inner address."""
    answers = iter([["127.0.0.9"], ["127.0.0.1"], ["127.0.0.1"]])

    async def resolve(host: str, port: int) -> Sequence[str]:
        return next(answers)

    with pytest.raises(DownloadError):  # nobody listens at the first
        await fetch(
            f"http://rebinding.example:{canary.port}/",
            resolve=resolve,
            is_allowed=lambda address: str(address) == "127.0.0.9",
        )
    assert canary.hits == 0
    assert next(answers) == ["127.0.0.1"]


async def test_what_is_allowed_is_fetched(canary: Canary) -> None:
    found = await fetch(f"http://files.example:{canary.port}/a.png?token=1", **OPEN)
    assert found == Downloaded(PNG, "image/png")
    (head,) = canary.requests
    assert b"host: files.example" in head.lower()
    assert not any(word in head.lower() for word in (b"authorization", b"cookie", b"referer"))


async def test_what_the_model_fetches_itself_is_left_to_it(canary: Canary) -> None:
    downloader = Downloader(Downloaded, **OPEN)
    assert await downloader([DownloadRequest(f"http://x.example:{canary.port}/", True, "image/*")]) == [None]
    assert canary.hits == 0


async def test_three_redirects_are_followed_and_no_more(canary: Canary) -> None:
    def answer(times: int) -> Callable[[bytes], bytes]:
        left = iter(range(times))
        return lambda _: ok() if next(left, None) is None else redirect("/next")

    canary.answer = answer(3)
    assert (await fetch(f"http://x.example:{canary.port}/", **OPEN)).data == PNG
    canary.answer = answer(4)
    with pytest.raises(DownloadError, match="3 redirects"):
        await fetch(f"http://x.example:{canary.port}/", **OPEN)


async def test_credentials_in_a_redirect_are_refused(canary: Canary) -> None:
    canary.answer = lambda _: redirect(f"http://u:p@x.example:{canary.port}/")
    with pytest.raises(DownloadError, match="user name"):
        await fetch(f"http://x.example:{canary.port}/", **OPEN)


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        (ok(b"x" * 2000), "more than 1000 bytes"),
        (b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\n\r\n" + b"x" * 2000, "more than 1000 bytes"),
        (ok(b"<html>", "text/html"), "'text/html' where"),
        (ok(b"x", "application/json"), "'application/json' where"),
        (ok(b"x", more="content-encoding: gzip\r\n"), "compressed"),
        (b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", "status 404"),
        (b"HTTP/1.1 206 Partial\r\ncontent-length: 0\r\n\r\n", "status 206"),
        (b"HTTP/1.1 302 Found\r\ncontent-length: 0\r\n\r\n", "."),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "cannot be fetched"),
        (b"", "cannot be fetched"),
        (b"HTTP/1.1 200 OK\r\ncontent-type: image/png\r\ncontent-length: 99\r\n\r\nx", "cannot be fetched"),
    ],
)
async def test_what_is_no_such_file_is_refused(canary: Canary, answer: bytes, letter: str) -> None:
    canary.answer = lambda _: answer
    with pytest.raises(DownloadError, match=letter):
        await fetch(f"http://x.example:{canary.port}/?secret=1", max_bytes=1000, timeout_s=5, **OPEN)


async def test_a_file_that_does_not_come_is_given_up(canary: Canary) -> None:
    canary.answer = lambda _: None
    with pytest.raises(DownloadError, match=r"within 0\.05 s"):
        await fetch(f"http://x.example:{canary.port}/", timeout_s=0.05, **OPEN)


async def test_a_letter_never_shows_what_may_be_secret(canary: Canary) -> None:
    canary.answer = lambda _: b"HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n"
    with pytest.raises(DownloadError) as caught:
        await fetch(f"http://x.example:{canary.port}/a?key=s3cret", **OPEN)
    assert "s3cret" not in str(caught.value)
    with pytest.raises(DownloadError) as caught:
        await fetch("http://me:s3cret@x.example/")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "8.8.8.8", "1.1.1.1", "2606:4700::1111", "2a00:1450:4001::1"]
)
def test_public_addresses_are_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))
