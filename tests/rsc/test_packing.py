"""Updates that were read are packed: whoever reads them again sees each of them all the same."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flightwire.rsc.packing import PACKED
from flightwire.rsc.streamable import StreamableValueSource, create_streamable_value
from flightwire.rsc.updates import PACK_LINKS, Follower

pytestmark = pytest.mark.anyio


def taken(follower: Follower) -> list[tuple[int, object]]:
    return [(delta[0], delta[1]) for delta in _take(follower)]


def _take(follower: Follower) -> Sequence[Any]:
    return follower.take()


def nothing() -> None: ...


steps = st.lists(
    st.one_of(
        st.tuples(st.just("update"), st.text(max_size=4)),
        st.tuples(st.just("append"), st.text(max_size=4)),
        st.tuples(st.just("burst"), st.integers(1, 2 * PACK_LINKS)),
        st.tuples(st.just("take"), st.integers(0, 2)),
        st.tuples(st.just("update"), st.sampled_from([1, None, {"a": 1}])),
    ),
    max_size=30,
)


@given(steps)
def test_every_reader_sees_every_update(steps: list[tuple[str, Any]]) -> None:
    source: StreamableValueSource[Any] = create_streamable_value("")
    snapshot = source.value
    readers = [snapshot.follow(nothing) for _ in range(3)]
    seen: list[list[tuple[int, object]]] = [[], [], []]
    control = create_streamable_value("")
    held = control.value.follow(nothing)  # takes once, at the end: nothing of it is ever packed
    for what, how in steps:
        for stream in (source, control):
            if what == "update":
                stream.update(how)
            elif what == "append" and type(stream._stream.curr) is str:
                stream.append(how)
            elif what == "burst":
                for number in range(how):
                    stream.update(f"{number}")
        if what == "take":
            seen[how] += taken(readers[how])
        elif what == "burst":
            seen[0] += taken(readers[0])
    expected = taken(held)
    for reader, what_it_saw in zip(readers, seen, strict=True):
        assert [*what_it_saw, *taken(reader)] == expected
    assert taken(snapshot.follow(nothing)) == expected


def test_texts_that_were_read_are_packed() -> None:
    source = create_streamable_value("")
    snapshot = source.value
    follower = snapshot.follow(nothing)
    for number in range(PACK_LINKS + 1):
        source.update(str(number))
        follower.take()
    assert snapshot._link[2][0] == PACKED


async def test_a_token_that_was_sent_holds_little_more_than_its_text() -> None:
    source = create_streamable_value("")
    follower = source.value.follow(nothing)

    def send(count: int) -> None:
        for number in range(count):
            source.update(f"{number:04}")
            follower.take()

    send(1000)
    tracemalloc.start()
    try:
        send(10_000)
        grown_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert grown_bytes / 10_000 < 16
