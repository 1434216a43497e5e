"""The original, for those tests that compare with it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flightwire.toolchain.node import find_or_install_node
from flightwire.toolchain.packages import ensure_npm_folder

from .npm import NpmAI


@pytest.fixture(scope="session")
def npm_ai() -> Iterator[NpmAI]:
    """The npm package `ai`, running."""
    folder = ensure_npm_folder(Path(__file__).parents[1] / "react")
    npm = NpmAI(find_or_install_node(), folder)
    yield npm
    npm.close()
