"""The stream vocabulary: what happens while a model answers.

Owns: one class per stream part of the AI SDK v7 (`packages/ai/src/generate-text/stream-text-result.ts`,
`packages/provider/src/language-model/v4/`), usage and finish reasons. Refuses to know: who produces or reads them.

Order, as in the AI SDK: Start, (StartStep … FinishStep)+, Finish. A text is TextStart, TextDelta*, TextEnd with one id;
reasoning and tool input follow the same law. Abort ends a stream wherever it is; so does Error, and when a step had
begun to answer, FinishStep and Finish with the reason "error" come after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Literal, TypeAlias

import msgspec

from flightwire._frozen import like_a_dataclass, value
from flightwire.jsontypes import JSONObject, JSONValue
from flightwire.messages import ModelMessage
from flightwire.pauses import ChunkTimes, Pauses

FinishReason: TypeAlias = Literal[
    "stop", "length", "content-filter", "tool-calls", "error", "other", "interrupted"
]
ProviderMetadata: TypeAlias = Mapping[str, JSONObject]


@value
class Usage:
    """Tokens of one model call or of a sum of them; `None` is "the provider did not say"."""

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    no_cache_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    text_tokens: int | None = None
    reasoning_tokens: int | None = None
    raw: JSONObject | None = None

    def __add__(self, other: Usage) -> Usage:
        """The sum; a field stays unknown only if both sides are unknown (AI SDK v7, `types/usage.ts`)."""
        return Usage(
            _add(self.input_tokens, other.input_tokens),
            _add(self.output_tokens, other.output_tokens),
            _add(self.total_tokens, other.total_tokens),
            _add(self.no_cache_tokens, other.no_cache_tokens),
            _add(self.cache_read_tokens, other.cache_read_tokens),
            _add(self.cache_write_tokens, other.cache_write_tokens),
            _add(self.text_tokens, other.text_tokens),
            _add(self.reasoning_tokens, other.reasoning_tokens),
        )

    def to_json(self) -> dict[str, JSONValue]:
        """The AI SDK's shape, `{"inputTokens": …, "inputTokenDetails": {…}, …}`; unknown fields are left out."""
        return _known(
            inputTokens=self.input_tokens,
            inputTokenDetails=_known(
                noCacheTokens=self.no_cache_tokens,
                cacheReadTokens=self.cache_read_tokens,
                cacheWriteTokens=self.cache_write_tokens,
            ),
            outputTokens=self.output_tokens,
            outputTokenDetails=_known(textTokens=self.text_tokens, reasoningTokens=self.reasoning_tokens),
            totalTokens=self.total_tokens,
        )


def _add(a: int | None, b: int | None) -> int | None:
    return (a or 0) + (b or 0) if a is not None or b is not None else None


def _known(**fields: JSONValue) -> dict[str, JSONValue]:
    return {name: field for name, field in fields.items() if field is not None}


@value
class CallWarning:
    """Something the provider could not honour (AI SDK v7, `shared-v4-warning.ts`)."""

    type: Literal["unsupported", "compatibility", "deprecated", "other"]
    message: str
    feature: str | None = None


@value
class ResponseMetadata:
    """What the provider said about its answer. `timestamp_s` is Unix time.

    In a step's result `messages` is the answer as messages; `body` is there when `include` asked for it.
    """

    id: str | None = None
    model_id: str | None = None
    timestamp_s: float | None = None
    headers: Mapping[str, str] | None = None
    messages: Sequence[ModelMessage] = ()
    body: JSONValue = None


@value
class RequestMetadata:
    """What was sent to the provider, when `include` asked for it: the request's body, the messages of the step."""

    body: JSONValue = None
    messages: Sequence[ModelMessage] | None = None


