from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flightwire.cli.folders import CommandError, check_app_folder


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"There is no folder .*nowhere"):
        check_app_folder(tmp_path / "nowhere")


def test_a_file_points_to_its_folder(tmp_path: Path) -> None:
    (tmp_path / "page.tsx").touch()
    with pytest.raises(CommandError, match=r"is a file\. Name its folder instead"):
        check_app_folder(tmp_path / "page.tsx")


def test_an_empty_folder_is_no_app(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"neither page\.tsx nor actions\.py"):
        check_app_folder(tmp_path)


def test_the_folder_above_an_app_points_to_it(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "page.tsx").touch()
    with pytest.raises(CommandError, match=r"app has\. Name that one"):
        check_app_folder(tmp_path)


@pytest.mark.parametrize("name", ["page.tsx", "page.jsx", "page.py", "actions.py", "chat/page.tsx"])
def test_a_page_or_actions_make_an_app(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    assert check_app_folder(Path()) == tmp_path.resolve()


def test_what_is_beside_the_app_and_where_the_command_was_typed_can_be_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, here = tmp_path / "backend" / "app", tmp_path / "here"
    app.mkdir(parents=True)
    here.mkdir()
    (app / "actions.py").touch()
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", ["/installed"])
    check_app_folder(app)
    check_app_folder(app)
    assert sys.path == [str(here), str(tmp_path / "backend"), "/installed"]
