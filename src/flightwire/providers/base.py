"""The contract between the core and a provider.

Owns: what a model is, what a call to it consists of. Refuses to know: any particular API, the tool loop, the browser.
Follows the AI SDK's provider interface v4 (`packages/provider/src/language-model/v4/`), with one change that costs
less per token: a stream yields *batches*, everything one read of the socket delivered.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Protocol, Self, TypeAlias

from flightwire._frozen import value
from flightwire.events import (
    CallWarning,
    Custom,
    File,
    FinishReason,
    ProviderApprovalRequest,
    ProviderMetadata,
    ProviderPart,
    ReasoningFile,
    RequestMetadata,
    ResponseMetadata,
    Source,
    ToolCall,
    ToolResult,
    Usage,
)
from flightwire.jsontypes import JSONObject
from flightwire.messages import ModelMessage, ProviderOptions

__all__ = [
    "ContentBlock",
    "HandedOver",
    "LanguageModel",
    "ModelCall",
    "ModelResult",
    "ProviderToolSpec",
    "Reasoning",
    "ResponseFormat",
    "Text",
    "TextBatch",
    "ToolChoice",
    "ToolSpec",
]

ReasoningEffort: TypeAlias = Literal["provider-default", "none", "minimal", "low", "medium", "high", "xhigh"]


@value
class ToolSpec:
    """A tool as the model sees it."""

    name: str
    input_schema: JSONObject
    description: str | None = None
    strict: bool | None = None
    input_examples: Sequence[JSONObject] = ()
    provider_options: ProviderOptions | None = None


@value
class ProviderToolSpec:
    """A tool that the provider knows, and mostly runs, itself.

    `id` is "provider.tool", as in "anthropic.web_search_20250305"; `name` is what calls of it are named; `args` configure it.
    With `supports_deferred_results` a result may come in a later step than the call.
    """

    id: str
    name: str
    args: JSONObject
    supports_deferred_results: bool = False


@value
class ToolChoice:
    """Whether the model may, must or must not call tools; `tool_name` with type "tool"."""

    type: Literal["auto", "none", "required", "tool"] = "auto"
    tool_name: str | None = None


@value
class ResponseFormat:
    """Text, or JSON with an optional schema."""

    type: Literal["text", "json"] = "text"
    schema: JSONObject | None = None
    name: str | None = None
    description: str | None = None


@value
class ModelCall:
    """One call to a model. What is None is left to the provider.

    `max_retries` covers only obtaining the response: what has begun to stream is never asked for again.
    """

    messages: Sequence[ModelMessage]
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    stop_sequences: Sequence[str] = ()
    seed: int | None = None
    reasoning: ReasoningEffort = "provider-default"
    response_format: ResponseFormat = ResponseFormat()
    tools: Sequence[ToolSpec | ProviderToolSpec] = ()
    tool_choice: ToolChoice = ToolChoice()
    headers: Mapping[str, str] | None = None
    provider_options: ProviderOptions | None = None
    max_retries: int = 2
    include_raw: bool = False
    include_request_body: bool = False
    include_response_body: bool = False

    def with_prompt(
        self,
        messages: Sequence[ModelMessage],
        *,
        tools: Sequence[ToolSpec | ProviderToolSpec],
        tool_choice: ToolChoice,
        provider_options: ProviderOptions | None,
        response_format: ResponseFormat,
    ) -> ModelCall:
        """The call with all that may be another in each step; `dataclasses.replace` takes ten times as long."""
        return ModelCall(
            messages,
            self.max_output_tokens,
            self.temperature,
            self.top_p,
            self.top_k,
            self.presence_penalty,
            self.frequency_penalty,
            self.stop_sequences,
            self.seed,
            self.reasoning,
            response_format,
            tools,
            tool_choice,
            self.headers,
            provider_options,
            self.max_retries,
            self.include_raw,
            self.include_request_body,
            self.include_response_body,
        )


@value
class Text:
    """A text the model wrote."""

    text: str
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["text"]] = "text"


@value
class Reasoning:
    """A piece of reasoning the model wrote."""

    text: str
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["reasoning"]] = "reasoning"


ContentBlock: TypeAlias = (
    Text
    | Reasoning
    | ToolCall
    | ToolResult
    | Source
    | File
    | ReasoningFile
    | Custom
    | ProviderApprovalRequest
)


@value
class ModelResult:
    """A whole answer at once."""

    content: Sequence[ContentBlock]
    finish_reason: FinishReason
    usage: Usage
    raw_finish_reason: str | None = None
    warnings: Sequence[CallWarning] = ()
    request: RequestMetadata = RequestMetadata()
    response: ResponseMetadata = ResponseMetadata()
    provider_metadata: ProviderMetadata | None = None


class TextBatch(tuple[Any, ...]):
    """A batch that says where in it nobody has to look at each part: deltas of one text, none empty, none with metadata.

    No batch needs to be one, whatever is in it. It pays where one read of the socket delivers many tokens.

    Attributes:
        begin: the index of the first of them.
        end: the index after the last of them.
        texts: what they say.
    """

    begin: int
    end: int
    texts: Sequence[str]

    def __new__(cls, parts: Iterable[Any], begin: int, texts: Sequence[str]) -> Self:
        """Say that the deltas with these texts begin at this index."""
        batch = super().__new__(cls, parts)
        batch.begin, batch.end, batch.texts = begin, begin + len(texts), texts
        return batch

    def after(self, part: ProviderPart) -> Self:
        """The same after another part."""
        return type(self)((part, *self), self.begin + 1, self.texts)


class HandedOver(AsyncGenerator[Sequence[ProviderPart], None]):
    """A stream of batches that can also hand them over in the turn of the event loop in which they come.

    What `stream` gives need not be one. Whoever only iterates it gets every batch.
    """

    __slots__ = ()

    @abstractmethod
    def hand_to(self, take: Callable[[Sequence[ProviderPart]], bool]) -> None:
        """Let this have a batch that comes while the next one is awaited.

        Arguments:
            take: says whether it wants the next one in the same way; else, and when there may be no other, the generator gives an
                empty batch. What it raises is raised there. It may be called in no task and in any context.
        """


class LanguageModel(Protocol):
    """A model that answers. Anyone's class with these four members is one; ours have no back door.

    A model that can fetch addresses itself may also say which, as `supported_urls`: media type (`"image/*"`) → patterns.
    """

    @property
    def provider(self) -> str:
        """The provider's name, as in `openai.chat`."""
        ...

    @property
    def model_id(self) -> str:
        """The provider's name of the model."""
        ...

    def stream(self, call: ModelCall) -> AsyncGenerator[Sequence[ProviderPart], None]:
        """Answer in batches: StreamStart first, ProviderFinish last, nothing after it.

        Closing the generator, or cancelling the task that awaits it, closes the connection at once, in every phase.

        Raises:
            APICallError: the API could not be reached, refused the call, or broke off before its own end mark.
            RetryError: it failed several times before it answered; holds every `APICallError`.
            LoadAPIKeyError: there is no key.
            InvalidPromptError: the messages hold something the API cannot take.
            UnsupportedFunctionalityError: a setting that cannot be honoured nor ignored with a warning.
        """
        ...

    async def generate(self, call: ModelCall) -> ModelResult:
        """Answer at once. Cancelling closes the connection.

        Raises: as `stream`.
        """
        ...
