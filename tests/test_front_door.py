"""The front door: every name is there, and nothing is loaded before it is asked for."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys

import pytest

import flightwire


def test_type_checkers_see_the_names_that_are_there() -> None:
    tree = ast.parse(inspect.getsource(flightwire))
    seen = {
        alias.name: node.module
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("flightwire.")
        for alias in node.names
    }
    assert seen == flightwire._HOMES
    assert sorted(seen) == sorted(flightwire.__all__)


@pytest.mark.parametrize("name", flightwire.__all__)
def test_every_name_can_be_imported(name: str) -> None:
    assert getattr(flightwire, name) is getattr(flightwire, name)


def test_rooms_are_there_without_being_imported() -> None:
    assert flightwire.storage.chat_store
    assert flightwire.testing.ActionClient


def test_a_name_that_is_not_there_says_so() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'streem_text'"):
        _ = flightwire.streem_text  # type: ignore[attr-defined] # the mistake


def test_importing_it_loads_next_to_nothing() -> None:
    program = "import flightwire, sys; print(*sorted(name for name in sys.modules if name.startswith('flightwire')))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["flightwire", "flightwire.wiring"]
