"""`.env` files in development."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from flightwire.server.environment import load_environment


def loaded(folder: Path, text: str, **known: str) -> dict[str, str]:
    (folder / ".env").write_text(text)
    environ = dict(known)
    load_environment(folder, environ)
    return environ


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("A=b", "b"),
        ("export A = b ", "b"),
        ("A=", ""),
        ("A=b # comment", "b"),
        ("A=b#c", "b#c"),
        ('A="b # c"', "b # c"),
        ("A='b $X'", "b $X"),
        ('A="b\\nc"', "b\nc"),
        ('A="b\nc"', "b\nc"),
        ("X=1\nA=${X}2$X", "121"),
        ("A=$HOME_TOWN", "Ulm"),
        ("A=b\\$c", "b$c"),
        ("A=b=c", "b=c"),
        ('A="unclosed', '"unclosed'),
    ],
)
def test_values_are_read_as_dotenv_writes_them(tmp_path: Path, line: str, value: str) -> None:
    assert loaded(tmp_path, line, HOME_TOWN="Ulm")["A"] == value


def test_what_is_set_stays(tmp_path: Path) -> None:
    assert loaded(tmp_path, "A=file", A="shell") == {"A": "shell"}


def test_later_files_win_and_production_is_not_read(tmp_path: Path) -> None:
    for name in (".env.local", ".env.development", ".env.production"):
        (tmp_path / name).write_text(f"A={name}")
    assert loaded(tmp_path, "A=first\nB=first") == {"A": ".env.development", "B": "first"}


def test_files_around_the_app_count_when_it_has_none(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / ".env").write_text("A=outer")
    environ: dict[str, str] = {}
    assert load_environment(tmp_path / "app", environ) == [tmp_path / ".env"]
    assert environ == {"A": "outer"}


def test_a_line_that_is_none_is_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "flightwire.server"):
        assert loaded(tmp_path, "# fine\n\nnot a line\nA=b") == {"A": "b"}
    assert f"{tmp_path / '.env'}, line 3: 'not a line' is not NAME=value" in caplog.text
