"""An ASGI app that keeps its responses open and does nothing else: `python -m bench.idle_asgi`.

What an open stream costs in memory before anybody has done any work: uvicorn's connection, one task, one timer.
"""

from __future__ import annotations

import asyncio
from typing import Any

from bench import answers
from bench.asgi import serve

HEADERS = [(b"content-type", b"text/x-component")]
ROOT_ROW = b'0:{"output":{"type":"$Sui.streamable.value","curr":"","next":"$@1"}}\n'


async def app(scope: dict[str, Any], receive: Any, send: Any) -> None:
    assert scope["type"] == "http"
    body = (await receive()).get("body", b"")
    asked = answers.PROMPT.search(body)
    if asked is None:
        await send({"type": "http.response.start", "status": 404, "headers": []})
        await send({"type": "http.response.body", "body": b""})
        return
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    row = ROOT_ROW
    for number, text in enumerate(answers.texts(int(asked[1])), 1):
        row += b'%x:{"curr":"%b","next":"$@%x"}\n' % (number, text.encode(), number + 1)
        await send({"type": "http.response.body", "body": row, "more_body": True})
        row = b""
        await asyncio.sleep(int(asked[2]) / 1000)
    await send({"type": "http.response.body", "body": b"%x:{}\n" % (int(asked[1]) + 1)})


if __name__ == "__main__":
    serve(app)
