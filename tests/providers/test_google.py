"""Google's models: calls become its JSON, and come back over a real socket."""

from __future__ import annotations

import json
from contextlib import aclosing
from typing import Any

import pytest

from flightwire.errors import (
    APICallError,
    InvalidArgumentError,
    LoadAPIKeyError,
    UnsupportedFunctionalityError,
)
from flightwire.events import StreamStart, TextDelta
from flightwire.messages import FilePart, ImagePart, MessageLike, TextPart, UserMessage, to_messages
from flightwire.providers.base import (
    LanguageModel,
    ModelCall,
    ProviderToolSpec,
    ResponseFormat,
    Text,
    ToolChoice,
    ToolSpec,
)
from flightwire.providers.google import google
from flightwire.providers.google.gemini import gemini
from flightwire.providers.google.request import write_request
from flightwire.providers.registry import default_model, resolve
from flightwire.testing.upstream import ScriptedUpstream
from flightwire.testing.upstream_script import document
from tests.providers import google_samples as samples

SCHEMA = {"type": "object", "properties": {"a": {"const": 1}}, "required": ["a"]}
WEATHER = ToolSpec("get_weather", SCHEMA, "Get the weather")
HI = UserMessage("Hi")


def ask(*messages: MessageLike, **settings: Any) -> ModelCall:
    options = settings.pop("options", None)
    own = {"google": options} if options else None
    return ModelCall(to_messages(messages or [HI]), provider_options=own, **settings)


def body(*messages: MessageLike, model: str = "gemini-2.5-flash", **settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(write_request(ask(*messages, **settings), model).request.encode())
    return found


def warned(
    *messages: MessageLike, model: str = "gemini-2.5-flash", **settings: Any
) -> list[tuple[str, str | None]]:
    request = write_request(ask(*messages, **settings), model).request
    return [(warning.type, warning.feature) for warning in request.warnings]


def config(**settings: Any) -> dict[str, Any]:
    found: dict[str, Any] = body(**settings)["generationConfig"]
    return found


# --- requests ----------------------------------------------------------------------------------------------------


def test_settings_have_googles_names() -> None:
    found = config(max_output_tokens=9, temperature=0, top_k=1, top_p=0.5, stop_sequences=["x"], seed=3)
    assert found == {
        "maxOutputTokens": 9, "temperature": 0, "topK": 1, "topP": 0.5, "stopSequences": ["x"], "seed": 3
    }  # fmt: skip


def test_penalties_are_left_out_where_they_are_refused() -> None:
    assert warned(frequency_penalty=1) == [("unsupported", "frequency_penalty")]
    assert config(model="gemini-3.5-flash", frequency_penalty=1) == {"frequencyPenalty": 1}


@pytest.mark.parametrize(
    ("model", "reasoning", "thinking"),
    [
        ("gemini-2.5-flash", "none", {"thinkingBudget": 0}),
        ("gemini-2.5-pro", "none", {"thinkingBudget": 128}),
        ("gemini-2.5-flash", "low", {"thinkingBudget": 6554}),
        ("gemini-2.5-flash", "xhigh", {"thinkingBudget": 24_576}),
        ("gemini-3.5-flash", "minimal", {"thinkingLevel": "minimal"}),
        ("gemini-3-pro-preview", "minimal", {"thinkingLevel": "low"}),
        ("gemini-3-pro-preview", "none", {"thinkingLevel": "low"}),
        ("gemini-4-hydrogen", "xhigh", {"thinkingLevel": "xhigh"}),
    ],
)
def test_reasoning_is_asked_for_as_the_model_takes_it(
    model: str, reasoning: Any, thinking: dict[str, Any]
) -> None:
    assert config(model=model, reasoning=reasoning)["thinkingConfig"] == thinking


def test_own_thinking_goes_before_reasoning_in_either_spelling() -> None:
    options = {"thinking_config": {"thinking_budget": 7, "include_thoughts": True}}
    assert config(options=options, reasoning="high")["thinkingConfig"] == {
        "thinkingBudget": 7,
        "includeThoughts": True,
    }


def test_constants_of_a_schema_are_enumerations_of_one() -> None:
    found = config(response_format=ResponseFormat("json", SCHEMA))
    assert found["responseMimeType"] == "application/json"
    assert found["responseJsonSchema"]["properties"] == {"a": {"enum": [1]}}


def test_json_beside_functions_is_the_input_of_one_in_older_models() -> None:
    asked: dict[str, Any] = {"tools": [WEATHER], "response_format": ResponseFormat("json", SCHEMA)}
    older = body(**asked)
    assert [f["name"] for f in older["tools"][0]["functionDeclarations"]] == ["get_weather", "json"]
    assert older["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}
    assert "responseJsonSchema" in body(model="gemini-3.5-flash", **asked)["generationConfig"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(), {"mode": "AUTO"}),
        (ToolChoice("none"), {"mode": "NONE"}),
        (ToolChoice("required"), {"mode": "ANY"}),
        (ToolChoice("tool", "get_weather"), {"mode": "ANY", "allowedFunctionNames": ["get_weather"]}),
    ],
)
def test_choice_of_tools(choice: ToolChoice, expected: dict[str, Any]) -> None:
    assert body(tools=[WEATHER], tool_choice=choice)["toolConfig"]["functionCallingConfig"] == expected


