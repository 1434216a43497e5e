"""A model call in the words of llama.cpp, and its answer in ours.

Owns: which settings become which fields (llama.cpp's OpenAI-like chat API, `tools/server/README.md`), what cannot be honoured,
and which error a refusal is. Refuses to know: processes and pipes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import (
    APICallError,
    FlightwireError,
    InvalidArgumentError,
    InvalidPromptError,
    UnsupportedFunctionalityError,
)
from ..events import (
    CallWarning,
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
    Usage,
)
from ..messages import ModelMessage, ReasoningPart, TextPart
from .base import ModelCall, ResponseFormat

__all__ = ["Answer", "broke_off", "call_warnings", "refusal", "to_body"]

RANDOM_SEED = 0xFFFFFFFF  # LLAMA_DEFAULT_SEED: "choose one"
_NOTHING: Mapping[str, float] = {}
_FINISH_REASONS: Mapping[str, FinishReason] = {"stop": "stop", "length": "length"}


def to_body(call: ModelCall, sampling: Mapping[str, float] = _NOTHING) -> dict[str, Any]:
    """Write the request; what is None is left to llama.cpp (temperature 0.8, top_k 40, top_p 0.95, no token limit).

    Without a system message the model's chat template decides: SmolLM2's puts its own one there.

    Args:
        call: what is asked for.
        sampling: what the model's makers recommend where the call says nothing: "temperature", "top_p".

    Raises:
        InvalidPromptError: there are no messages.
        InvalidArgumentError: a setting that cannot work.
        UnsupportedFunctionalityError: images, files, tool calls or tool results in the messages.
    """
    if not call.messages:
        raise InvalidPromptError("there are no messages; a local model needs at least one")
    if call.max_output_tokens is not None and call.max_output_tokens < 1:
        raise InvalidArgumentError(f"max_output_tokens must be at least 1, got {call.max_output_tokens}")
    body: dict[str, Any] = {
        "messages": [_message(message, f"messages[{index}]") for index, message in enumerate(call.messages)],
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
        "stop": [_clean(stop) for stop in call.stop_sequences if stop] or None,
        "seed": None if call.seed is None else call.seed % RANDOM_SEED,
        "response_format": _response_format(call.response_format),
    }
    return {name: setting for name, setting in body.items() if setting is not None}


def _message(message: ModelMessage, where: str) -> dict[str, str]:
    if isinstance(message.content, str):
        return {"role": message.role, "content": _clean(message.content)}
    texts = []
    for index, part in enumerate(message.content):
        if isinstance(part, TextPart):
            texts.append(part.text)
        elif not isinstance(part, ReasoningPart):  # a model's earlier reasoning is not shown to it again
            raise UnsupportedFunctionalityError(
                f"{where}.content[{index}] is a {type(part).__name__}, and the local provider reads text only. "
                "Send its text as a TextPart, or choose a model of another provider."
            )
    return {"role": message.role, "content": _clean("".join(texts))}


def _clean(text: str) -> str:
    """Replace lone surrogates, which UTF-8 cannot carry, by U+FFFD."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _response_format(wanted: ResponseFormat) -> dict[str, Any] | None:
    if wanted.type == "text":
        return None
    if wanted.schema is None:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": {"name": wanted.name or "answer", "schema": wanted.schema}}


def call_warnings(call: ModelCall) -> list[CallWarning]:
    """Tell what is ignored."""
    ignored = {
        "tools": bool(call.tools),
        "reasoning": call.reasoning != "provider-default",
        "headers": bool(call.headers),
    }
    return [
        CallWarning("unsupported", f"the local provider ignores {name}", feature=name)
        for name, is_asked in ignored.items()
        if is_asked
    ]


class Answer:
    """Turns the worker's frames of one chat into provider parts."""

    def __init__(self, call: ModelCall, model_id: str, body: Mapping[str, Any]) -> None:
        self._call = call
        self._model_id = model_id
        self._body = body
        self._open: str | None = None  # the kind of what is being written: "text", "reasoning"
        self._begun = 0
        self.has_begun = False
        self.has_ended = False

    def parts(self, frames: Sequence[Mapping[str, Any]]) -> list[ProviderPart]:
        """Translate what arrived together.

        Raises:
            APICallError, InvalidPromptError, UnsupportedFunctionalityError: the worker refused the chat.
        """
        parts: list[ProviderPart] = []
        for frame in frames:
            op = frame["op"]
            if op in ("text", "reasoning"):
                parts += self._switch(op)
                delta = TextDelta if op == "text" else ReasoningDelta
                parts.append(delta(self._part_id(), frame["text"]))
            elif op == "raw":
                parts.append(Raw(frame["chunk"]))
            elif op == "begin":
                parts += self._begin(frame)
            elif op == "end":
                parts += [*self._switch(None), _finish(frame)]
                self.has_ended = True
            elif op == "error":
                raise refusal(frame, self._call, self._model_id)
        return parts

    def _begin(self, frame: Mapping[str, Any]) -> list[ProviderPart]:
        if self.has_begun:  # a second attempt, after a crash before the first word
            return []
        self.has_begun = True
        request = RequestMetadata()
        if self._call.include_request_body:
            request = RequestMetadata(body={**self._body, "prompt": frame["prompt"]})
        return [
            StreamStart(call_warnings(self._call), request),
            ResponseMetadata(id=frame["response_id"], model_id=self._model_id, timestamp_s=time.time()),
        ]

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

    @property
    def has_written(self) -> bool:
        """Whether a word of the answer was given away: from then on it cannot be asked for again."""
        return self._begun > 0


def _finish(frame: Mapping[str, Any]) -> ProviderFinish:
    reason = frame["finish_reason"]
    usage = frame["usage"]
    read, written = usage["prompt_tokens"], usage["completion_tokens"]
    cached = (usage.get("prompt_tokens_details") or {}).get("cached_tokens", 0)
    return ProviderFinish(
        _FINISH_REASONS.get(reason, "other"),
        Usage(
            input_tokens=read,
            output_tokens=written,
            total_tokens=read + written,
            no_cache_tokens=read - cached,
            cache_read_tokens=cached,
            raw=usage,
        ),
        raw_finish_reason=reason,
        provider_metadata={"local": {"timings": frame["timings"]}} if frame.get("timings") else None,
    )


def refusal(frame: Mapping[str, Any], call: ModelCall, model_id: str) -> FlightwireError:
    """Give the error for the worker's "error" frame."""
    kind, said = frame.get("type"), str(frame.get("message", "")).rstrip(".")
    if kind == "exceed_context_size_error":
        return InvalidPromptError(
            f"The prompt has {frame['n_prompt_tokens']} tokens; local/{model_id} has room for {frame['n_ctx']}, prompt and "
            "answer together. Send fewer or shorter messages, or make room with local(…, context_tokens=…)."
        )
    if kind in ("refused", "invalid_request_error"):
        if call.response_format.schema is not None and ("schema" in said or "grammar" in said):
            return UnsupportedFunctionalityError(f"local/{model_id} cannot follow this JSON schema: {said}.")
        return InvalidPromptError(f"local/{model_id} cannot take these messages: {said}.")
    return APICallError(said, url=f"local/{model_id}", is_retryable=False, data=dict(frame))


def broke_off(reason: str, model_id: str) -> APICallError:
    """Give the error for a child process that ended while it was answering; the same call may work with the next one."""
    return APICallError(
        f"The process that runs the model {reason} before it had finished its answer",
        url=f"local/{model_id}",
        is_retryable=True,
    )
