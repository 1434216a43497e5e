"""A page of ours inside somebody else's application."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..e2e.conftest import Tab
from .hosts import HOSTS, serving


@pytest.mark.parametrize("host", HOSTS)
def test_the_page_lives_there(hosts_folder: Path, host: str, tab: Tab):
    with serving(hosts_folder, host) as url:
        tab.open(f"{url}/")
        tab.ask("Does it?")
        tab.wait_for_answer("It works under a prefix.")
    assert tab.errors == []
