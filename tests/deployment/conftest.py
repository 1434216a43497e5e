"""The browser of the end-to-end tests."""

from __future__ import annotations

import pytest

from ..e2e.conftest import chromium, new_tab, tab
from .hosts import hosts_folder

__all__ = ["chromium", "hosts_folder", "new_tab", "tab"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything that drives the browser."""
    for item in items:
        if "chromium" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.browser)
