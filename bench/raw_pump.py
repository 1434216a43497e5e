"""The least that Python can do with the same HTTP client: `python -m bench.raw_pump`.

aiohttp → SSE split → typed decode → one Flight row per token → `send`; what one read delivered leaves in one write. No action,
no events, no log, no cancellation: the difference between this and ours is what the public API costs.
"""

from __future__ import annotations

import json
import os
from typing import Any

import aiohttp
import msgspec

from bench.asgi import serve

URL = os.environ.get("OPENAI_BASE_URL", "") + "/chat/completions"
HEADERS = [(b"content-type", b"text/x-component")]
ROOT_ROW = b'0:{"output":{"type":"$Sui.streamable.value","curr":"","next":"$@1"}}\n'

encode_text = msgspec.json.Encoder().encode


class Delta(msgspec.Struct, gc=False):
    content: str | None = None


class Choice(msgspec.Struct, gc=False):
    delta: Delta


class Chunk(msgspec.Struct, gc=False):
    choices: list[Choice]


decode = msgspec.json.Decoder(Chunk).decode
session: aiohttp.ClientSession | None = None


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    global session
    body = b""
    while True:
        message = await receive()
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    if scope["method"] != "POST":
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    # No limit: the usual one, of 100 connections, would let half of 200 streams wait for the others.
    session = session or aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    ask = {
        "model": "gpt-5.4-mini",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [{"role": "user", "content": json.loads(body)[0]}],
    }
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    rows = [ROOT_ROW]
    number = 1
    rest = b""
    async with session.post(URL, json=ask) as response:
        async for data in response.content.iter_any():
            *events, rest = (rest + data).split(b"\n\n")
            for event in events:
                if event == b"data: [DONE]":
                    break
                choices = decode(event[6:]).choices
                if choices and (text := choices[0].delta.content):
                    rows.append(b'%x:{"curr":%b,"next":"$@%x"}\n' % (number, encode_text(text), number + 1))
                    number += 1
            if rows:
                await send({"type": "http.response.body", "body": b"".join(rows), "more_body": True})
                rows.clear()
    await send({"type": "http.response.body", "body": b"%x:{}\n" % number})


if __name__ == "__main__":
    serve(app)
