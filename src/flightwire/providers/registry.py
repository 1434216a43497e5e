"""From `provider/model` to a model.

Owns: the table of providers, and which model is taken when nobody names one. Refuses to know: any provider's inside;
each is imported when one of its models is asked for.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib import import_module
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from flightwire.errors import NoSuchModelError
from flightwire.providers.base import LanguageModel
from flightwire.providers.proxies import is_loopback

__all__ = ["DEFAULT_LOCAL_MODEL", "default_model", "provider_names", "register_provider", "resolve"]

MODEL_VARIABLE = "FLIGHTWIRE_MODEL"
DEFAULT_LOCAL_MODEL = "local/smollm2"

Factory: TypeAlias = Callable[[str], LanguageModel]


def _named(module: str, *path: str) -> Factory:
    """What makes a provider's models, from a module that is imported when the first of them is asked for."""

    def factory(model_id: str) -> LanguageModel:
        made: Any = import_module(f"flightwire.providers.{module}")
        for name in path:
            made = getattr(made, name)
        model: LanguageModel = made(model_id)
        return model

    return factory


_COMPATIBLE = "openai_compatible"
_factories: dict[str, Factory] = {
    "openai": _named("openai", "openai"),
    "openai.chat": _named("openai", "openai", "chat"),
    "openai.responses": _named("openai", "openai", "responses"),
    "anthropic": _named("anthropic", "anthropic"),
    "google": _named("google", "google"),
    "xai": _named("xai", "xai"),
    "xai.chat": _named("xai", "xai", "chat"),
    "groq": _named("groq", "groq"),
    "mistral": _named("mistral", "mistral"),
    "deepseek": _named("deepseek", "deepseek"),
    "moonshotai": _named("moonshotai", "moonshotai"),
    "alibaba": _named("alibaba", "alibaba"),
    **{
        name: _named(_COMPATIBLE, name)
        for name in ("openrouter", "togetherai", "fireworks", "ollama", "vllm", "lmstudio", "llamacpp")
    },
    "local": _named("local", "local"),
}
# Whose default model answers when nobody names one: the first that has one of these keys.
_KEYS = {
    "openai": ("OPENAI_API_KEY",),
    "anthropic": ("ANTHROPIC_API_KEY",),
    "google": ("GOOGLE_GENERATIVE_AI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"),
}
# What people also call them.
_ALIASES = {"moonshot": "moonshotai", "together": "togetherai", "qwen": "alibaba", "llama.cpp": "llamacpp"}


def register_provider(name: str, factory: Factory) -> None:
    """Make `name/anything` a model: `factory` gets what stands after the first slash. The last one registered wins."""
    if not name or "/" in name:
        raise NoSuchModelError(f"{name!r} cannot be a provider's name; write a word without a slash.")
    _factories[name] = factory


def provider_names() -> list[str]:
    """The providers there are."""
    return sorted(_factories)


def resolve(model_id: str | None) -> LanguageModel:
    """Find a model by `provider/model`; None is the default model.

    Raises:
        NoSuchModelError: it has another form, or nobody knows the provider; lists those there are.
    """
    return default_model()[0] if model_id is None else _resolve(model_id, "")


def _resolve(model_id: str, source: str) -> LanguageModel:
    provider, slash, name = model_id.strip().partition("/")
    if not (provider and slash and name):
        raise NoSuchModelError(
            f"{source}model {model_id!r} has no provider; write provider/model, as in 'openai/gpt-5.4-mini' or "
            f"'{DEFAULT_LOCAL_MODEL}'. Providers: {', '.join(provider_names())}."
        )
    factory = _factories.get(provider) or _factories.get(_ALIASES.get(provider, ""))
    if factory is None:
        raise NoSuchModelError(
            f"{source}there is no provider {provider!r} (of model {model_id!r}). Providers: "
            f"{', '.join(provider_names())}."
        )
    return factory(name)


def default_model() -> tuple[LanguageModel, str]:
    """The model to use when nobody names one, and why, as the rest of the sentence "openai/gpt-5.4-mini answers, …".

    `FLIGHTWIRE_MODEL`, else that of the first provider that has a key (OpenAI, Anthropic, Google) or a base URL on this machine,
    where none is needed, else the local one.

    Raises:
        NoSuchModelError: `FLIGHTWIRE_MODEL` names nothing.
        InvalidArgumentError: the base URL in the environment is not an address.
    """
    named = os.environ.get(MODEL_VARIABLE, "").strip()
    if named:
        model = _resolve(named, f"{MODEL_VARIABLE} is set, but ")
        return model, f"because {MODEL_VARIABLE} names it{_missing(model)}"
    for provider, variables in _KEYS.items():
        found = next((name for name in variables if os.environ.get(name, "").strip()), None)
        why = _server_here(provider) if found is None else f"{found} is set{_where(provider)}"
        if why is not None:
            model_id: str = import_module(f"flightwire.providers.{provider}").DEFAULT_MODEL_ID
            reason = f"because {why}; {MODEL_VARIABLE}=provider/model chooses another"
            return resolve(f"{provider}/{model_id}"), reason
    names = ", ".join(variables[0] for variables in _KEYS.values())
    reason = f"because none of {names} is set; set one, or {MODEL_VARIABLE}=provider/model, to choose another"
    return resolve(DEFAULT_LOCAL_MODEL), reason


def _where(provider: str) -> str:
    variable, base_url = _base_url(provider)
    return f" and {variable} says where" if base_url else ""


def _server_here(provider: str) -> str | None:
    variable, base_url = _base_url(provider)
    try:
        is_here = is_loopback(urlsplit(base_url).hostname)
    except ValueError:  # not an address at all
        return None
    return f"{variable} names a server on this machine" if is_here else None


def _base_url(provider: str) -> tuple[str, str]:
    variable = f"{provider.upper()}_BASE_URL"
    return variable, os.environ.get(variable, "").strip()


def _missing(model: LanguageModel) -> str:
    """What is known at start-up to be missing, said before the first call fails."""
    ask = getattr(model, "missing_key", None)
    error = ask() if ask is not None else None
    return "" if error is None else f"; but {error}"
