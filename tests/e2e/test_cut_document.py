"""A document that breaks off, or comes in two pieces, at any byte: the page is whole, or says that it is not."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from .conftest import Tab, built_server
from .running import Running

HOSTILE = "</script><!--<script> \\u2028\\u2029 ]]> &lt; é 😀"
PAGE = f"""\
import asyncio
from flightwire import Suspense, html


async def late(seconds: float) -> object:
    await asyncio.sleep(seconds)
    return html.p("late {HOSTILE}", html.b("x" * 1100))


async def page() -> object:
    waiting = [Suspense(late(each / 4), fallback=html.i("waiting")) for each in (1, 2)]
    return html.main(html.h1("first {HOSTILE}"), *waiting)
"""
SAID = "The page did not arrive whole. Reload it."
ENDED = """said => {
  const { textContent } = document.getElementById('root');
  return textContent === said || (document.querySelectorAll('p b').length === 2 && !textContent.includes('waiting'));
}"""


class Proxy:
    """Passes everything on, but the document as it was told to: in two pieces, or only the first of them."""

    def __init__(self, server: Running) -> None:
        host, _, port = server.url.removeprefix("http://").partition(":")
        self._server = (host, int(port))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        head, self.document = self._in_pieces()
        lines = [
            line
            for line in head.split(b"\r\n")[1:]
            if not line.lower().startswith((b"content-l", b"connection"))
        ]
        self._head = b"\r\n".join([b"HTTP/1.1 200 OK", *lines, b"connection: close", b""])
        self.at, self.is_cut = 0, False
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _in_pieces(self) -> tuple[bytes, bytes]:
        """A document whose rows came one after another; where the machine was busy, all may have been there at once."""
        for _ in range(20):
            answer = self._fetched(b"GET / HTTP/1.0\r\nhost: localhost\r\n\r\n")
            head, _, document = answer.partition(b"\r\n\r\n")
            if document.count(b"__flightwire_more") == 2:
                return head, document
        raise AssertionError(f"the document came whole, twenty times: {answer!r}")

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                threading.Thread(target=self._serve, args=self._listener.accept()[:1], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            asked = b""
            while b"\r\n\r\n" not in asked:
                asked += connection.recv(65536) or b"\r\n\r\n"
            if not asked.startswith(b"GET / "):
                asked = asked.replace(b"HTTP/1.1", b"HTTP/1.0", 1).replace(b"keep-alive", b"close")
                connection.sendall(self._fetched(asked))
                return
            length = b"content-length: %d\r\n\r\n" % len(self.document)
            connection.sendall(self._head + length + self.document[: self.at])
            if not self.is_cut:
                connection.sendall(self.document[self.at :])

    def _fetched(self, request: bytes) -> bytes:
        with socket.create_connection(self._server) as connection:
            connection.sendall(request)
            return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="module")
def proxy(app_folder: Callable[[dict[str, str]], Path]) -> Iterator[Proxy]:
    with built_server(app_folder({"page.py": PAGE, "actions.py": ""})) as server:
        proxy = Proxy(server)
        yield proxy
        proxy.close()


def places(document: bytes, step: int) -> list[int]:
    """Every so many bytes behind the script that loads the runtime, and around the ends of those that bring rows."""
    first = document.index(b"</script>", document.index(b"__flightwire_rows"))
    ends = [at + 9 for at in range(first, len(document)) if document.startswith(b"</script>", at)]
    around = [end + by for end in ends[2:] for by in (-1, 0, 1)]
    return sorted({*range(ends[1], len(document), step), *around})


def test_in_two_pieces_at_any_byte_the_page_is_whole(proxy: Proxy, tab: Tab) -> None:
    proxy.is_cut = False
    for at in places(proxy.document, 97):
        proxy.at = at
        tab.page.goto(proxy.url)
        tab.page.wait_for_function("() => document.querySelectorAll('p b').length === 2")
        assert (tab.page.locator("h1").text_content() or "").startswith("first </script><!--<script> ")
    assert tab.page.locator("i").count() == 0
    assert tab.errors == []


def test_cut_at_any_byte_the_page_says_so(proxy: Proxy, tab: Tab) -> None:
    proxy.is_cut = True
    said: list[bool] = []
    tab.page.clock.install()
    for at in places(proxy.document, 193):
        proxy.at = at
        tab.page.goto(proxy.url, wait_until="commit")
        # Where the end is heard of at once, what had come may be gone before anybody has looked.
        tab.page.locator("main").or_(tab.page.get_by_text(SAID)).first.wait_for()
        tab.page.clock.run_for(130_000)
        tab.page.wait_for_function(ENDED, arg=SAID)
        said.append(tab.page.get_by_text(SAID).count() == 1)
    assert said.count(True) > 3
    assert not said[-1]  # everything had come
