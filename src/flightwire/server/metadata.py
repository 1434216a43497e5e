"""What a page says about itself in its head: title, description, cards.

Owns: joining what layouts and the page say, titles' templates, the tags. Refuses to know: where it was written.

The names are those of Next.js' `Metadata` (version 16), in camelCase as TypeScript writes them or in snake_case.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Any, Final

from flightwire.props import camel_case

Metadata = Mapping[str, Any]

_BY_NAME: Final = {
    "description": "description",
    "applicationName": "application-name",
    "generator": "generator",
    "keywords": "keywords",
    "creator": "creator",
    "publisher": "publisher",
    "referrer": "referrer",
    "robots": "robots",
    "themeColor": "theme-color",
    "colorScheme": "color-scheme",
    "category": "category",
}
_CARDS: Final = {"openGraph": ("property", "og"), "twitter": ("name", "twitter")}
_CARD_NAMES: Final = {"siteName": "site_name"}


def joined(said: Iterable[Metadata]) -> dict[str, Any]:
    """The metadata of a page, from what its layouts say, outermost first, and itself; the inner word counts.

    A layout's `title` may be `{"default": "Shop", "template": "%s | Shop"}`; templates are for what is further inside, and
    `{"absolute": "Home"}` goes without.
    """
    whole: dict[str, Any] = {}
    template = None
    for each in said:
        named = {camel_case(name): value for name, value in each.items() if value is not None}
        if "title" in named:
            named["title"], template = _title(named["title"], template)
        whole.update(named)
    return whole


def _title(title: object, template: str | None) -> tuple[str, str | None]:
    if not isinstance(title, Mapping):
        return (template.replace("%s", str(title)) if template else str(title)), template
    text = title.get("absolute")
    if text is None:
        text = title.get("default", "")
        if template and text:
            text = template.replace("%s", str(text))
    return str(text), title.get("template", template)


def tags(metadata: Metadata) -> Iterator[str]:
    """The elements of the head, the title left out."""
    for name, attribute in _BY_NAME.items():
        if name in metadata:
            yield _meta("name", attribute, metadata[name])
    for author in _listed(metadata.get("authors")):
        yield _meta("name", "author", author.get("name", "") if isinstance(author, Mapping) else author)
    for group, (kind, prefix) in _CARDS.items():
        yield from _card(kind, prefix, metadata.get(group))
    alternates = metadata.get("alternates")
    if isinstance(alternates, Mapping) and alternates.get("canonical"):
        yield f'<link rel="canonical" href="{escape(str(alternates["canonical"]))}">'
    if manifest := metadata.get("manifest"):
        yield f'<link rel="manifest" href="{escape(str(manifest))}">'
    yield from _icons(metadata.get("icons"))
    other = metadata.get("other")
    if isinstance(other, Mapping):
        for name, values in other.items():
            for value in _listed(values):
                yield _meta("name", str(name), value)


def _card(kind: str, prefix: str, card: object) -> Iterator[str]:
    if not isinstance(card, Mapping):
        return
    for given, values in card.items():
        name = camel_case(given)
        name = _CARD_NAMES.get(name, name)
        for value in _listed(values):
            if name == "images":
                url = value.get("url", "") if isinstance(value, Mapping) else value
                yield _meta(kind, f"{prefix}:image", url)
            elif not isinstance(value, Mapping):
                yield _meta(kind, f"{prefix}:{name}", value)


def _icons(icons: object) -> Iterator[str]:
    by_kind = icons if isinstance(icons, Mapping) and not icons.keys() & {"url"} else {"icon": icons}
    for kind, rel in (("shortcut", "shortcut icon"), ("icon", "icon"), ("apple", "apple-touch-icon")):
        for icon in _listed(by_kind.get(kind)):
            url = icon.get("url", "") if isinstance(icon, Mapping) else icon
            yield f'<link rel="{rel}" href="{escape(str(url))}">'


def _listed(values: object) -> list[Any]:
    if values is None:
        return []
    return list(values) if isinstance(values, list | tuple) else [values]


def _meta(kind: str, name: str, content: object) -> str:
    return f'<meta {kind}="{escape(name)}" content="{escape(_text(content))}">'


def _text(content: object) -> str:
    """`["a", "b"]` → `a, b`; `{"index": False, "follow": True}`, as robots are written → `noindex, follow`."""
    if isinstance(content, Mapping):
        return ", ".join(
            name if value is True else f"no{name}"
            for name, value in content.items()
            if isinstance(value, bool)
        )
    return ", ".join(map(str, content)) if isinstance(content, list | tuple) else str(content)
