"""Providers made of providers, and models that stand in for each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from typing import Any

import pytest

import flightwire  # noqa: F401 # finds models by name
from flightwire.core.fallback import fallback, may_fall_back
from flightwire.core.generate_text import generate_text
from flightwire.core.middleware import default_instructions_middleware
from flightwire.core.provider_registry import create_provider_registry, custom_provider, wrap_provider
from flightwire.core.stream_text import stream_text
from flightwire.errors import (
    AbortError,
    APICallError,
    InvalidArgumentError,
    InvalidPromptError,
    LoadAPIKeyError,
    NoSuchModelError,
    NoSuchProviderError,
    RetryError,
)
from flightwire.events import Error, ProviderPart, StartStep, StreamStart, TextDelta, TextStart
from flightwire.providers import registry
from flightwire.providers.base import ModelCall
from flightwire.testing.models import ScriptedModel

pytestmark = pytest.mark.anyio


def refusal(status: int | None) -> APICallError:
    return APICallError("no", url="https://example.com", status_code=status)


# --- aliases and registries --------------------------------------------------------------------------------------


async def test_an_alias_is_a_name_that_model_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "_factories", dict(registry._factories))
    provider = custom_provider(language_models={"fast": ScriptedModel(["quick"]), "same": "mine/fast"})
    registry.register_provider("mine", provider)
    for name in ("mine/fast", "mine/same"):
        assert (await generate_text(model=name, prompt="Hi")).text == "quick"


def test_other_ids_go_to_the_fallback_provider() -> None:
    provider = custom_provider(
        language_models={"fast": ScriptedModel()},
        fallback_provider=lambda model_id: ScriptedModel(model_id=model_id),
    )
    assert provider("gpt-9").model_id == "gpt-9"
    assert provider.language_model("fast").model_id == "scripted"


def test_an_unknown_alias_names_those_there_are() -> None:
    with pytest.raises(NoSuchModelError, match="There are: fast, slow"):
        custom_provider(language_models={"slow": ScriptedModel(), "fast": ScriptedModel()})("medium")


@pytest.mark.parametrize("model_id", ["a:m:1", "a/m:1"])
def test_a_registry_divides_at_the_first_separator(model_id: str) -> None:
    providers = create_provider_registry({"a": lambda rest: ScriptedModel(model_id=rest)})
    assert providers.language_model(model_id).model_id == "m:1"


def test_a_registry_may_have_another_separator() -> None:
    providers = create_provider_registry({"a": lambda rest: ScriptedModel(model_id=rest)}, separator=" > ")
    assert providers("a > m/1").model_id == "m/1"
    with pytest.raises(NoSuchModelError, match="'provider > model'"):
        providers("a/m")
    with pytest.raises(InvalidArgumentError, match="separator"):
        create_provider_registry({}, separator="")


def test_an_unknown_provider_names_those_there_are() -> None:
    with pytest.raises(NoSuchProviderError, match="'b'") as caught:
        create_provider_registry({"a": ScriptedModel})("b:m")
    assert (caught.value.provider, caught.value.available_providers) == ("b", ("a",))


async def test_middleware_stands_around_every_model() -> None:
    inner = ScriptedModel()
    provider = custom_provider(language_models={"m": inner})
    middleware = default_instructions_middleware("Be brief.")
    registry_ = create_provider_registry({"a": provider}, language_model_middleware=middleware)
    for model in (registry_("a:m"), wrap_provider(provider, [middleware])("m")):
        await generate_text(model=model, prompt="Hi")
    assert [len(call.messages) for call in inner.calls] == [2, 2]


# --- fallbacks ---------------------------------------------------------------------------------------------------


class Failing:
    """Fails with an error, after some parts."""

    provider, model_id = "failing", "f"

    def __init__(
        self, error: Exception | None, parts: Sequence[ProviderPart] = (), *, as_part: bool = False
    ) -> None:
        self.error, self.parts, self.as_part = error, parts, as_part
        self.closed = 0

    async def stream(self, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
        try:
            yield [StreamStart()]
            yield self.parts
            if self.error is not None and self.as_part:
                yield [Error(self.error)]
            elif self.error is not None:
                raise self.error
        finally:
            self.closed += 1

    async def generate(self, call: ModelCall) -> Any:
        assert self.error is not None
        raise self.error


@pytest.mark.parametrize("as_part", [False, True])
async def test_the_next_model_answers_when_one_fails_before_its_first_token(as_part: bool) -> None:
    failing = Failing(refusal(503), [TextStart("0"), TextDelta("0", "")], as_part=as_part)
    result = stream_text(model=fallback([failing, ScriptedModel(["Hi"])]), prompt="Hi")
    parts = [part async for part in result]
    assert [part.text for part in parts if isinstance(part, TextDelta)] == ["Hi"]
    assert sum(isinstance(part, StartStep) for part in parts) == 1
    assert failing.closed == 1
    [warning] = await result.warnings
    assert "failing/f did not answer: no" in warning.message


async def test_the_response_names_the_model_that_answered() -> None:
    model = fallback([Failing(refusal(503)), ScriptedModel(["Hi"], model_id="spare")])
    streamed = await stream_text(model=model, prompt="Hi").final_step
    whole = (await generate_text(model=model, prompt="Hi")).final_step
    for step in (streamed, whole):
        assert step.response.model_id == "spare"


async def test_generate_falls_back_too() -> None:
    result = await generate_text(model=fallback([Failing(refusal(429)), ScriptedModel(["Hi"])]), prompt="Hi")
    assert result.text == "Hi"
    assert len(result.warnings) == 1


async def test_after_the_first_token_there_is_no_other_model() -> None:
    spare = ScriptedModel()
    model = fallback([Failing(refusal(503), [TextStart("0"), TextDelta("0", "Hel")]), spare])
    result = stream_text(model=model, prompt="Hi")
    with pytest.raises(APICallError):
        await result.text
    assert spare.calls == []


async def test_a_stream_that_ends_without_a_word_is_a_failure() -> None:
    assert await stream_text(model=fallback([Failing(None), ScriptedModel(["Hi"])]), prompt="x").text == "Hi"


async def test_a_name_that_nobody_knows_is_a_failure() -> None:
    assert await stream_text(model=fallback(["nobody/none", ScriptedModel(["Hi"])]), prompt="x").text == "Hi"


async def test_when_all_fail_every_failure_is_told() -> None:
    model = fallback([Failing(refusal(503)), Failing(refusal(429))])
    with pytest.raises(RetryError, match="None of the 2 models") as caught:
        await generate_text(model=model, prompt="Hi")
    assert [error.status_code for error in caught.value.errors if isinstance(error, APICallError)] == [
        503,
        429,
    ]


@pytest.mark.parametrize(
    ("error", "qualifies"),
    [
        (refusal(500), True),
        (refusal(401), True),
        (refusal(404), True),
        (refusal(None), True),
        (refusal(400), False),
        (refusal(422), False),
        (LoadAPIKeyError("OpenAI", "OPENAI_API_KEY"), True),
        (RetryError("x", errors=[refusal(400), refusal(503)]), True),
        (RetryError("x", errors=[refusal(503), refusal(400)]), False),
        (InvalidPromptError("x"), False),
        (AbortError("x"), False),
        (ValueError("a bug"), False),
    ],
)
def test_which_failures_qualify(error: Exception, qualifies: bool) -> None:
    assert may_fall_back(error) is qualifies


async def test_a_failure_that_does_not_qualify_is_raised_as_it_is() -> None:
    error = refusal(400)
    with pytest.raises(APICallError) as caught:
        await generate_text(model=fallback([Failing(error), ScriptedModel()]), prompt="Hi")
    assert caught.value is error


async def test_which_failures_qualify_can_be_said() -> None:
    model = fallback(
        [Failing(ValueError("mine")), ScriptedModel(["Hi"])], when=lambda error: isinstance(error, ValueError)
    )
    assert (await generate_text(model=model, prompt="Hi")).text == "Hi"


async def test_cancelling_is_no_failure() -> None:
    first, second = ScriptedModel(gated=True), ScriptedModel()
    task = asyncio.ensure_future(generate_text(model=fallback([first, second]), prompt="Hi"))
    while not first.calls:
        await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert second.calls == []


def test_a_fallback_needs_models() -> None:
    for models in ([], "openai/gpt"):
        with pytest.raises(InvalidArgumentError, match="list of models"):
            fallback(models)  # type: ignore[arg-type]
