"""OpenAI's dialect spoken to a server that nobody here wrote: llama.cpp's own, with a real model."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import pytest

from flightwire.errors import APICallError
from flightwire.events import ProviderFinish, TextDelta, ToolCall, ToolInputDelta, Usage
from flightwire.messages import SystemMessage, UserMessage
from flightwire.providers.base import (
    LanguageModel,
    ModelCall,
    ModelResult,
    ResponseFormat,
    Text,
    ToolChoice,
    ToolSpec,
)
from flightwire.providers.openai import openai
from flightwire.toolchain.models import ensure_model

pytestmark = [pytest.mark.anyio, pytest.mark.model]

SERVER = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx = 1024
params.n_parallel = 1
params.use_jinja = True
params.cpuparams.n_threads = 2
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    command = [sys.executable, "-c", SERVER, str(ensure_model("smollm2"))]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as server:
        assert server.stdout is not None
        lines = iter(server.stdout.readline, "")
        yield next(line.strip() for line in lines if line.startswith("http://")) + "/v1"
        server.kill()


@pytest.fixture
def model(base_url: str) -> LanguageModel:
    return openai.chat("smollm2", base_url=base_url)


# A prompt that is read from the cache is computed in other pieces, which may tip a close choice between two words.
NO_CACHE = {"openai": {"cache_prompt": False}}


def ask(text: str, **settings: Any) -> ModelCall:
    settings = {
        "provider_options": NO_CACHE,
        "temperature": 0.0,
        "seed": 1,
        "max_output_tokens": 8,
        "max_retries": 0,
        **settings,
    }
    return ModelCall((SystemMessage("You count."), UserMessage(text)), **settings)


def text_of(result: ModelResult) -> str:
    return "".join(block.text for block in result.content if isinstance(block, Text))


async def test_stream_and_whole_answer_are_the_same(model: LanguageModel) -> None:
    parts = [part async for batch in model.stream(ask("Say hello.")) for part in batch]
    whole = await model.generate(ask("Say hello."))
    finish = parts[-1]
    assert "".join(part.text for part in parts if isinstance(part, TextDelta)) == text_of(whole) != ""
    assert isinstance(finish, ProviderFinish)
    assert (finish.finish_reason, finish.usage.output_tokens) == ("length", 8)
    assert finish.usage.input_tokens == whole.usage.input_tokens
    assert isinstance(whole.usage, Usage)


async def test_stop_words_stop(model: LanguageModel) -> None:
    question = "Repeat: one two three four five"
    free = text_of(await model.generate(ask(question, max_output_tokens=30)))
    word = free.split()[2]
    stopped = await model.generate(ask(question, max_output_tokens=30, stop_sequences=(word,)))
    assert text_of(stopped) == free[: free.index(word)]
    assert stopped.finish_reason == "stop"


async def test_schema_is_kept(model: LanguageModel) -> None:
    schema = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": False,
    }
    call = ask("Is it ok?", max_output_tokens=60, response_format=ResponseFormat("json", schema))
    assert isinstance(json.loads(text_of(await model.generate(call)))["ok"], bool)


OBJECT = {
    "type": "object",
    "properties": {"city": {"type": "string", "enum": ["Rome", "Oslo"]}},
    "required": ["city"],
    "additionalProperties": False,
}


async def test_streamed_schema_is_kept(model: LanguageModel) -> None:
    call = ask("Which city?", max_output_tokens=40, response_format=ResponseFormat("json", OBJECT))
    parts = [part async for batch in model.stream(call) for part in batch]
    text = "".join(part.text for part in parts if isinstance(part, TextDelta))
    assert json.loads(text)["city"] in ("Rome", "Oslo")


async def test_tool_that_must_be_called_is_called(base_url: str) -> None:
    from flightwire.providers.openai_compatible import llamacpp

    call = ModelCall(
        (UserMessage("What is the weather in Rome?"),),
        tools=(ToolSpec("weather", OBJECT, "Get the weather of a city."),),
        tool_choice=ToolChoice("required"),
        temperature=0.0,
        max_output_tokens=80,
        max_retries=0,
    )
    model = llamacpp("smollm2", base_url=base_url)
    parts = [part async for batch in model.stream(call) for part in batch]
    (made,) = [part for part in parts if isinstance(part, ToolCall)]
    finish = parts[-1]
    assert isinstance(finish, ProviderFinish)
    assert (made.tool_name, finish.finish_reason) == ("weather", "tool-calls")
    assert json.loads(str(made.input))["city"] in ("Rome", "Oslo")
    assert "".join(part.delta for part in parts if isinstance(part, ToolInputDelta)) == made.input
    whole = await model.generate(call)
    assert [block.tool_name for block in whole.content if isinstance(block, ToolCall)] == ["weather"]


async def test_server_is_found_out_whatever_api_it_knows(
    base_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", base_url)
    call = ModelCall((UserMessage("Say hello."),), temperature=0.0, max_output_tokens=4, max_retries=0)
    for model in (openai("smollm2", base_url=base_url), openai("smollm2")):
        parts = [part async for batch in model.stream(call) for part in batch]
        assert "".join(part.text for part in parts if isinstance(part, TextDelta))
        assert isinstance(parts[-1], ProviderFinish)


async def test_prompt_that_is_too_long_is_an_error_in_the_server_s_words(model: LanguageModel) -> None:
    with pytest.raises(APICallError, match="exceeds the available context size") as caught:
        async for _ in model.stream(ask("word " * 3000)):
            pass
    assert (caught.value.status_code, caught.value.is_retryable) == (400, False)


async def test_closed_stream_frees_the_only_slot(model: LanguageModel) -> None:
    words, started_at_s = 0, time.monotonic()
    async with aclosing(model.stream(ask("Tell a long story.", max_output_tokens=900))) as batches:
        async for batch in batches:
            words += sum(isinstance(part, TextDelta) for part in batch)
            if words >= 20:
                break
    closed_at_s = time.monotonic()
    await model.generate(ask("Say hello.", max_output_tokens=1))
    whole_story_s = (closed_at_s - started_at_s) / words * 900
    assert time.monotonic() - closed_at_s < whole_story_s / 3
