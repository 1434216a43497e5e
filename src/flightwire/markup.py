"""Building React elements in Python: `html.div("Hello", class_name="box")`.

Owns: how tags, fragments, Suspense and client components are called, and the letters for what no element can hold. Refuses
to know: names of tags (tags.py) and props (props.py), rows, the browser.

Children are positional: text, numbers, elements, lists of them, awaitables. None, True and False show nothing, as in React.
Generators are read at once, so an element is the same whenever it is sent.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterable, Awaitable, Iterable, Mapping
from pathlib import Path
from types import FrameType, FunctionType, GeneratorType
from typing import TYPE_CHECKING, Any, Final, Never, TypeAlias

from flightwire.elements import FRAGMENT, SUSPENSE, ClientReference, Element, ElementType
from flightwire.errors import InvalidArgumentError
from flightwire.props import camel_case, react_name, react_style

if TYPE_CHECKING:
    Node: TypeAlias = Element | str | int | float | Iterable["Node"] | Awaitable["Node"] | None
else:  # the same without the circle, which nobody could evaluate in the annotations of another module
    Node = Element | str | int | float | Iterable[Any] | Awaitable[Any] | None
Key: TypeAlias = str | int | None


class Tag:
    """One HTML or SVG element: `html.div`."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(
        self,
        *children: Node,
        key: Key = None,
        class_name: str | None = None,
        style: Mapping[str, object] | None = None,
        **props: Any,
    ) -> Element:
        """Make an element.

        Arguments:
            children: what is in it.
            key: tells siblings apart when their list changes.
            class_name: its CSS classes.
            style: CSS properties, as `{"font_size": "2rem"}`.
            props: in snake_case: `on_click=save`, `aria_label="Close"`, `data_id=3`, `html_for="name"`. None leaves one out.

        Raises:
            InvalidArgumentError: something here that React could not show.
        """
        given: dict[str, object] = {"class_name": class_name, "style": style, **props}
        made = {
            react_name(name): self._checked(name, value) for name, value in given.items() if value is not None
        }
        return _element(self.name, made, children, key, repr(self))

    def _checked(self, name: str, value: object) -> object:
        if name == "style":
            if isinstance(value, Mapping):
                return react_style(value)
            problem = f"style={value!r:.60}, and React takes a dict: style={{'color': 'red'}}."
        elif name.startswith("on_") and isinstance(value, str | FunctionType):
            got = "text" if isinstance(value, str) else f"the function '{value.__name__}'"
            problem = (
                f"{got} as {name}, and the browser can only call an action. Decorate the function with @action, or "
                "handle the event in a client component."
            )
        else:
            return value
        raise InvalidArgumentError(f"{self!r} was given {problem}")

    def __repr__(self) -> str:
        """`html.div`."""
        return f"html.{self.name}"


class VoidTag(Tag):
    """An element that has no content: `html.img(src="/cat.png")`."""

    __slots__ = ()

    def __call__(  # type: ignore[override]  # it takes no children
        self,
        *children: Never,
        key: Key = None,
        class_name: str | None = None,
        style: Mapping[str, object] | None = None,
        **props: Any,
    ) -> Element:
        """Make an element; as `Tag`, without children."""
        if children:
            raise InvalidArgumentError(
                f"{self!r} was given a child, and <{self.name}> has no content. Its props are keywords."
            )
        return Tag.__call__(self, key=key, class_name=class_name, style=style, **props)


class FragmentType:
    """Several nodes in the place of one."""

    def __call__(self, *children: Node, key: Key = None) -> Element:
        """Make a fragment; without a key it is just its children."""
        return _element(FRAGMENT, {}, children, key, "Fragment")

    def __repr__(self) -> str:
        """`Fragment`."""
        return "Fragment"


class SuspenseType:
    """A place that shows a fallback until what is in it has come."""

    def __call__(self, *children: Node, fallback: Node = None, key: Key = None) -> Element:
        """Make one.

        Arguments:
            children: what is awaited: coroutines, or elements with coroutines in them.
            fallback: what is shown until then.
            key: another key shows the fallback again.
        """
        props: dict[str, object] = {"fallback": _child(fallback, "Suspense")}
        return _element(SUSPENSE, props, children, key, "Suspense")

    def __repr__(self) -> str:
        """`Suspense`."""
        return "Suspense"


Fragment: Final = FragmentType()
Suspense: Final = SuspenseType()


class ClientComponent(ClientReference):
    """A component that runs in the browser; calling it makes an element of it.

    Attributes:
        declared_at: file and line of its `client_component(…)`.
    """

    __slots__ = ("declared_at",)

    declared_at: tuple[str, int]

    def __call__(self, *children: Node, key: Key = None, **props: Any) -> Element:
        """Make an element.

        Arguments:
            children: what the component gets as `children`.
            key: tells siblings apart when their list changes.
            props: in snake_case; the component reads them in camelCase (`initial_value` → `initialValue`, `data_points` →
                `dataPoints`, and `aria_label` → `aria-label`). Anything that an action can return may be one, and actions too.

        Raises:
            InvalidArgumentError: a child that React could not show.
        """
        named = {_prop_name(name): _prop(name, value) for name, value in props.items()}
        return _element(self, named, children, key, self.name)

    def __repr__(self) -> str:
        """`<client component Chart of components/chart.tsx>`."""
        return f"<client component {self.name} of {self.module_id}>"

    __hash__ = ClientReference.__hash__


