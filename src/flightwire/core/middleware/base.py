"""Putting middleware around a model.

Owns: the hooks, their order, and that closing a wrapped stream closes what it has opened. Refuses to know: any middleware.
Follows `packages/ai/src/middleware/wrap-language-model.ts` (AI SDK v7); streams are of batches, as providers give them.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from flightwire.core.models import ModelLike, resolve_model
from flightwire.events import ProviderPart
from flightwire.providers.base import LanguageModel, ModelCall, ModelResult

BatchStream: TypeAlias = AsyncGenerator[Sequence[ProviderPart], None]
DoGenerate: TypeAlias = Callable[[], Awaitable[ModelResult]]
DoStream: TypeAlias = Callable[[], BatchStream]
SupportedUrls: TypeAlias = Mapping[str, Any]


class LanguageModelMiddleware:
    """Changes what goes into a model and what comes out of it. Override what is needed; the rest lets everything pass."""

    def override_provider(self, model: LanguageModel) -> str:
        """The provider's name of the wrapped model."""
        return model.provider

    def override_model_id(self, model: LanguageModel) -> str:
        """The id of the wrapped model."""
        return model.model_id

    def override_supported_urls(self, model: LanguageModel) -> SupportedUrls:
        """Which addresses the wrapped model fetches itself: media type → patterns."""
        supported: SupportedUrls = getattr(model, "supported_urls", {})
        return supported

    async def transform_params(
        self, call: ModelCall, *, type: Literal["generate", "stream"], model: LanguageModel
    ) -> ModelCall:
        """The call to make instead of this one; `dataclasses.replace(call, …)` makes one."""
        return call

    async def wrap_generate(
        self, do_generate: DoGenerate, *, do_stream: DoStream, call: ModelCall, model: LanguageModel
    ) -> ModelResult:
        """Answer a call that does not stream; `await do_generate()` asks the model."""
        return await do_generate()

    def wrap_stream(
        self, do_stream: DoStream, *, do_generate: DoGenerate, call: ModelCall, model: LanguageModel
    ) -> BatchStream:
        """Answer a call that streams, as an async generator of batches; `async for batch in do_stream()` asks the model.

        Streams that were opened through `do_stream` are closed with this one, whatever ends it.
        """
        return do_stream()


def wrap_language_model(
    model: ModelLike,
    middleware: LanguageModelMiddleware | Sequence[LanguageModelMiddleware],
    *,
    model_id: str | None = None,
    provider_id: str | None = None,
) -> LanguageModel:
    """A model with middleware around it.

    Arguments:
        model: the model, or its name.
        middleware: one or several; the first sees the call first, the last stands right before the model.
        model_id: another id for the whole.
        provider_id: another provider's name for the whole.

    Raises:
        NoSuchModelError: nobody knows this name.
    """
    wrapped = resolve_model(model)
    for each in reversed(as_middlewares(middleware)):
        wrapped = _WrappedModel(wrapped, each, model_id, provider_id)
    return wrapped


def as_middlewares(
    middleware: LanguageModelMiddleware | Sequence[LanguageModelMiddleware],
) -> Sequence[LanguageModelMiddleware]:
    """One or several, as several."""
    return (middleware,) if isinstance(middleware, LanguageModelMiddleware) else tuple(middleware)


class _WrappedModel:
    """One middleware around one model."""

    def __init__(
        self,
        model: LanguageModel,
        middleware: LanguageModelMiddleware,
        model_id: str | None,
        provider_id: str | None,
    ) -> None:
        self._model = model
        self._middleware = middleware
        self.model_id = model_id or middleware.override_model_id(model)
        self.provider = provider_id or middleware.override_provider(model)

    @property
    def supported_urls(self) -> SupportedUrls:
        """Which addresses the model fetches itself."""
        return self._middleware.override_supported_urls(self._model)

    async def stream(self, call: ModelCall) -> BatchStream:
        """Answer in batches."""
        model, middleware = self._model, self._middleware
        call = await middleware.transform_params(call, type="stream", model=model)
        opened: list[BatchStream] = []
        stream = middleware.wrap_stream(
            _opener(model, call, opened),
            do_generate=lambda: model.generate(call),
            call=call,
            model=model,
        )
        try:
            async for batch in stream:
                yield batch
        finally:
            await _close([stream, *opened])

    async def generate(self, call: ModelCall) -> ModelResult:
        """Answer at once."""
        model, middleware = self._model, self._middleware
        call = await middleware.transform_params(call, type="generate", model=model)
        opened: list[BatchStream] = []
        try:
            return await middleware.wrap_generate(
                lambda: model.generate(call),
                do_stream=_opener(model, call, opened),
                call=call,
                model=model,
            )
        finally:
            await _close(opened)


def _opener(model: LanguageModel, call: ModelCall, opened: list[BatchStream]) -> DoStream:
    def do_stream() -> BatchStream:
        stream = model.stream(call)
        opened.append(stream)
        return stream

    return do_stream


async def _close(streams: Sequence[BatchStream]) -> None:
    """Close the outer one first: it may still be inside an inner one."""
    if not streams:
        return
    try:
        await streams[0].aclose()
    finally:
        await _close(streams[1:])
