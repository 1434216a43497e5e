"""Lines of Python for the panel of development: around places that a page was told of, and no others."""

from __future__ import annotations

from pathlib import Path

import pytest

from flightwire.server.excerpts import MAX_PLACES, excerpt, remember


@pytest.fixture
def file(tmp_path: Path) -> str:
    path = tmp_path / "actions.py"
    path.write_text("".join(f"line {n}\n" for n in range(1, 11)))
    return str(path)


def test_the_lines_around_a_place_are_given(file: str) -> None:
    remember(file, 5)
    found = excerpt(file, 5)
    assert found is not None
    assert [(each["number"], each["text"]) for each in found] == [(n, f"line {n}") for n in range(3, 8)]
    assert [each["number"] for each in found if each["isMeant"]] == [5]


@pytest.mark.parametrize("line", [1, 10])
def test_the_ends_of_a_file_are_no_trouble(file: str, line: int) -> None:
    remember(file, line)
    assert len(excerpt(file, line) or ()) == 3


def test_a_place_nobody_told_of_is_not_given(file: str) -> None:
    remember(file, 5)
    assert excerpt(file, 6) is None
    assert excerpt("/etc/passwd", 5) is None


def test_a_file_that_is_gone_is_no_trouble(file: str) -> None:
    remember(file, 5)
    Path(file).unlink()
    assert excerpt(file, 5) is None


def test_old_places_are_forgotten(file: str) -> None:
    remember(file, 5)
    for line in range(MAX_PLACES):
        remember("elsewhere.py", line)
    assert excerpt(file, 5) is None
