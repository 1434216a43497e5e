"""Models on this machine: SmolLM2 by default, any GGUF file by its path.

Owns: what `local/…` names mean, and one call from its first frame to its last. Refuses to know: llama.cpp, which runs in a
child process (`local_worker`); a crash or a slow token there never stops an event loop here.

How many at once: `parallel_chats` answers are written side by side, a token each in turn, and their prompts are read in turns
of 0.3 s. Further chats wait, first come, first served. Every chat that uses the same file with the same settings shares one
child, whichever thread or event loop it comes from; each worker process of a server has its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InvalidArgumentError, ModelLoadError
from ..events import (
    CallWarning,
    ProviderFinish,
    ProviderPart,
    ReasoningDelta,
    RequestMetadata,
    ResponseMetadata,
    StreamStart,
    TextDelta,
)
from ..messages import UserMessage
from ..toolchain.models import DEFAULT_MODEL, KNOWN_MODELS, find_model
from .base import ContentBlock, LanguageModel, ModelCall, ModelResult, Reasoning, Text
from .local_calls import Answer, broke_off, to_body
from .local_process import Frame, WorkerConfig, shared_process

__all__ = ["LocalModel", "local"]

DEFAULT_PARALLEL_CHATS = 4
MIN_CONTEXT_TOKENS = 256


def local(
    name_or_path: str | Path = DEFAULT_MODEL,
    *,
    context_tokens: int | None = None,
    threads: int | None = None,
    parallel_chats: int = DEFAULT_PARALLEL_CHATS,
) -> LocalModel:
    """Give a model that runs on this machine, without a key or a network.

    Nothing is loaded before the first call or `warm_up()`.

    Args:
        name_or_path: `smollm2`, or the path of a GGUF file.
        context_tokens: room of each chat, prompt and answer together; 4,096 unless given, never more than the model was
            trained for. Costs memory for each parallel chat (SmolLM2: 23 KB per token, so 380 MB for the default 4).
        threads: processor threads; all but one of those this process may use, at most 4, unless given. All of them are faster
            on an idle machine (SmolLM2 on two cores: 85 tokens/s instead of 55) and slower on a busy one.
        parallel_chats: how many chats are answered at once; more wait.

    Raises:
        InvalidArgumentError: a number that cannot work.
    """
    for name, number, least in (
        ("context_tokens", context_tokens, MIN_CONTEXT_TOKENS),
        ("threads", threads, 1),
        ("parallel_chats", parallel_chats, 1),
    ):
        if number is not None and number < least:
            raise InvalidArgumentError(f"local(…, {name}={number}): it must be at least {least}")
    return LocalModel(str(name_or_path), context_tokens, threads, parallel_chats)


class LocalModel:
    """A model in a child process of ours; made by `local(…)`."""

    def __init__(
        self, model_id: str, context_tokens: int | None, threads: int | None, parallel_chats: int
    ) -> None:
        self._model_id = model_id
        self._context_tokens = context_tokens
        self._threads = threads
        self._parallel_chats = parallel_chats

    @property
    def provider(self) -> str:
        """Always `local`."""
        return "local"

    @property
    def model_id(self) -> str:
        """The name or path, as given."""
        return self._model_id

    def describe(self) -> str:
        """Say in one sentence what this is, for a start-up line."""
        known = KNOWN_MODELS.get(self._model_id)
        title = known.title if known is not None else Path(self._model_id).name
        return f"{title}, on this machine: no key, no network, {self._parallel_chats} chats at once"

    def config(self) -> WorkerConfig:
        """Give what decides which child process answers.

        Raises:
            ModelLoadError: the model's file is missing or is none.
        """
        return WorkerConfig(
            find_model(self._model_id), self._context_tokens, self._threads, self._parallel_chats
        )

    def _sampling(self) -> Mapping[str, float]:
        known = KNOWN_MODELS.get(self._model_id)
        return {} if known is None else {"temperature": known.temperature, "top_p": known.top_p}

    async def warm_up(self) -> None:
        """Start the child process and have it read one word, so that the first answer comes fast.

        Raises:
            ModelLoadError: the model's file is missing, is none, or cannot be loaded.
            MissingExtraError: xllamacpp is not installed.
        """
        await self.generate(ModelCall([UserMessage("Hi")], max_output_tokens=1))

    async def stream(self, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
        """Answer in batches, as `LanguageModel.stream`; a batch is what one read of the pipe delivered.

        The same seed gives the same text, with the same settings on the same machine. Closing the generator stops the
        model within one token, or within 16 tokens of the prompt while it still reads that. A child process that dies
        before the first word is replaced and asked again, at most `call.max_retries` times.

        Raises:
            APICallError: the child process died in the middle of the answer; the same call may be repeated.
            InvalidPromptError: no messages, more tokens than there is room for, or roles that the model's template refuses.
            MissingExtraError: xllamacpp is not installed.
            ModelLoadError: the model's file is missing, is none, or cannot be loaded.
            UnsupportedFunctionalityError: parts that are not text, or a JSON schema that cannot be followed.
        """
        body = to_body(call, self._sampling())
        order = {
            "op": "chat",
            "body": body,
            "want_prompt": call.include_request_body,
            "want_raw": call.include_raw,
        }
        process = shared_process(await asyncio.to_thread(self.config))  # it reads the disk
        answer = Answer(call, self._model_id, body)
        for retries_left in range(max(call.max_retries, 0), -1, -1):
            with process.chat(order) as inbox:
                gone: Frame | None = None
                while gone is None:
                    frames = await inbox.take()
                    if parts := answer.parts(frames):
                        yield parts
                    if answer.has_ended:
                        return
                    gone = next((frame for frame in frames if frame["op"] == "gone"), None)
            if not gone["was_ready"]:
                raise self._load_error(gone["reason"])
            if answer.has_written or retries_left == 0:
                raise broke_off(gone["reason"], self._model_id)

    def _load_error(self, reason: str) -> ModelLoadError:
        return ModelLoadError(
            f"local/{self._model_id} cannot be loaded; the process that runs it {reason}. "
            "Check that the file is a whole GGUF of a kind that llama.cpp knows, and that there is memory for it: a smaller "
            "context_tokens or fewer parallel_chats need less. FLIGHTWIRE_LOCAL_LOG=1 shows everything llama.cpp says."
        )

    async def generate(self, call: ModelCall) -> ModelResult:
        """Answer at once, as `LanguageModel.generate`.

        Raises: as `stream`.
        """
        texts: list[str] = []
        reasonings: list[str] = []
        warnings: Sequence[CallWarning] = ()
        request, response = RequestMetadata(), ResponseMetadata()
        finish: ProviderFinish | None = None
        async with aclosing(self.stream(call)) as batches:
            async for batch in batches:
                for part in batch:
                    match part:
                        case TextDelta():
                            texts.append(part.text)
                        case ReasoningDelta():
                            reasonings.append(part.text)
                        case StreamStart():
                            warnings, request = part.warnings, part.request
                        case ResponseMetadata():
                            response = part
                        case ProviderFinish():
                            finish = part
        assert finish is not None, "a stream ends with ProviderFinish or an exception"
        content: list[ContentBlock] = [Reasoning("".join(reasonings))] if reasonings else []
        if texts:
            content.append(Text("".join(texts)))
        return ModelResult(
            content,
            finish.finish_reason,
            finish.usage,
            finish.raw_finish_reason,
            warnings,
            request,
            response,
            finish.provider_metadata,
        )


if TYPE_CHECKING:
    _keeps_the_contract: type[LanguageModel] = LocalModel
