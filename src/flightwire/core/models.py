"""From what a user wrote for `model=` to a model.

Owns: the seam through which the front door hands in the resolver of `"openai/…"`, and the one through which tests put
another model in its place. Refuses to know: any provider.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TypeAlias

from flightwire import wiring
from flightwire.errors import NoSuchModelError
from flightwire.providers.base import LanguageModel

ModelLike: TypeAlias = str | LanguageModel | None

_instead: ContextVar[LanguageModel | None] = ContextVar("flightwire_model", default=None)


def use_instead(model: LanguageModel | None) -> None:
    """In this context and what is started from it, use this model for every name and where none is named; for tests."""
    _instead.set(model)


def resolve_model(model: ModelLike) -> LanguageModel:
    """Find the model: an object is one, a text is looked up, None is the default model.

    Raises:
        NoSuchModelError: nobody knows this id.
    """
    if model is not None and not isinstance(model, str):
        return model
    if (instead := _instead.get()) is not None:
        return instead
    if wiring.resolve_model is None:
        raise NoSuchModelError(
            f"Models are found by name only after `import flightwire`; pass a model object instead of {model!r}."
        )
    found: LanguageModel = wiring.resolve_model(model)
    return found
