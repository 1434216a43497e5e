# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "pydantic-ai-slim[openai]==2.68.0",
#   "starlette==1.10.0",
#   "uvicorn==0.54.0",
#   "uvloop==0.23.0",
#   "httptools==0.9.0",
# ]
# [tool.bench]
# name = "pydantic-ai, Vercel adapter"
# wire = "ui-messages"
# is-slow = true
# ///
"""pydantic-ai and its adapter for the AI SDK's `useChat`."""

import json

from bench.asgi import serve
from pydantic_ai import Agent
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.ui.vercel_ai import VercelAIAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

agent = Agent(OpenAIChatModel("gpt-5.4-mini"))


async def generate(request: Request) -> Response:
    (prompt,) = await request.json()
    message = {"id": "1", "role": "user", "parts": [{"type": "text", "text": prompt}]}
    body = json.dumps({"trigger": "submit-message", "id": "chat", "messages": [message]}).encode()
    adapter = VercelAIAdapter(agent=agent, run_input=VercelAIAdapter.build_run_input(body))
    return adapter.streaming_response(adapter.run_stream())


app = Starlette(routes=[Route("/", generate, methods=["POST"])])

if __name__ == "__main__":
    serve(app)
