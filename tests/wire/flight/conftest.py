"""React's own clients, in Node, for the tests of the Flight codecs. One process per React and build, started when asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flightwire.toolchain.node import find_or_install_node
from flightwire.toolchain.packages import ensure_npm_folder

from .canon import common
from .react import NEWEST, VERSIONS, React, deep_recursion
from .recording import recorded

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


@pytest.fixture(autouse=True)
def every_react_reads_what_is_written(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each complete body that a test writes is read by every supported React: whole, and byte by byte, to the same value."""
    if "not node" in request.config.option.markexpr:
        yield
        return
    reacts = request.getfixturevalue("reacts")
    with recorded() as written:
        yield
    bodies = written()
    seen = {version: reacts(version, "production").decode_all(bodies) for version in VERSIONS}
    for index, body in enumerate(bodies):
        answers = [seen[version][index] for version in VERSIONS]
        assert [answer["errors"] for answer in answers] == [[]] * len(VERSIONS), body[:300]
        with deep_recursion():
            are_same = [answer["bytewise"] == answer["value"] for answer in answers]
        assert are_same == [True] * len(VERSIONS), body[:300]
        newest = answers[-1]["value"]
        for answer in answers:
            with deep_recursion():
                is_same = common(answer["value"]) == common(newest)
            assert is_same, body[:300]
