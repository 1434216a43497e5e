"""Middleware: what it does to calls and answers, and that streams are closed through it."""

from __future__ import annotations

import random
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

import pytest

from flightwire.core.generate_text import generate_text
from flightwire.core.middleware import (
    LanguageModelMiddleware,
    add_tool_input_examples_middleware,
    default_instructions_middleware,
    default_settings_middleware,
    extract_json_middleware,
    extract_reasoning_middleware,
    simulate_streaming_middleware,
    wrap_language_model,
)
from flightwire.core.stream_text import stream_text
from flightwire.errors import InvalidArgumentError
from flightwire.events import (
    ProviderFinish,
    ProviderPart,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseMetadata,
    Source,
    StreamStart,
    TextDelta,
    TextEnd,
    TextStart,
    Usage,
)
from flightwire.messages import SystemMessage, UserMessage
from flightwire.providers import registry
from flightwire.providers.base import (
    LanguageModel,
    ModelCall,
    ModelResult,
    Reasoning,
    ResponseFormat,
    Text,
    ToolChoice,
    ToolSpec,
)
from flightwire.testing.models import ScriptedModel

from .npm import NpmAI

pytestmark = pytest.mark.anyio

CALL = ModelCall((UserMessage("Hi"),))


class PartsModel:
    """Answers with exactly these parts, one batch per delta."""

    provider, model_id = "parts", "parts-1"

    def __init__(self, texts: Sequence[Sequence[str]], *, ends: bool = True) -> None:
        self.texts = texts
        self.ends = ends

    async def stream(self, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
        yield [StreamStart()]
        for number, deltas in enumerate(self.texts):
            yield [TextStart(str(number))]
            for delta in deltas:
                yield [TextDelta(str(number), delta)]
            if self.ends:
                yield [TextEnd(str(number))]
        yield [ProviderFinish("stop", Usage())]

    async def generate(self, call: ModelCall) -> ModelResult:
        return ModelResult([Text("".join(deltas)) for deltas in self.texts], "stop", Usage())


async def parts_of(model: LanguageModel, call: ModelCall = CALL) -> list[ProviderPart]:
    return [part async for batch in model.stream(call) for part in batch]


async def told(model: LanguageModel) -> list[tuple[str, str]]:
    """Texts and reasoning of a stream."""
    kinds = (TextStart, TextDelta, TextEnd, ReasoningStart, ReasoningDelta, ReasoningEnd)
    return [
        (part.type, getattr(part, "text", "")) for part in await parts_of(model) if isinstance(part, kinds)
    ]


def joined(parts: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """The same with neighbouring deltas as one."""
    out: list[tuple[str, str]] = []
    for kind, text in parts:
        if out and out[-1][0] == kind and kind.endswith("delta"):
            out[-1] = (kind, out[-1][1] + text)
        else:
            out.append((kind, text))
    return out


# --- wrapping ----------------------------------------------------------------------------------------------------


class Named(LanguageModelMiddleware):
    """Writes its name before and after."""

    def __init__(self, name: str) -> None:
        self.name = name

    async def transform_params(self, call: ModelCall, **_: Any) -> ModelCall:
        return replace(call, stop_sequences=(*call.stop_sequences, self.name))

    async def wrap_generate(self, do_generate: Any, **_: Any) -> ModelResult:
        result = await do_generate()
        return replace(result, content=[*result.content, Text(self.name)])

    async def wrap_stream(self, do_stream: Any, **_: Any) -> AsyncGenerator[Sequence[ProviderPart], None]:
        yield [Source("url", self.name)]
        async for batch in do_stream():
            yield batch


async def test_the_first_middleware_is_the_outermost() -> None:
    inner = ScriptedModel(["x"])
    model = wrap_language_model(inner, [Named("a"), Named("b")])
    result = await generate_text(model=model, prompt="Hi")
    assert result.text == "xba"
    assert inner.calls[0].stop_sequences == ("a", "b")
    assert [part.id for part in await parts_of(model) if isinstance(part, Source)] == ["a", "b"]


async def test_one_middleware_needs_no_list_and_nothing_overridden_lets_everything_pass() -> None:
    inner = ScriptedModel(["a", "b"])
    model = wrap_language_model(inner, LanguageModelMiddleware())
    assert await parts_of(model) == await parts_of(inner)
    assert await model.generate(CALL) == await inner.generate(CALL)
    assert (model.provider, model.model_id) == ("scripted", "scripted")


async def test_names_can_be_overridden() -> None:
    class Renamed(LanguageModelMiddleware):
        def override_provider(self, model: LanguageModel) -> str:
            return f"my-{model.provider}"

        def override_model_id(self, model: LanguageModel) -> str:
            return "fast"

    model = wrap_language_model(ScriptedModel(), Renamed())
    assert (model.provider, model.model_id) == ("my-scripted", "fast")
    model = wrap_language_model(ScriptedModel(), Renamed(), model_id="x", provider_id="y")
    assert (model.provider, model.model_id) == ("y", "x")


async def test_a_middleware_may_answer_without_the_model() -> None:
    class Cached(LanguageModelMiddleware):
        async def wrap_generate(self, do_generate: Any, **_: Any) -> ModelResult:
            return ModelResult([Text("cached")], "stop", Usage())

    inner = ScriptedModel()
    assert (await generate_text(model=wrap_language_model(inner, Cached()), prompt="Hi")).text == "cached"
    assert inner.calls == []


async def test_leaving_a_wrapped_stream_closes_the_model() -> None:
    inner = ScriptedModel()
    async with aclosing(wrap_language_model(inner, [Named("a"), Named("b")]).stream(CALL)) as stream:
        async for batch in stream:
            if any(isinstance(part, TextDelta) for part in batch):
                break
    assert (inner.open_streams, inner.left_early) == (0, 1)


async def test_a_failing_model_fails_through_middleware() -> None:
    inner = ScriptedModel(["a", ConnectionError("gone")])
    result = stream_text(model=wrap_language_model(inner, Named("a")), prompt="Hi")
    with pytest.raises(ConnectionError, match="gone"):
        await result.text
    assert inner.open_streams == 0


async def test_aborting_an_answer_closes_the_wrapped_model() -> None:
    inner = ScriptedModel(gated=True)
    async with stream_text(model=wrap_language_model(inner, Named("a")), prompt="Hi") as result:
        inner.release()
        async for _ in result.text_stream:
            break
    assert (inner.open_streams, inner.left_early) == (0, 1)


# --- calls -------------------------------------------------------------------------------------------------------


async def test_default_settings_fill_what_is_not_given() -> None:
    inner = ScriptedModel()
    settings = default_settings_middleware(
        {
            "temperature": 0.3,
            "max_output_tokens": 100,
            "stop_sequences": ["END"],
            "headers": {"a": "1", "b": "1"},
            "provider_options": {"openai": {"user": "u", "store": True}},
            "tool_choice": ToolChoice("none"),
            "response_format": ResponseFormat("json"),
        }
    )
    call = replace(
        CALL,
        temperature=0.0,
        headers={"b": "2"},
        provider_options={"openai": {"store": False}, "x": {"y": 1}},
    )
    await wrap_language_model(inner, settings).generate(call)
    assert inner.calls == [
        replace(
            CALL,
            temperature=0.0,
            max_output_tokens=100,
            stop_sequences=["END"],
            headers={"a": "1", "b": "2"},
            provider_options={"openai": {"user": "u", "store": False}, "x": {"y": 1}},
            tool_choice=ToolChoice("none"),
            response_format=ResponseFormat("json"),
        )
    ]


def test_an_unknown_default_setting_is_refused() -> None:
    with pytest.raises(InvalidArgumentError, match="'temprature'"):
        default_settings_middleware({"temprature": 1})  # type: ignore[typeddict-unknown-key]


async def test_default_instructions_come_first_unless_there_are_some() -> None:
    inner = ScriptedModel()
    model = wrap_language_model(inner, default_instructions_middleware("Be brief."))
    await model.generate(CALL)
    with_own = replace(CALL, messages=(SystemMessage("Be long."), UserMessage("Hi")))
    await model.generate(with_own)
    assert inner.calls[0].messages == (SystemMessage("Be brief."), UserMessage("Hi"))
    assert inner.calls[1] == with_own


async def test_examples_of_inputs_are_written_into_descriptions() -> None:
    tool = ToolSpec(
        "weather", {"type": "object"}, "Tells.", input_examples=[{"city": "Bonn"}, {"city": "Köln"}]
    )
    bare = ToolSpec("time", {"type": "object"})
    inner = ScriptedModel()
    model = wrap_language_model(inner, add_tool_input_examples_middleware())
    await model.generate(replace(CALL, tools=(tool, bare)))
    described = 'Tells.\n\nInput Examples:\n{"city":"Bonn"}\n{"city":"Köln"}'
    assert inner.calls[0].tools == (replace(tool, description=described, input_examples=()), bare)


async def test_examples_can_be_written_otherwise_and_kept() -> None:
    tool = ToolSpec("weather", {"type": "object"}, input_examples=[{"city": "Bonn"}])
    inner = ScriptedModel()
    middleware = add_tool_input_examples_middleware(
        prefix="E.g.", format=lambda example, number: f"{number}: {example['city']}", remove=False
    )
    await wrap_language_model(inner, middleware).generate(replace(CALL, tools=(tool,)))
    assert inner.calls[0].tools == (replace(tool, description="E.g.\n0: Bonn"),)


# --- answers -----------------------------------------------------------------------------------------------------


async def test_streaming_is_simulated_from_a_whole_answer() -> None:
    class Whole:
        provider = model_id = "whole"

        def stream(self, call: ModelCall) -> Any:
            raise AssertionError("cannot stream")

        async def generate(self, call: ModelCall) -> ModelResult:
            source = Source("url", "s")
            content = [Reasoning("Hm", {"p": {"s": 1}}), Text("Yes"), Text(""), source]
            return ModelResult(content, "stop", Usage(1, 2, 3), "end", response=ResponseMetadata("id"))

    assert await parts_of(wrap_language_model(Whole(), simulate_streaming_middleware())) == [
        StreamStart(),
        ResponseMetadata("id"),
        ReasoningStart("0", {"p": {"s": 1}}),
        ReasoningDelta("0", "Hm"),
        ReasoningEnd("0"),
        TextStart("1"),
        TextDelta("1", "Yes"),
        TextEnd("1"),
        Source("url", "s"),
        ProviderFinish("stop", Usage(1, 2, 3), "end"),
    ]


async def test_reasoning_between_tags_is_reasoning() -> None:
    model = wrap_language_model(
        ScriptedModel(["<thi", "nk>Hm", ".</th", "ink>Yes"]), extract_reasoning_middleware("think")
    )
    result = stream_text(model=model, prompt="Hi")
    assert await result.text == "Yes"
    assert await result.reasoning_text == "Hm."
    assert (await generate_text(model=model, prompt="Hi")).reasoning_text == "Hm."


async def test_what_only_looks_like_a_tag_is_text() -> None:
    model = wrap_language_model(PartsModel([["1 <", " 2 and <th"]]), extract_reasoning_middleware("think"))
    assert joined(await told(model)) == [
        ("text-start", ""),
        ("text-delta", "1 < 2 and <th"),
        ("text-end", ""),
    ]


async def test_reasoning_without_its_end_ends_with_the_text() -> None:
    model = wrap_language_model(PartsModel([["<think>Hm"]]), extract_reasoning_middleware("think"))
    assert await told(model) == [
        ("reasoning-start", ""),
        ("reasoning-delta", "Hm"),
        ("reasoning-end", ""),
        ("text-start", ""),
        ("text-end", ""),
    ]


async def test_reasoning_of_two_texts_has_ids_of_its_own() -> None:
    model = wrap_language_model(PartsModel([["<t>a</t>b"], ["<t>c</t>d"]]), extract_reasoning_middleware("t"))
    ids = [part.id for part in await parts_of(model) if isinstance(part, ReasoningStart)]
    assert ids == ["reasoning-0", "reasoning-1"]


async def test_a_text_that_was_left_open_loses_nothing() -> None:
    for middleware in (extract_reasoning_middleware("think"), extract_json_middleware()):
        model = wrap_language_model(PartsModel([["a <th"]], ends=False), middleware)
        assert joined(await told(model)) == [("text-start", ""), ("text-delta", "a <th")]


async def test_fences_are_taken_off() -> None:
    model = wrap_language_model(
        ScriptedModel(["``", "`json\n{", '"a":', "1}\n", "```\n"]), extract_json_middleware()
    )
    result = stream_text(model=model, prompt="Hi")
    assert [text async for text in result.text_stream] == ["{", '"a":', "1}"]
    assert (await generate_text(model=model, prompt="Hi")).text == '{"a":1}'


async def test_a_transform_of_ones_own_gets_the_whole_text() -> None:
    model = wrap_language_model(ScriptedModel(["a", "b"]), extract_json_middleware(transform=str.upper))
    assert [text async for text in stream_text(model=model, prompt="Hi").text_stream] == ["AB"]


def cut(rng: random.Random, text: str) -> list[str]:
    cuts = sorted(rng.sample(range(1, len(text)), k=rng.randrange(len(text)))) if len(text) > 1 else []
    return [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]


@pytest.mark.node
@pytest.mark.parametrize("starts", [False, True])
async def test_reasoning_is_extracted_as_in_the_original(npm_ai: NpmAI, starts: bool) -> None:
    rng = random.Random(starts)
    model_options = {"tagName": "t", "separator": "|", "startWithReasoning": starts}
    middleware = extract_reasoning_middleware("t", separator="|", start_with_reasoning=starts)
    for _ in range(120):
        pieces = rng.choices(
            ["<t>a</t>", "<t></t>", "b", " ", "c<d", "<t>x\ny</t>", "</t>"], k=rng.randrange(1, 6)
        )
        text = "".join(pieces)
        if starts and "</t>" not in text:
            text += "</t>."
        if not starts and text.startswith("</t>"):
            continue
        deltas = cut(rng, text)
        theirs = npm_ai.ask(
            do="middleware", name="extractReasoningMiddleware", options=model_options, texts=[deltas]
        )
        model = wrap_language_model(PartsModel([deltas]), middleware)
        ours = joined(await told(model))
        original = joined([tuple(part) for part in theirs["parts"]])
        if text.count("<t></t>") <= 1 and not (starts and text.startswith("<t>")):
            # A second empty block ends in the original without having begun.
            assert [part for part in ours if "delta" in part[0]] == [
                part for part in original if "delta" in part[0]
            ], deltas
        content = (await model.generate(CALL)).content
        assert [(block.type, getattr(block, "text", "")) for block in content] == [
            tuple(c) for c in theirs["content"]
        ]


@pytest.mark.node
async def test_fences_are_taken_off_as_in_the_original(npm_ai: NpmAI) -> None:
    rng = random.Random(5)
    starts, middles, ends = (
        ["```json\n", "```\n", "``", "", "```json ", "```py\n", " "],
        ["{}", "a `b` c", '{"x":"```"}', "\n\n"],
        ["\n```", "```", "\n```\n", "", "`", " \n"],
    )
    for _ in range(120):
        text = rng.choice(starts) + rng.choice(middles) + rng.choice(ends)
        deltas = cut(rng, text)
        theirs = npm_ai.ask(do="middleware", name="extractJsonMiddleware", options={}, texts=[deltas])
        model = wrap_language_model(PartsModel([deltas]), extract_json_middleware())
        assert joined(await told(model)) == joined([tuple(part) for part in theirs["parts"]]), deltas
        [block] = (await model.generate(CALL)).content
        assert isinstance(block, Text)
        assert ("text", block.text) == tuple(theirs["content"][0])


async def test_a_model_s_name_is_wrapped_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(registry._factories, "scripted", lambda _: ScriptedModel(["Hi"]))
    model = wrap_language_model("scripted/any", default_settings_middleware({"temperature": 0}))
    assert (await generate_text(model=model, prompt="Hi")).text == "Hi"
