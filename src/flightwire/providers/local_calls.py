"""A model call in the words of llama.cpp.

Owns: which settings become which fields (llama.cpp's OpenAI-like chat API, `tools/server/README.md`), what cannot be honoured,
and which error a refusal is. Refuses to know: processes and pipes, answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import (
    APICallError,
    FlightwireError,
    InvalidArgumentError,
    InvalidPromptError,
    UnsupportedFunctionalityError,
)
from ..events import CallWarning
from ..jsontypes import dumps
from .base import ModelCall, ToolSpec
from .local_prompts import clean, plain_messages, tool_messages
from .local_schemas import bounded, grammar, in_words, unheld
from .options import option_of

__all__ = [
    "answer_schema",
    "broke_off",
    "call_warnings",
    "check",
    "refusal",
    "settings",
    "to_body",
    "tools_of",
    "unreadable",
]

MAX_SCHEMA_CHARS = 300
RANDOM_SEED = 0xFFFFFFFF  # LLAMA_DEFAULT_SEED: "choose one"
_NOTHING: Mapping[str, float] = {}


def to_body(
    call: ModelCall,
    sampling: Mapping[str, float] = _NOTHING,
    *,
    takes_tools: bool = False,
    needs_help: bool = False,
) -> dict[str, Any]:
    """Write the request; what is None is left to llama.cpp (temperature 0.8, top_k 40, top_p 0.95, no token limit).

    Without a system message the model's chat template decides: SmolLM2's puts its own one there.

    Args:
        call: what is asked for.
        sampling: what the model's makers recommend where the call says nothing: "temperature", "top_p".
        takes_tools: the model's chat template knows tools; without it the body asks for text or JSON only.
        needs_help: the model is so small that it must be told what JSON is wanted, and kept from endless texts.

    Raises:
        InvalidPromptError: there are no messages.
        InvalidArgumentError: a setting that cannot work.
        UnsupportedFunctionalityError: images or files in the messages.
    """
    check(call)
    tools = tools_of(call)
    body: dict[str, Any] = {
        **settings(call, sampling),
        "messages": tool_messages(call.messages) if takes_tools else plain_messages(call.messages, tools),
        **_format(call, needs_help=needs_help, has_tools=bool(takes_tools and tools)),
    }
    if takes_tools and tools:
        body.update(_tools(call, tools))
    if needs_help and call.response_format.schema is not None:
        _describe(body["messages"], call.response_format.schema)
    return {name: setting for name, setting in body.items() if setting is not None}


def check(call: ModelCall) -> None:
    """Refuse what cannot work.

    Raises:
        InvalidPromptError: there are no messages.
        InvalidArgumentError: a limit of less than a token.
    """
    if not call.messages:
        raise InvalidPromptError("there are no messages; a local model needs at least one")
    if call.max_output_tokens is not None and call.max_output_tokens < 1:
        raise InvalidArgumentError(f"max_output_tokens must be at least 1, got {call.max_output_tokens}")


def settings(call: ModelCall, sampling: Mapping[str, float] = _NOTHING) -> dict[str, Any]:
    """Give the fields that do not depend on what is to be written; None where nothing was said."""
    return {
        "stream": True,
        "stream_options": {"include_usage": True},
        "return_progress": True,  # a call back after every piece of the prompt: the place to stop there
        "cache_prompt": True,
        "max_tokens": call.max_output_tokens,
        "temperature": sampling.get("temperature") if call.temperature is None else call.temperature,
        "top_p": sampling.get("top_p") if call.top_p is None else call.top_p,
        "top_k": call.top_k,
        "presence_penalty": call.presence_penalty,
        "frequency_penalty": call.frequency_penalty,
        "stop": [clean(stop) for stop in call.stop_sequences if stop] or None,
        "seed": None if call.seed is None else call.seed % RANDOM_SEED,
    }


def tools_of(call: ModelCall) -> dict[str, ToolSpec]:
    """The tools that may be called, by name."""
    return {tool.name: tool for tool in call.tools if isinstance(tool, ToolSpec)}


def answer_schema(call: ModelCall, *, needs_help: bool) -> Mapping[str, Any] | None:
    """The schema of the answer, as the model is held to it; None for text."""
    wanted = call.response_format
    if wanted.type == "text":
        return None
    schema = wanted.schema or {"type": "object"}
    return bounded(schema) if needs_help else schema


def _format(call: ModelCall, *, needs_help: bool, has_tools: bool) -> dict[str, Any]:
    schema = answer_schema(call, needs_help=needs_help)
    if schema is None:
        return {}
    if has_tools:  # llama.cpp takes no grammar beside tools, as it makes one of them
        return {
            "response_format": {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
        }
    return {"grammar": grammar(schema)}


def _describe(turns: list[dict[str, Any]], schema: Mapping[str, Any]) -> None:
    """Say in the last question what the JSON shall hold; the grammar alone only forbids."""
    words = in_words(schema)
    asked = next((turn for turn in reversed(turns) if turn["role"] == "user"), None)
    if words and asked is not None:
        asked["content"] = clean(f"{asked['content']}\n\nAnswer as JSON with {words}.")


def _tools(call: ModelCall, tools: Mapping[str, ToolSpec]) -> dict[str, Any]:
    choice = call.tool_choice
    if choice.type == "tool":  # llama.cpp knows no named choice; of one tool "required" is the same
        tools = {name: tool for name, tool in tools.items() if name == choice.tool_name}
    return {
        "tools": [_tool(tool) for tool in tools.values()],
        "tool_choice": "required" if choice.type == "tool" else choice.type,
        "parallel_tool_calls": option_of(call.provider_options, "local", "parallelToolCalls") is not False,
    }


def _tool(tool: ToolSpec) -> dict[str, Any]:
    function = {"name": tool.name, "description": tool.description or "", "parameters": tool.input_schema}
    return {"type": "function", "function": function}


def call_warnings(call: ModelCall) -> list[CallWarning]:
    """Tell what is ignored."""
    ignored = {
        "reasoning": call.reasoning != "provider-default",
        "headers": bool(call.headers),
        **{f"provider-defined tool {tool.id}": True for tool in call.tools if not isinstance(tool, ToolSpec)},
    }
    warnings = [
        CallWarning("unsupported", f"the local provider ignores {name}", feature=name)
        for name, is_asked in ignored.items()
        if is_asked
    ]
    schemas = [call.response_format.schema, *(tool.input_schema for tool in tools_of(call).values())]
    warnings += [
        CallWarning("compatibility", f"no grammar holds {word}; check what was written", feature="schema")
        for word in sorted({word for schema in schemas for word in unheld(schema)})
    ]
    return warnings


def refusal(frame: Mapping[str, Any], call: ModelCall, model_id: str) -> FlightwireError:
    """Give the error for the worker's "error" frame."""
    kind, said = frame.get("type"), str(frame.get("message", "")).rstrip(".")
    if kind == "exceed_context_size_error":
        return InvalidPromptError(
            f"The prompt has {frame['n_prompt_tokens']} tokens; local/{model_id} has room for {frame['n_ctx']}, prompt and "
            "answer together. Send fewer or shorter messages, or make room with local(…, context_tokens=…)."
        )
    if kind in ("refused", "invalid_request_error"):
        if (call.response_format.schema is not None or call.tools) and (
            "schema" in said or "grammar" in said
        ):
            return UnsupportedFunctionalityError(f"local/{model_id} cannot follow this JSON schema: {said}.")
        return InvalidPromptError(f"local/{model_id} cannot take these messages: {said}.")
    return APICallError(said, url=f"local/{model_id}", is_retryable=False, data=dict(frame))


def unreadable(schema: Mapping[str, Any], model_id: str) -> UnsupportedFunctionalityError:
    """Give the error for a schema that cannot be made a grammar."""
    return UnsupportedFunctionalityError(
        f"local/{model_id} cannot be held to this JSON schema: {dumps(schema)[:MAX_SCHEMA_CHARS]}. It has an unknown type, a "
        "pattern with look-around or \\b, a $ref that leads nowhere, or rules that nothing can satisfy."
    )


def broke_off(reason: str, model_id: str) -> APICallError:
    """Give the error for a child process that ended while it was answering; the same call may work with the next one."""
    return APICallError(
        f"The process that runs the model {reason} before it had finished its answer",
        url=f"local/{model_id}",
        is_retryable=True,
    )
