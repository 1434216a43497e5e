"""How much the model shall think.

Owns: `reasoning`, `thinking` and `effort`, and what each model makes of them. Refuses to know: the rest of a request.
"""

from __future__ import annotations

from collections.abc import Mapping

from flightwire.events import CallWarning
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.providers.anthropic.claude import Claude
from flightwire.providers.base import ModelCall
from flightwire.providers.options import Options, camel_case

__all__ = ["Thinking"]

MIN_BUDGET_TOKENS = 1024
BUDGETS = {
    "minimal": 0.02,
    "low": 0.1,
    "medium": 0.3,
    "high": 0.6,
    "xhigh": 0.9,
    "max": 0.95,
}  # of the longest answer
HIGH_EFFORTS = ("xhigh", "max")


class Thinking:
    """What is asked of one model; later rules change what earlier ones decided.

    Attributes:
        effort: `output_config.effort`.
        type: of the thinking; None when nothing is said about it.
        budget_tokens: with type "enabled".
    """

    def __init__(
        self, call: ModelCall, options: Options, model: Claude, model_id: str, warnings: list[CallWarning]
    ) -> None:
        self._model = model
        self._model_id = model_id
        self._warnings = warnings
        given = options["thinking"]
        thinking = (
            {camel_case(name): field for name, field in given.items()} if isinstance(given, Mapping) else None
        )
        effort = options["effort"]
        self.effort: str | None = effort if isinstance(effort, str) and effort else None
        if call.reasoning != "provider-default" and self.effort is None:
            thinking = self._from_reasoning(call.reasoning, thinking)
        thinking = self._fit(thinking)
        self._thinking = thinking or {}
        kind = self._thinking.get("type")
        self.type: str | None = kind if isinstance(kind, str) else None
        self._fit_effort()
        budget = self._thinking.get("budgetTokens")
        self.budget_tokens = (
            int(budget) if isinstance(budget, (int, float)) and self.type == "enabled" else None
        )
        if self.type == "enabled" and self.budget_tokens is None:
            self.budget_tokens = MIN_BUDGET_TOKENS
            self._warn(
                "compatibility", "thinking", f"thinking needs a budget; {MIN_BUDGET_TOKENS} tokens were sent"
            )

    @property
    def is_on(self) -> bool:
        """Whether the model thinks because it was told to."""
        return self.type in ("enabled", "adaptive", "between_tools")

    @property
    def display(self) -> JSONValue:
        """What is shown of adaptive thinking."""
        return self._thinking.get("display") if self.type == "adaptive" else None

    @property
    def block_binding(self) -> JSONObject | None:
        """What happens to earlier thinking that no longer fits."""
        found = self._thinking.get("blockBinding", self._thinking.get("block_binding"))
        if not isinstance(found, Mapping):
            return None
        behavior = found.get("prefixMismatchBehavior", found.get("prefix_mismatch_behavior"))
        return {"prefix_mismatch_behavior": behavior}

    def body(self) -> dict[str, object] | None:
        """The field `thinking`."""
        fields = {
            "type": self.type,
            "budget_tokens": self.budget_tokens,
            "display": self.display,
            "block_binding": self.block_binding,
        }
        return {name: field for name, field in fields.items() if field is not None} or None

    # from `reasoning`

    def _from_reasoning(
        self, reasoning: str, thinking: dict[str, JSONValue] | None
    ) -> dict[str, JSONValue] | None:
        model = self._model
        if reasoning == "none":
            return thinking or self._without_reasoning()
        if not model.thinks_adaptively:
            budget = round(model.max_output_tokens * BUDGETS[reasoning] + 1e-9)
            budget = min(model.max_output_tokens, max(MIN_BUDGET_TOKENS, budget))
            return thinking or {"type": "enabled", "budgetTokens": budget}
        thinking = thinking or {"type": "adaptive", "display": "summarized"}
        effort = {"minimal": "low", "xhigh": "xhigh" if model.has_xhigh else "high"}.get(reasoning, reasoning)
        if effort != reasoning:
            self._warn(
                "compatibility", "reasoning", f"{self._model_id} knows no {reasoning!r}; {effort!r} was sent"
            )
        if thinking.get("type") != "disabled":
            self.effort = effort
        return thinking

    def _without_reasoning(self) -> dict[str, JSONValue] | None:
        if self._model.thinks_between_tools:
            self._least("compatibility", "reasoning", "thinking between tools, the least there is, was sent")
            return {"type": "between_tools"}
        if self._model.can_stop_thinking:
            return {"type": "disabled"}
        self._least("compatibility", "reasoning", "effort 'low' was sent")
        self.effort = "low"
        return None

    def _least(self, kind: str, feature: str, instead: str) -> None:
        self._warn(kind, feature, f"{self._model_id} always thinks; {instead}")

    # what the model takes

    def _fit(self, thinking: dict[str, JSONValue] | None) -> dict[str, JSONValue] | None:
        model = self._model
        if thinking is None:
            return None
        if thinking.get("type") == "disabled" and not model.can_stop_thinking:
            if model.thinks_between_tools:
                self._least("unsupported", "thinking", "thinking between tools, the least there is, was sent")
                return {"type": "between_tools"}
            self._least("unsupported", "thinking", "lower the effort to have it think less")
            return None
        if thinking.get("type") == "enabled" and not model.takes_budget:
            self._warn("unsupported", "thinking", f"{self._model_id} takes no budget; it thinks adaptively")
            return {"type": "adaptive"}
        return thinking

    def _fit_effort(self) -> None:
        stays_below = self.type == "between_tools" or (
            self.type == "disabled" and not self._model.can_stop_thinking_at_any_effort
        )
        if stays_below and self.effort in HIGH_EFFORTS:
            self._warn("unsupported", "effort", f"{self.effort!r} needs more thinking; 'high' was sent")
            self.effort = "high"

    def _warn(self, kind: str, feature: str, message: str) -> None:
        self._warnings.append(CallWarning(kind, message, feature))  # type: ignore[arg-type] # one of the literals
