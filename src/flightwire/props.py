"""Names of props: what Python writes, and what React reads.

Owns: the rule and its few exceptions. Refuses to know: elements, and what props mean.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

# What the rule would not give: words of JavaScript and HTML that Python reserves, and React's own capitals.
_EXCEPTIONS: Final = {
    "class": "className",
    "class_": "className",
    "for": "htmlFor",
    "for_": "htmlFor",
    "dangerously_set_inner_html": "dangerouslySetInnerHTML",
    "item_id": "itemID",
}


def camel_case(name: str) -> str:
    """`minutes_ago` → `minutesAgo`; leading underscores stay."""
    bare = name.lstrip("_")
    first, *rest = bare.split("_")
    return name[: len(name) - len(bare)] + first + "".join(word[:1].upper() + word[1:] for word in rest)


def react_name(name: str) -> str:
    """`class_name` → `className`, `aria_label` → `aria-label`, `data_user_id` → `data-user-id`, `in_` → `in`.

    A name that React has already (`className`, `data-id`) stays as it is.
    """
    if (found := _EXCEPTIONS.get(name)) is not None:
        return found
    if name.startswith("data_"):
        return name.rstrip("_").replace("_", "-")
    if name.startswith("aria_"):
        return "aria-" + name[len("aria_") :].replace("_", "")  # none of these attributes has a second hyphen
    return camel_case(name.rstrip("_"))


def react_style(style: Mapping[str, object]) -> dict[str, object]:
    """The keys of a `style`: `font_size` and `font-size` → `fontSize`; `--gap`, a custom property, stays."""
    return {name if name.startswith("--") else _style_name(name): value for name, value in style.items()}


def _style_name(name: str) -> str:
    words = name.replace("-", "_").rstrip("_")
    if not words.startswith("_"):
        return camel_case(words)
    vendor = camel_case(words[1:])  # `-webkit-line-clamp` → `WebkitLineClamp`
    return vendor[:1].upper() + vendor[1:]
