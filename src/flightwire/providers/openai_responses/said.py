"""What all messages of one call share while they become items.

Owns: the rules, what tools are called, wrapped calls, and the warnings. Refuses to know: any item.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from flightwire._frozen import value
from flightwire.events import CallWarning
from flightwire.messages import ModelMessage, ProviderOptions
from flightwire.providers.openai_responses.parallel import Group, groups_of, wrapped_in
from flightwire.providers.openai_responses.tools import Names

__all__ = ["InputRules", "Said"]


@value
class InputRules:
    """What decides how messages become items.

    Attributes:
        system_role: how instructions are marked; "remove" for models that take none.
        store: whether OpenAI keeps what was said, so that items can be referred to.
        reasons: whether messages are bound to the reasoning before them.
        has_conversation: OpenAI has all items with an id already.
        has_previous: OpenAI has the items of the response before already.
        passes_files: send files of any type.
        no_updates: why the configuration cannot change on the way, if it cannot.
    """

    system_role: str = "system"
    store: bool = True
    reasons: bool = False
    has_conversation: bool = False
    has_previous: bool = False
    passes_files: bool = False
    no_updates: str | None = None


class Said:
    """What was said before, as far as it decides about items.

    Attributes:
        rules: what decides how messages become items.
        names: what tools are called.
        warnings: what could not be said.
        programmatic: calls that a program of OpenAI's made.
    """

    def __init__(self, rules: InputRules, names: Names, messages: Sequence[ModelMessage]) -> None:
        self.rules = rules
        self.names = names
        self.warnings: list[CallWarning] = []
        self.programmatic: set[str] = set()
        # What OpenAI has on its side it has as the wrapper, not as the calls inside.
        is_there = rules.has_conversation or rules.has_previous
        self._groups: Mapping[str, Group] = groups_of(messages) if is_there else {}
        self._written: set[tuple[str, str]] = set()

    def warn(self, message: str) -> None:
        """Something was left out."""
        self.warnings.append(CallWarning("other", message))

    def group_of(self, options: ProviderOptions | None) -> Group | None:
        """The complete group of wrapped calls that a call or an answer belongs to."""
        wrapped = wrapped_in(options) if self._groups else None
        return None if wrapped is None else self._groups.get(cast("str", wrapped["toolCallId"]))

    def is_first(self, group: Group, what: str) -> bool:
        """Whether nothing of this kind was written for the group."""
        is_first = (group.call_id, what) not in self._written
        self._written.add((group.call_id, what))
        return is_first
