"""React's own clients, in Node, for the tests of the Flight codecs. One process per React and build, started when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flightwire.toolchain.node import find_or_install_node
from flightwire.toolchain.packages import ensure_npm_folder

from .react import NEWEST, React

REACT_FOLDER = Path(__file__).parents[2] / "react"


@pytest.fixture(scope="session")
def react_folder() -> Path:
    """The folder with one React per sub-folder."""
    return ensure_npm_folder(REACT_FOLDER)


@pytest.fixture(scope="session")
def reacts(react_folder: Path) -> Iterator[Callable[[str, str], React]]:
    """Gives the React of a version and build: `reacts("19.3.1", "production")`."""
    node = find_or_install_node()
    running: dict[tuple[str, str], React] = {}

    def react_of(version: str, build: str) -> React:
        if (version, build) not in running:
            running[version, build] = React(node, react_folder / version, build)
        return running[version, build]

    yield react_of
    for react in running.values():
        react.close()


@pytest.fixture(scope="session")
def react(reacts: Callable[[str, str], React]) -> React:
    """The newest React, production build."""
    return reacts(NEWEST, "production")


@pytest.fixture(scope="session", params=["production", "development"])
def each_build(request: pytest.FixtureRequest, reacts: Callable[[str, str], React]) -> React:
    """The newest React, in both builds."""
    return reacts(NEWEST, request.param)
