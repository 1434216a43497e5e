"""Ids that nobody can guess."""

from __future__ import annotations

import re

import pytest

from flightwire import generate_id
from flightwire.errors import InvalidArgumentError
from flightwire.storage.base import check_chat_id


def test_an_id_has_sixteen_letters_and_digits() -> None:
    assert re.fullmatch(r"[A-Za-z0-9]{16}", generate_id())


def test_size_and_prefix_can_be_chosen() -> None:
    assert re.fullmatch(r"msg-[A-Za-z0-9]{24}", generate_id(24, prefix="msg"))


def test_no_two_are_the_same() -> None:
    assert len({generate_id() for _ in range(10_000)}) == 10_000


def test_chats_can_have_them() -> None:
    assert check_chat_id(generate_id(prefix="chat"))


@pytest.mark.parametrize("size", [0, -1, 1001, 2.5, "16", True, None])
def test_a_size_that_is_none_is_refused(size: object) -> None:
    with pytest.raises(InvalidArgumentError, match="size from 1 to 1000"):
        generate_id(size)  # type: ignore[arg-type] # the mistake
