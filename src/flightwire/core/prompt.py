"""From `instructions`, `prompt` and `messages` to the messages of one call.

Owns: the rules of `packages/ai/src/prompt/standardize-prompt.ts` (AI SDK v7). Refuses to know: models, streams.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

from flightwire.errors import InvalidPromptError
from flightwire.messages import MessageLike, ModelMessage, SystemMessage, UserMessage, to_messages

SystemLike: TypeAlias = SystemMessage | Mapping[str, object]
Instructions: TypeAlias = str | SystemLike | Sequence[SystemLike] | None
Prompt: TypeAlias = str | Iterable[MessageLike] | None


def standardize_prompt(
    *,
    instructions: Instructions,
    system: Instructions,
    prompt: Prompt,
    messages: Iterable[MessageLike] | None,
    allow_system_in_messages: bool,
) -> tuple[tuple[SystemMessage, ...], tuple[ModelMessage, ...]]:
    """Check them; gives the instructions and the messages.

    Raises:
        InvalidPromptError: both or neither of `prompt` and `messages`, no message at all, a system message among the
            messages when not allowed, or a message that is not one.
    """
    history = _history(prompt, messages)
    if not history:
        raise InvalidPromptError("messages must not be empty; a model needs something to answer.")
    check_roles(history, allow_system=allow_system_in_messages)
    return to_instructions(instructions if instructions is not None else system), tuple(history)


def check_roles(messages: Sequence[ModelMessage], *, allow_system: bool) -> None:
    """Refuse instructions among messages, unless they are allowed.

    Raises:
        InvalidPromptError: there are some.
    """
    if not allow_system and any(message.role == "system" for message in messages):
        raise InvalidPromptError(
            "a system message stands among the messages. What a browser sends must not instruct the model: pass "
            "`instructions=…`, or `allow_system_in_messages=True` when the messages are your own."
        )


def _history(prompt: Prompt, messages: Iterable[MessageLike] | None) -> list[ModelMessage]:
    if (prompt is None) == (messages is None):
        raise InvalidPromptError("give either prompt=… or messages=…" + (", not both." if prompt else "."))
    if isinstance(prompt, str):
        return [UserMessage(prompt)]
    return to_messages(messages if messages is not None else prompt or ())


def to_instructions(instructions: Instructions) -> tuple[SystemMessage, ...]:
    """Instructions as messages.

    Raises:
        InvalidPromptError: neither text nor system messages.
    """
    if instructions is None:
        return ()
    if isinstance(instructions, str):
        return (SystemMessage(instructions),)
    alone = isinstance(instructions, (SystemMessage, Mapping))
    found = to_messages((instructions,) if alone else instructions)  # type: ignore[arg-type] # mypy does not follow `alone`
    for message in found:
        if not isinstance(message, SystemMessage):
            raise InvalidPromptError(
                f"instructions are text or system messages, got one of role '{message.role}'."
            )
    return tuple(message for message in found if isinstance(message, SystemMessage))
