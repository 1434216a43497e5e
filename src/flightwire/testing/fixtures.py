"""Fixtures for pytest, for those who ask: `pytest_plugins = ["flightwire.testing.fixtures"]` in conftest.py.

Owns: the life of scripted models, upstreams and recordings in tests. Refuses to know: which plugin runs async tests.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from flightwire.testing.models import ScriptedModel
from flightwire.testing.recording import recorded
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


@pytest.fixture
def provider_recording(request: pytest.FixtureRequest) -> Iterator[None]:
    """Providers answer from `recordings/TEST_FILE/TEST.json` beside the test; `FLIGHTWIRE_RECORD=1` records it anew."""
    name = re.sub(r"[^\w.-]+", "-", request.node.name).strip("-")
    with recorded(request.path.parent / "recordings" / request.path.stem / f"{name}.json"):
        yield
