# /// script
# requires-python = ">=3.12"
# dependencies = [
#   "ai[openai]==0.8.0",
#   "starlette==1.10.0",
#   "uvicorn==0.54.0",
#   "uvloop==0.23.0",
#   "httptools==0.9.0",
# ]
# [tool.bench]
# name = "Vercel's Python ai"
# wire = "ui-messages"
# is-slow = true
# ///
"""Vercel's AI SDK for Python, `ai.stream`, and its own stream of UI messages."""

import ai
from ai.providers.openai.protocol import OpenAIChatCompletionsProtocol
from ai.ui.ai_sdk import UI_MESSAGE_STREAM_HEADERS, to_sse
from bench.asgi import serve
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

# Chat completions, as all others here: by itself it asks OpenAI in the Responses API.
model = ai.get_model("openai:gpt-5.4-mini").with_protocol(OpenAIChatCompletionsProtocol())


async def answer(prompt: str):
    async with ai.stream(model, [ai.user_message(prompt)]) as stream:
        async for text in to_sse(stream):
            yield text


async def generate(request: Request) -> StreamingResponse:
    (prompt,) = await request.json()
    return StreamingResponse(
        answer(prompt), headers=UI_MESSAGE_STREAM_HEADERS, media_type="text/event-stream"
    )


app = Starlette(routes=[Route("/", generate, methods=["POST"])])

if __name__ == "__main__":
    serve(app)