@value
class Performance:
    """How fast a step was (AI SDK v7, `step-result.ts`).

    Attributes:
        tool_execution_s: tool call id → how long the tool ran.
        step_time_s: the whole step, tools included.
        response_time_s: the model's part of it.
        effective_output_tokens_per_second: output tokens over the model's time.
        effective_total_tokens_per_second: all tokens over the model's time.
        output_tokens_per_second: output tokens over the time since the first output; streams only.
        input_tokens_per_second: input tokens over the time until the first output; streams only.
        time_to_first_output_s: from the call to the first text, reasoning, file or tool input; streams only.
        pauses: when output came; streams only.
    """

    tool_execution_s: Mapping[str, float]
    step_time_s: float = 0.0
    response_time_s: float = 0.0
    effective_output_tokens_per_second: float = 0.0
    effective_total_tokens_per_second: float = 0.0
    output_tokens_per_second: float | None = None
    input_tokens_per_second: float | None = None
    time_to_first_output_s: float | None = None
    pauses: Pauses | None = None

    @property
    def time_between_output_chunks(self) -> ChunkTimes | None:
        """How long the pauses were; computed when it is asked for. None when there were none."""
        return None if self.pauses is None else self.pauses.times


NO_PERFORMANCE = Performance({})


@value
class Start:
    """The stream begins."""

    type: ClassVar[Literal["start"]] = "start"


@value
class StartStep:
    """A model call begins."""

    request: RequestMetadata = RequestMetadata()
    warnings: Sequence[CallWarning] = ()
    type: ClassVar[Literal["start-step"]] = "start-step"


@value
class TextStart:
    """A text begins."""

    id: str
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["text-start"]] = "text-start"


@like_a_dataclass
class TextDelta(msgspec.Struct, frozen=True, gc=False):
    """More of a text."""

    id: str
    text: str
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["text-delta"]] = "text-delta"


@value
class TextEnd:
    """A text ends."""

    id: str
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["text-end"]] = "text-end"


@value
class ReasoningStart:
    """A piece of reasoning begins."""

    id: str
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["reasoning-start"]] = "reasoning-start"


@like_a_dataclass
class ReasoningDelta(msgspec.Struct, frozen=True, gc=False):
    """More of a piece of reasoning."""

    id: str
    text: str
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["reasoning-delta"]] = "reasoning-delta"


@value
class ReasoningEnd:
    """A piece of reasoning ends."""

    id: str
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["reasoning-end"]] = "reasoning-end"


@value
class ToolInputStart:
    """The model begins to write a tool's input; `id` is the tool call's."""

    id: str
    tool_name: str
    provider_executed: bool = False
    dynamic: bool = False
    title: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["tool-input-start"]] = "tool-input-start"


@value
class ToolInputDelta:
    """More of a tool's input, as JSON text."""

    id: str
    delta: str
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["tool-input-delta"]] = "tool-input-delta"


@value
class ToolInputEnd:
    """A tool's input is complete."""

    id: str
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["tool-input-end"]] = "tool-input-end"


@value
class ToolCall:
    """The model calls a tool. A provider gives `input` as JSON text; the core replaces it by the parsed value."""

    tool_call_id: str
    tool_name: str
    input: JSONValue
    provider_executed: bool = False
    dynamic: bool = False
    invalid: bool = False
    error: BaseException | None = None
    title: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["tool-call"]] = "tool-call"


@value
class ToolResult:
    """A tool answered; `preliminary` answers are replaced by later ones."""

    tool_call_id: str
    tool_name: str
    input: JSONValue
    output: object
    preliminary: bool = False
    provider_executed: bool = False
    dynamic: bool = False
    is_error: bool = False  # a provider's own tool failed; the core makes a ToolError of it
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["tool-result"]] = "tool-result"


@value
class ToolError:
    """A tool failed; the model gets to see it."""

    tool_call_id: str
    tool_name: str
    input: JSONValue
    error: BaseException
    provider_executed: bool = False
    dynamic: bool = False
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["tool-error"]] = "tool-error"


@value
class ToolOutputDenied:
    """A tool call was denied by whoever had to approve it."""

    tool_call_id: str
    tool_name: str
    type: ClassVar[Literal["tool-output-denied"]] = "tool-output-denied"


@value
class ToolApprovalRequested:
    """A tool call waits for approval."""

    approval_id: str
    tool_call: ToolCall
    is_automatic: bool = False
    signature: str | None = None
    reason: str | None = None
    type: ClassVar[Literal["tool-approval-request"]] = "tool-approval-request"


