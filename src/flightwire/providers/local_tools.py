"""How a model whose chat template knows no tools calls them all the same.

Owns: the prompts and grammars of the two questions it is asked, which tool and with what input, and how its answers are weighed.
Refuses to know: processes, streams.

Which tool: a model of 135 million parameters cannot answer "which of these tools, if any?", but it knows what follows what. So it
is asked how likely it is to go on with "I will use my tool to get the weather", once after what the person said and once after
sentences that want no tool. What counts is by how much the person's words raise that likelihood (pointwise mutual information, as
in Holtzman et al. 2021, "Surface Form Competition"). On the 194 questions that the threshold was chosen with, SmolLM2-135M
decides 96 in 100 rightly, on 50 new ones to five other tools 88 in 100: one of the five, "Send an email to somebody.", is
never chosen.

With what input: the model goes on from "… The message was "Weather in Paris?", so I call get_weather(", held to the tool's
schema by a grammar. Further calls of the same tool are taken while they say something new that the person said too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..jsontypes import loads
from ..messages import ToolCallPart
from .base import ModelCall, ToolSpec
from .local_prompts import Turn, clean, deed, last_words, plain_messages
from .local_schemas import bounded, grammar, literal
from .options import option_of

__all__ = [
    "ORDINARY",
    "THRESHOLD",
    "candidates",
    "decides",
    "input_body",
    "input_schema",
    "is_news",
    "max_calls",
    "question_body",
    "speaks_of_tools",
]

# What people say to a machine that want no tool.
ORDINARY = (
    "Hello!",
    "Thank you.",
    "What is the opposite of hot?",
    "Tell me a story.",
    "How do I learn to swim?",
    "Who was Napoleon?",
)
THRESHOLD = 5.5  # in nats; measured, see above
MAX_CALLS = 4
MAX_MESSAGE_CHARS = 400
MAX_QUESTION_TOKENS = 40

_INSTRUCTIONS = "You are a helpful assistant."


def speaks_of_tools(call: ModelCall) -> bool:
    """Whether it makes a difference that a model's template knows tools."""
    return bool(call.tools) or any(
        message.role == "tool"
        or (
            not isinstance(message.content, str)
            and any(isinstance(part, ToolCallPart) for part in message.content)
        )
        for message in call.messages
    )


def decides(call: ModelCall) -> bool:
    """Whether there is something to decide: the last word is the person's, and tools may be called."""
    if not candidates(call):
        return False
    if call.tool_choice.type in ("required", "tool"):
        return True
    return call.messages[-1].role == "user" and bool(last_words(call.messages).strip())


def candidates(call: ModelCall) -> list[ToolSpec]:
    """The tools that the model may choose from."""
    tools = [tool for tool in call.tools if isinstance(tool, ToolSpec)]
    choice = call.tool_choice
    if choice.type == "none":
        return []
    return [tool for tool in tools if tool.name == choice.tool_name] if choice.type == "tool" else tools


def question_body(said: str, tool: ToolSpec) -> dict[str, Any]:
    """Ask how likely the model is to say, after these words, that it uses this tool."""
    turns = [
        {"role": "system", "content": _INSTRUCTIONS},
        {"role": "user", "content": _cut(said)},
        {"role": "assistant", "content": "I will use my tool to"},
    ]
    return {
        "messages": turns,
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,
        "cache_prompt": True,
        "temperature": 0,
        "max_tokens": MAX_QUESTION_TOKENS,
        "grammar": literal(f" {deed(tool.name, tool)}"),
        "logprobs": True,
        "top_logprobs": 1,
    }


def _cut(said: str) -> str:
    """The beginning and the end of a long message: what is wanted stands in one of them."""
    if len(said) <= MAX_MESSAGE_CHARS:
        return clean(said)
    half = MAX_MESSAGE_CHARS // 2
    return clean(f"{said[:half]} … {said[-half:]}")


def input_schema(tool: ToolSpec, *, needs_help: bool) -> Mapping[str, Any]:
    """The schema of a tool's input, as the model is held to it."""
    schema = dict(tool.input_schema)
    if schema.get("type", "object") == "object":
        schema = {"type": "object", "properties": {}, "additionalProperties": False, **schema}
    return bounded(schema) if needs_help else schema


def input_body(
    call: ModelCall, tool: ToolSpec, settings: Mapping[str, Any], earlier: Sequence[str], *, needs_help: bool
) -> dict[str, Any]:
    """Ask for a tool's input, after those that were written already."""
    body = {
        **settings,
        "messages": [
            *_history(call, tool),
            {"role": "assistant", "content": _beginning(call, tool, earlier)},
        ],
        "grammar": grammar(input_schema(tool, needs_help=needs_help)),
        "stop": None,  # an input is whole or it is none
    }
    if call.temperature is None:
        body["temperature"] = 0
    return {name: setting for name, setting in body.items() if setting is not None}


def _history(call: ModelCall, tool: ToolSpec) -> list[Turn]:
    turns = plain_messages(call.messages, {tool.name: tool})
    return turns[:-1] if turns and turns[-1]["role"] == "assistant" else turns


def _beginning(call: ModelCall, tool: ToolSpec, earlier: Sequence[str]) -> str:
    said = _cut(last_words(call.messages))
    calls = "".join(f"{tool.name}({text}) and " for text in earlier)
    return f'I will use my tool to {deed(tool.name, tool)}. The message was "{said}", so I call {calls}{tool.name}('


def max_calls(call: ModelCall, tool: ToolSpec) -> int:
    """How many calls of a tool one answer may hold; without an input a second one says nothing new."""
    if not tool.input_schema.get("properties"):
        return 1
    return 1 if option_of(call.provider_options, "local", "parallelToolCalls") is False else MAX_CALLS


def is_news(text: str, earlier: Sequence[str], said: str) -> bool:
    """Whether a further call asks for something that the person named and no earlier call has."""
    try:
        asked, known = loads(text), [loads(other) for other in earlier]
    except ValueError:
        return False
    if not isinstance(asked, Mapping) or asked in known:
        return False
    fresh = [
        word for name, word in asked.items()
        if not any(isinstance(other, Mapping) and other.get(name) == word for other in known)
    ]  # fmt: skip
    said = said.lower()
    return bool(fresh) and all(isinstance(word, (str, int)) and str(word).lower() in said for word in fresh)
