"""Providers made of providers: aliases, several under one roof, middleware around all models of one.

Owns: `custom_provider`, `create_provider_registry`, `wrap_provider`. Refuses to know: any concrete provider.
Follows `packages/ai/src/registry/` and `middleware/wrap-provider.ts` (AI SDK v7).

A provider is a function from a model's id to a model, as `openai` is. `register_provider("my", provider)` makes
`"my/alias"` a name that `model=` takes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from flightwire.core.middleware.base import LanguageModelMiddleware, wrap_language_model
from flightwire.core.models import resolve_model
from flightwire.errors import InvalidArgumentError, NoSuchModelError, NoSuchProviderError
from flightwire.providers.base import LanguageModel

Middlewares: TypeAlias = LanguageModelMiddleware | Sequence[LanguageModelMiddleware]


@runtime_checkable
class HasLanguageModels(Protocol):
    """A provider that is an object."""

    def language_model(self, model_id: str, /) -> LanguageModel:
        """The model of this id.

        Raises:
            NoSuchModelError: there is none.
        """
        ...


ProviderLike: TypeAlias = Callable[[str], LanguageModel] | HasLanguageModels


class Provider:
    """A provider as an object: call it, or its `language_model`, with a model's id."""

    def __init__(self, find: Callable[[str], LanguageModel]) -> None:
        self._find = find

    def __call__(self, model_id: str, /) -> LanguageModel:
        """The model of this id.

        Raises:
            NoSuchModelError: there is none.
        """
        return self._find(model_id)

    def language_model(self, model_id: str, /) -> LanguageModel:
        """The model of this id.

        Raises:
            NoSuchModelError: there is none.
        """
        return self._find(model_id)


def custom_provider(
    *,
    language_models: Mapping[str, LanguageModel | str] | None = None,
    fallback_provider: ProviderLike | None = None,
) -> Provider:
    """A provider with names of your own.

    Arguments:
        language_models: id → model, or the name of one (`"openai/gpt-5.4-mini"`), which is looked up when it is asked for.
        fallback_provider: is asked for all other ids.
    """
    models = dict(language_models or {})

    def find(model_id: str) -> LanguageModel:
        if model_id in models:
            return resolve_model(models[model_id])
        if fallback_provider is not None:
            return _model_of(fallback_provider, model_id)
        raise NoSuchModelError(
            f"There is no model {model_id!r} in this provider. There are: {', '.join(sorted(models)) or 'none'}."
        )

    return Provider(find)


def create_provider_registry(
    providers: Mapping[str, ProviderLike],
    *,
    separator: str | None = None,
    language_model_middleware: Middlewares | None = None,
) -> Provider:
    """Several providers under one roof: `registry.language_model("openai:gpt-5.4-mini")`.

    Arguments:
        providers: name → provider.
        separator: what divides a provider's name from a model's id; by default ":", as in the AI SDK, or "/", whichever
            comes first.
        language_model_middleware: what to put around every model.

    Raises:
        InvalidArgumentError: an empty separator.
    """
    if separator == "":
        raise InvalidArgumentError(
            "the separator of a provider registry cannot be empty; write separator=':'."
        )
    separators = (":", "/") if separator is None else (separator,)
    known = dict(providers)

    def find(model_id: str) -> LanguageModel:
        name, rest = _split(model_id, separators)
        if name not in known:
            raise NoSuchProviderError(name, tuple(known))
        model = _model_of(known[name], rest)
        return (
            model
            if language_model_middleware is None
            else wrap_language_model(model, language_model_middleware)
        )

    return Provider(find)


def wrap_provider(provider: ProviderLike, language_model_middleware: Middlewares) -> Provider:
    """A provider with middleware around each of its models."""
    return Provider(
        lambda model_id: wrap_language_model(_model_of(provider, model_id), language_model_middleware)
    )


def _model_of(provider: ProviderLike, model_id: str) -> LanguageModel:
    return (
        provider.language_model(model_id) if isinstance(provider, HasLanguageModels) else provider(model_id)
    )


def _split(model_id: str, separators: Sequence[str]) -> tuple[str, str]:
    found = [(model_id.find(separator), separator) for separator in separators if separator in model_id]
    if not found:
        forms = " or ".join(repr(f"provider{separator}model") for separator in separators)
        raise NoSuchModelError(f"{model_id!r} does not name a model of this registry; write {forms}.")
    at, separator = min(found)
    return model_id[:at], model_id[at + len(separator) :]