@value
class ToolApprovalAnswered:
    """Somebody, or a rule, approved or denied a tool call."""

    approval_id: str
    tool_call: ToolCall
    approved: bool
    reason: str | None = None
    provider_executed: bool = False
    type: ClassVar[Literal["tool-approval-response"]] = "tool-approval-response"


@value
class Source:
    """Something the answer is based on: a URL or a document."""

    source_type: Literal["url", "document"]
    id: str
    url: str | None = None
    title: str | None = None
    media_type: str | None = None
    filename: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["source"]] = "source"


@value
class File:
    """A file the model made; `data` is empty when the provider gave an address, `url`, instead."""

    data: bytes
    media_type: str
    url: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["file"]] = "file"


@value
class ReasoningFile:
    """A file that belongs to the model's reasoning; `data` is empty when the provider gave an address, `url`, instead."""

    data: bytes
    media_type: str
    url: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["reasoning-file"]] = "reasoning-file"


@value
class Custom:
    """Something only one provider has; `kind` is "provider.type"."""

    kind: str
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["custom"]] = "custom"


@value
class FinishStep:
    """A model call is over."""

    finish_reason: FinishReason
    usage: Usage
    response: ResponseMetadata = ResponseMetadata()
    raw_finish_reason: str | None = None
    provider_metadata: ProviderMetadata | None = None
    performance: Performance = NO_PERFORMANCE
    type: ClassVar[Literal["finish-step"]] = "finish-step"


@value
class Finish:
    """The stream is complete; `total_usage` sums the steps."""

    finish_reason: FinishReason
    total_usage: Usage
    raw_finish_reason: str | None = None
    type: ClassVar[Literal["finish"]] = "finish"


@value
class Abort:
    """Somebody stopped the stream."""

    reason: str | None = None
    type: ClassVar[Literal["abort"]] = "abort"


@value
class Error:
    """Something failed; what came before stays valid."""

    error: BaseException
    type: ClassVar[Literal["error"]] = "error"


@value
class Raw:
    """A provider's chunk as it came, when `include` asked for it."""

    raw_value: JSONValue
    type: ClassVar[Literal["raw"]] = "raw"


# What only a provider says to the core (AI SDK v4 provider interface).


@value
class StreamStart:
    """The provider accepted the call; what it cannot honour stands in `warnings`."""

    warnings: Sequence[CallWarning] = ()
    request: RequestMetadata = RequestMetadata()
    type: ClassVar[Literal["stream-start"]] = "stream-start"


@value
class ProviderFinish:
    """The provider's last word on one call."""

    finish_reason: FinishReason
    usage: Usage
    raw_finish_reason: str | None = None
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["provider-finish"]] = "provider-finish"


@value
class ProviderApprovalRequest:
    """A provider asks for approval before it runs a tool of its own; the core makes a ToolApprovalRequested of it."""

    approval_id: str
    tool_call_id: str
    provider_metadata: ProviderMetadata | None = None
    type: ClassVar[Literal["provider-approval-request"]] = "provider-approval-request"


ContentPart: TypeAlias = (
    TextStart
    | TextDelta
    | TextEnd
    | ReasoningStart
    | ReasoningDelta
    | ReasoningEnd
    | ToolInputStart
    | ToolInputDelta
    | ToolInputEnd
    | ToolCall
    | ToolResult
    | ToolError
    | Source
    | File
    | ReasoningFile
    | Custom
    | Raw
)
"""What both a provider and the core say."""

ProviderPart: TypeAlias = (
    ContentPart | StreamStart | ResponseMetadata | ProviderApprovalRequest | ProviderFinish | Error
)
"""What a provider's stream consists of."""

StreamPart: TypeAlias = (
    ContentPart
    | Start
    | StartStep
    | ToolOutputDenied
    | ToolApprovalRequested
    | ToolApprovalAnswered
    | FinishStep
    | Finish
    | Abort
    | Error
)
"""What `stream_text(...)` yields."""
