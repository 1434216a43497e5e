"""`python tls_program.py asyncio|uvloop CERT KEY`: a model behind TLS is read, and left in the middle; prints what was seen.

A process of its own, because the HTTP client reads SSL_CERT_FILE once.
"""

from __future__ import annotations

import asyncio
import json
import ssl
import sys

import uvloop

from flightwire import stream_text
from flightwire.providers.openai import openai

TOKENS = [f"{number:03} " for number in range(200)]
HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


def chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def event(**choice: object) -> bytes:
    return b"data: " + json.dumps({"choices": [{"index": 0, **choice}]}).encode() + b"\n\n"


class API:
    """Every second answer hangs after half of it."""

    def __init__(self) -> None:
        self.connections = 0
        self.closed = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                size = next(
                    line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
                )
                body = json.loads(await reader.readexactly(int(size.partition(b":")[2])))
                await self._answer(writer, hangs="hang" in json.dumps(body))
        except (asyncio.IncompleteReadError, ConnectionError):
            self.closed.set()
        finally:
            writer.close()

    async def _answer(self, writer: asyncio.StreamWriter, *, hangs: bool) -> None:
        writer.write(HEAD)
        for number, token in enumerate(TOKENS):
            if hangs and number == len(TOKENS) // 2:
                return
            data = chunk(event(delta={"content": token}))
            half = number % len(data) if number % 3 else 0  # some events come in two records
            for piece in (data[:half], data[half:]):
                writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0)
        writer.write(chunk(event(delta={}, finish_reason="stop")) + chunk(b"data: [DONE]\n\n"))
        writer.write(b"0\r\n\r\n")
        await writer.drain()


async def main(cert: str, key: str) -> dict[str, object]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(cert, key)
    api = API()
    server = await asyncio.start_server(api.serve, "127.0.0.1", 0, ssl=context)
    model = openai.chat(
        "m", base_url=f"https://localhost:{server.sockets[0].getsockname()[1]}/v1", api_key="k"
    )
    wholes = []
    for _ in range(2):
        deltas = [text async for text in stream_text(model=model, prompt="all of it").text_stream]
        wholes.append(deltas == TOKENS)
    together = await asyncio.gather(*(stream_text(model=model, prompt="x").text for _ in range(8)))
    some = 0
    async with stream_text(model=model, prompt="hang") as result:
        async for _ in result.text_stream:
            some += 1
            if some == len(TOKENS) // 2:
                break
    await asyncio.wait_for(api.closed.wait(), 5)
    connections_of_two = api.connections - 8
    server.close()
    return {
        "whole": wholes,
        "together": [text == "".join(TOKENS) for text in together],
        "some": some,
        "more connections than calls at once": connections_of_two > 0,
    }


if __name__ == "__main__":
    factory = uvloop.new_event_loop if sys.argv[1] == "uvloop" else asyncio.new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        print(json.dumps(runner.run(main(sys.argv[2], sys.argv[3]))))
