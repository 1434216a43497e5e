"""`stream_text`: an answer that is read while it is being made.

Owns: the function and its result object. Refuses to know: concrete providers, the wire, HTTP.
Follows `packages/ai/src/generate-text/stream-text.ts` and `stream-text-result.ts` (AI SDK v7).
"""

from __future__ import annotations

from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, overload

from typing_extensions import TypeVar

from flightwire.core.collect import DEFAULT_MAX_OUTPUT_BYTES
from flightwire.core.models import ModelLike, resolve_model
from flightwire.core.reading import Eventual, PartStream, TextStream
from flightwire.core.results import Answer, StepContent, StepResult
from flightwire.core.run import Run
from flightwire.core.settings import StreamSettings, to_request
from flightwire.errors import UnsupportedFunctionalityError
from flightwire.events import (
    CallWarning,
    File,
    FinishReason,
    ProviderMetadata,
    ReasoningFile,
    RequestMetadata,
    ResponseMetadata,
    Source,
    ToolCall,
    ToolResult,
    Usage,
)
from flightwire.messages import ModelMessage
from flightwire.providers.base import Reasoning

if TYPE_CHECKING:
    from typing import Never

    from typing_extensions import Unpack

    from flightwire.core.output import Output
    from flightwire.core.output_streams import ElementStream, PartialStream

T = TypeVar("T")
O_co = TypeVar("O_co", covariant=True, default=Any)
P_co = TypeVar("P_co", covariant=True, default=Any)
E_co = TypeVar("E_co", covariant=True, default=Any)


@overload
def stream_text(
    *,
    model: ModelLike = None,
    output: Output[O_co, P_co, E_co],
    max_output_bytes: int = DEFAULT_MAX_OUTPUT_BYTES,
    **settings: Unpack[StreamSettings],
) -> StreamTextResult[O_co, P_co, E_co]: ...


@overload
def stream_text(
    *,
    model: ModelLike = None,
    output: None = None,
    max_output_bytes: int = DEFAULT_MAX_OUTPUT_BYTES,
    **settings: Unpack[StreamSettings],
) -> StreamTextResult[str, str, Never]: ...


def stream_text(
    *,
    model: ModelLike = None,
    output: Output[Any, Any, Any] | None = None,
    max_output_bytes: int = DEFAULT_MAX_OUTPUT_BYTES,
    **settings: Unpack[StreamSettings],
) -> StreamTextResult[Any, Any, Any]:
    """Ask a model and read the answer while it is being made.

    Returns at once; the model is called when somebody starts to read. Inside an action the request owns the call: when
    the browser goes away, the connection to the model is closed.

    Arguments:
        model: `"provider/model"`, a model object, or nothing for the default model.
        output: what to answer with instead of text, as in `Output.object(Recipe)`.
        max_output_bytes: where to stop a model that does not stop.
        settings: prompt, call settings, tools, steps and callbacks, see `StreamSettings`.

    Raises:
        InvalidPromptError: prompt or messages that no model could answer.
        InvalidArgumentError: a setting out of its range.
        NoSuchModelError: nobody knows this model.
    """
    request = to_request(settings, known=StreamSettings)
    run = Run(resolve_model(model), request, output=output, max_output_bytes=max_output_bytes)
    return StreamTextResult(run, output)


