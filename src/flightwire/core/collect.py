"""From a provider's parts to the parts a reader sees.

Owns: one step's bookkeeping: which texts there were, under which ids, how it ended, how large it grew, when output came.
Refuses to know: tasks, readers, tools, what the step comes to (content.py).
"""

from __future__ import annotations

import dataclasses
import secrets
import time
from collections.abc import Sequence
from typing import Final

from flightwire.errors import OutputLimitError
from flightwire.events import (
    Error,
    File,
    ProviderApprovalRequest,
    ProviderFinish,
    ProviderPart,
    Raw,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningFile,
    ReasoningStart,
    ResponseMetadata,
    StartStep,
    StreamPart,
    StreamStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    ToolInputDelta,
    ToolInputEnd,
    ToolInputStart,
    ToolResult,
)
from flightwire.pauses import Pauses
from flightwire.providers.base import Reasoning, Text, TextBatch

DEFAULT_MAX_OUTPUT_BYTES: Final = 16 * 1024 * 1024
NOTE_TIMES: Final = 32  # so many are noted at once
# What needs tools, or a wait: the collector leaves it in `rest`.
_THOUGHT: Final = frozenset(
    {ToolCall, ToolResult, ToolInputStart, ToolInputDelta, ToolInputEnd, ProviderApprovalRequest, Error}
)


class PartIds:
    """Keeps the ids of texts apart over all steps: providers count from the start in each answer."""

    __slots__ = ("_used",)

    def __init__(self) -> None:
        self._used: set[tuple[type, str]] = set()

    def text(self, id: str) -> str:
        """The id of a text, or another if it was used before."""
        return self._reserved(Text, id)

    def reasoning(self, id: str) -> str:
        """The id of a piece of reasoning, or another if it was used before."""
        return self._reserved(Reasoning, id)

    def _reserved(self, kind: type, wanted: str) -> str:
        name = wanted
        while (kind, name) in self._used:
            name = f"aitxt-{secrets.token_hex(12)}"
        self._used.add((kind, name))
        return name


