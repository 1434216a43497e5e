"""The check that every token arrived once and in order: it must see what is wrong."""

import pytest

from bench import rows

ROOT = b'0:{"output":{"type":"$Sui.streamable.value","curr":"","next":"$@1"}}\n'
GOOD = b'1:{"curr":"a","next":"$@2"}\n2:{"diff":[0,"b"],"next":"$@3"}\n3:{}\n'


def test_every_value_is_read_in_order() -> None:
    assert rows.deltas(ROOT + GOOD) == ["a", "b"]


def test_values_inline_are_read_like_rows() -> None:
    assert rows.deltas(ROOT + b'1:{"curr":"a","next":{"diff":[0,"b"],"next":{}}}\n') == ["a", "b"]


def test_a_symbol_may_have_a_row_of_its_own() -> None:
    root = b'5:"$Sui.streamable.value"\n' + ROOT.replace(b"$Sui.streamable.value", b"$5")
    assert rows.deltas(root + GOOD) == ["a", "b"]


def test_a_hint_is_skipped() -> None:
    assert rows.deltas(ROOT + b':HZ""\n' + GOOD) == ["a", "b"]


def test_a_lost_row_is_seen() -> None:
    with pytest.raises(KeyError):
        rows.deltas(ROOT + GOOD.replace(b"2:{", b"9:{"))


def test_a_row_sent_twice_is_seen() -> None:
    with pytest.raises(ValueError, match="sent twice"):
        rows.deltas(ROOT + GOOD + b'2:{"curr":"x"}\n')


def test_a_row_that_nothing_refers_to_is_seen() -> None:
    with pytest.raises(ValueError, match="nothing refers to"):
        rows.deltas(ROOT + GOOD + b'7:{"curr":"x"}\n')


def test_an_error_row_is_seen() -> None:
    with pytest.raises(ValueError, match="no model"):
        rows.deltas(ROOT + b'1:E{"digest":"1"}\n')


def test_an_error_inside_the_stream_is_seen() -> None:
    with pytest.raises(ValueError, match="ended with"):
        rows.deltas(ROOT + b'1:{"error":"no"}\n')


def test_a_root_that_is_no_streamable_is_seen() -> None:
    with pytest.raises(ValueError, match="no streamable"):
        rows.deltas(ROOT.replace(b"$Sui.streamable.value", b"text") + GOOD)


def test_a_chunked_body_is_put_together() -> None:
    assert rows.dechunk(b"3\r\nabc\r\nA\r\n\r\n23456789\r\n0\r\n\r\n") == b"abc\r\n23456789"