class StreamTextResult(Generic[O_co, P_co, E_co]):
    """An answer in the making. Read it in any number of ways at once; each sees all of it.

    Who begins when others have read far gets that text in larger pieces.

    `async for text in result.text_stream`, `async for part in result`, `await result.text`; as a context manager, leaving
    the block closes the connection to the model. The three types are those of the output, of its partials and its elements.
    """

    __slots__ = ("__weakref__", "_output", "_parsed", "_run")

    def __init__(self, run: Run, output: Output[O_co, P_co, E_co] | None = None) -> None:
        self._run = run
        self._output = output
        self._parsed: list[O_co] = []  # once it was awaited

    def __del__(self) -> None:
        run = getattr(self, "_run", None)
        if run is not None:
            run.abort("nobody reads it any more")

    # --- reading -------------------------------------------------------------------------------------------------

    @property
    def text_stream(self) -> TextStream:
        """The text, delta by delta; raises what ended the answer when it failed."""
        return TextStream(self)

    @property
    def stream(self) -> PartStream:
        """All parts; failures are `Error` parts."""
        return PartStream(self)

    def __aiter__(self) -> PartStream:
        return PartStream(self)

    @property
    def partial_output_stream(self) -> PartialStream[P_co]:
        """The output so far, each time there is more of it; not validated. Raises what ended the answer when it failed."""
        from flightwire.core.output_streams import PartialStream

        return PartialStream(self, self._output_or_text())

    @property
    def element_stream(self) -> ElementStream[E_co]:
        """The elements of `Output.array`, validated, as they become complete.

        Raises:
            UnsupportedFunctionalityError: another output has no elements.
        """
        from flightwire.core.output_streams import ElementStream

        output = self._output_or_text()
        if output.elements() is None:
            raise UnsupportedFunctionalityError(
                f"element streams in {output.name} mode: only Output.array has elements."
            )
        return ElementStream(self, output)

    def _output_or_text(self) -> Output[Any, Any, Any]:
        from flightwire.core.output import TEXT

        return TEXT if self._output is None else self._output

    async def consume_stream(self) -> None:
        """Pull the answer to its end, so that it completes without a reader; failures are kept for `await result.text`."""
        self._run.start()
        await self._run.log.wait_closed()

    # --- stopping ------------------------------------------------------------------------------------------------

    def abort(self, reason: str | None = None) -> None:
        """Stop the answer and close the connection to the model; from any thread, any number of times.

        Iterators end after an `Abort` part. What is awaited fails with AbortError; `steps_so_far` has what there is.
        """
        self._run.abort(reason)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._run.abort("its `async with` block was left")
        await self._run.wait_stopped()

    # --- awaiting ------------------------------------------------------------------------------------------------

    @property
    def steps(self) -> Eventual[tuple[StepResult, ...]]:
        """All steps."""
        return self._eventual("steps", lambda answer: tuple(answer.steps))

    @property
    def steps_so_far(self) -> tuple[StepResult, ...]:
        """The steps until now, without waiting; after a failure the last is what had come, with the finish reason "error"."""
        return tuple(self._run.steps)

    @property
    def output(self) -> Eventual[O_co]:
        """What was asked for with `output=`, validated; without it the text. Awaiting it may raise NoObjectGeneratedError."""

        def parse(answer: Answer) -> O_co:
            if not self._parsed:
                self._parsed.append(self._output_or_text().parse_step(answer.final_step))
            return self._parsed[0]

        return self._eventual("output", parse)

    @property
    def text(self) -> Eventual[str]:
        """The text of the last step."""
        return self._eventual("text", lambda answer: answer.text)

    @property
    def content(self) -> Eventual[tuple[StepContent, ...]]:
        """Everything the model produced and tools answered, of all steps."""
        return self._eventual("content", lambda answer: answer.content)

    @property
    def reasoning(self) -> Eventual[tuple[Reasoning | ReasoningFile, ...]]:
        """The reasoning of the last step."""
        return self._eventual("reasoning", lambda answer: answer.reasoning)

    @property
    def reasoning_text(self) -> Eventual[str | None]:
        """The reasoning of the last step as text."""
        return self._eventual("reasoning_text", lambda answer: answer.reasoning_text)

    @property
    def files(self) -> Eventual[tuple[File, ...]]:
        """The files the model made, in any step."""
        return self._eventual("files", lambda answer: answer.files)

    @property
    def sources(self) -> Eventual[tuple[Source, ...]]:
        """What the answer is based on, in any step."""
        return self._eventual("sources", lambda answer: answer.sources)

    @property
    def tool_calls(self) -> Eventual[tuple[ToolCall, ...]]:
        """The tools the model called, in any step."""
        return self._eventual("tool_calls", lambda answer: answer.tool_calls)

    @property
    def static_tool_calls(self) -> Eventual[tuple[ToolCall, ...]]:
        """Calls of tools whose inputs were known beforehand, in any step."""
        return self._eventual("static_tool_calls", lambda answer: answer.static_tool_calls)

    @property
    def dynamic_tool_calls(self) -> Eventual[tuple[ToolCall, ...]]:
        """Calls of dynamic tools and invalid calls, in any step."""
        return self._eventual("dynamic_tool_calls", lambda answer: answer.dynamic_tool_calls)

    @property
    def tool_results(self) -> Eventual[tuple[ToolResult, ...]]:
        """What tools answered, in any step."""
        return self._eventual("tool_results", lambda answer: answer.tool_results)

    @property
    def static_tool_results(self) -> Eventual[tuple[ToolResult, ...]]:
        """What tools answered whose inputs were known beforehand, in any step."""
        return self._eventual("static_tool_results", lambda answer: answer.static_tool_results)

    @property
    def dynamic_tool_results(self) -> Eventual[tuple[ToolResult, ...]]:
        """What dynamic tools answered, in any step."""
        return self._eventual("dynamic_tool_results", lambda answer: answer.dynamic_tool_results)

    @property
    def finish_reason(self) -> Eventual[FinishReason]:
        """Why the last step ended."""
        return self._eventual("finish_reason", lambda answer: answer.finish_reason)

    @property
    def raw_finish_reason(self) -> Eventual[str | None]:
        """Why the last step ended, in the provider's word."""
        return self._eventual("raw_finish_reason", lambda answer: answer.raw_finish_reason)

    @property
    def usage(self) -> Eventual[Usage]:
        """The tokens of all steps."""
        return self._eventual("usage", lambda answer: answer.usage)

    @property
    def total_usage(self) -> Eventual[Usage]:
        """The older name of `usage`."""
        return self._eventual("total_usage", lambda answer: answer.total_usage)

    @property
    def warnings(self) -> Eventual[tuple[CallWarning, ...]]:
        """What the provider could not honour, in any step."""
        return self._eventual("warnings", lambda answer: answer.warnings)

    @property
    def final_step(self) -> Eventual[StepResult]:
        """The last step."""
        return self._eventual("final_step", lambda answer: answer.final_step)

    @property
    def request(self) -> Eventual[RequestMetadata]:
        """What was sent in the last step."""
        return self._eventual("request", lambda answer: answer.request)

    @property
    def response(self) -> Eventual[ResponseMetadata]:
        """What the provider said about its last answer."""
        return self._eventual("response", lambda answer: answer.response)

    @property
    def response_messages(self) -> Eventual[tuple[ModelMessage, ...]]:
        """The answer as messages, to be appended to a history: of the model and of tools."""
        return self._eventual("response_messages", lambda answer: answer.response_messages)

    @property
    def provider_metadata(self) -> Eventual[ProviderMetadata | None]:
        """What only this provider says."""
        return self._eventual("provider_metadata", lambda answer: answer.provider_metadata)

    def _eventual(self, name: str, pick: Callable[[Answer], T]) -> Eventual[T]:
        async def get() -> T:
            await self._run.wait_finished()
            return pick(self._run.answer)

        return Eventual(name, get)
