"""Fixtures every test may use."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """Flightwire runs on asyncio alone."""
    return "asyncio"
