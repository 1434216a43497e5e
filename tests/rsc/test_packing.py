"""Updates that were read are packed: whoever reads them again sees each of them all the same."""

from __future__ import annotations

import tracemalloc
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flightwire.rsc.packing import MOST_PACKED, MOST_PACKED_CHARS, PACKED
from flightwire.rsc.streamable import StreamableValueSource, create_streamable_value
from flightwire.rsc.updates import PACK_UPDATES, Follower
from flightwire.wire.flight.values import CURR, DIFF

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
        st.tuples(st.just("burst"), st.integers(1, 2 * PACK_UPDATES)),
        st.tuples(st.just("appends"), st.integers(1, 2 * PACK_UPDATES)),
        st.tuples(st.sampled_from(["take", "lone"]), st.integers(0, 2)),
        st.tuples(st.sampled_from(["snapshot", "forget"]), st.none()),
        st.tuples(st.just("update"), st.sampled_from([1, None, {"a": 1}, "long " * 100])),
    ),
    max_size=30,
)


class Model:
    """What the updates are, said as simply as can be."""

    def __init__(self) -> None:
        self.value: Any = ""
        self.updates: list[tuple[int, object]] = []

    def update(self, value: Any) -> None:
        before, self.value = self.value, value
        if isinstance(value, str) and isinstance(before, str) and value.startswith(before):
            self.updates.append((DIFF, value[len(before) :]))
        else:
            self.updates.append((CURR, value))

    def append(self, text: str) -> None:
        self.value += text
        self.updates.append((DIFF, text))


@given(steps, st.integers(1, 3))
def test_every_reader_sees_every_update(steps: list[tuple[str, Any]], count: int) -> None:
    source: StreamableValueSource[Any] = create_streamable_value("")
    snapshot: Any = source.value
    readers = [snapshot.follow(nothing) for _ in range(count)]
    seen: list[list[tuple[int, object]]] = [[] for _ in readers]
    model = Model()
    late: tuple[int, Any] | None = None
    for what, how in steps:
        for stream in (source, model):
            if what == "update":
                stream.update(how)
            elif what == "append" and isinstance(model.value, str):
                stream.append(how)
            elif what == "burst":
                for number in range(how):
                    stream.update(f"{number}")
            elif what == "appends" and isinstance(model.value, str):
                for number in range(how):
                    stream.append(f"{number}")
        if what == "take":
            seen[how % count] += taken(readers[how % count])
        elif what == "lone" and (link := readers[how % count].take_lone_text()) is not None:
            seen[how % count].append((link[0], link[1]))
        elif what == "burst":
            seen[0] += taken(readers[0])
        elif what == "snapshot":
            late = len(model.updates), source.value
            assert late[1].curr == model.value
        elif what == "forget":
            snapshot = late = None
    for reader, what_it_saw in zip(readers, seen, strict=True):
        assert [*what_it_saw, *taken(reader)] == model.updates
    if snapshot is not None:
        assert taken(snapshot.follow(nothing)) == model.updates
    if late is not None:
        assert taken(late[1].follow(nothing)) == model.updates[late[0] :]
    assert source.value.curr == model.value


def test_texts_that_were_read_are_packed() -> None:
    source = create_streamable_value("")
    snapshot = source.value
    follower = snapshot.follow(nothing)
    for number in range(PACK_UPDATES + 1):
        source.update(str(number))
        follower.take()
    assert snapshot._link[2][0] == PACKED


@pytest.mark.parametrize("size", [4, 300])
def test_few_links_hold_many_texts_and_who_stands_between_them_reads_on(size: int) -> None:
    source = create_streamable_value("")
    snapshot = source.value
    first, second = (snapshot.follow(nothing) for _ in range(2))
    seen: list[tuple[int, object]] = []
    for number in range(4 * MOST_PACKED):
        source.update(f"{number:0{size}}")
        first.take()
        if number % 100 == 0:
            seen += taken(second)
    link, kinds, count = snapshot._link[2], set(), 0
    while link is not None:
        kinds.add(link[0])
        count += 1
        link = link[2]
    assert PACKED in kinds
    assert count < 5 + 2 * PACK_UPDATES + 4 * MOST_PACKED * size // MOST_PACKED_CHARS
    everything = [(CURR if number else DIFF, f"{number:0{size}}") for number in range(4 * MOST_PACKED)]
    assert [*seen, *taken(second)] == everything == taken(snapshot.follow(nothing))


def bytes_kept_per_token(source: StreamableValueSource[str], follower: Follower) -> float:
    """What 10,000 tokens that were read leave behind."""

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
    return grown_bytes / 10_000


async def test_a_token_that_was_sent_holds_little_more_than_its_text_while_a_snapshot_leads_to_it() -> None:
    source = create_streamable_value("")
    snapshot = source.value
    assert 4 < bytes_kept_per_token(source, snapshot.follow(nothing)) < 8


async def test_a_token_that_nobody_can_read_once_more_holds_nothing() -> None:
    source = create_streamable_value("")
    follower = source.value.follow(nothing)  # pytest keeps what stands in an assert
    assert bytes_kept_per_token(source, follower) < 1


def test_who_reads_slower_than_another_finds_what_it_has_not_read_packed() -> None:
    source = create_streamable_value("")
    fast, slow = (source.value.follow(nothing) for _ in range(2))
    for number in range(4 * PACK_UPDATES):
        source.update(str(number))
        fast.take()
    link: Any = slow._link[2]
    assert link[0] == PACKED
    assert [value for _, value in taken(slow)] == [str(number) for number in range(4 * PACK_UPDATES)]


def test_a_snapshot_that_is_taken_after_all_others_are_gone_leads_on() -> None:
    source = create_streamable_value("")
    follower = source.value.follow(nothing)
    for number in range(3 * PACK_UPDATES + 5):
        source.update(str(number))
        follower.take()
    snapshot = source.value
    for number in range(4 * PACK_UPDATES):
        source.update(str(number))
        follower.take()
    assert [value for _, value in taken(snapshot.follow(nothing))] == [
        str(number) for number in range(4 * PACK_UPDATES)
    ]
    link, kinds = snapshot._link[2], set()
    while link is not None:
        kinds.add(link[0])
        link = link[2]
    assert PACKED in kinds


def test_who_reads_on_alone_packs() -> None:
    source = create_streamable_value("")
    snapshot = source.value
    first, second = (snapshot.follow(nothing) for _ in range(2))
    for number in range(3 * PACK_UPDATES):
        source.update(str(number))
        first.take()
        second.take()
    first.close()
    last = source.value
    for number in range(3 * PACK_UPDATES):
        source.update(str(number))
        second.take()
    link, kinds = last._link[2], set()
    while link is not None:
        kinds.add(link[0])
        link = link[2]
    assert PACKED in kinds
    assert len(taken(snapshot.follow(nothing))) == 6 * PACK_UPDATES
