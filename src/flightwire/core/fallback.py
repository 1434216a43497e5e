"""Another model when one does not answer.

Owns: which failures qualify, and that nothing anybody has seen is taken back: only before the first token is there a next
model. Refuses to know: providers, retries within one model.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any

from flightwire.core.middleware.base import BatchStream
from flightwire.core.models import ModelLike, resolve_model
from flightwire.errors import (
    APICallError,
    InvalidArgumentError,
    LoadAPIKeyError,
    MissingExtraError,
    ModelLoadError,
    NoOutputGeneratedError,
    NoSuchModelError,
    RetryError,
    UnsupportedFunctionalityError,
)
from flightwire.events import (
    CallWarning,
    Error,
    ProviderPart,
    Raw,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseMetadata,
    StreamStart,
    TextDelta,
    TextEnd,
    TextStart,
)
from flightwire.providers.base import LanguageModel, ModelCall, ModelResult

_log = logging.getLogger("flightwire.core")

# The request itself is at fault: the next model would be asked the same in vain.
_THEIR_REQUEST = (400, 413, 422)
_ELSEWHERE = (
    LoadAPIKeyError,
    MissingExtraError,
    ModelLoadError,
    NoOutputGeneratedError,
    NoSuchModelError,
    UnsupportedFunctionalityError,
)
# Parts that show nothing to anybody yet.
_SILENT = (StreamStart, ResponseMetadata, Raw, TextStart, TextEnd, ReasoningStart, ReasoningEnd)


def may_fall_back(error: Exception) -> bool:
    """Whether another model may do better.

    It may when the provider is down, overloaded, out of quota or has no key; when the model is not there, cannot do what
    was asked, or ended without a word. It may not when the request is refused as such (400, 413, 422).
    """
    if isinstance(error, RetryError):
        last = error.last_error
        return isinstance(last, Exception) and may_fall_back(last)
    if isinstance(error, APICallError):
        return error.status_code not in _THEIR_REQUEST
    return isinstance(error, _ELSEWHERE)


def fallback(
    models: Sequence[ModelLike], *, when: Callable[[Exception], bool] = may_fall_back
) -> LanguageModel:
    """A model that asks the first, and the next one when that fails before its first token.

    Each model makes its own retries first; `max_retries=0` hands on at once. The result's warnings name the models that
    failed, and why. Names are looked up when the model is asked: one that does not exist is a failure as well.

    Arguments:
        models: objects or names, in order.
        when: whether this failure is a reason to go on.

    Raises:
        InvalidArgumentError: no models.
    """
    if isinstance(models, str) or not models:
        raise InvalidArgumentError(
            "fallback needs a list of models, as in fallback(['openai/gpt-5.4-mini', 'local/smollm2'])."
        )
    return _Fallback(tuple(models), when)


class _Fallback:
    """Several models in order; which one answered is the `model_id` of the response."""

    def __init__(self, models: tuple[ModelLike, ...], when: Callable[[Exception], bool]) -> None:
        self._models = models
        self._when = when

    @property
    def provider(self) -> str:
        """The provider of the first model."""
        first = self._models[0]
        return first.partition("/")[0] if isinstance(first, str) else resolve_model(first).provider

    @property
    def model_id(self) -> str:
        """The id of the first model."""
        first = self._models[0]
        return first.partition("/")[2] if isinstance(first, str) else resolve_model(first).model_id

    @property
    def supported_urls(self) -> Mapping[str, Any]:
        """None: whichever model answers must be able to take what is sent."""
        return {}

    async def generate(self, call: ModelCall) -> ModelResult:
        """Answer at once."""
        failed = _Failures(self._models, self._when)
        for model in self._models:
            try:
                chosen = resolve_model(model)
                result = await chosen.generate(call)
            except Exception as error:
                failed.add(model, error)
            else:
                said = replace(result.response, model_id=result.response.model_id or chosen.model_id)
                return replace(result, response=said, warnings=(*failed.warnings, *result.warnings))
        raise failed.summary()

    async def stream(self, call: ModelCall) -> BatchStream:
        """Answer in batches."""
        failed = _Failures(self._models, self._when)
        for model in self._models:
            held: list[ProviderPart] = []
            has_spoken = False
            try:
                chosen = resolve_model(model)
                held.append(
                    ResponseMetadata(model_id=chosen.model_id)
                )  # what it calls itself goes before this
                async with aclosing(chosen.stream(call)) as stream:
                    async for batch in stream:
                        if has_spoken:
                            yield batch
                            continue
                        held += batch
                        has_spoken = _speaks(batch)
                        if has_spoken:
                            yield failed.told(_named(held, chosen.model_id))
                if not has_spoken:
                    raise NoOutputGeneratedError("The model's stream ended without an answer.")
                return
            except Exception as error:
                if has_spoken:
                    raise
                failed.add(model, error)
        raise failed.summary()


class _Failures:
    """What went wrong so far."""

    def __init__(self, models: Sequence[ModelLike], when: Callable[[Exception], bool]) -> None:
        self._count = len(models)
        self._when = when
        self._errors: list[Exception] = []
        self.warnings: list[CallWarning] = []

    def add(self, model: ModelLike, error: Exception) -> None:
        """Note a failure, or raise it when it does not qualify, or is the only one there can be."""
        if not self._when(error) or self._count == 1:
            raise error
        self._errors.append(error)
        name = _name_of(model)
        _log.warning("%s did not answer; asking the next model. %s", name, error)
        self.warnings.append(CallWarning("other", f"{name} did not answer: {error}"))

    def told(self, parts: Sequence[ProviderPart]) -> Sequence[ProviderPart]:
        """The parts, with what failed among the warnings."""
        if not self.warnings:
            return parts
        return [
            replace(part, warnings=(*self.warnings, *part.warnings))
            if isinstance(part, StreamStart)
            else part
            for part in parts
        ]

    def summary(self) -> RetryError:
        """All of them."""
        return RetryError(
            f"None of the {self._count} models answered. The last one: {self._errors[-1]}",
            errors=self._errors,
        )


def _speaks(parts: Sequence[ProviderPart]) -> bool:
    """Whether there is anything that was not there before; an error before that is raised."""
    for part in parts:
        if isinstance(part, Error):
            raise part.error
        if isinstance(part, (TextDelta, ReasoningDelta)) and not part.text:
            continue
        if not isinstance(part, _SILENT):
            return True
    return False


def _named(parts: list[ProviderPart], model_id: str) -> list[ProviderPart]:
    """The parts, with who says them; what the model calls itself comes later and wins."""
    begins = int(bool(parts) and isinstance(parts[0], StreamStart))
    return [*parts[:begins], ResponseMetadata(model_id=model_id), *parts[begins:]]


def _name_of(model: ModelLike) -> str:
    if model is None:
        return "the default model"
    return model if isinstance(model, str) else f"{model.provider}/{model.model_id}"
