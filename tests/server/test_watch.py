"""FolderWatch: a save of Python code is noticed, other files are not."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from flightwire.server.watch import FolderWatch

pytestmark = pytest.mark.anyio


async def seen_after(folder: Path, write) -> set[Path]:
    """What the watch reports when `write` is repeated until it reports something."""
    seen: set[Path] = set()
    watch = FolderWatch(folder, seen.update)
    watch.start()
    try:
        async with asyncio.timeout(20):
            while not seen:
                write()
                await asyncio.sleep(0.1)
    finally:
        await watch.aclose()
    return seen


async def test_a_saved_python_file_is_reported_relative_to_the_folder(tmp_path: Path) -> None:
    (tmp_path / "recipes").mkdir()

    def write() -> None:
        (tmp_path / "recipes" / "actions.py").write_text("x = 1")

    assert await seen_after(tmp_path, write) == {Path("recipes/actions.py")}


async def test_pages_hidden_folders_and_packages_are_not_reported(tmp_path: Path) -> None:
    for name in (".flightwire", "node_modules", "__pycache__"):
        (tmp_path / name).mkdir()

    def write() -> None:
        for name in ("page.tsx", ".flightwire/a.py", "node_modules/b.py", "__pycache__/c.py"):
            (tmp_path / name).write_text("")
        (tmp_path / "actions.py").write_text("")

    assert await seen_after(tmp_path, write) == {Path("actions.py")}


async def test_closing_twice_or_before_starting_is_fine(tmp_path: Path) -> None:
    watch = FolderWatch(tmp_path, lambda _: None)
    await watch.aclose()
    watch.start()
    await watch.aclose()
    await watch.aclose()
