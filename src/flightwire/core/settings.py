"""The call settings that `generate_text` and `stream_text` share.

Owns: their types and limits (`packages/ai/src/prompt/language-model-call-options.ts`, AI SDK v7; nothing is defaulted).
Refuses to know: providers, streams.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict

from flightwire.core.prompt import Instructions, Prompt, standardize_prompt
from flightwire.errors import InvalidArgumentError
from flightwire.messages import MessageLike, ProviderOptions
from flightwire.providers.base import ModelCall, ReasoningEffort


class CallSettings(TypedDict, total=False):
    """Keyword arguments that both functions take; what is not given is left to the provider.

    `system` is the older spelling of `instructions`.
    """

    instructions: Instructions
    system: Instructions
    prompt: Prompt
    messages: Iterable[MessageLike] | None
    allow_system_in_messages: bool
    max_output_tokens: int | None
    temperature: float | None
    top_p: float | None
    top_k: int | None
    presence_penalty: float | None
    frequency_penalty: float | None
    stop_sequences: Sequence[str] | None
    seed: int | None
    reasoning: ReasoningEffort
    max_retries: int
    headers: Mapping[str, str] | None
    provider_options: ProviderOptions | None


_PROMPT = ("instructions", "system", "prompt", "messages", "allow_system_in_messages")
_KNOWN = frozenset(CallSettings.__annotations__)


def to_call(settings: CallSettings) -> ModelCall:
    """Check the settings and make the call of them.

    Raises:
        InvalidPromptError: see `standardize_prompt`.
        InvalidArgumentError: an unknown setting, or one out of its range; names it.
    """
    given = dict(settings)
    _check(given)
    messages = standardize_prompt(
        instructions=settings.get("instructions"),
        system=settings.get("system"),
        prompt=settings.get("prompt"),
        messages=settings.get("messages"),
        allow_system_in_messages=settings.get("allow_system_in_messages", False),
    )
    for name in _PROMPT:
        given.pop(name, None)
    given["stop_sequences"] = tuple(settings.get("stop_sequences") or ())
    return ModelCall(messages, **given)  # type: ignore[arg-type] # checked against _KNOWN


def _check(given: Mapping[str, object]) -> None:
    if unknown := sorted(given.keys() - _KNOWN):
        raise InvalidArgumentError(f"unknown setting {unknown[0]!r}; there are: {', '.join(sorted(_KNOWN))}.")
    if isinstance(given.get("stop_sequences"), str):
        raise InvalidArgumentError("stop_sequences is a list of texts; write stop_sequences=['…'].")
    _check_int(given, "max_output_tokens", least=1)
    _check_int(given, "max_retries", least=0)
    _check_int(given, "seed", least=None)
    _check_int(given, "top_k", least=None)
    for name in ("temperature", "top_p", "presence_penalty", "frequency_penalty"):
        number = given.get(name)
        if number is not None and (isinstance(number, bool) or not isinstance(number, (int, float))):
            raise InvalidArgumentError(f"{name} must be a number, got {number!r}.")


def _check_int(given: Mapping[str, object], name: str, *, least: int | None) -> None:
    number = given.get(name)
    if number is None:
        return
    if isinstance(number, bool) or not isinstance(number, int) or (least is not None and number < least):
        bound = "" if least is None else f" of at least {least}"
        raise InvalidArgumentError(f"{name} must be an integer{bound}, got {number!r}.")
