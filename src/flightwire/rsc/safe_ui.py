"""UI that a model wrote, as data, made into elements of an allow-list.

Owns: which tags, props and addresses a model may use. Refuses to know: models, how elements are sent.

Element types come from code, never from a model: what a model writes is a tree of `{"type", "props", "children"}`, and only
this module makes elements of it. What is not on the list is left out, the text inside it stays. The rules are those that known
attacks need to be broken: scripts, event handlers, HTML as text, forms, frames, other documents, addresses that run code or
carry data away (Open WebUI CVE-2026-109288, EchoLeak; React's `dangerouslySetInnerHTML`, `srcDoc`, `formAction`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Final
from urllib.parse import urlsplit

from flightwire.elements import Element
from flightwire.errors import InvalidArgumentError
from flightwire.markup import Node

TAGS: Final = frozenset(
    "a abbr article aside b blockquote br caption cite code col colgroup dd del details dfn div dl dt em figcaption "  # noqa: SIM905 - sixty lines otherwise
    "figure footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark meter nav ol p pre progress q rp rt ruby s samp "
    "section small span strong sub summary sup table tbody td tfoot th thead time tr u ul var wbr".split()
)
PROPS: Final = frozenset(
    "alt cite colSpan dateTime dir headers height hidden high href id label lang low max min open optimum reversed role "  # noqa: SIM905
    "rowSpan scope span src start title value width".split()
)
SCHEMES: Final = frozenset({"http", "https", "mailto"})
MAX_DEPTH: Final = 50
MAX_NODES: Final = 10_000

_ARIA: Final = re.compile(r"aria-[a-z]+")
_ADDRESSES: Final = frozenset({"href", "src", "cite"})
_REFUSED_IN_COMPONENTS: Final = re.compile(r"on[A-Z].*|children|key|ref|dangerouslySetInnerHTML|__proto__")
_CONTROLS: Final = re.compile(r"[\x00-\x20\x7f-\xa0\u2028\u2029]")  # browsers leave them out of a scheme

Component = Callable[..., Node]


def safe_ui(
    tree: object,
    *,
    components: Mapping[str, Component] | None = None,
    tags: Collection[str] = TAGS,
    schemes: Collection[str] = SCHEMES,
    image_hosts: Collection[str] = (),
) -> Node:
    """Make elements of UI that a model wrote. What is not allowed is left out; it never raises because of what the model wrote.

    Arguments:
        tree: text, numbers, lists, and dicts `{"type": "p", "props": {…}, "children": […]}`, as JSON gives them; a part of one
            that is still being written will do.
        components: components that the model may use, by the names that it knows: client components, or functions that make
            nodes. They are called with the model's props as keywords; check what they are given.
        tags: tags that it may use.
        schemes: of the addresses in `href` and `cite`; relative addresses are allowed.
        image_hosts: hosts that images may come from; by default only the page's own, because an address can carry data away.

    Returns:
        A node.

    Raises:
        InvalidArgumentError: a tag is allowed that could run code.
    """
    if refused := sorted(set(tags) - TAGS):
        raise InvalidArgumentError(
            f"safe_ui(tags=…) allows <{refused[0]}>, which a model could misuse. Make a component for what it is needed for."
        )
    return _Maker(components or {}, frozenset(tags), frozenset(schemes), frozenset(image_hosts)).node(tree, 0)


class _Maker:
    def __init__(
        self,
        components: Mapping[str, Component],
        tags: frozenset[str],
        schemes: frozenset[str],
        image_hosts: frozenset[str],
    ) -> None:
        self._components = components
        self._tags = tags
        self._schemes = schemes
        self._image_hosts = image_hosts
        self._left = MAX_NODES

    def node(self, tree: object, depth: int) -> Node:
        self._left -= 1
        if self._left < 0 or depth > MAX_DEPTH:
            return None
        if isinstance(tree, bool) or tree is None:
            return None
        if isinstance(tree, (str, int, float)):
            return str(tree)
        if isinstance(tree, Mapping):
            return self._element(tree, depth)
        if isinstance(tree, Sequence) and not isinstance(tree, (bytes, bytearray)):
            return self._children(tree, depth)
        return None

    def _children(self, items: Sequence[object], depth: int) -> Node:
        """A list becomes a fragment's children: positions stand for keys."""
        nodes = tuple(self.node(each, depth + 1) for each in items[:MAX_NODES])
        return nodes[0] if len(nodes) == 1 else tuple(_keyed(each, at) for at, each in enumerate(nodes))

    def _element(self, tree: Mapping[object, object], depth: int) -> Node:
        name, props = tree.get("type"), tree.get("props")
        given = props if isinstance(props, Mapping) else {}
        written = tree.get("children", given.get("children"))
        children = self.node(written, depth + 1)
        if not isinstance(name, str):
            return children
        component = self._components.get(name)
        if component is not None:
            return self._component(component, given, children)
        if name not in self._tags:
            return children
        made = self._props(name, given)
        if children is not None and name not in ("br", "hr", "img", "col", "wbr"):
            made["children"] = children
        return Element(name, made)

    def _component(self, component: Component, props: Mapping[object, object], children: Node) -> Node:
        given = {
            name: value
            for name, value in props.items()
            if isinstance(name, str) and name.isidentifier() and not _REFUSED_IN_COMPONENTS.fullmatch(name)
        }
        try:
            return component(*(() if children is None else (children,)), **given)
        except (
            TypeError,
            InvalidArgumentError,
        ):  # a model's mistake: a prop that the component does not take
            return children

    def _props(self, tag: str, props: Mapping[object, object]) -> dict[str, object]:
        made: dict[str, object] = {}
        for name, value in props.items():
            if not isinstance(name, str) or not isinstance(value, (str, int, float)):
                continue
            if name in ("class", "className", "class_name"):
                made["className"] = str(value)
            elif _ARIA.fullmatch(name) or (name in PROPS and name not in _ADDRESSES):
                made[name] = value
            elif name in _ADDRESSES and self._is_allowed(tag, name, str(value)):
                made[name] = str(value)
        if tag == "a" and "href" in made:
            made |= {"rel": "noopener noreferrer nofollow", "referrerPolicy": "no-referrer"}
        if tag == "img":
            made["referrerPolicy"] = "no-referrer"
        return made

    def _is_allowed(self, tag: str, name: str, address: str) -> bool:
        bare = _CONTROLS.sub("", address)
        try:
            parts = urlsplit(bare)
        except ValueError:
            return False
        if bare != address.strip() or "\\" in bare:
            return False  # read differently by browsers
        if not parts.scheme:
            is_own = not parts.netloc and ":" not in bare.partition("/")[0]
            return is_own and (name != "src" or tag == "img")
        if name == "src":
            return tag == "img" and parts.scheme in ("http", "https") and parts.hostname in self._image_hosts
        return parts.scheme.lower() in self._schemes


def _keyed(node: Node, at: int) -> Node:
    if isinstance(node, Element) and node.key is None:
        return Element(node.type, node.props, str(at))
    return node