def client_component(module: str, name: str = "default") -> ClientComponent:
    """Name a component of the app that runs in the browser; do it once, at the top of a Python file.

    Arguments:
        module: a `'use client'` file: relative to the app folder, `"components/chart.tsx"`; or, with a dot in front, relative to
            the Python file, `"./chart.tsx"`.
        name: what it exports: `"Chart"`, or `"default"`.

    Raises:
        InvalidArgumentError: the path is not one inside the app folder.
    """
    caller = sys._getframe(1)
    if module.startswith(("./", "../")):
        module = _beside(module, caller)
    _check_path(module)
    made = ClientComponent(module, name, (module, module))
    made.declared_at = (caller.f_code.co_filename, caller.f_lineno)
    return made


def _beside(module: str, caller: FrameType) -> str:
    """The path from the app folder, which is the package that the file belongs to; as it was when that is not so."""
    package = sys.modules.get(str(caller.f_globals.get("__name__")).partition(".")[0])
    for root in getattr(package, "__path__", ()):
        found = os.path.relpath(Path(caller.f_code.co_filename).parent / module, root)
        if not found.startswith(".."):
            return Path(found).as_posix()
    return module


def _check_path(module: str) -> None:
    bare = module.removeprefix("@/")
    if module.startswith("/") or ".." in module.split("/") or "\\" in module:
        raise InvalidArgumentError(
            f"client_component({module!r}) leaves the app folder. Write the path from the folder with page.tsx: "
            "client_component('components/chart.tsx', 'Chart')."
        )
    if bare != module:
        raise InvalidArgumentError(
            f"client_component({module!r}) must be the path from the app folder: {bare!r}."
        )
    if not module.endswith((".tsx", ".jsx", ".ts", ".js")):
        raise InvalidArgumentError(
            f"client_component({module!r}) names no script. Write its ending, too: {module + '.tsx'!r}."
        )


def _prop_name(name: str) -> str:
    """`data_points` is a prop of the component's own here, not an attribute."""
    return camel_case(name.rstrip("_")) if name.startswith("data_") else react_name(name)


def _prop(name: str, value: object) -> object:
    return react_style(value) if name == "style" and isinstance(value, Mapping) else value


# elements


def _element(
    type: ElementType, props: dict[str, object], children: tuple[object, ...], key: Key, where: str
) -> Element:
    if len(children) == 1:
        props["children"] = _child(children[0], where)
    elif children:
        props["children"] = tuple(_child(child, where) for child in children)
    return Element(type, props, None if key is None else str(key))


_PLAIN: Final = frozenset((str, int, float, bool, type(None), Element))


def _child(child: object, where: str) -> object:
    """A child as it is sent; generators are read, and what React could not show is refused."""
    if type(child) in _PLAIN:
        return child
    if isinstance(child, list | tuple):
        return tuple(_child(each, where) for each in child)
    if isinstance(child, GeneratorType | map | filter | zip | reversed | enumerate):
        return tuple(_child(each, where) for each in child)
    if problem := _unshowable(child):
        raise InvalidArgumentError(f"{where} was given {problem}")
    return child


def _unshowable(child: object) -> str | None:
    """Why React could not show something in Python's own types; everything else is for the codec to say."""
    problem = None
    if isinstance(child, Mapping):
        problem = "a dict as a child, which React cannot show. Props are keywords: html.div('text', class_name='box')."
    elif isinstance(child, Tag | ClientComponent | FragmentType | SuspenseType):
        problem = f"{child!r} itself as a child. Call it: {_called(child)}."
    elif isinstance(child, FunctionType):
        problem = f"the function '{child.__name__}' as a child. Call it: {child.__name__}(…)."
    elif isinstance(child, AsyncIterable) and not isinstance(child, Awaitable):
        problem = (
            "an async generator as a child, which React cannot show. Collect it first, or send it as a prop."
        )
    elif isinstance(child, bytes | bytearray | memoryview):
        problem = "bytes as a child, which React cannot show. Decode them: data.decode()."
    elif hasattr(child, "isoformat") and hasattr(child, "tzinfo"):
        problem = (
            f"a {type(child).__name__} as a child, which React cannot show. Format it: moment.isoformat()."
        )
    return problem


def _called(child: Tag | ClientComponent | FragmentType | SuspenseType) -> str:
    return f"{child.name if isinstance(child, ClientComponent) else repr(child)}(…)"


__all__ = [
    "ClientComponent",
    "Fragment",
    "FragmentType",
    "Key",
    "Node",
    "Suspense",
    "SuspenseType",
    "Tag",
    "VoidTag",
    "client_component",
]
