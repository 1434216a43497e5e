"""Messages as a local model reads them.

Owns: what becomes of tool calls and their results, for models whose chat template knows tools and, in plain sentences, for those
whose template does not. Refuses to know: settings, processes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import UnsupportedFunctionalityError
from ..jsontypes import JSONValue, dumps
from ..messages import (
    AssistantMessage,
    ModelMessage,
    ReasoningPart,
    TextPart,
    ToolApprovalRequest,
    ToolApprovalResponse,
    ToolCallPart,
    ToolMessage,
    ToolResultPart,
)
from .base import ToolSpec

__all__ = ["clean", "deed", "last_words", "plain_messages", "tool_messages"]

MAX_DEED_CHARS = 60
SO = "\n\nSo,"  # what the model goes on from when it has a tool's answer

Turn = dict[str, Any]


def clean(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot carry, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def deed(name: str, tool: ToolSpec | None) -> str:
    """What a tool does, as the end of "I will use my tool to …": its first sentence, or its name."""
    said = (tool.description or "") if tool is not None else ""
    words = said.strip().partition("\n")[0].partition(". ")[0].rstrip(".! ") or name.replace(
        "_", " "
    ).replace("-", " ")
    if len(words) > MAX_DEED_CHARS:
        words = words[:MAX_DEED_CHARS].rpartition(" ")[0] or words[:MAX_DEED_CHARS]
    return clean(words[:1].lower() + words[1:])


def last_words(messages: Sequence[ModelMessage]) -> str:
    """What the person said last."""
    for index, message in reversed(list(enumerate(messages))):
        if message.role == "user":
            return _text_of(message, f"messages[{index}]")
    return ""


# for templates that know no tools


def plain_messages(messages: Sequence[ModelMessage], tools: Mapping[str, ToolSpec]) -> list[Turn]:
    """Tell tool calls and results in sentences; a conversation that ends in a result ends with a turn to be continued.

    Raises:
        UnsupportedFunctionalityError: a part that is no text.
    """
    turns: list[Turn] = []
    told = False  # the last turn tells what a tool said
    for index, message in enumerate(messages):
        where = f"messages[{index}]"
        if isinstance(message, ToolMessage):
            for part in message.content:
                if isinstance(part, ToolResultPart):
                    _tell(turns, part, tools, told)
                    told = True
            continue
        text = _text_of(message, where)
        if told and isinstance(message, AssistantMessage):
            turns[-1]["content"] += f"\n\n{text}" if text else ""
            told = False
        elif text or not _has_calls(message):
            turns.append({"role": message.role, "content": text})
            told = False
        if isinstance(message, AssistantMessage) and not isinstance(message.content, str):
            for result in message.content:
                if isinstance(result, ToolResultPart):
                    _tell(turns, result, tools, told)
                    told = True
    if told:
        turns[-1]["content"] += SO
    return turns


def _tell(turns: list[Turn], part: ToolResultPart, tools: Mapping[str, ToolSpec], told: bool) -> None:
    sentence = f"I used my tool to {deed(part.tool_name, tools.get(part.tool_name))}. It says: {output_text(part.output)}"
    if told or (turns and turns[-1]["role"] == "assistant"):
        turns[-1]["content"] += f"\n\n{sentence}"
    else:
        turns.append({"role": "assistant", "content": sentence})


def _has_calls(message: ModelMessage) -> bool:
    return not isinstance(message.content, str) and any(
        isinstance(part, (ToolCallPart, ToolResultPart)) for part in message.content
    )


def _text_of(message: ModelMessage, where: str) -> str:
    """The text of a message; earlier reasoning is not shown again, calls and results are told elsewhere."""
    if isinstance(message.content, str):
        return clean(message.content)
    texts = []
    for index, part in enumerate(message.content):
        if isinstance(part, TextPart):
            texts.append(part.text)
        elif not isinstance(
            part, (ReasoningPart, ToolCallPart, ToolResultPart, ToolApprovalRequest, ToolApprovalResponse)
        ):
            raise UnsupportedFunctionalityError(
                f"{where}.content[{index}] is a {type(part).__name__}, and the local provider reads text only. "
                "Send its text as a TextPart, or choose a model of another provider."
            )
    return clean("".join(texts))


def output_text(output: Mapping[str, JSONValue]) -> str:
    """A tool's tagged output as text."""
    kind, value = output.get("type"), output.get("value")
    if kind == "execution-denied":
        reason = output.get("reason")
        return clean(f"Not allowed. {reason}" if isinstance(reason, str) and reason else "Not allowed.")
    if kind == "content" and isinstance(value, Sequence) and not isinstance(value, str):
        return clean("\n".join(_piece_text(piece) for piece in value))
    text = value if isinstance(value, str) else dumps(value)
    return clean(f"Error: {text}" if kind in ("error-text", "error-json") else text)


def _piece_text(piece: JSONValue) -> str:
    if isinstance(piece, Mapping):
        text = piece.get("text")
        return text if isinstance(text, str) else f"[{piece.get('type')}]"
    return str(piece)


# for templates that know tools


def tool_messages(messages: Sequence[ModelMessage]) -> list[Turn]:
    """The messages in OpenAI's form, which llama.cpp hands to the template.

    Raises:
        UnsupportedFunctionalityError: a part that is no text.
    """
    turns: list[Turn] = []
    for index, message in enumerate(messages):
        if isinstance(message, ToolMessage):
            turns += [_result(part) for part in message.content if isinstance(part, ToolResultPart)]
            continue
        turn: Turn = {"role": message.role, "content": _text_of(message, f"messages[{index}]")}
        turns.append(turn)
        if isinstance(message, AssistantMessage) and not isinstance(message.content, str):
            if calls := [_call(part) for part in message.content if isinstance(part, ToolCallPart)]:
                turn["tool_calls"] = calls
            turns += [_result(part) for part in message.content if isinstance(part, ToolResultPart)]
    return turns


def _call(part: ToolCallPart) -> Turn:
    function = {"name": part.tool_name, "arguments": dumps(part.input)}
    return {"id": part.tool_call_id, "type": "function", "function": function}


def _result(part: ToolResultPart) -> Turn:
    return {"role": "tool", "tool_call_id": part.tool_call_id, "content": output_text(part.output)}
