"""Folders are routes."""

from __future__ import annotations

import pytest

from flightwire.errors import AppLoadError
from flightwire.server.routes import Match, Routes, is_route_file

FILES = [
    "page.tsx",
    "layout.py",
    "not-found.tsx",
    "about/page.py",
    "(shop)/layout.py",
    "(shop)/cart/page.tsx",
    "chat/layout.py",
    "chat/loading.tsx",
    "chat/new/page.tsx",
    "chat/[id]/page.tsx",
    "chat/[id]/[part]/page.tsx",
    "docs/[...path]/page.tsx",
    "wiki/[[...path]]/page.tsx",
    "wiki/index/page.tsx",
    "_parts/page.tsx",
    "components/chart.tsx",
]


def match(path: str) -> Match:
    found = Routes(FILES).match(path)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("path", "page", "params"),
    [
        ("/", "page.tsx", {}),
        ("", "page.tsx", {}),
        ("/about", "about/page.py", {}),
        ("/about/", "about/page.py", {}),
        ("/cart", "(shop)/cart/page.tsx", {}),
        ("/chat/new", "chat/new/page.tsx", {}),
        ("/chat/7", "chat/[id]/page.tsx", {"id": "7"}),
        ("/chat/a b/c", "chat/[id]/[part]/page.tsx", {"id": "a b", "part": "c"}),
        (
            "/chat/new/x",
            "chat/[id]/[part]/page.tsx",
            {"id": "new", "part": "x"},
        ),  # it goes back where it must
        ("/docs/a/b", "docs/[...path]/page.tsx", {"path": ["a", "b"]}),
        ("/wiki", "wiki/[[...path]]/page.tsx", {}),
        ("/wiki/a", "wiki/[[...path]]/page.tsx", {"path": ["a"]}),
        ("/wiki/index", "wiki/index/page.tsx", {}),
    ],
)
def test_an_address_means_a_page(path: str, page: str, params: dict[str, object]) -> None:
    found = match(path)
    assert found.page == page
    assert found.params == params
    assert list(found.params) == list(params)


@pytest.mark.parametrize(
    "path", ["/chat", "/docs", "/nothing", "/_parts", "/(shop)/cart", "/chat//x", "/about/x"]
)
def test_other_addresses_mean_none(path: str) -> None:
    assert Routes(FILES).match(path) is None


def test_the_way_to_a_page_has_each_folders_files() -> None:
    assert [(folder.path, dict(folder.files)) for folder in match("/chat/7").folders] == [
        ("", {"layout": "layout.py", "not-found": "not-found.tsx", "page": "page.tsx"}),
        ("chat", {"layout": "chat/layout.py", "loading": "chat/loading.tsx"}),
        ("chat/[id]", {"page": "chat/[id]/page.tsx"}),
    ]
    assert [folder.path for folder in match("/cart").folders] == ["", "(shop)", "(shop)/cart"]


def test_what_is_shown_elsewhere_is_the_apps_own() -> None:
    found = Routes(FILES).not_found()
    assert found is not None
    assert found.page == "not-found.tsx"
    assert Routes(["page.tsx"]).not_found() is None


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["page.tsx", "page.py"], "the app folder has both page.py and page.tsx"),
        (["a/error.jsx", "a/error.tsx"], "a has both error.jsx and error.tsx"),
        (["(a)/x/page.tsx", "(b)/x/page.tsx"], "have the same address"),
        (["x/[a]/page.tsx", "x/[b]/y/page.tsx"], "'[a]' and '[b]' stand for the same part"),
        (["[...a]/page.tsx", "[...b]/page.tsx"], "have the same address"),
        (["[...a]/x/page.tsx"], "nothing can follow '[...a]'"),
    ],
)
def test_files_that_want_to_be_the_same_are_a_letter(files: list[str], expected: str) -> None:
    with pytest.raises(AppLoadError) as caught:
        Routes(files)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    "path",
    ["page.mdx", "error.py", "layout.tsx", "a/.b/page.tsx", "@slot/page.tsx", "pages.tsx", "mypage.tsx"],
)
def test_other_files_are_no_part_of_a_page(path: str) -> None:
    assert not is_route_file(path)


def test_a_long_address_costs_little() -> None:
    assert Routes(FILES).match("/chat" + "/x" * 5000) is None
    assert Routes(["[...a]/page.tsx"]).match("/x" * 5000) is not None
