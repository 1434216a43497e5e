"""What the child process says about chats, as parts of one answer.

Owns: texts, reasoning and tool inputs that begin and end, ids, usage. Refuses to know: processes, prompts, which chat comes next.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..events import (
    FinishReason,
    ProviderFinish,
    ProviderPart,
    Raw,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    RequestMetadata,
    ResponseMetadata,
    StreamStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
    Usage,
)
from .base import ModelCall
from .local_calls import call_warnings, refusal

__all__ = ["Answer"]

_FINISH_REASONS: Mapping[str, FinishReason] = {"stop": "stop", "length": "length", "tool_calls": "tool-calls"}


class _Call:
    """A tool call that is being written."""

    def __init__(self, call_id: str, name: str) -> None:
        self.id = call_id
        self.name = name
        self.pieces: list[str] = []

    @property
    def start(self) -> ToolInputStart:
        return ToolInputStart(self.id, self.name)

    def delta(self, text: str) -> ToolInputDelta:
        self.pieces.append(text)
        return ToolInputDelta(self.id, text)

    def end(self, *, is_whole: bool) -> list[ProviderPart]:
        """What was cut off is no call: nobody may run it."""
        if not is_whole:
            return [ToolInputEnd(self.id)]
        return [ToolInputEnd(self.id), ToolCall(self.id, self.name, "".join(self.pieces) or "{}")]


class Answer:
    """Turns the worker's frames into provider parts; of one chat, or of several that together make one answer."""

    def __init__(
        self, call: ModelCall, model_id: str, body: Mapping[str, Any], *, continues: bool = False
    ) -> None:
        """Begin with nothing.

        Args:
            call: what was asked for.
            model_id: the model's name, for letters.
            body: what is sent, for those who want to see it.
            continues: the text goes on where the prompt stopped in the middle of a sentence.
        """
        self._has_begun = False
        self._continues = continues
        self._call = call
        self._model_id = model_id
        self._body = body
        self._open: str | None = None  # the kind of what is being written: "text", "reasoning"
        self._begun = 0
        self._tool_call: _Call | None = None
        self._tool_index = -1  # the place of that call, when llama.cpp finds it in what the model writes
        self._usage: Usage | None = None

    def parts(self, frames: Sequence[Mapping[str, Any]]) -> list[ProviderPart]:
        """Translate what arrived together.

        Raises:
            APICallError, InvalidPromptError, UnsupportedFunctionalityError: the worker refused the chat.
        """
        parts: list[ProviderPart] = []
        for frame in frames:
            op = frame["op"]
            if op in ("text", "reasoning"):
                self._write(op, frame["text"], parts)
            elif op == "tool_call":
                self._take_call(frame, parts)
            elif op == "raw":
                parts.append(Raw(frame["chunk"]))
            elif op == "begin":
                self._begin(frame, parts)
            elif op == "end":
                parts += [*self._switch(None), *self._end_call(frame), self.finish(frame)]
            elif op == "error":
                raise refusal(frame, self._call, self._model_id)
        return parts

    def _begin(self, frame: Mapping[str, Any], parts: list[ProviderPart]) -> None:
        """Say that the model begins, once: not again after a crash before the first word, nor for a second chat."""
        if self._has_begun:
            return
        self._has_begun = True
        request = RequestMetadata()
        if self._call.include_request_body:
            request = RequestMetadata(body={**self._body, "prompt": frame["prompt"]})
        parts.append(StreamStart(call_warnings(self._call), request))
        parts.append(
            ResponseMetadata(id=frame["response_id"], model_id=self._model_id, timestamp_s=time.time())
        )

    def finish(self, frame: Mapping[str, Any], *, reason: str | None = None) -> ProviderFinish:
        """The last part; `frame` is the last chat's "end"."""
        self.count(frame)
        reason = reason or frame["finish_reason"]
        return ProviderFinish(
            _FINISH_REASONS.get(reason or "", "other"),
            self._usage or Usage(),
            raw_finish_reason=reason,
            provider_metadata={"local": {"timings": frame["timings"]}} if frame.get("timings") else None,
        )

    def count(self, frame: Mapping[str, Any]) -> None:
        """Add what a chat used to what the answer used."""
        usage = _usage(frame["usage"])
        self._usage = usage if self._usage is None else self._usage + usage

    # texts

    def _write(self, kind: str, text: str, parts: list[ProviderPart]) -> None:
        if kind == "text" and self._continues:
            text = text.lstrip(" ,:\n")
            if not text:
                return
            text, self._continues = text[0].upper() + text[1:], False
        parts += self._switch(kind)
        parts.append((TextDelta if kind == "text" else ReasoningDelta)(self._part_id(), text))

    def _part_id(self) -> str:
        return f"{self._open}-{self._begun}"

    def _switch(self, kind: str | None) -> list[ProviderPart]:
        """End what is being written, begin what comes, unless it is the same."""
        if kind == self._open:
            return []
        parts: list[ProviderPart] = []
        if self._open is not None:
            parts.append((TextEnd if self._open == "text" else ReasoningEnd)(self._part_id()))
        self._open = kind
        if kind is not None:
            self._begun += 1
            parts.append((TextStart if kind == "text" else ReasoningStart)(self._part_id()))
        return parts

    # tool calls that llama.cpp finds in what the model writes

    def _take_call(self, frame: Mapping[str, Any], parts: list[ProviderPart]) -> None:
        if frame["index"] != self._tool_index:
            parts += [*self._switch(None), *self._end_call(None)]
            self._tool_index = frame["index"]
            self.open_call(frame["name"], parts, call_id=frame.get("call_id"))
        if frame["arguments"]:
            self.write_input(frame["arguments"], parts)

    def _end_call(self, end: Mapping[str, Any] | None) -> list[ProviderPart]:
        call, self._tool_call = self._tool_call, None
        return [] if call is None else call.end(is_whole=end is None or end["finish_reason"] != "length")

    # tool calls whose input is written by a chat of its own

    def open_call(self, name: str, parts: list[ProviderPart], *, call_id: str | None = None) -> None:
        """A tool's input begins."""
        self._begun += 1
        self._tool_call = _Call(call_id or f"call_{secrets.token_hex(12)}", name)
        parts.append(self._tool_call.start)

    def write_input(self, text: str, parts: list[ProviderPart]) -> None:
        """More of the input of the call that is open."""
        assert self._tool_call is not None, "an input belongs to a call"
        parts.append(self._tool_call.delta(text))

    def inputs(self, name: str, frames: Sequence[Mapping[str, Any]]) -> list[ProviderPart]:
        """Translate the frames of a chat whose text is the input of a tool; its "end" ends the call, not the answer.

        Raises: as `parts`.
        """
        parts: list[ProviderPart] = []
        for frame in frames:
            if frame["op"] == "text":
                if self._tool_call is None:
                    self.open_call(name, parts)
                self.write_input(frame["text"], parts)
            elif frame["op"] == "end":
                parts += self._end_call(frame)
            else:
                parts += self.parts([frame])
        return parts


def _usage(usage: Mapping[str, Any]) -> Usage:
    read, written = usage["prompt_tokens"], usage["completion_tokens"]
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    return Usage(
        input_tokens=read,
        output_tokens=written,
        total_tokens=read + written,
        no_cache_tokens=read - cached,
        cache_read_tokens=cached,
        raw=usage,
    )
