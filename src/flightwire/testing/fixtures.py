"""Fixtures for pytest, for those who ask: `pytest_plugins = ["flightwire.testing.fixtures"]` in conftest.py.

Owns: the life of scripted models and upstreams in tests. Refuses to know: which plugin runs async tests.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from flightwire.testing.models import ScriptedModel
from flightwire.testing.upstream import ScriptedUpstream


@pytest.fixture
def scripted_model() -> ScriptedModel:
    """A model that answers "Hello, world!" in three deltas, and remembers how it was called."""
    return ScriptedModel()


@pytest.fixture
def scripted_upstream() -> Iterator[ScriptedUpstream]:
    """A provider on the loopback interface that follows a script."""
    with ScriptedUpstream() as upstream:
        yield upstream
