"""What may befall the stream of any API, and the promise that holds all the same.

A reader takes bytes (`feed`, b"" at their end) and gives parts until it has `ended`; then it has a `failure` or none.
Whatever the network does, it gives the same parts, or a typed failure after the part of the answer that came: it never
hangs and never raises. Each API brings its events, in `test_stream_faults.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from flightwire.errors import APICallError
from flightwire.events import (
    ProviderApprovalRequest,
    ProviderFinish,
    ProviderPart,
    ReasoningDelta,
    Source,
    TextDelta,
    ToolCall,
    ToolInputDelta,
)

_DELTAS = (TextDelta, ReasoningDelta, ToolInputDelta)


class Reader(Protocol):
    """What reads one stream."""

    ended: bool
    failure: APICallError | None

    def feed(self, data: bytes) -> Sequence[ProviderPart]:
        """Give the parts that these bytes complete; b"" is the end of the bytes."""
        ...


@dataclass(frozen=True)
class Sample:
    """A stream of one API.

    Attributes:
        name: of the sample.
        open: makes a reader.
        events: the stream, event by event, each with its blank line.
        noise: events that no client knows yet, in the API's form.
    """

    name: str
    open: Callable[[], Reader]
    events: tuple[bytes, ...]
    noise: tuple[bytes, ...] = field(default=())

    @property
    def stream(self) -> bytes:
        """All of it."""
        return b"".join(self.events)


def read(sample: Sample, pieces: Iterable[bytes]) -> tuple[list[ProviderPart], APICallError | None]:
    """Feed the pieces and the end of the bytes."""
    reader, parts = sample.open(), []
    for piece in pieces:
        if piece and not reader.ended:
            parts += reader.feed(piece)
    if not reader.ended:
        parts += reader.feed(b"")
    assert reader.ended, f"{sample.name}: the bytes have ended, and the reader waits for more"
    return parts, reader.failure


def comparable(parts: Iterable[ProviderPart]) -> list[Any]:
    """The parts without how they were cut: deltas that follow each other are one, ids that were made up are none."""
    out: list[Any] = []
    made_up: dict[str, str] = {}  # a call that stands for a request of approval has an id of ours
    parts = list(parts)
    for part in parts:
        if isinstance(part, ProviderApprovalRequest):
            made_up[part.tool_call_id] = f"approval {part.approval_id}"
    for part in parts:
        if (call_id := getattr(part, "tool_call_id", None)) in made_up:
            part = replace(part, tool_call_id=made_up[call_id])  # type: ignore[type-var] # noqa: PLW2901 - a value
        last = out[-1] if out else None
        if isinstance(part, _DELTAS) and type(last) is type(part) and last.id == part.id:
            name = "delta" if isinstance(part, ToolInputDelta) else "text"
            out[-1] = replace(last, **{name: getattr(last, name) + getattr(part, name)})
        elif isinstance(part, Source):
            out.append(replace(part, id="made-up"))
        else:
            out.append(part)
    return out


def text_of(parts: Iterable[ProviderPart]) -> str:
    """The answer's text, the reasoning and the inputs, in the order they came."""
    return "".join(
        part.delta if isinstance(part, ToolInputDelta) else part.text
        for part in parts
        if isinstance(part, _DELTAS)
    )


def expected(sample: Sample) -> list[Any]:
    """What the whole stream says; it must say it without a failure."""
    parts, failure = read(sample, [sample.stream])
    assert failure is None, failure
    assert isinstance(parts[-1], ProviderFinish)
    return comparable(parts)


# --- the promises ------------------------------------------------------------------------------------------------


def cut_anywhere(sample: Sample) -> None:
    """The same bytes in two pieces, cut at every place, and byte by byte, say the same."""
    whole, wanted = sample.stream, expected(sample)
    step = max(1, len(whole) // 1500)  # long samples: many places, not all
    for place in range(0, len(whole), step):
        parts, failure = read(sample, [whole[:place], whole[place:]])
        assert failure is None, (place, failure)
        assert comparable(parts) == wanted, place
    parts, failure = read(sample, (whole[place : place + 1] for place in range(len(whole))))
    assert (comparable(parts), failure) == (wanted, None)


def truncated_anywhere(sample: Sample) -> None:
    """A stream that ends early is a failure with what came before it, unless it had said its last word."""
    wanted = expected(sample)
    all_text = text_of(wanted)
    for cut in truncations(sample):
        parts, failure = read(sample, [cut])
        if failure is None:
            assert isinstance(parts[-1], ProviderFinish), cut[-80:]
            assert text_of(parts) == all_text
        else:
            assert isinstance(failure, APICallError)
            assert all_text.startswith(text_of(parts))
            assert not any(isinstance(part, ProviderFinish) for part in parts)


def truncations(sample: Sample) -> Iterator[bytes]:
    """The stream up to each event, and up to the middle of each."""
    for count, event in enumerate(sample.events):
        before = b"".join(sample.events[:count])
        yield before
        yield before + event[: len(event) // 2]


def interleaved(sample: Sample) -> None:
    """Pings, comments, retry hints, blank lines and events nobody knows change nothing."""
    wanted = expected(sample)
    noises = (b": ping\n\n", b":\n\n", b"\n\n", b"retry: 3000\n\n", b"id: 7\n", *sample.noise)
    for noise in noises:
        parts, failure = read(sample, [noise.join((b"", *sample.events, b""))])
        assert (comparable(parts), failure) == (wanted, None), noise
    parts, failure = read(sample, [sample.stream.replace(b"\n", b"\r\n")])
    assert (comparable(parts), failure) == (wanted, None)


def with_unknown_fields(sample: Sample) -> None:
    """Fields nobody knows change nothing, wherever they stand."""
    wanted = expected(sample)
    stream = b"".join(map(_with_fields, sample.events))
    assert stream != sample.stream
    parts, failure = read(sample, [stream])
    assert failure is None
    assert _without_raw(comparable(parts)) == _without_raw(wanted)


def _with_fields(event: bytes) -> bytes:
    lines = []
    for line in event.split(b"\n"):
        head, mark, data = line.partition(b"data: ")
        if mark and data.startswith(b"{"):
            data = json.dumps(_grown(json.loads(data), top=True)).encode()
        lines.append(head + mark + data)
    return b"\n".join(lines)


def _grown(value: Any, *, top: bool = False) -> Any:
    if not top:
        return value
    return {**value, "x_new": {"deep": [1, None, "…"]}, "obfuscation": "abc"}


def _without_raw(parts: list[Any]) -> list[Any]:
    return [
        replace(part, usage=replace(part.usage, raw=None)) if isinstance(part, ProviderFinish) else part
        for part in parts
    ]


def broken_in_the_middle(sample: Sample) -> None:
    """Garbage between two events is a failure with what came before it, or is passed over; nothing is made up."""
    all_text = text_of(expected(sample))
    for garbage in (
        b"data: {\n\n",
        b"data: null\n\n",
        b"data: []\n\n",
        b'data: "x"\n\n',
        b"data: {}\n\n",
        b"\xff\xfe\n\n",
    ):
        for count in range(len(sample.events)):
            before, after = b"".join(sample.events[:count]), b"".join(sample.events[count:])
            parts, failure = read(sample, [before, garbage, after])
            assert failure is None or isinstance(failure, APICallError)
            said = text_of(parts)
            assert all_text.startswith(said), (garbage, count)
            calls = [part for part in parts if isinstance(part, ToolCall)]
            assert len(calls) == len({call.tool_call_id for call in calls})


PROMISES = (cut_anywhere, truncated_anywhere, interleaved, with_unknown_fields, broken_in_the_middle)
