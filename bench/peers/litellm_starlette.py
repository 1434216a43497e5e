# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "litellm==1.110.2",
#   "starlette==1.10.0",
#   "uvicorn==0.54.0",
#   "uvloop==0.23.0",
#   "httptools==0.9.0",
# ]
# [tool.bench]
# name = "LiteLLM + Starlette"
# wire = "ui-messages"
# is-slow = true
# ///
"""LiteLLM as a library, and a StreamingResponse."""

import json
from collections.abc import AsyncIterator

import litellm
from bench.asgi import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

litellm.telemetry = False


async def answer(prompt: str) -> AsyncIterator[str]:
    stream = await litellm.acompletion(
        model="openai/gpt-5.4-mini",
        messages=[{"role": "user", "content": prompt}],
        stream=True,
        stream_options={"include_usage": True},
    )
    async for chunk in stream:
        if chunk.choices and (text := chunk.choices[0].delta.content):
            yield f"data: {json.dumps({'type': 'text-delta', 'id': '0', 'delta': text})}\n\n"
    yield "data: [DONE]\n\n"


async def generate(request: Request) -> StreamingResponse:
    (prompt,) = await request.json()
    return StreamingResponse(answer(prompt), media_type="text/event-stream")


app = Starlette(routes=[Route("/", generate, methods=["POST"])])

if __name__ == "__main__":
    serve(app)
