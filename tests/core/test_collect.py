"""A batch that says where its run of text is comes to the same as the parts in it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flightwire.core.collect import PartIds, StepCollector
from flightwire.core.reading import texts_of
from flightwire.errors import OutputLimitError
from flightwire.events import (
    ProviderFinish,
    ReasoningDelta,
    ReasoningStart,
    StreamStart,
    TextDelta,
    TextEnd,
    TextStart,
    ToolCall,
    Usage,
)
from flightwire.providers.base import TextBatch

other_parts = st.lists(
    st.sampled_from(
        [
            StreamStart(),
            TextStart("a"),
            TextStart("b"),
            TextDelta("a", "x"),
            TextDelta("a", ""),
            TextDelta("b", "y"),
            TextDelta("a", "z", {"p": {"k": 1}}),
            TextEnd("a"),
            ReasoningStart("r"),
            ReasoningDelta("r", "why"),
            ToolCall("t", "f", "{}"),
            ProviderFinish("stop", Usage()),
        ]
    ),
    max_size=4,
)
texts = st.lists(st.text(min_size=1, max_size=3), max_size=10)


def collector(limit: int = 1000, ids: PartIds | None = None) -> StepCollector:
    return StepCollector(ids=ids or PartIds(), max_output_bytes=limit, include_raw=False)


def renamed(parts: Iterable[Any]) -> list[Any]:
    """With ids that were made up as the how-manieth of them they are."""
    made_up: dict[str, str] = {}
    out = list(parts)
    for index, part in enumerate(out):
        id = getattr(part, "id", "")
        if id.startswith("aitxt-"):
            out[index] = (type(part), made_up.setdefault(id, f"made-up-{len(made_up)}"))
    return out


@given(other_parts, st.sampled_from("ab"), texts, other_parts, st.lists(other_parts, max_size=2))
def test_a_run_comes_to_what_its_parts_come_to(
    before: list[Any], id: str, words: list[str], after: list[Any], earlier: list[list[Any]]
) -> None:
    parts = [*before, *(TextDelta(id, word) for word in words), *after]
    plain, marked = collector(), collector()
    for batch in earlier:
        for each in (plain, marked):
            each.take(batch)
            each.rest = ()
    expected = plain.take(tuple(parts))
    shown = marked.take(TextBatch(parts, len(before), words))
    assert renamed(shown) == renamed(expected)
    assert list(texts_of(shown)) == [part.text for part in expected if type(part) is TextDelta]
    assert list(marked.rest) == list(plain.rest)
    assert (marked.finish, marked.has_output) == (plain.finish, plain.has_output)
    assert (marked.finish_times().times is None) == (plain.finish_times().times is None)


def test_a_run_of_a_text_that_has_another_name_for_readers_is_renamed() -> None:
    ids = PartIds()
    collector(ids=ids).take([TextStart("a")])
    second = collector(ids=ids)
    start, *deltas = second.take(TextBatch([TextStart("a"), *[TextDelta("a", "x")] * 3], 1, ["x"] * 3))[1:]
    assert isinstance(start, TextStart)
    assert start.id != "a"
    assert deltas == [TextDelta(start.id, "x")] * 3


def test_a_run_that_is_too_long_is_an_error() -> None:
    limited = collector(limit=5)
    with pytest.raises(OutputLimitError, match="max_output_bytes=5"):
        limited.take(TextBatch([TextStart("a"), *[TextDelta("a", "xx")] * 3], 1, ["xx"] * 3))
