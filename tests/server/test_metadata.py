"""What stands in the head of a page."""

from __future__ import annotations

from typing import Any

import pytest

from flightwire.server.metadata import joined, tags

LAYOUT = {"title": {"default": "Shop", "template": "%s | Shop"}, "description": "Things."}


@pytest.mark.parametrize(
    ("said", "title"),
    [
        ([LAYOUT], "Shop"),
        ([LAYOUT, {"title": "Cart"}], "Cart | Shop"),
        ([LAYOUT, {"title": {"absolute": "Cart"}}], "Cart"),
        ([LAYOUT, {"title": {"template": "%s - Chat", "default": "Chat"}}, {"title": "7"}], "7 - Chat"),
        ([LAYOUT, {"title": {"template": "%s - Chat", "default": "Chat"}}], "Chat | Shop"),
        ([{"title": "Cart"}, {"title": None}], "Cart"),
        ([{"title": 7}], "7"),
        ([{"title": {"template": "100%"}}, {"title": "%s"}], "100%"),
    ],
)
def test_titles_go_through_the_template_of_what_is_around(said: list[dict[str, Any]], title: str) -> None:
    assert joined(said)["title"] == title


def test_the_inner_word_counts_in_either_spelling() -> None:
    whole = joined([LAYOUT, {"theme_color": "red"}, {"description": "More.", "themeColor": "blue"}])
    assert (whole["description"], whole["themeColor"]) == ("More.", "blue")


@pytest.mark.parametrize(
    ("said", "tag"),
    [
        ({"description": '"><script>'}, '<meta name="description" content="&quot;&gt;&lt;script&gt;">'),
        ({"keywords": ["a", "b"]}, '<meta name="keywords" content="a, b">'),
        ({"robots": {"index": False, "follow": True}}, '<meta name="robots" content="noindex, follow">'),
        ({"openGraph": {"siteName": "S"}}, '<meta property="og:site_name" content="S">'),
        ({"open_graph": {"images": [{"url": "/a.png"}]}}, '<meta property="og:image" content="/a.png">'),
        ({"twitter": {"card": "summary"}}, '<meta name="twitter:card" content="summary">'),
        (
            {"alternates": {"canonical": "https://a.example"}},
            '<link rel="canonical" href="https://a.example">',
        ),
        ({"icons": {"icon": "/i.png"}}, '<link rel="icon" href="/i.png">'),
        ({"icons": "/i.png"}, '<link rel="icon" href="/i.png">'),
        ({"authors": [{"name": "Ada"}]}, '<meta name="author" content="Ada">'),
        ({"other": {"a<b": "c"}}, '<meta name="a&lt;b" content="c">'),
    ],
)
def test_what_is_said_becomes_a_tag(said: dict[str, Any], tag: str) -> None:
    assert list(tags(joined([said]))) == [tag]


@pytest.mark.parametrize("odd", [None, 3, "x", [], {}, [[]], {"a": {}}])
def test_odd_values_break_nothing(odd: object) -> None:
    names = (
        "title",
        "description",
        "openGraph",
        "icons",
        "alternates",
        "other",
        "authors",
        "robots",
        "unknown",
    )
    assert isinstance(list(tags(joined([dict.fromkeys(names, odd)]))), list)
