"""Files that an app serves as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from flightwire.server.public import PublicFiles


@pytest.fixture
def files(tmp_path: Path) -> PublicFiles:
    app = tmp_path / "app"
    (app / "public/deep/.well-known").mkdir(parents=True)
    (app / "public/.well-known").mkdir()
    for name in (
        "public/robots.txt",
        "public/deep/a b.txt",
        "public/.env",
        "public/.well-known/x",
        "page.tsx",
        "icon.svg",
    ):
        (app / name).write_text(name)
    (tmp_path / "secret").write_text("secret")
    (app / "public/link").symlink_to(tmp_path / "secret")
    return PublicFiles(app / "public", icons=app)


@pytest.mark.parametrize(
    ("path", "file"),
    [
        ("/robots.txt", "public/robots.txt"),
        ("/deep/a b.txt", "public/deep/a b.txt"),
        ("/.well-known/x", "public/.well-known/x"),
        ("/icon.svg", "icon.svg"),
    ],
)
def test_a_file_is_found(files: PublicFiles, path: str, file: str) -> None:
    found = files.find(path)
    assert found is not None
    assert found.path.read_text() == file


@pytest.mark.parametrize(
    "path",
    ["", "/", "/deep", "/../secret", "/deep/../../page.tsx", "/..\\secret", "/.env", "/link", "/page.tsx", "//robots.txt",
     "/deep//a b.txt", "/\0", "/" + "a" * 5000, "/C:secret", "/deep/"],
)  # fmt: skip
def test_nothing_else_is(files: PublicFiles, path: str) -> None:
    assert files.find(path) is None


def test_icons_are_named_under_the_prefix(files: PublicFiles) -> None:
    assert files.icon_tags("/x") == ['<link rel="icon" href="/x/icon.svg" sizes="any">']
    assert PublicFiles(Path("/nowhere"), icons=Path("/nowhere")).icon_tags("") == []
