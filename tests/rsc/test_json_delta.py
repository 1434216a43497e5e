"""Deltas that the browser's jsondiffpatch turns into the same state."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from flightwire.elements import UNDEFINED
from flightwire.rsc import json_delta
from flightwire.rsc.json_delta import diff, merge, same
from flightwire.toolchain.node import find_or_install_node

SCRIPT = Path(__file__).parents[1] / "react" / "jsondiffpatch.mjs"
KEYS = st.sampled_from(["a", "b", "_t", "0", "_0", "", "content", "constructor", "é"])
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([1.0, 0.5, "", "x", "a" * 80, "a" * 79 + "b"]),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=25,
)


class Jsondiffpatch:
    """The npm package, in Node."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [str(find_or_install_node()), str(SCRIPT)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, value: object, delta: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        question = {"value": value, "delta": None if delta is UNDEFINED else delta}
        self._process.stdin.write(json.dumps(question) + "\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        self._process.communicate(timeout=10)


@pytest.fixture(scope="module")
def npm() -> Iterator[Jsondiffpatch]:
    asked = Jsondiffpatch()
    yield asked
    asked.close()


@pytest.mark.node
@settings(max_examples=1500, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(old=JSON, new=JSON)
def test_jsondiffpatch_makes_the_new_state_of_the_old(npm: Jsondiffpatch, old: Any, new: Any) -> None:
    assert same(npm.ask(old, diff(old, new))["patched"], new)


@pytest.mark.node
@settings(max_examples=500, deadline=None)
@given(
    old=st.lists(JSON, max_size=12),
    cuts=st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3), st.lists(JSON, max_size=3)), max_size=4),
)
def test_jsondiffpatch_follows_edits_of_a_list(npm: Jsondiffpatch, old: list[Any], cuts: list[Any]) -> None:
    new = list(old)
    for at, removed, added in cuts:
        new[at : at + removed] = added
    assert same(npm.ask(old, diff(old, new))["patched"], new)


def test_equal_states_have_no_delta() -> None:
    assert diff([{"a": 1}], [{"a": 1.0}]) is UNDEFINED


def test_an_appended_message_is_all_that_travels() -> None:
    history = [{"role": "user", "content": "x" * 1000}] * 50
    assert diff(history, [*history, "new"]) == {"_t": "a", "50": ["new"]}


def test_a_removed_message_is_a_place_in_the_old_list() -> None:
    assert diff(["a", "b", "c"], ["a", "c"]) == {"_t": "a", "_1": [0, 0, 0]}


def test_a_changed_field_is_all_that_travels() -> None:
    assert diff([{"id": 1, "text": "a"}, 2], [{"id": 1, "text": "b"}, 2]) == {
        "_t": "a",
        "0": {"text": [0, "b"]},
    }


def test_fields_come_and_go() -> None:
    assert diff({"a": 1, "b": 2}, {"b": 2, "c": 3}) == {"a": [0, 0, 0], "c": [3]}


@pytest.mark.parametrize("key", ["_t"])
def test_a_key_that_marks_arrays_makes_a_replacement(key: str) -> None:
    assert diff({key: 1}, {key: 2}) == [0, {key: 2}]


@pytest.mark.parametrize(("old", "new"), [(True, 1), (0, False), ("1", 1), (None, 0), ([], {}), ("", None)])
def test_what_javascript_tells_apart_is_replaced(old: Any, new: Any) -> None:
    assert diff(old, new) == [0, new]


def test_long_lists_cost_in_proportion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_delta, "MAX_ALIGNED_CELLS", 10)
    old, new = list(range(100)), list(range(50, 180))
    delta = diff(old, new)
    assert isinstance(delta, dict)
    assert len(delta) == 131


# --- two writers -------------------------------------------------------------------------------------------------


@given(base=JSON, changed=JSON)
def test_one_change_is_just_made(base: Any, changed: Any) -> None:
    assert same(merge(base, changed, base), changed)
    assert same(merge(base, base, changed), changed)


def test_what_both_append_is_all_there() -> None:
    assert merge([1], [1, "mine"], [1, "theirs", "too"]) == [1, "theirs", "too", "mine"]


def test_different_fields_are_both_changed() -> None:
    assert merge(
        {"a": 1, "b": [1], "c": 1}, {"a": 2, "b": [1, 2], "c": 1}, {"a": 1, "b": [1, 3], "d": 4}
    ) == {
        "a": 2,
        "b": [1, 3, 2],
        "d": 4,
    }


def test_of_two_changes_of_one_field_mine_wins() -> None:
    assert merge({"a": 1}, {"a": 2}, {"a": 3}) == {"a": 2}


def test_a_field_that_one_removed_and_the_other_changed_is_kept() -> None:
    assert merge({"a": 1}, {"a": 2}, {}) == {"a": 2}


def test_after_items_were_removed_mine_wins() -> None:
    assert merge([1, 2], [], [1, 2, 3]) == []
