"""Chats with the child process: sent, followed to their end, repeated after a crash, weighed.

Owns: what a crash of the process means for a chat, and asking for a tool. Refuses to know: what the parts of an answer are.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from ..errors import ModelLoadError
from .base import ModelCall, ToolSpec
from .local_calls import broke_off, refusal, unreadable
from .local_process import Frame, ModelProcess, WorkerConfig
from .local_prompts import deed, last_words
from .local_schemas import grammar
from .local_tools import ORDINARY, THRESHOLD, candidates, question_body

__all__ = ["Chats"]

MAX_READABLE = 256
MAX_USUAL = 1024
_UNHEARD = "Zq7#Zq7#"  # no model begins like this by itself
_readable: set[str] = set()  # grammars that were tried

# How likely a model is to speak of a tool's deed after ordinary sentences; of each model file.
_usual: dict[tuple[WorkerConfig, str], float] = {}


class Chats:
    """The chats that one answer consists of."""

    def __init__(self, process: ModelProcess, call: ModelCall, model_id: str) -> None:
        self._process = process
        self._call = call
        self._model_id = model_id

    def frames(self, body: Mapping[str, Any]) -> AsyncGenerator[list[Frame], None]:
        """Have a chat answered; what one read of the pipe delivered at a time, the last ends with "end" or "error".

        Raises:
            APICallError: the process died in the middle.
            ModelLoadError: it cannot load the model.
        """
        call = self._call
        return self._follow(
            {
                "op": "chat",
                "body": body,
                "want_prompt": call.include_request_body,
                "want_raw": call.include_raw,
            }
        )

    async def takes_tools(self) -> bool:
        """Ask whether the model's chat template knows tools.

        Raises: as `frames`.
        """
        async with aclosing(self._follow({"op": "about"})) as batches:
            async for frames in batches:
                return bool(frames[-1]["takes_tools"])
        raise AssertionError("a chat ends with a frame or an exception")

    async def _follow(self, order: Frame) -> AsyncGenerator[list[Frame], None]:
        """A process that dies before the first word is replaced and asked again, `max_retries` times."""
        has_written = False
        for retries_left in range(max(self._call.max_retries, 0), -1, -1):
            with self._process.chat(order) as inbox:
                gone: Frame | None = None
                while gone is None:
                    frames = await inbox.take()
                    gone = next((frame for frame in frames if frame["op"] == "gone"), None)
                    frames = [frame for frame in frames if frame is not gone]
                    has_written |= any(frame["op"] in ("text", "reasoning", "tool_call") for frame in frames)
                    if frames:
                        yield frames
                        if frames[-1]["op"] in ("end", "error", "about"):
                            return
            if not gone["was_ready"]:
                raise _load_error(gone["reason"], self._model_id)
            if has_written or retries_left == 0:
                raise broke_off(gone["reason"], self._model_id)

    async def whole(self, body: Mapping[str, Any]) -> tuple[str, Frame]:
        """Have a chat answered; give its text and its "end".

        Raises: as `frames`, and what the worker refuses.
        """
        texts: list[str] = []
        async with aclosing(self._follow({"op": "chat", "body": body})) as batches:
            async for frames in batches:
                texts += [frame["text"] for frame in frames if frame["op"] == "text"]
                last = frames[-1]
        if last["op"] == "error":
            raise refusal(last, self._call, self._model_id)
        return "".join(texts), last

    async def check_schema(self, schema: Mapping[str, Any]) -> None:
        """Try a schema that was not used before.

        Raises:
            UnsupportedFunctionalityError: it cannot be made a grammar.
        """
        held = grammar(schema, before=_UNHEARD)
        if held in _readable:
            return
        body = {
            "messages": [{"role": "user", "content": "."}],
            "grammar": held,
            "max_tokens": 2,
            "temperature": 0,
            "stream": True,
            "stream_options": {"include_usage": True},
            "return_progress": True,
        }
        text, _ = await self.whole(body)
        if not text or not _UNHEARD.startswith(text[: len(_UNHEARD)]):
            raise unreadable(schema, self._model_id)
        if len(_readable) >= MAX_READABLE:
            _readable.clear()
        _readable.add(held)

    # which tool

    async def choose(self) -> ToolSpec | None:
        """Have the model choose a tool; None is "no tool, an answer".

        Raises: as `whole`.
        """
        tools = candidates(self._call)
        must = self._call.tool_choice.type in ("required", "tool")
        if must and len(tools) == 1:
            return tools[0]
        said = last_words(self._call.messages)
        gains = [await self._likelihood(said, tool) - await self._usual_likelihood(tool) for tool in tools]
        best = max(range(len(tools)), key=gains.__getitem__)
        return tools[best] if must or gains[best] > THRESHOLD else None

    async def _likelihood(self, said: str, tool: ToolSpec) -> float:
        _, end = await self.whole(question_body(said, tool))
        return float(end["logprob"])

    async def _usual_likelihood(self, tool: ToolSpec) -> float:
        key = (self._process.config, deed(tool.name, tool))
        if key not in _usual:
            if len(_usual) >= MAX_USUAL:
                _usual.clear()
            likelihoods = [await self._likelihood(said, tool) for said in ORDINARY]
            _usual[key] = sum(likelihoods) / len(likelihoods)
        return _usual[key]


def _load_error(reason: str, model_id: str) -> ModelLoadError:
    return ModelLoadError(
        f"local/{model_id} cannot be loaded; the process that runs it {reason}. "
        "Check that the file is a whole GGUF of a kind that llama.cpp knows, and that there is memory for it: a smaller "
        "context_tokens or fewer parallel_chats need less. FLIGHTWIRE_LOCAL_LOG=1 shows everything llama.cpp says."
    )
