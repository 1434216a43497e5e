"""The model API that every server under test reads from: `python -m bench.upstream`.

Owns: a chat completions endpoint that costs little, so that it is never what is measured. Refuses to know: who asks.

The prompt says how many tokens and how fast (`bench.answers.prompt`). `GET /times/NAME` gives when each token of a
paced answer was written, in nanoseconds of the monotonic clock, which all processes of a machine share.
"""

from __future__ import annotations

import asyncio
import json
import time
from functools import lru_cache
from typing import cast

from bench import answers

HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ncache-control: no-store\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)

TIMES_NS: dict[str, list[int]] = {}  # of paced answers, until they are asked for


def chunk(data: bytes) -> bytes:
    """One chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


@lru_cache(maxsize=8)
def whole_answer(tokens: int, *, as_object: bool = False) -> bytes:
    """The body at once, several events to a chunk, as proxies join them when they come fast."""
    return joined(answers.object_events(tokens) if as_object else answers.events(tokens))


def joined(events: list[bytes]) -> bytes:
    """A body of these events."""
    step = answers.CHUNK_EVENTS
    chunks = (b"".join(events[at : at + step]) for at in range(0, len(events), step))
    return b"".join(map(chunk, chunks)) + b"0\r\n\r\n"


class Upstream(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        self.received = b""
        self.transport: asyncio.Transport
        self.timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own is no subclass

    def connection_lost(self, exc: Exception | None) -> None:
        if self.timer is not None:
            self.timer.cancel()

    def data_received(self, data: bytes) -> None:
        self.received += data
        head, found, rest = self.received.partition(b"\r\n\r\n")
        if not found or len(rest) < content_length(head):
            return
        self.received = b""
        if head.startswith(b"GET /times/"):
            name = head.split(b" ", 2)[1].removeprefix(b"/times/").decode()
            self.answer_json(TIMES_NS.pop(name, []))
        else:
            self.answer(rest)

    def answer(self, body: bytes) -> None:
        asked = answers.PROMPT.search(body)
        if asked is None:
            self.answer_json(
                {"error": {"message": "the prompt is not one of bench.answers.prompt"}}, b"400 Bad Request"
            )
            return
        tokens, interval_ms, name = int(asked[1]), int(asked[2]), asked[3].decode()
        tool = answers.TOOL.search(body)
        if tool is not None and answers.TOOL_ANSWER.search(body) is None:
            self.transport.write(HEAD + joined(answers.tool_events(tool[1].decode())))
        elif interval_ms == 0:
            self.transport.write(HEAD + whole_answer(tokens, as_object=b'"json_schema"' in body))
        else:
            self.pace(answers.events(tokens), interval_ms / 1000, name)

    def pace(self, events: list[bytes], interval_s: float, name: str) -> None:
        """Write the role at once, then a token per tick of a clock that does not drift, the rest after the last."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        times = TIMES_NS.setdefault(name, [])
        last = len(events) - 4
        self.transport.write(HEAD + chunk(events[0]))

        def tick(number: int) -> None:
            if number > last:
                self.transport.write(b"".join(map(chunk, events[number:])) + b"0\r\n\r\n")
                return
            times.append(time.monotonic_ns())
            self.transport.write(chunk(events[number]))
            self.timer = loop.call_at(began_s + number * interval_s, tick, number + 1)

        tick(1)

    def answer_json(self, body: object, status: bytes = b"200 OK") -> None:
        data = json.dumps(body).encode()
        head = b"HTTP/1.1 %b\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % (
            status,
            len(data),
        )
        self.transport.write(head + data)


def content_length(head: bytes) -> int:
    """The announced length of a request's body."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(Upstream, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
