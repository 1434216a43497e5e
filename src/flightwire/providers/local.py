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

from ..errors import InvalidArgumentError
from ..events import (
    CallWarning,
    ProviderFinish,
    ProviderPart,
    ReasoningDelta,
    RequestMetadata,
    ResponseMetadata,
    StreamStart,
    TextDelta,
    ToolCall,
)
from ..messages import UserMessage
from ..toolchain.models import DEFAULT_MODEL, KNOWN_MODELS, find_model
from .base import ContentBlock, LanguageModel, ModelCall, ModelResult, Reasoning, Text, ToolSpec
from .local_answers import Answer
from .local_calls import answer_schema, check, settings, to_body
from .local_chats import Chats
from .local_process import Frame, WorkerConfig, shared_process
from .local_prompts import last_words
from .local_tools import decides, input_body, input_schema, is_news, max_calls, speaks_of_tools

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

    def _needs_help(self) -> bool:
        known = KNOWN_MODELS.get(self._model_id)
        return known is not None and known.is_tiny

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
            InvalidArgumentError: a limit of less than one token.
        """
        check(call)
        chats = Chats(
            shared_process(await asyncio.to_thread(self.config)), call, self._model_id
        )  # it reads the disk
        takes_tools = await self._takes_tools(chats, call)
        tool = await chats.choose() if not takes_tools and decides(call) else None
        parts = self._say(chats, call, takes_tools) if tool is None else self._use(chats, call, tool)
        async with aclosing(parts):
            async for batch in parts:
                yield batch

    async def _takes_tools(self, chats: Chats, call: ModelCall) -> bool:
        """Only asked when it makes a difference."""
        return speaks_of_tools(call) and await chats.takes_tools()

    async def _say(
        self, chats: Chats, call: ModelCall, takes_tools: bool
    ) -> AsyncGenerator[Sequence[ProviderPart], None]:
        """Have the model write a text, or whatever its template knows."""
        schema = answer_schema(call, needs_help=self._needs_help())
        if schema is not None:
            await chats.check_schema(schema)
        body = to_body(call, self._sampling(), takes_tools=takes_tools, needs_help=self._needs_help())
        continues = not takes_tools and call.messages[-1].role == "tool"
        answer = Answer(
            call, self._model_id, body, continues=continues and call.response_format.type == "text"
        )
        async with aclosing(chats.frames(body)) as batches:
            async for frames in batches:
                if parts := answer.parts(frames):
                    yield parts

    async def _use(
        self, chats: Chats, call: ModelCall, tool: ToolSpec
    ) -> AsyncGenerator[Sequence[ProviderPart], None]:
        """Have the model write a tool's input, and further ones as long as they are news."""
        await chats.check_schema(input_schema(tool, needs_help=self._needs_help()))
        said, inputs = last_words(call.messages), list[str]()
        limits = settings(call, self._sampling())
        body = input_body(call, tool, limits, inputs, needs_help=self._needs_help())
        answer = Answer(call, self._model_id, body)
        end: Frame = {}
        async with aclosing(chats.frames(body)) as batches:
            async for frames in batches:
                inputs += [frame["text"] for frame in frames if frame["op"] == "text"]
                end = frames[-1]
                if parts := answer.inputs(tool.name, frames):
                    yield parts
        inputs = ["".join(inputs)]
        while end["finish_reason"] == "stop" and len(inputs) < max_calls(call, tool):
            body = input_body(call, tool, limits, inputs, needs_help=self._needs_help())
            text, further = await chats.whole(body)
            if further["finish_reason"] != "stop" or not is_news(text, inputs, said):
                break
            answer.count(end)
            end = further
            inputs.append(text)
            yield answer.inputs(tool.name, [{"op": "text", "text": text}, end])
        yield [answer.finish(end, reason="tool_calls" if end["finish_reason"] == "stop" else None)]

    async def generate(self, call: ModelCall) -> ModelResult:
        """Answer at once, as `LanguageModel.generate`.

        Raises: as `stream`.
        """
        texts: list[str] = []
        reasonings: list[str] = []
        calls: list[ToolCall] = []
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
                        case ToolCall():
                            calls.append(part)
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
        content += calls
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
