from __future__ import annotations

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
