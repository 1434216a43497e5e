"""What each of Google's models can take.

Owns: telling generations apart by name, as the AI SDK v7 does (`packages/google/src/google-model-catalog.ts`): a name that is
not known to be old is taken for new. Refuses to know: how requests are written.
"""

from __future__ import annotations

import re

from flightwire._frozen import value

__all__ = ["Gemini", "gemini"]

_GEMINI = re.compile(r"(^|[/.])gemini-", re.IGNORECASE)
_FIRST = re.compile(
    r"(^|[/.])(gemini-1([.-]|$)|gemini-pro(-vision)?$|gemini-robotics-er-1\.5([.-]|$))", re.IGNORECASE
)
_SECOND = re.compile(r"(^|[/.])gemini-2([.-]|$)", re.IGNORECASE)
_2_5 = re.compile(r"(^|[/.])gemini-2\.5([.-]|$)", re.IGNORECASE)
_NAME = re.compile(r"(?:^|[/.])(gemini-[^/]*)$", re.IGNORECASE)
_PRO = re.compile(r"^gemini-(\d+)(\.\d+)?-pro($|-)")
_FLASH = re.compile(r"^gemini-(\d+)\.(\d+)-flash($|-(?!lite(-|$)))")
_HYDROGEN = re.compile(r"(^|[/.])gemini-4-hydrogen(-|$)", re.IGNORECASE)
_FETCHES = re.compile(r"(^|/)gemini-")
_FETCHES_NOT = re.compile(r"(^|/)gemini-2\.0")


@value
class Gemini:
    """One model.

    Attributes:
        has_tools: Google's own tools.
        has_file_search: that one among them.
        is_third: Gemini 3 or newer: own tools beside functions, files in their answers, thought signatures.
        levels: how much it can be told to think; empty when it takes a budget of tokens.
        min_budget, max_budget: of thinking.
        takes_penalties: frequency and presence penalty.
        takes_instructions: instructions apart from the messages; Gemma reads them at their beginning.
        takes_json_tool: an answer in JSON may come as the input of a function.
        fetches: whether it reads any https address itself.
    """

    has_tools: bool
    has_file_search: bool
    is_third: bool
    levels: tuple[str, ...]
    min_budget: int
    max_budget: int
    takes_penalties: bool
    takes_instructions: bool
    takes_json_tool: bool
    fetches: bool


def gemini(model_id: str) -> Gemini:
    """What is known of a model."""
    is_gemini, is_first = bool(_GEMINI.search(model_id)), bool(_FIRST.search(model_id))
    is_third = is_gemini and not is_first and not _SECOND.search(model_id)
    lower = model_id.lower()
    is_large = "2.5-pro" in lower or "gemini-3-pro-image" in lower
    return Gemini(
        has_tools=(is_gemini and not is_first) or "nano-banana" in lower,
        has_file_search=is_third or bool(_2_5.search(model_id)),
        is_third=is_third,
        levels=_levels(model_id) if is_third and "gemini-3-pro-image" not in model_id else (),
        min_budget=128 if "2.5-pro" in lower else 0,
        max_budget=32_768 if is_large else 24_576,
        takes_penalties=not _2_5.search(model_id),
        takes_instructions=not lower.startswith("gemma-"),
        takes_json_tool=bool(re.search(r"(^|/)gemini-", model_id, re.IGNORECASE)),
        fetches=bool(_FETCHES.search(model_id)) and not _FETCHES_NOT.search(model_id),
    )


def _levels(model_id: str) -> tuple[str, ...]:
    if _HYDROGEN.search(model_id):
        return ("low", "medium", "high", "xhigh")
    return (
        ("low", "medium", "high") if _thinks_at_least_low(model_id) else ("minimal", "low", "medium", "high")
    )


def _thinks_at_least_low(model_id: str) -> bool:
    found = _NAME.search(model_id)
    name = found[1].lower() if found else ""
    if name == "gemini-flash-latest":
        return True
    if (pro := _PRO.match(name)) and int(pro[1]) >= 3:
        return True
    flash = _FLASH.match(name)
    return flash is not None and (int(flash[1]), int(flash[2])) >= (3, 7)
