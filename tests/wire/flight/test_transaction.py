"""All or nothing: what a call of the writer leaves behind when it fails, and where it says that it failed."""

from __future__ import annotations

import pytest

from flightwire.errors import EncodeError
from flightwire.wire.flight.transaction import MAX_PATH_CHARS, TOO_DEEP, Transaction
from flightwire.wire.flight.values import Failure
from flightwire.wire.flight.writer import Writer


class Written:
    """Remembers to where it was told to go back."""

    def __init__(self) -> None:
        self.back: list[tuple[int, int, int]] = []

    def roll_back(self, made: int, opened: int, row_count: int) -> None:
        self.back.append((made, opened, row_count))


def test_what_succeeds_stays() -> None:
    written = Written()
    with Transaction(written, "", (1, 2, 3)):
        pass
    assert written.back == []


@pytest.mark.parametrize(
    "error", [EncodeError("no"), ValueError("no"), RecursionError(), KeyboardInterrupt()]
)
def test_what_fails_goes_back_whatever_it_raised(error: BaseException) -> None:
    written = Written()
    with pytest.raises(BaseException) as raised, Transaction(written, "", (1, 2, 3)):
        raise error
    assert written.back == [(1, 2, 3)]
    assert isinstance(raised.value, EncodeError if isinstance(error, RecursionError) else type(error))


def test_it_says_where_the_value_would_have_been() -> None:
    with pytest.raises(EncodeError) as raised, Transaction(Written(), "['a']", (0, 0, 0)):
        raise EncodeError("no", path=".items[3]")
    assert raised.value.path == "['a'].items[3]"
    with pytest.raises(EncodeError, match=TOO_DEEP) as raised, Transaction(Written(), "['a']", (0, 0, 0)):
        raise RecursionError
    assert raised.value.path == "['a']"


def test_a_long_way_is_told_by_its_ends() -> None:
    with pytest.raises(EncodeError) as raised, Transaction(Written(), "a" * 10_000, (0, 0, 0)):
        raise EncodeError("no", path="z" * 10_000)
    path = raised.value.path
    assert len(path) <= MAX_PATH_CHARS + 1
    assert path[0] == "a"
    assert path[-1] == "z"


async def later() -> str:
    return "x"


def test_a_result_that_cannot_be_sent_leaves_no_row_slot_or_reference() -> None:
    shared = {"name": "Ada", "rooms": [1, 2, 3]}
    promise = later()
    writer, untouched = Writer(), Writer()
    with pytest.raises(EncodeError) as raised:
        writer.start([shared, promise, "x" * 5000, {"bad": object()}])
    promise.close()
    assert raised.value.path == "[3]['bad']"
    assert writer.take_pending() == []
    assert writer.open_slots == 1
    assert writer.start([shared, shared]) == untouched.start([shared, shared])


def test_a_result_that_failed_can_be_rejected() -> None:
    writer = Writer()
    with pytest.raises(EncodeError):
        writer.start(object())
    assert writer.reject(writer.root, Failure("1")).startswith(b"0:E")