def test_own_tools_go_beside_functions_in_newer_models_only() -> None:
    tools = [WEATHER, google.tools.google_search()]
    assert body(tools=tools)["tools"] == [{"googleSearch": {}}]
    assert warned(tools=tools)[0][0] == "unsupported"
    assert len(body(model="gemini-3.5-flash", tools=tools)["tools"]) == 2


def test_every_tool_of_googles_is_written() -> None:
    needed: dict[str, Any] = {
        "file_search": {"file_search_store_names": ["s"]},
        "vertex_rag_store": {"rag_corpus": "c"},
    }
    for name in (name for name in dir(google.tools) if not name.startswith("_")):
        tool = getattr(google.tools, name)(**needed.get(name, {}), name="mine")
        assert (len(body(tools=[tool])["tools"]), tool.name) == (1, "mine")


def test_tools_of_others_and_for_newer_models_are_warned_of() -> None:
    assert warned(tools=[ProviderToolSpec("openai.web_search", "w", {})])[0][0] == "unsupported"
    assert warned(model="gemini-1.5-pro", tools=[google.tools.google_search()])[0][0] == "unsupported"


def test_instructions_stand_apart_except_for_gemma() -> None:
    system = {"role": "system", "content": "Be nice."}
    assert body(system, HI)["systemInstruction"] == {"parts": [{"text": "Be nice."}]}
    gemma = body(system, HI, model="gemma-3-27b-it")
    assert "systemInstruction" not in gemma
    assert gemma["contents"][0]["parts"][0] == {"text": "Be nice.\n\n"}


def test_instructions_in_the_middle_are_refused() -> None:
    with pytest.raises(UnsupportedFunctionalityError, match=r"messages\[1\] holds instructions"):
        body(HI, {"role": "system", "content": "x"})


def test_files_are_sent_or_named() -> None:
    parts = (
        ImagePart(b"\x89PNG\r\n\x1a\n"),
        FilePart("https://youtu.be/abc", "video/mp4", None, {"google": {"video_metadata": {"fps": 1}}}),
        FilePart({"google": "https://g/files/1"}, "application/pdf"),
        TextPart("x"),
    )
    found = body(UserMessage(parts))["contents"][0]["parts"]
    assert found[0]["inlineData"]["mimeType"] == "image/png"
    assert found[1] == {
        "fileData": {"mimeType": "video/mp4", "fileUri": "https://youtu.be/abc"},
        "videoMetadata": {"fps": 1},
    }
    assert found[2]["fileData"]["fileUri"] == "https://g/files/1"


def history(output: dict[str, Any], signature: str | None = None) -> list[MessageLike]:
    options = {"google": {"thoughtSignature": signature}} if signature else None
    made = {"type": "tool-call", "toolCallId": "1", "toolName": "t", "input": {}, "providerOptions": options}
    result = {"type": "tool-result", "toolCallId": "1", "toolName": "t", "output": output}
    return [HI, {"role": "assistant", "content": [made]}, {"role": "tool", "content": [result]}]


def test_signatures_go_back_and_lost_ones_are_told() -> None:
    output = {"type": "text", "value": "x"}
    signed = body(*history(output, "s"), model="gemini-3.5-flash")["contents"][1]["parts"][0]
    lost = body(*history(output), model="gemini-3.5-flash")["contents"][1]["parts"][0]
    assert (signed["thoughtSignature"], lost["thoughtSignature"]) == ("s", "skip_thought_signature_validator")
    assert warned(*history(output), model="gemini-3.5-flash") == [("other", None)]
    assert "thoughtSignature" not in body(*history(output))["contents"][1]["parts"][0]


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ({"type": "text", "value": "x"}, {"name": "t", "content": "x"}),
        ({"type": "json", "value": {"a": 1}}, {"name": "t", "content": {"a": 1}}),
        ({"type": "json", "value": {"$ref": 1}}, {"name": "t", "content": '{"$ref":1}'}),
        ({"type": "error-text", "value": "no"}, {"name": "t", "error": "no"}),
        ({"type": "execution-denied"}, {"name": "t", "error": "Tool call execution denied."}),
    ],
)
def test_results_are_answers_of_functions(output: dict[str, Any], answer: dict[str, Any]) -> None:
    found = body(*history(output))["contents"][2]["parts"][0]["functionResponse"]
    assert (found["id"], found["name"], found["response"]) == ("1", "t", answer)


