"""The seed's page inside a FastAPI application, under a prefix, live and built, with uvicorn alone."""

from __future__ import annotations

import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flightwire.testing.upstream import ScriptedUpstream

from .conftest import SEED, Files, Tab, pointing_at
from .mounting import mounted_server


@pytest.fixture(scope="module")
def mounted(mode: str, app_folder: Callable[[Files], Path], upstream: ScriptedUpstream) -> Iterator[str]:
    """The address of the inner app."""
    with mounted_server(app_folder(SEED), mode, "/x/y", pointing_at(upstream)) as address:
        yield f"{address}/"


def test_the_page_works_under_the_prefix(mounted: str, upstream: ScriptedUpstream, tab: Tab) -> None:
    upstream.answer(["Under", " a", " prefix."])
    tab.open(mounted).ask("Where are you?")
    tab.wait_for_answer("Under a prefix.")
    assert tab.errors == []


def test_the_hosts_own_routes_are_untouched(mounted: str) -> None:
    with urllib.request.urlopen(mounted.replace("/x/y/", "/health")) as answer:
        assert answer.read() == b'{"ok":true}'
