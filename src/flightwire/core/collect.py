"""From a provider's parts to the parts a reader sees, and to the result of the step.

Owns: one step's bookkeeping: which texts there were, how it ended, how large it grew. Refuses to know: tasks, readers.
"""

from __future__ import annotations

from collections.abc import Sequence

from flightwire.core.results import ModelInfo, StepContent, StepResult
from flightwire.errors import OutputLimitError
from flightwire.events import (
    Error,
    FinishStep,
    ProviderApprovalRequest,
    ProviderFinish,
    ProviderPart,
    Raw,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ResponseMetadata,
    StartStep,
    StreamPart,
    StreamStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
)
from flightwire.providers.base import Reasoning, Text

DEFAULT_MAX_OUTPUT_BYTES = 16 * 1024 * 1024
_NOT_CONTENT = (Raw, ToolInputStart, ToolInputDelta, ToolInputEnd, TextEnd, ReasoningEnd)


class StepCollector:
    """Takes a provider's batches and gives the parts that readers see."""

    __slots__ = (
        "_content",
        "_finish",
        "_limit",
        "_model",
        "_number",
        "_response",
        "_size",
        "_start",
        "_texts",
    )

    def __init__(self, *, number: int, model: ModelInfo, max_output_bytes: int) -> None:
        self._number = number
        self._model = model
        self._limit = max_output_bytes
        self._size = 0
        self._start = StreamStart()
        self._response = ResponseMetadata()
        self._finish: ProviderFinish | None = None
        self._content: list[StepContent | str] = []  # a text id stands for its text until the end
        self._texts: dict[str, tuple[type[Text | Reasoning], list[str]]] = {}

    def take(self, batch: Sequence[ProviderPart]) -> list[StreamPart]:
        """Turn one batch into what readers see.

        Raises:
            OutputLimitError: the step has grown past `max_output_bytes`.
        """
        out: list[StreamPart] = []
        current: str | None = None
        for part in batch:
            if type(part) is TextDelta:  # the hot path
                if part.id != current:
                    current = part.id
                    add = self._texts[current][1].append
                if part.text:
                    add(part.text)
                    out.append(part)
            else:
                self._take_other(part, out)
                current = None
        self._size += sum([len(part.text) for part in out if type(part) is TextDelta])
        if self._size > self._limit:
            raise OutputLimitError(f"the model's answer grew past max_output_bytes={self._limit}.")
        return out

    def _take_other(self, part: ProviderPart, out: list[StreamPart]) -> None:
        if isinstance(part, StreamStart):
            self._start = part
            out.append(StartStep(part.request, part.warnings))
        elif isinstance(part, ResponseMetadata):
            self._response = part
        elif isinstance(part, ProviderFinish):
            self._finish = part
        elif isinstance(part, Error):
            raise part.error
        elif isinstance(part, ProviderApprovalRequest):
            self._content.append(part)
        else:
            self._take_content(part, out)
            out.append(part)

    def _take_content(self, part: StreamPart, out: list[StreamPart]) -> None:
        if isinstance(part, (TextStart, ReasoningStart)):
            self._texts[part.id] = (Text if isinstance(part, TextStart) else Reasoning, [])
            self._content.append(part.id)
        elif isinstance(part, ReasoningDelta):
            self._size += len(part.text)
            self._texts[part.id][1].append(part.text)
        elif not isinstance(part, _NOT_CONTENT):
            self._content.append(part)  # type: ignore[arg-type] # what is left is content

    @property
    def finished(self) -> bool:
        """Whether the provider said its last word."""
        return self._finish is not None

    def result(self) -> StepResult:
        """The step, once `finished`."""
        finish = self._finish
        assert finish is not None
        return StepResult(
            step_number=self._number,
            model=self._model,
            content=tuple(self._block(item) for item in self._content),
            finish_reason=finish.finish_reason,
            usage=finish.usage,
            raw_finish_reason=finish.raw_finish_reason,
            warnings=self._start.warnings,
            request=self._start.request,
            response=self._response,
            provider_metadata=finish.provider_metadata,
        )

    def _block(self, item: StepContent | str) -> StepContent:
        if not isinstance(item, str):
            return item
        kind, deltas = self._texts[item]
        return kind("".join(deltas))


def finish_step(step: StepResult) -> FinishStep:
    """The part that tells readers of a step's end."""
    return FinishStep(
        step.finish_reason, step.usage, step.response, step.raw_finish_reason, step.provider_metadata
    )
