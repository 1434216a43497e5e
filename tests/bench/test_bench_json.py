"""What writing plain JSON costs, as a table."""

import pytest

from bench import plain_json


def test_every_shape_has_a_row(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    few = {"small dicts": plain_json.SHAPES["small dicts"]}
    monkeypatch.setattr(plain_json, "SHAPES", few)
    monkeypatch.setattr(plain_json, "BESIDES_JSON", {"one tuple": lambda: {"a": [(1, 2)] * 100}})
    monkeypatch.setattr(plain_json, "SMALL_AND_SHARED", {})
    assert plain_json.main(quick=True) == 0
    said = capsys.readouterr().out
    assert "small dicts" in said
    assert "one tuple" in said


def test_values_that_hold_one_thing_twice_hold_the_same() -> None:
    made = plain_json.twice(lambda i: {"id": i})
    assert all(first is second for first, second in made["pairs"])
    assert len(plain_json.in_three([[1], [2]])["c"]) == 1