def test_options_become_fields_and_unknown_ones_go_through() -> None:
    found = body(options={"threshold": "OFF", "cached_content": "c", "newField": 1})
    assert (len(found["safetySettings"]), found["cachedContent"], found["newField"]) == (4, "c", 1)


@pytest.mark.parametrize("model", ["gemini-9-ultra", "gemini-pro-latest", "models/gemini-3-flash"])
def test_models_nobody_knows_are_taken_for_new(model: str) -> None:
    assert gemini(model).is_third


# --- over a real socket ------------------------------------------------------------------------------------------


def model_at(upstream: ScriptedUpstream, **options: Any) -> LanguageModel:
    return google("gemini-2.5-flash", base_url=upstream.base_url, **options)


def data_of(events: tuple[bytes, ...]) -> list[bytes]:
    return [one.removeprefix(b"data: ").rstrip() for one in events]


@pytest.mark.anyio
async def test_answer_streams_from_a_real_socket(upstream: ScriptedUpstream) -> None:
    upstream.events(*data_of(samples.PLAIN))
    async with aclosing(model_at(upstream, api_key="k").stream(ask(max_retries=0))) as batches:
        parts = [part async for batch in batches for part in batch]
    assert isinstance(parts[0], StreamStart)
    assert "".join(part.text for part in parts if isinstance(part, TextDelta)) == "Hello wörld 😀"
    request = await upstream.received()
    assert request.path.endswith("/models/gemini-2.5-flash:streamGenerateContent?alt=sse")
    assert (request.headers["x-goog-api-key"], "authorization" in request.headers) == ("k", False)


@pytest.mark.anyio
async def test_answer_at_once(upstream: ScriptedUpstream) -> None:
    upstream.play(*document(json.dumps(samples.chunk(samples.text("Hello"), finishReason="STOP")).encode()))
    result = await model_at(upstream).generate(ask(max_retries=0))
    assert (result.content, result.response.id) == ([Text("Hello")], "r1")
    assert (await upstream.received()).path.endswith("/models/gemini-2.5-flash:generateContent")


@pytest.mark.anyio
async def test_refusal_names_the_variable_and_hides_the_key(upstream: ScriptedUpstream) -> None:
    error = {"error": {"code": 403, "message": "bad key k-123", "status": "PERMISSION_DENIED"}}
    upstream.play(*document(json.dumps(error).encode(), status=403))
    with pytest.raises(APICallError, match="GOOGLE_GENERATIVE_AI_API_KEY") as caught:
        await model_at(upstream, api_key="k-123").generate(ask(max_retries=0))
    assert "k-123" not in str(caught.value)


@pytest.mark.anyio
async def test_leaving_closes_the_connection(upstream: ScriptedUpstream) -> None:
    gate = upstream.new_gate()
    upstream.events(*data_of(samples.PLAIN[:2]), gate, *data_of(samples.PLAIN[2:]))
    async with aclosing(model_at(upstream).stream(ask())) as batches:
        await anext(batches)
    assert await upstream.closed(await upstream.received()) is not None


@pytest.mark.anyio
async def test_without_a_key_nothing_is_sent() -> None:
    with pytest.raises(LoadAPIKeyError, match="GOOGLE_GENERATIVE_AI_API_KEY"):
        await google("gemini-3.5-flash").generate(ask())


def test_what_cannot_work_is_refused_when_the_model_is_made() -> None:
    with pytest.raises(InvalidArgumentError):
        google("gemini-3.5-flash", base_url="ftp://x")
    with pytest.raises(InvalidArgumentError, match="needs a name"):
        google("")


def test_registry_knows_it_and_takes_it_when_it_has_the_only_key(monkeypatch: pytest.MonkeyPatch) -> None:
    model: Any = resolve("google/gemini-3.5-flash")
    assert (model.provider, "image/png" in model.supported_urls) == ("google.generative-ai", True)
    monkeypatch.setenv("GEMINI_API_KEY", "k")
    found, reason = default_model()
    assert (found.provider, reason.partition(";")[0]) == (
        "google.generative-ai",
        "because GEMINI_API_KEY is set",
    )


def test_anthropic_goes_before_google_and_openai_before_both(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable, provider in (("GEMINI", "google"), ("ANTHROPIC", "anthropic"), ("OPENAI", "openai")):
        monkeypatch.setenv(f"{variable}_API_KEY", "k")
        assert default_model()[0].provider.startswith(provider)