class StepCollector:
    """Takes a provider's batches and gives the parts that readers see.

    Arguments:
        ids: of all steps.
        max_output_bytes: where to stop.
        include_raw: whether readers see `Raw` parts.

    Attributes:
        rest: what `take` left because it needs thought; `resume` takes what that comes to, part by part.
        finish: the provider's last word.
        pauses: when output came, but for the last of it (`finish_times`).
        response: what it said about its answer.
        start: what it said before.
    """

    __slots__ = (
        "_has_begun",
        "_hot",
        "_hot_name",
        "_ids",
        "_include_raw",
        "_limit",
        "_reasoning_names",
        "_seen",
        "_size",
        "_text_names",
        "_times",
        "finish",
        "pauses",
        "response",
        "rest",
        "start",
    )

    def __init__(self, *, ids: PartIds, max_output_bytes: int, include_raw: bool) -> None:
        self.rest: Sequence[ProviderPart] = ()
        self.start = StreamStart()
        self.response = ResponseMetadata()
        self.finish: ProviderFinish | None = None
        self.pauses = Pauses()
        self._ids = ids
        self._limit = max_output_bytes
        self._include_raw = include_raw
        self._size = 0
        self._seen = 0  # the size when output was last seen to come
        self._times: list[float] = []  # when output came, as far as `pauses` was not told
        self._has_begun = False
        self._hot: str | None = None  # the provider's id of the text that is being written
        self._hot_name: str | None = None  # ours, if it is another
        self._text_names: dict[str, str] = {}  # the provider's id of a text → ours, where they differ
        self._reasoning_names: dict[str, str] = {}

    def take(self, batch: Sequence[ProviderPart]) -> Sequence[StreamPart]:
        """Turn a batch into what readers see, up to what needs thought.

        Raises:
            OutputLimitError: the step has grown past `max_output_bytes`.
        """
        if (
            len(batch) == 1
            and type(part := batch[0]) is TextDelta
            and part.id == self._hot
            and part.text
            and part.provider_metadata is None
        ):  # a token that came alone, and more of the text that is being written
            text, times = part.text, self._times
            size = self._size + len(text)
            if size <= self._limit and len(times) < NOTE_TIMES - 1:  # as `_grow`, written out
                self._size = self._seen = size
                times.append(_now())
            else:
                self._grow(size)
            return [part if self._hot_name is None else TextDelta(self._hot_name, text)]
        out: list[StreamPart] = []
        shown: Sequence[StreamPart] = out
        if type(batch) is TextBatch:
            shown = self._take_run(batch, out)
        else:
            self._take_each(batch, out)
        if self._size > self._seen:
            self._grow(self._size)
        return shown

    def _take_each(self, batch: Sequence[ProviderPart], out: list[StreamPart]) -> None:
        append = out.append
        size, hot, name = self._size, self._hot, self._hot_name
        for part in batch:
            if type(part) is TextDelta and part.id == hot and part.provider_metadata is None:  # the hot path
                text = part.text
                if text:
                    size += len(text)
                    append(part if name is None else TextDelta(name, text))
            elif type(part) in _THOUGHT:
                self.rest = batch[_index(batch, part) :]
                break
            else:
                grown = size - self._size
                self._pass_on(part, out)
                self._size += grown
                size, hot, name = self._size, self._hot, self._hot_name
        self._size = size

    def _take_run(self, batch: TextBatch, out: list[StreamPart]) -> Sequence[StreamPart]:
        """The same without a step for each delta of the run."""
        begin, end = batch.begin, batch.end
        self._take_each(batch[:begin], out)
        if self.rest:
            self.rest = (*self.rest, *batch[begin:])
            return out
        if begin == end or batch[begin].id != self._hot or self._hot_name is not None:
            self._take_each(batch[begin:], out)
            return out
        self._size += len("".join(batch.texts))
        shown_begin = len(out)
        out += batch[begin:end]
        self._take_each(batch[end:], out)
        return TextBatch(out, shown_begin, batch.texts)

    def _grow(self, size: int) -> None:
        """Output has come: the step is as large as this now."""
        if size > self._limit:
            raise OutputLimitError(f"the model's answer grew past max_output_bytes={self._limit}.")
        self._size = size
        self._stamp()

    def _stamp(self) -> None:
        """Note when output came."""
        self._seen = self._size
        self._times.append(_now())
        if len(self._times) >= NOTE_TIMES:
            self._note_times()

    def _note_times(self) -> None:
        self.pauses.note(self._times)
        self._times.clear()

    @staticmethod
    def needs_thought(part: ProviderPart) -> bool:
        """Whether it is one of those that `take` leaves."""
        return type(part) in _THOUGHT

    def resume(self, part: ProviderPart | StreamPart) -> list[StreamPart]:
        """The same for one part that needs no thought, or no more.

        Raises:
            OutputLimitError: the step has grown past `max_output_bytes`.
        """
        out: list[StreamPart] = []
        self._pass_on(part, out)
        if self._size > self._limit:
            raise OutputLimitError(f"the model's answer grew past max_output_bytes={self._limit}.")
        if self._size > self._seen:
            self._stamp()
        return out

    def _pass_on(self, part: ProviderPart | StreamPart, out: list[StreamPart]) -> None:
        if isinstance(part, StreamStart):
            self.start = part
        elif isinstance(part, ResponseMetadata):
            self.response = _merged(self.response, part)
        else:
            if not self._has_begun:
                self._has_begun = True
                out.append(StartStep(self.start.request, self.start.warnings))
            if isinstance(part, ProviderFinish):
                self.finish = part
            elif not isinstance(part, ProviderApprovalRequest):  # which was thought about before
                self._show(part, out)

    def _show(self, part: StreamPart, out: list[StreamPart]) -> None:
        if isinstance(part, Raw) and not self._include_raw:
            return
        shown = self._renamed(part)
        if (
            not isinstance(part, (TextDelta, ReasoningDelta))
            or part.text
            or part.provider_metadata is not None
        ):
            self._size += _weight(shown)
            out.append(shown)
        self._warm(part, shown)

    def _warm(self, part: StreamPart, shown: StreamPart) -> None:
        """What follows a text's start or delta is most often more of it."""
        self._hot = None
        if isinstance(part, (TextStart, TextDelta)) and isinstance(shown, (TextStart, TextDelta)):
            self._hot, self._hot_name = part.id, None if shown.id == part.id else shown.id

    def _renamed(self, part: StreamPart) -> StreamPart:
        if isinstance(part, (TextStart, ReasoningStart)):
            is_text = isinstance(part, TextStart)
            names = self._text_names if is_text else self._reasoning_names
            name = self._ids.text(part.id) if is_text else self._ids.reasoning(part.id)
            names.pop(part.id, None)
            if name == part.id:
                return part
            names[part.id] = name
        elif isinstance(part, (TextDelta, TextEnd)):
            name = self._text_names.get(part.id, part.id)
        elif isinstance(part, (ReasoningDelta, ReasoningEnd)):
            name = self._reasoning_names.get(part.id, part.id)
        else:
            return part
        return part if name == part.id else dataclasses.replace(part, id=name)

    @property
    def has_output(self) -> bool:
        """Whether there was any text, reasoning, file or tool input."""
        return self.last_chunk is not None

    @property
    def last_chunk(self) -> float | None:
        """When output came last."""
        return self._times[-1] if self._times else self.pauses.last

    def finish_times(self) -> Pauses:
        """The pauses between all of the output that has come."""
        if self._times:
            self._note_times()
        return self.pauses

    @property
    def has_begun(self) -> bool:
        """Whether readers were told of the step."""
        return self._has_begun


def _weight(part: StreamPart) -> int:
    """How much output a part is: what is longer than nothing counts as a chunk of it."""
    if isinstance(part, (TextDelta, ReasoningDelta)):
        return len(part.text)
    if isinstance(part, ToolInputDelta):
        return len(part.delta)
    return 1 if isinstance(part, (ToolCall, File, ReasoningFile)) else 0


def _index(batch: Sequence[ProviderPart], part: ProviderPart) -> int:
    return next(index for index, each in enumerate(batch) if each is part)


_now = time.monotonic


def _merged(known: ResponseMetadata, new: ResponseMetadata) -> ResponseMetadata:
    return ResponseMetadata(
        new.id or known.id,
        new.model_id or known.model_id,
        known.timestamp_s if new.timestamp_s is None else new.timestamp_s,
        new.headers or known.headers,
        (),
        known.body if new.body is None else new.body,
    )
