"""What OpenAI's models can take, by their names.

Owns: the families of models and their limits, as in https://platform.openai.com/docs/guides/reasoning and
`packages/openai/src/openai-model-catalog.ts` of the AI SDK v7. Refuses to know: requests.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from flightwire._frozen import value

__all__ = ["Capabilities", "capabilities_of"]

_O_SERIES = re.compile(r"o(\d+)(?:-|$)")
_GPT = re.compile(r"gpt-(\d+)(?:\.(\d+))?(?:-(.+))?$")
_STANDARD_GPT5 = re.compile(r"(?:mini|nano|sol|luna|terra)(?:-\d{4}-\d{2}-\d{2})?|\d{4}-\d{2}-\d{2}")
# Of GPT-6 and later these alone can be told not to reason.
_GPT6_THAT_NEED_NOT_REASON = ("gpt-6.1-terra", "gpt-6-luna", "gpt-6-sol")
_SEARCH_PREFIXES = ("gpt-4o-search-preview", "gpt-4o-mini-search-preview")


@value
class Capabilities:
    """What one model can take.

    Attributes:
        reasons: whether it is a reasoning model.
        efforts: the reasoning efforts it knows; None when nobody has said.
        samples_without_reasoning: whether temperature and its like may be set when the effort is "none".
        system_role: how instructions are marked.
        takes_temperature: whether a model that does not reason takes a temperature over chat completions.
        reasons_with_tools: whether it reasons over chat completions while it has tools.
        flex, priority: which service tiers it is served in.
        configuration_updates, async_tools: what only GPT-6 and later know.
        cache_retention: whether `prompt_cache_retention` is taken.
        logprobs_while_reasoning: whether the Responses API gives log probabilities of an answer that was reasoned about.
    """

    reasons: bool
    efforts: tuple[str, ...] | None
    samples_without_reasoning: bool
    system_role: Literal["system", "developer"]
    takes_temperature: bool
    reasons_with_tools: bool
    flex: bool
    priority: bool
    configuration_updates: bool
    async_tools: bool
    cache_retention: bool
    logprobs_while_reasoning: bool


@lru_cache(maxsize=256)
def capabilities_of(model_id: str) -> Capabilities:
    """What the public reference says about a model; a name that it does not know is a plain model.

    A fine-tuned model ("ft:gpt-5-nano:me") is its base, "openai/gpt-5" is what routers call "gpt-5".
    """
    model_id = model_id.rpartition("/")[2].removeprefix("ft:").partition(":")[0]
    series, gpt = _O_SERIES.match(model_id), _GPT.match(model_id)
    version = int(series[1]) if series else None
    major, minor = (int(gpt[1]), int(gpt[2]) if gpt[2] else None) if gpt else (0, None)
    variant = (gpt[3] if gpt else None) or ""
    is_chat = minor is None and variant.startswith("chat")
    is_new = major >= 5 and not is_chat
    is_6 = major >= 6
    reasons = version is not None or is_new
    return Capabilities(
        reasons=reasons,
        efforts=_efforts(model_id, major, minor or 0, variant),
        samples_without_reasoning=model_id in _GPT6_THAT_NEED_NOT_REASON
        or (major == 5 and (minor or 0) >= 1),
        system_role="developer" if reasons else "system",
        takes_temperature=not model_id.startswith(_SEARCH_PREFIXES),
        reasons_with_tools=not (major == 5 and (minor or 0) >= 6),
        flex=(version or 0) >= 3 or is_new,
        priority=model_id.startswith("gpt-4")
        or (is_new and not variant.startswith("nano"))
        or (version or 0) >= 3,
        configuration_updates=is_6,
        async_tools=is_6,
        cache_retention=not is_6,
        logprobs_while_reasoning=not is_6,
    )


def _efforts(model_id: str, major: int, minor: int, variant: str) -> tuple[str, ...] | None:
    if model_id in _GPT6_THAT_NEED_NOT_REASON:
        return ("none", "low", "medium", "high", "xhigh", "max")
    if major >= 6:
        return ("low", "medium", "high", "xhigh", "max")
    if major != 5 or (variant and not _STANDARD_GPT5.fullmatch(variant)):
        return None  # pro, codex and chat variants: nobody has said
    if minor == 0:
        return ("minimal", "low", "medium", "high")
    if minor == 1:
        return ("none", "low", "medium", "high")
    return ("none", "low", "medium", "high", "xhigh", *(("max",) if minor >= 6 else ()))
