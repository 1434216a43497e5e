"""OpenAI's dialect spoken to a server that nobody here wrote: llama.cpp's own, with a real model."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from flightwire.core.generate_text import generate_text
from flightwire.core.output import Output
from flightwire.core.stream_text import stream_text
from flightwire.errors import APICallError
from flightwire.events import ProviderFinish, TextDelta, ToolCall, ToolInputDelta, Usage
from flightwire.jsontypes import JSONObject
from flightwire.messages import (
    AssistantMessage,
    SystemMessage,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
    UserMessage,
)
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
from flightwire.testing import record, replay
from flightwire.toolchain.models import ensure_model

pytestmark = [pytest.mark.anyio, pytest.mark.model]

SERVER = """
import sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.n_ctx = 1024
params.n_parallel = 1
params.use_jinja = True
params.chat_template = sys.argv[2]
params.cpuparams.n_threads = 2
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()
"""

# The model's own template knows no tools, and then the server lets it answer anything. This one writes calls as
# Hermes and Qwen do.
TEMPLATE = """
{%- if tools %}
{{- '<|im_start|>system\\nCall functions within <tools></tools>:\\n<tools>' }}
{%- for tool in tools %}{{- '\\n' + (tool | tojson) }}{%- endfor %}
{{- '\\n</tools>\\nReturn <tool_call>\\n{"name": <name>, "arguments": <object>}\\n</tool_call><|im_end|>\\n' }}
{%- endif %}
{%- for message in messages %}
{{- '<|im_start|>' + message.role + '\\n' }}
{%- if message.content %}{{- message.content }}{%- endif %}
{%- for call in message.tool_calls or [] %}
{{- '\\n<tool_call>\\n{"name": "' + call.function.name + '", "arguments": ' }}
{{- call.function.arguments | tojson }}
{{- '}\\n</tool_call>' }}
{%- endfor %}
{{- '<|im_end|>\\n' }}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- endif %}
"""


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    command = [sys.executable, "-c", SERVER, str(ensure_model("smollm2")), TEMPLATE]
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
    schema: JSONObject = {
        "type": "object",
        "properties": {"ok": {"type": "boolean"}},
        "required": ["ok"],
        "additionalProperties": False,
    }
    call = ask("Is it ok?", max_output_tokens=60, response_format=ResponseFormat("json", schema))
    assert isinstance(json.loads(text_of(await model.generate(call)))["ok"], bool)


OBJECT: JSONObject = {
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
        # Without a call to copy, a model this small talks until its tokens are up, as the server's grammar lets it.
        (
            UserMessage("What is the weather in Oslo?"),
            AssistantMessage((ToolCallPart("c1", "weather", {"city": "Oslo"}),)),
            ToolMessage((ToolResultPart("c1", "weather", {"type": "text", "value": "sunny"}),)),
            UserMessage("What is the weather in Rome?"),
        ),
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


async def test_objects_come_whatever_api_is_asked_first(base_url: str) -> None:
    model = openai("smollm2", base_url=base_url)
    settings: dict[str, Any] = {"temperature": 0, "max_output_tokens": 200}
    result = await generate_text(model=model, prompt="Name a town.", output=Output.object(Town), **settings)
    assert isinstance(result.output, Town)


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


@pytest.fixture
def chat_model(base_url: str) -> LanguageModel:
    """Over chat completions: llama.cpp's Responses API does not keep to schemas."""
    return openai.chat("smollm2", base_url=base_url)


class Town(BaseModel):
    """A town."""

    name: str = Field(max_length=12)
    inhabitants: int = Field(ge=0, le=9999)
    river: Literal["Rhine", "Spree", "none"] = "none"


async def test_objects_are_typed_and_grow(chat_model: LanguageModel) -> None:
    result = stream_text(
        model=chat_model,
        prompt="Name a town.",
        output=Output.object(Town),
        max_output_tokens=200,
        temperature=0,
        provider_options=NO_CACHE,
    )
    partials = [partial async for partial in result.partial_output_stream]
    town = await result.output
    assert isinstance(town, Town)
    assert partials[0] == {}
    assert Town(**partials[-1]) == town


async def test_lists_come_element_by_element(chat_model: LanguageModel) -> None:
    output = Output.array(Literal["red", "green", "blue"], max_items=3)
    result = stream_text(
        model=chat_model,
        prompt="Colours?",
        output=output,
        max_output_tokens=200,
        temperature=0,
        provider_options=NO_CACHE,
    )
    elements = [element async for element in result.element_stream]
    assert elements == await result.output
    assert set(elements) <= {"red", "green", "blue"}


async def test_a_choice_is_one_of_the_options(chat_model: LanguageModel) -> None:
    output = Output.choice(["sunny", "rainy", "snowy"])
    result = await generate_text(
        model=chat_model,
        prompt="The weather?",
        output=output,
        max_output_tokens=200,
        temperature=0,
        provider_options=NO_CACHE,
    )
    assert result.output in ("sunny", "rainy", "snowy")


async def test_what_the_server_said_is_replayed_without_it(chat_model: LanguageModel, tmp_path: Path) -> None:
    async def read(asked: LanguageModel) -> list[str]:
        result = stream_text(model=asked, prompt="Say hi.", max_output_tokens=8, seed=1)
        return [text async for text in result.text_stream]

    with record(tmp_path / "hi.json"):
        live = await read(chat_model)
    nowhere = openai.chat("smollm2", base_url="http://127.0.0.1:9/v1")
    with replay(tmp_path / "hi.json"):
        assert await read(nowhere) == live
