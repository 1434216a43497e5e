"""Server-sent events as the WHATWG HTML living standard reads them, section 9.2.6."""

from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flightwire.errors import OutputLimitError
from flightwire.wire.sse import ServerSentEvent, SSEDecoder

# Bytes, and the data of the events in them. The first six are the examples of the standard itself.
CASES: dict[str, tuple[bytes, list[bytes]]] = {
    "one": (b"data: YHOO\ndata: +2\ndata: 10\n\n", [b"YHOO\n+2\n10"]),
    "comment, event without id, lost tail": (
        b": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
        [b"first event", b"second event"],
    ),
    "empty data": (b"data\n\ndata\ndata\n\ndata:", [b"", b"\n"]),
    "space or none": (b"data:test\n\ndata: test\n\n", [b"test", b"test"]),
    "only one space is dropped": (b"data:  two\n\n", [b" two"]),
    "event without data": (b"event: ping\n\n", []),
    "CR": (b"data: a\rdata: b\r\rdata: c\r\r", [b"a\nb", b"c"]),
    "CRLF": (b"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", [b"a\nb", b"c"]),
    "mixed ends": (b"data: a\r\ndata: b\rdata: c\n\r\ndata: d\n\n", [b"a\nb\nc", b"d"]),
    "BOM": (b"\xef\xbb\xbfdata: a\n\n", [b"a"]),
    "only the first BOM": (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\ndata: b\n\n", [b"b"]),
    "BOM in data": (b"data: \xef\xbb\xbf\n\n", [b"\xef\xbb\xbf"]),
    "comments between": (b":\n\n: OPENROUTER PROCESSING\n\ndata: a\n:x\n\n", [b"a"]),
    "unknown fields": (b"foo: 1\nDATA: 2\n data: 3\ndata: a\ndatax: 4\n\n", [b"a"]),
    "colons in data": (b"data: a: b:c\n\n", [b"a: b:c"]),
    "blank lines": (b"\n\n\ndata: a\n\n\n\ndata: b\n\n", [b"a", b"b"]),
    "not line ends": (
        "data: a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg\n\n".encode(),
        ["a\u2028b\u2029c\u0085d\x0be\x0cf\x1cg".encode()],
    ),
    "emoji": ("data: 👍🏽 שלום\n\n".encode(), ["👍🏽 שלום".encode()]),
    "broken UTF-8": (b"data: \xff\xfe\n\n", [b"\xff\xfe"]),
    "NUL": (b"data: a\0b\n\n", [b"a\0b"]),
    "typed events": (b"event: delta\ndata: {}\n\nevent: stop\ndata: 1\n\n", [b"{}", b"1"]),
    "lost event": (b"data: a\n\ndata: b\n", [b"a"]),
    "nothing": (b"", []),
}
cases = pytest.mark.parametrize(("stream", "data"), CASES.values(), ids=CASES)


@cases
def test_events_are_read(stream: bytes, data: list[bytes]) -> None:
    assert SSEDecoder().feed(stream) == data


@cases
def test_events_are_the_same_byte_by_byte(stream: bytes, data: list[bytes]) -> None:
    decoder = SSEDecoder()
    assert [found for byte in stream for found in decoder.feed(bytes([byte]))] == data


@cases
def test_events_are_the_same_split_at_every_place(stream: bytes, data: list[bytes]) -> None:
    for split in range(len(stream) + 1):
        decoder = SSEDecoder()
        assert decoder.feed(stream[:split]) + decoder.feed(stream[split:]) == data, split


@cases
def test_typed_reading_finds_the_same_data(stream: bytes, data: list[bytes]) -> None:
    assert [event.data for event in SSEDecoder().feed_events(stream)] == data


lines = st.lists(
    st.sampled_from(
        [b"data: a", b"data:", b"data", b": c", b"", b"id: 1", b"event: e", b"data: \xe2\x80\xa8", b"x"]
    )
)


@given(
    lines,
    st.lists(st.sampled_from([b"\n", b"\r", b"\r\n"]), min_size=1),
    st.lists(st.integers(0, 60), max_size=5),
)
def test_no_split_changes_anything(lines: list[bytes], ends: list[bytes], splits: list[int]) -> None:
    stream = b"".join(line + ends[index % len(ends)] for index, line in enumerate(lines))
    whole, split = SSEDecoder(), SSEDecoder()
    found, start = [], 0
    for end in [*sorted(splits), len(stream)]:
        found += split.feed_events(stream[start:end])
        start = max(start, end)
    assert found == whole.feed_events(stream)
    assert split.close() == whole.close()


def test_types_and_ids_are_given() -> None:
    events = SSEDecoder().feed_events(b"event: a\nid: 7\ndata: x\n\ndata: y\n\n")
    assert events == [ServerSentEvent(b"x", "a", "7"), ServerSentEvent(b"y", "message", "7")]


def test_type_of_an_event_without_data_is_forgotten() -> None:
    assert SSEDecoder().feed_events(b"event: a\n\ndata: x\n\n") == [ServerSentEvent(b"x", "message")]


def test_id_with_nul_is_ignored() -> None:
    decoder = SSEDecoder()
    decoder.feed(b"id: 1\nid: 2\0\n\n")
    assert decoder.last_event_id == "1"


@pytest.mark.parametrize(
    ("text", "retry_ms"),
    [(b"3000", 3000), (b"0", 0), (b"3s", None), (b"-1", None), ("٣".encode(), None), (b"", None)],
)
def test_retry_takes_ascii_digits_alone(text: bytes, retry_ms: int | None) -> None:
    decoder = SSEDecoder()
    decoder.feed(b"retry: " + text + b"\n")
    assert decoder.retry_ms == retry_ms


def test_close_gives_what_the_end_cut_off() -> None:
    decoder = SSEDecoder()
    assert decoder.feed(b"data: a\n\ndata: b\ndata: c") == [b"a"]
    assert decoder.close() == b"b\nc"


def test_close_after_a_whole_event_gives_nothing() -> None:
    decoder = SSEDecoder()
    decoder.feed(b"data: a\n\n: bye")
    assert decoder.close() is None


def test_line_of_the_limit_is_read() -> None:
    line = b"data: " + b"x" * 94
    assert SSEDecoder(max_line_bytes=100).feed(line + b"\n\n") == [b"x" * 94]


@pytest.mark.parametrize("end", [b"", b"\n", b"\n\n", b"\r\n\r\n"])
def test_line_beyond_the_limit_is_refused(end: bytes) -> None:
    with pytest.raises(OutputLimitError, match="longer than 100 bytes"):
        SSEDecoder(max_line_bytes=100).feed(b"data: " + b"x" * 95 + end)


def test_line_beyond_the_limit_is_refused_before_it_ends() -> None:
    decoder = SSEDecoder(max_line_bytes=100)
    with pytest.raises(OutputLimitError):
        for _ in range(101):
            decoder.feed(b"x")


def test_default_limit_is_four_mebibytes() -> None:
    with pytest.raises(OutputLimitError, match="4194304"):
        SSEDecoder().feed(b"x" * (4 * 1024 * 1024 + 1))


def test_endless_event_of_short_lines_is_refused() -> None:
    with pytest.raises(OutputLimitError, match="the data of one event"):
        SSEDecoder(max_line_bytes=100).feed(b"data: 12345678\n" * 12 + b"\n")


@pytest.mark.parametrize("too_long", [b"x" * 101, b"data: 12345678\n" * 12 + b"\ndata: never\n\n"])
def test_events_before_a_refused_line_are_given_first(too_long: bytes) -> None:
    decoder = SSEDecoder(max_line_bytes=100)
    assert decoder.feed(b"data: a\n\ndata: b\n\n" + too_long) == [b"a", b"b"]
    with pytest.raises(OutputLimitError):
        decoder.feed(b"data: c\n\n")
    with pytest.raises(OutputLimitError):
        decoder.close()


def test_memory_for_a_long_line_in_small_pieces_is_twice_the_line_at_most() -> None:
    decoder = SSEDecoder()
    tracemalloc.start()
    for _ in range(1024):
        decoder.feed(b"x" * 1024)
    assert decoder.feed(b"\n") == []
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * 1024 * 1024


PIECES = [
    *(
        b"data: x\n\n",
        b"data: yy\n\n",
        b"data:z\n\n",
        b"data: a\ndata: b\n\n",
        b": c\n\n",
        b"event: e\ndata: q\n\n",
    ),
    *(b"\n", b"data: \n\n", b"\r\n", b"data: w\r\n\r\n", b"id: 1\n\n", b"data\n\n", b"data: data: k\n\n"),
    *(b"x: data: \n\ndata: \n", b"\xef\xbb\xbf"),
]


@given(st.lists(st.sampled_from(PIECES)), st.lists(st.integers(1, 25)), st.sampled_from([6, 12, 1_000_000]))
def test_reads_of_whole_events_are_read_like_bytes_one_by_one(
    pieces: list[bytes], sizes: list[int], limit: int
) -> None:
    stream = b"".join(pieces)
    reads, at = [], 0
    for size in [*sizes, max(len(stream), 1)]:
        reads.append(stream[at : at + size])
        at += size
    assert outcome(reads, limit) == outcome([bytes([byte]) for byte in stream], limit)


def outcome(reads: list[bytes], limit: int) -> tuple[list[bytes], bool]:
    decoder, events = SSEDecoder(max_line_bytes=limit), []
    try:
        for read in reads:
            events += decoder.feed(read)
        decoder.close()
    except OutputLimitError:
        return events, False
    return events, True
